"""Direct preference optimisation (`dpo`): the template response is preferred to the forget response."""

from torch import Tensor
from torch.nn.functional import logsigmoid


def dpo(
    template_logp: Tensor,
    forget_logp: Tensor,
    template_reference_logp: Tensor,
    forget_reference_logp: Tensor,
    beta: float,
) -> Tensor:
    """DPO: -(2/beta) log sigma(beta [log(pi_e / pi_f) - log(pi_ref,e / pi_ref,f)]), e template, f forget response.

    All log-probabilities: (batch,), summed over answer tokens. beta: inverse temperature, > 0. Returns (batch,).
    Source: DPO (arXiv 2305.18290), times the factor 2/beta of NPO (arXiv 2404.05868) and FLAT (arXiv 2410.11143).

    With margin = log(pi_e / pi_f) - log(pi_ref,e / pi_ref,f):
      gradient: -w with respect to template_logp, +w to forget_logp, w = 2 sigma(-beta margin), between 0 and 2;
      at theta = ref: value (2/beta) ln 2, w = 1;
      margin -> infinity (the preference is learnt): value and gradient -> 0.
    """
    margin = (template_logp - forget_logp) - (template_reference_logp - forget_reference_logp)
    return -(2.0 / beta) * logsigmoid(beta * margin)


def dpo_release(template_logp: Tensor, forget_logp: Tensor, beta: float) -> Tensor:
    """Released DPO: as `dpo` without a reference model.

    Source: FLAT's released code (UCSC-REAL/FLAT, commit bf2ef07, dataloader.py), where ref_logratios = 0.
    """
    return -(2.0 / beta) * logsigmoid(beta * (template_logp - forget_logp))
