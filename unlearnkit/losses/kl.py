"""Stay close to the original model (`kl`): Kullback-Leibler divergence over the vocabulary, on retain data.

The divergence itself is a quantity, computed in chunks of positions (training/divergence.py); a loss only takes it.
"""

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
