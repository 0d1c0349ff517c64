"""Router anchor (`anchor`): the experts that are trained stay chosen, so that forgetting happens in them.

No term of a method but an addition to any: it looks at gates, not at the probabilities of answers. training/expert.py
says at which tokens, and reduces and weighs it.
"""

from torch import Tensor


def anchor(gates: Tensor, target: Tensor) -> Tensor:
    """||g - a||_2^2 of every token. gates: (..., experts); target: (experts,), 1 for trained experts, else 0.

    Returns (...). Between 0 (the gate is all on the target) and 2 for one target.

    Source: SEUF (arXiv 2411.18797), Eq. 3. It does not say whether g is taken before or after top-k. Where it is taken
    after and the target was not chosen, the target's gate is 0 for the gradient too: the loss then only lowers the
    gates of those that were, which raises the target's through the softmax. Several targets in one layer: ours.
    """
    return (gates - target).square().sum(-1)
