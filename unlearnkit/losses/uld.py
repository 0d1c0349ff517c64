"""ULD's reversed objectives, which train an assistant: to know the forget set, and nothing else.

Both are bounded below, unlike `ga`: the assistant is told what to say, not what not to say.
Source: ULD (arXiv 2406.08607), Eq. 3, and its released code (UCSB-NLP-Chang/ULD 858608c, forget_losses.py).
"""

from torch import Tensor


def remember(forget_logp: Tensor) -> Tensor:
    """Minus the sequence log-probability of the forget answer. (batch,), nats; gradient -1 everywhere.

    Divided over="answer_tokens" it is the usual token-mean cross-entropy.
    """
    return -forget_logp


def uniform(retain_uniform_reverse_kl_answer: Tensor) -> Tensor:
    """Mean over the retain answer's tokens of KL(U || p_theta). (batch,), nats, >= 0; over="sequences".

    The paper's cross-entropy with U as the target is this and log K, K the vocabulary's size: the same gradient.
    """
    return retain_uniform_reverse_kl_answer


def uniform_release(retain_uniform_reverse_kl_all: Tensor) -> Tensor:
    """As released: the same mean over all predictions of the padded row, question and padding too. over="sequences".

    The release pads to a fixed length; the kit to the longest row of the micro-batch, so the value is NOT invariant to
    how accumulation splits the effective batch.
    """
    return retain_uniform_reverse_kl_all
