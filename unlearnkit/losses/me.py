"""Maximising entropy (`me`): on the forget set the model is to predict every token as if at random.

The divergence from the uniform distribution U is a quantity, computed in chunks of positions
(training/divergence.py); a loss only takes it. No original model and no other response is needed, and unlike `ga` it
has a minimum, 0 where all logits are equal.

Source: A Closer Look (arXiv 2410.08109), Eq. 8, and its released code (sail-sg/closer-look-LLM-unlearning b622294,
trainer/losses.py). Paper and code differ in the direction of the divergence and in the positions. All of them:
over="sequences", a mean over sequences of means over tokens.
"""

from torch import Tensor


def me(forget_uniform_kl: Tensor) -> Tensor:
    """Mean over all tokens of question and answer of KL(p_theta || U) = log K - entropy, K the vocabulary's size.

    (batch,), nats, between 0 (uniform) and log K (all on one token each time). The gradient with respect to the logits
    is p (log p + entropy): also 0 where the model is certain.
    """
    return forget_uniform_kl


def me_answer(forget_uniform_kl_answer: Tensor) -> Tensor:
    """The same mean over the answer's tokens. (batch,), nats. Ours, to see what the question's tokens do."""
    return forget_uniform_kl_answer


def me_release(forget_uniform_reverse_kl_all: Tensor) -> Tensor:
    """As released: mean of KL(U || p_theta) over all predictions of the padded row, padding too. (batch,), nats, >= 0.

    It has no upper bound, and its gradient with respect to the logits, p - 1/K, is largest where the model is certain.
    The release pads to 500 tokens, which dilutes what real tokens count for; the kit to the longest row of the
    micro-batch, so the value is NOT invariant to how accumulation splits the effective batch. The release adds 1e-12
    to probabilities before the logarithm; here log p is exact.
    """
    return forget_uniform_reverse_kl_all
