"""RMU: behind one decoder layer, the activations of forget data are steered towards a fixed random vector, those of
retain data are held where they were.

The vector is steering * u, u = r / ||r|| with r uniform on [0, 1)^hidden, drawn once. Activations are quantities
(training/activations.py), which computes no layer above; logits play no part. Both terms are means over the hidden
units, as the released code's MSE; WMDP's formula has a squared norm, so a factor of the hidden size for both.

Source: WMDP (arXiv 2403.03218), section on RMU, and its released code (centerforaisafety/wmdp, rmu/unlearn.py). They
differ in the tokens that count. All of them: over="sequences".
"""

from torch import Tensor


def rmu_forget(forget_states: Tensor, forget_text: Tensor, forget_direction: Tensor, steering: float) -> Tensor:
    """Mean over the text's tokens of the mean square of h - steering * u. (batch,), >= 0, 0 where all are steered."""
    return _mean(_square(forget_states, steering * forget_direction), forget_text)


def rmu_retain(retain_states: Tensor, retain_frozen_states: Tensor, retain_text: Tensor) -> Tensor:
    """Mean over the text's tokens of the mean square of h - h_original. (batch,), >= 0; 0 at theta = original."""
    return _mean(_square(retain_states, retain_frozen_states), retain_text)


def rmu_forget_release(forget_states: Tensor, forget_direction: Tensor, steering: float) -> Tensor:
    """As released: mean over all positions of the padded row, padding (on the left) too. (batch,).

    The release pads to the longest text of the forget batch, the kit to that of the micro-batch with its retain texts:
    the value is NOT invariant to how accumulation splits the effective batch.
    """
    return _square(forget_states, steering * forget_direction).mean(-1)


def rmu_retain_release(retain_states: Tensor, retain_frozen_states: Tensor) -> Tensor:
    """As released: mean over all positions of the padded row, padding (on the left) too. (batch,)."""
    return _square(retain_states, retain_frozen_states).mean(-1)


def _square(states: Tensor, target: Tensor) -> Tensor:
    """(batch, length), float32: mean over the hidden units."""
    return (states.float() - target.float()).square().mean(-1)


def _mean(values: Tensor, text: Tensor) -> Tensor:
    return values.masked_fill(~text, 0.0).sum(-1) / text.sum(-1)
