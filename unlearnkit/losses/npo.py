"""Negative preference optimisation (`npo`): gradient ascent that fades out once the answer is forgotten.

The DPO loss with the preferred response left out; it needs the reference model, but no retain data.
"""

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
