"""From token log-probabilities to the per-sequence quantities that losses take.

The only place where an answer mask meets log-probabilities; positions outside the mask may hold anything.
"""

import torch
from torch import Tensor

from unlearnkit.errors import KitError


def sequence_quantities(token_logp: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """Per-sequence quantities over answer tokens; see the head of `unlearnkit.losses` for their names.

    token_logp: (batch, tokens), float, natural log of each target token's probability.
    mask: (batch, tokens), bool, true at answer tokens. Elsewhere token_logp influences neither values nor
    gradients, not even as -inf or nan.

    Returns, each of shape (batch,): logp (nats), mean_logp (nats per token), mean_prob, prob_sum, and tokens,
    the number of answer tokens (int64). Half precision is summed in float32; float64 stays float64.
    mean_prob is P(x, y; theta) of FLAT (arXiv 2410.11143), as shown on FLAT's ICLR slides.

    Raises KitError where the shapes differ or a sequence has no answer token.
    """
    if token_logp.shape != mask.shape:
        raise KitError(f"answer mask has shape {tuple(mask.shape)}, log-probabilities {tuple(token_logp.shape)}")
    tokens = mask.sum(dim=1)
    empty = (tokens == 0).nonzero().flatten().tolist()
    if empty:
        raise KitError(f"no answer token in row {empty[0]} of the micro-batch; was the answer truncated?")

    answer_logp = token_logp.to(torch.promote_types(token_logp.dtype, torch.float32)).masked_fill(~mask, 0.0)
    logp = answer_logp.sum(dim=1)
    prob_sum = answer_logp.exp().masked_fill(~mask, 0.0).sum(dim=1)
    return {
        "logp": logp,
        "mean_logp": logp / tokens,
        "mean_prob": prob_sum / tokens,
        "prob_sum": prob_sum,
        "tokens": tokens,
    }
