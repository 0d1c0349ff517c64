"""Cross-entropy on a response that is to be learnt or kept: retain answer, template response, random answer.

Divided over="answer_tokens" each is the usual token-mean cross-entropy of its part. It is the retain term of most
baselines, and the whole of preference optimisation (`po`) and of `mismatch`.
Source: GD and PO ("idk") of TOFU (arXiv 2401.06121), Mismatch as FLAT (arXiv 2410.11143) takes it from ECO (its "rd"),
the random answers of LLMU (arXiv 2310.10683).
"""

from torch import Tensor


def retain_cross_entropy(retain_logp: Tensor) -> Tensor:
    """Minus the sequence log-probability of the retain answer. (batch,), nats; gradient -1 everywhere."""
    return -retain_logp


def template_cross_entropy(template_logp: Tensor) -> Tensor:
    """Minus the sequence log-probability of the template response. (batch,), nats; gradient -1 everywhere."""
    return -template_logp


def mismatch_cross_entropy(mismatch_logp: Tensor) -> Tensor:
    """Minus the sequence log-probability of a random answer to the forget prompt. (batch,), nats; gradient -1."""
    return -mismatch_logp
