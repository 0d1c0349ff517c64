"""Negative preference optimisation (`npo`): gradient ascent that fades out once the answer is forgotten.

The DPO loss with the preferred response left out; it needs the reference model, but no retain data.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def npo(forget_logp: Tensor, forget_reference_logp: Tensor, beta: float) -> Tensor:
    """NPO: -(2/beta) log sigma(-beta (log pi_theta(y|x) - log pi_ref(y|x))).

    forget_logp, forget_reference_logp: (batch,), summed over answer tokens (not per token, not logits).
    beta: inverse temperature, > 0; the paper and its code use 0.1. Returns (batch,).

    Source: NPO (arXiv 2404.05868), the definition of L_NPO; its code sums log-probabilities the same way.

    Limits, with log_ratio = log pi_theta - log pi_ref:
      gradient with respect to forget_logp: 2 sigma(beta log_ratio), between 0 and 2;
      at theta = ref: value (2/beta) ln 2, gradient 1, that of `ga`;
      beta -> 0: gradient -> 1, that of `ga` on the summed log-likelihood (the value itself diverges);
      log_ratio -> -infinity (forgotten): value and gradient -> 0, where `ga` goes on at full strength.
    """
    log_ratio = forget_logp - forget_reference_logp
    return -(2.0 / beta) * logsigmoid(-beta * log_ratio)


def npo_release(forget_logits: Callable, beta: float) -> Tensor:
    """MUSE's: mean over the row's tokens and the vocabulary of -(2/beta) log sigma(-beta (z - z_ref)), z raw logits.

    Returns (batch,). Source: jaechan-repo/muse_bench e000038, iterative.py; NPO's own code computes `npo`. MUSE's
    sequences are pieces of one stream, all of one length; here a mean over each row's own tokens, without padding.
    Use over="sequences".

    The token that the text goes on with plays no part: every logit of every position is pushed below the original's,
    with weight 2 sigma(beta (z - z_ref)) / (tokens x vocabulary). At theta = original all weights are equal; lowering
    all logits alike changes no probability, what changes them is that they share their parameters.
    """

    def per_position(logits: Tensor, reference: Tensor) -> Tensor:
        return logsigmoid(beta * (reference - logits)).mean(-1)

    return -(2.0 / beta) * torch.stack([row.mean() for row in forget_logits(per_position)])
