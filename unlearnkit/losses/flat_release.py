"""FLAT as its authors released it (`flat_*_release`): the paper's divergences after another reduction.

Token probabilities are averaged over all padded positions and over the batch before g* and f* are applied.

Source: FLAT's released code (UCSC-REAL/FLAT, commit bf2ef07, dataloader.py, loss_type "cl"); the divergences
are those of FLAT (arXiv 2410.11143), Table 2, as shown on FLAT's ICLR slides. Three consequences:
  - v is the paper's mean token probability times about |y| / padded_length: near 0 even for memorised text.
    There the weights (template, forget) of the gradient are TV (1/2, 1/2), JS (1/2, 1/2), Pearson (1, 1) and
    KL (1, 1/e): up to a global scale, which Adam ignores, three of the four are one method.
  - Padding is part of the loss: its length is a hyper-parameter, `padded_length`.
  - NOT invariant to gradient accumulation: g* and f* see the mean of one micro-batch, not of the effective
    batch. Use over="sequences": the micro-batch values are then averaged, weighted by their sequences.

Of its four further divergences three do not unlearn. Reverse KL and squared Hellinger use activations that fall: a
minimum of the loss has the template down and the forget response up. Neyman's lowers both, its forget term being f*(v)
instead of f*(g*(v)). Jeffreys' f* is the Taylor polynomial of third order. They are written here as released.
"""

import torch
from torch import Tensor

from unlearnkit.losses.flat import DIVERGENCES, Divergence, f_star_neyman, flat_objective


def g_star_reverse_kl_released(v: Tensor) -> Tensor:
    """Reverse KL as released: g*(v) = -e^v, which falls."""
    return -torch.exp(v)


def f_star_of_g_star_reverse_kl_released(v: Tensor) -> Tensor:
    """Reverse KL as released: f*(g*(v)) = -1 - v."""
    return -1 - v


def f_star_jeffreys_released(u: Tensor) -> Tensor:
    """Jeffreys as released: u + u^2/4 + u^3/16, the Taylor polynomial of f* at 0."""
    return u + u**2 / 4 + u**3 / 16


def g_star_one_minus_exp_released(v: Tensor) -> Tensor:
    """Squared Hellinger and Neyman as released: g*(v) = 1 - e^v, which falls."""
    return -torch.expm1(v)


def f_star_of_g_star_squared_hellinger_released(v: Tensor) -> Tensor:
    """Squared Hellinger as released: f*(g*(v)) = (1 - e^v) / e^v = e^-v - 1."""
    return torch.expm1(-v)


# What the release puts in place of DIVERGENCES' further four; its forget term of Neyman is f*(v), without g*.
RELEASED: dict[str, Divergence] = DIVERGENCES | {
    "reverse_kl": DIVERGENCES["reverse_kl"]._replace(
        g_star=g_star_reverse_kl_released, f_star_of_g_star=f_star_of_g_star_reverse_kl_released
    ),
    "jeffreys": DIVERGENCES["jeffreys"]._replace(
        f_star=f_star_jeffreys_released, f_star_of_g_star=f_star_jeffreys_released
    ),
    "squared_hellinger": DIVERGENCES["squared_hellinger"]._replace(
        g_star=g_star_one_minus_exp_released, f_star_of_g_star=f_star_of_g_star_squared_hellinger_released
    ),
    "neyman": DIVERGENCES["neyman"]._replace(g_star=g_star_one_minus_exp_released, f_star_of_g_star=f_star_neyman),
}


def _released_objective(
    divergence: Divergence, template_prob_sum: Tensor, forget_prob_sum: Tensor, padded_length: int
) -> Tensor:
    """The batch-level value in each of (batch,) entries, so that their mean over sequences is that value."""
    batch = forget_prob_sum.shape[0]
    positions = batch * (padded_length - 1)  # next-token positions, prompt and padding included
    template_v = template_prob_sum.sum() / positions
    forget_v = forget_prob_sum.sum() / positions
    return flat_objective(divergence, template_v, forget_v).expand(batch)


def flat_tv_release(template_prob_sum: Tensor, forget_prob_sum: Tensor, padded_length: int) -> Tensor:
    """Released FLAT with total variation.

    template_prob_sum, forget_prob_sum: (batch,), token probabilities summed over answer tokens.
    padded_length: tokens every sequence is padded to (the release: 500 on TOFU, 1024 on Harry Potter).
    Returns (batch,), every entry the same value of the whole micro-batch. Source: head of this file.
    """
    return _released_objective(RELEASED["tv"], template_prob_sum, forget_prob_sum, padded_length)


def flat_kl_release(template_prob_sum: Tensor, forget_prob_sum: Tensor, padded_length: int) -> Tensor:
    """Released FLAT with KL; arguments, shapes and source as in `flat_tv_release`."""
    return _released_objective(RELEASED["kl"], template_prob_sum, forget_prob_sum, padded_length)


def flat_js_release(template_prob_sum: Tensor, forget_prob_sum: Tensor, padded_length: int) -> Tensor:
    """Released FLAT with Jensen-Shannon; arguments, shapes and source as in `flat_tv_release`."""
    return _released_objective(RELEASED["js"], template_prob_sum, forget_prob_sum, padded_length)


def flat_pearson_release(template_prob_sum: Tensor, forget_prob_sum: Tensor, padded_length: int) -> Tensor:
    """Released FLAT with Pearson; arguments, shapes and source as in `flat_tv_release`."""
    return _released_objective(RELEASED["pearson"], template_prob_sum, forget_prob_sum, padded_length)


def flat_reverse_kl_release(template_prob_sum: Tensor, forget_prob_sum: Tensor, padded_length: int) -> Tensor:
    """Released FLAT with reverse KL; arguments, shapes and source as in `flat_tv_release`.

    e^v_e - 1 - v_f: it lowers the template and raises the forget response.
    """
    return _released_objective(RELEASED["reverse_kl"], template_prob_sum, forget_prob_sum, padded_length)


def flat_jeffreys_release(template_prob_sum: Tensor, forget_prob_sum: Tensor, padded_length: int) -> Tensor:
    """Released FLAT with Jeffreys; arguments, shapes and source as in `flat_tv_release`.

    -v_e + v_f + v_f^2/4 + v_f^3/16.
    """
    return _released_objective(RELEASED["jeffreys"], template_prob_sum, forget_prob_sum, padded_length)


def flat_squared_hellinger_release(template_prob_sum: Tensor, forget_prob_sum: Tensor, padded_length: int) -> Tensor:
    """Released FLAT with squared Hellinger; arguments, shapes and source as in `flat_tv_release`.

    e^v_e + e^-v_f - 2: it lowers the template and raises the forget response.
    """
    return _released_objective(RELEASED["squared_hellinger"], template_prob_sum, forget_prob_sum, padded_length)


def flat_neyman_release(template_prob_sum: Tensor, forget_prob_sum: Tensor, padded_length: int) -> Tensor:
    """Released FLAT with Neyman; arguments, shapes and source as in `flat_tv_release`.

    e^v_e + 1 - 2 sqrt(1 - v_f): it lowers both; no gradient at v_f = 1.
    """
    return _released_objective(RELEASED["neyman"], template_prob_sum, forget_prob_sum, padded_length)
