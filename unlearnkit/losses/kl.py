"""Stay close to the original model (`kl`): Kullback-Leibler divergence over the vocabulary, on retain data.

The divergence itself is a quantity, computed in chunks of positions (training/divergence.py); a loss only takes it.
What MUSE released in its place is no divergence and written out here.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def kl(retain_kl: Tensor) -> Tensor:
    """Mean over the answer's tokens of KL(p_original || p_theta). (batch,), nats, >= 0; 0 at theta = original.

    Use over="sequences": TOFU's formula is a mean over sequences of means over tokens.
    Source: TOFU (arXiv 2401.06121), "KL minimization"; LLMU (arXiv 2310.10683), its term on normal data.
    """
    return retain_kl


def kl_release(retain_kl_all: Tensor) -> Tensor:
    """The same mean over all positions of the padded row, prompt and padding included. (batch,), nats.

    Source: the released code of TOFU (bdc209e) and FLAT (bf2ef07): kl_div(..., reduction="batchmean") after
    view(-1, vocabulary). They pad to 500 tokens, the kit to the longest row of the micro-batch, so the value is
    NOT invariant to how accumulation splits the effective batch. Use over="sequences".
    """
    return retain_kl_all


def kl_release_muse(retain_logits: Callable) -> Tensor:
    """MUSE's: sum over the row's tokens and the vocabulary of exp(z_ref) (z_ref - z), z raw logits. (batch,).

    Source: jaechan-repo/muse_bench e000038, iterative.py: kl_div(z, z_ref, log_target=True, reduction="batchmean")
    without log_softmax; a batch there is one of sequences, so positions are summed. Its sequences are pieces of one
    stream, all of one length; here a row's own tokens count, without padding. Use over="sequences".

    No divergence: the gradient with respect to z is -exp(z_ref) wherever theta is, also at theta = original (value
    0). It raises every logit without end, those most that the original model likes; there is no minimum.
    """

    def per_position(logits: Tensor, reference: Tensor) -> Tensor:
        return (reference.exp() * (reference - logits)).sum(-1)

    return torch.stack([row.sum() for row in retain_logits(per_position)])
