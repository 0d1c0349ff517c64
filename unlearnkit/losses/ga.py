"""Gradient ascent on the forget set (`ga`): the plainest forget loss.

It has no lower bound and goes on pushing long after an answer is forgotten; npo.py is its bounded relative.
"""

from torch import Tensor


def ga(forget_logp: Tensor) -> Tensor:
    """Gradient ascent: the sequence log-probability of the forget response, to be minimised.

    forget_logp: (batch,), summed over answer tokens. Returns (batch,), in nats.

    Minimising it raises the negative log-likelihood; the gradient with respect to forget_logp is always 1.
    Summed and divided over="answer_tokens" it is minus the usual token-mean cross-entropy.
    Source: the GA baseline of FLAT (arXiv 2410.11143) and NPO (arXiv 2404.05868), as in their code.
    """
    return forget_logp
