"""Answer preservation (`ap`): on retain questions the right answer stays more likely than a template response.

It keeps a model that learns to answer forget questions with templates from answering everything with them.
"""

from torch import Tensor
from torch.nn.functional import logsigmoid


def ap(retain_logp: Tensor, retain_template_logp: Tensor, beta: float) -> Tensor:
    """AP: -(1/beta) log sigma(-beta log(p(y_idk|x) / p(y|x))) on retain data, y_idk a template response.

    retain_logp, retain_template_logp: (batch,), summed over answer tokens, nothing normalised by length. beta: inverse
    temperature, > 0; paper and code use 0.1. Returns (batch,), > 0. No reference model enters.

    Source: A Closer Look (arXiv 2410.08109), answer preservation loss and its gradient weight W.

    The gradient is W with respect to retain_template_logp and -W to retain_logp,
    W = 1 / (1 + (p(y|x) / p(y_idk|x))^beta), between 0 and 1:
      both equally likely: value ln 2 / beta, W = 1/2;
      right answer far more likely: value and W -> 0, the answer is left alone;
      beta -> 0: W -> 1/2 (the value itself diverges).
    """
    return -(1.0 / beta) * logsigmoid(beta * (retain_logp - retain_template_logp))
