"""What the figures of Table 2 draw, computed with the loss code: surfaces, gradient weights, FLAT beside DPO.

Under the release's reduction a mean token probability p over `answer_tokens` tokens of a sequence padded to
`padded_length` enters as v = p answer_tokens / (padded_length - 1).
"""

from collections.abc import Sequence

import numpy as np

from unlearnkit.divergences.formulas import formulas

ANSWER_TOKENS = 40  # of a TOFU answer, about
PADDED_LENGTH = 500  # of the release on TOFU
BETA = 0.1  # DPO's, in FLAT's configuration


def _code(name: str, variant: str, answer_tokens: int, padded_length: int):
    """The elementwise functions that train `variant`, and what a probability is multiplied by before it enters them."""
    from unlearnkit.losses.flat import DIVERGENCES
    from unlearnkit.losses.flat_release import RELEASED

    if variant == "release":
        return RELEASED[name], answer_tokens / (padded_length - 1)
    return DIVERGENCES[name], 1.0


def surface(
    name: str,
    variant: str = "paper",
    steps: int = 41,
    answer_tokens: int = ANSWER_TOKENS,
    padded_length: int = PADDED_LENGTH,
) -> dict:
    """The loss over (template probability a, forget probability b) in [0, 1]^2.

    Keys: divergence, printed_as, variant, probability (steps values), loss (steps x steps, rows a, columns b).
    """
    import torch

    from unlearnkit.losses.flat import flat_objective

    code, scale = _code(name, variant, answer_tokens, padded_length)
    p = torch.linspace(0, 1, steps, dtype=torch.float64)
    loss = flat_objective(code, scale * p[:, None], scale * p[None, :])
    return _row(name, variant) | {"probability": p.tolist(), "loss": loss.tolist()}


def weights(
    name: str,
    variant: str = "paper",
    steps: int = 41,
    answer_tokens: int = ANSWER_TOKENS,
    padded_length: int = PADDED_LENGTH,
) -> dict:
    """w_e and w_f in dL = -w_e dv_e + w_f dv_f, over the probabilities: positive is template up, forget down.

    Keys: divergence, printed_as, variant, probability, template (w_e over a), forget (w_f over b).
    """
    import torch

    from unlearnkit.losses.flat import flat_objective

    code, scale = _code(name, variant, answer_tokens, padded_length)
    p = torch.linspace(0, 1, steps, dtype=torch.float64)
    template, forget = (scale * p).requires_grad_(), (scale * p).requires_grad_()
    flat_objective(code, template, forget).sum().backward()
    return _row(name, variant) | {
        "probability": p.tolist(),
        "template": (-template.grad).tolist(),
        "forget": forget.grad.tolist(),
    }


def alike(surfaces: Sequence[dict]) -> float:
    """Largest difference between any two surfaces after each was shifted and scaled to [0, 1], as Adam cannot tell."""
    losses = [np.asarray(one["loss"]) for one in surfaces]
    scaled = np.stack([(loss - loss.min()) / (loss.max() - loss.min()) for loss in losses])
    return float(np.max(scaled.max(axis=0) - scaled.min(axis=0)))


def beside_dpo(names: Sequence[str] = ("tv", "js", "pearson", "kl"), steps: int = 99) -> dict:
    """DPO's weight and FLAT's, and what each of them moves.

    Keys: beta; margin (nats, log-ratio of the template over that of the forget response) with dpo_template and
    dpo_forget, DPO's weights on the two log-probabilities; probability (of every token of the forget response, in
    (0, 1)) with dpo_pull and flat, which is `weights` per divergence and its pull. A pull is the derivative of the
    loss by the logit of one forget token: DPO's at margin 0, FLAT's times the number of tokens that it averages.
    """
    import torch

    from unlearnkit.losses import dpo

    margin = torch.linspace(-60, 60, 121, dtype=torch.float64)
    template, forget = margin.clone().requires_grad_(), torch.zeros_like(margin).requires_grad_()
    zero = torch.zeros_like(margin)
    dpo(template, forget, zero, zero, BETA).sum().backward()
    at_start = float(forget.grad[margin == 0])
    p = np.linspace(0, 1, steps + 2)[1:-1]
    flat = []
    for name in names:
        row = weights(name, steps=steps + 2)
        flat.append(row | {"pull": (np.asarray(row["forget"])[1:-1] * p * (1 - p)).tolist()})
    return {
        "beta": BETA,
        "margin": margin.tolist(),
        "dpo_template": (-template.grad).tolist(),
        "dpo_forget": forget.grad.tolist(),
        "probability": p.tolist(),
        "dpo_pull": (at_start * (1 - p)).tolist(),
        "flat": flat,
    }


def _row(name: str, variant: str) -> dict:
    return {"divergence": name, "printed_as": formulas(name).printed_as, "variant": variant}
