"""FLAT (`flat_tv`, `flat_kl`, `flat_js`, `flat_pearson`): template response up, forget response down.

An f-divergence weights the two sides; no retain data and no reference model. This is the paper's form, a loss
per pair on mean token probabilities; flat_release.py has the reduction of the released code.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus


class Divergence(NamedTuple):
    """Elementwise functions of one f-divergence, named as in the paper."""

    g_star: Callable[[Tensor], Tensor]  # g*(v), optimal variational function, of a mean token probability v
    f_star: Callable[[Tensor], Tensor]  # f*(u), conjugate of f, literally as printed
    f_star_of_g_star: Callable[[Tensor], Tensor]  # f*(g*(v)) in closed form: what the forget term becomes


def g_star_tv(v: Tensor) -> Tensor:
    """Total variation, f(x) = |x - 1| / 2: g*(v) = tanh(v) / 2."""
    return torch.tanh(v) / 2


def f_star_tv(u: Tensor) -> Tensor:
    """Total variation: f*(u) = u for u in [-1/2, 1/2]."""
    return u


def g_star_kl(v: Tensor) -> Tensor:
    """KL, f(x) = x log x: g*(v) = v."""
    return v


def f_star_kl(u: Tensor) -> Tensor:
    """KL: f*(u) = e^(u - 1)."""
    return torch.exp(u - 1)


def g_star_js(v: Tensor) -> Tensor:
    """Jensen-Shannon, f(x) = x log x - (x + 1) log((1 + x) / 2): g*(v) = log(2 / (1 + e^-v))."""
    return math.log(2) - softplus(-v)


def f_star_js(u: Tensor) -> Tensor:
    """Jensen-Shannon: f*(u) = -log(2 - e^u) for u < log 2; loses its digits near u = log 2."""
    return -torch.log(2 - torch.exp(u))


def f_star_of_g_star_js(v: Tensor) -> Tensor:
    """Jensen-Shannon: f*(g*(v)) = v + log(1 + e^-v) - log 2 = log(1 + e^v) - log 2, finite for every v."""
    return softplus(v) - math.log(2)


def g_star_pearson(v: Tensor) -> Tensor:
    """Pearson, f(x) = (x - 1)^2: g*(v) = v."""
    return v


def f_star_pearson(u: Tensor) -> Tensor:
    """Pearson: f*(u) = u^2 / 4 + u (the conjugate over x >= 0 for u >= -2)."""
    return u**2 / 4 + u


# FLAT (arXiv 2410.11143), Table 2, as shown on FLAT's ICLR slides. Where g* or f* is the identity, f*(g*(v))
# is simply the other one.
DIVERGENCES: dict[str, Divergence] = {
    "tv": Divergence(g_star_tv, f_star_tv, f_star_of_g_star=g_star_tv),
    "kl": Divergence(g_star_kl, f_star_kl, f_star_of_g_star=f_star_kl),
    "js": Divergence(g_star_js, f_star_js, f_star_of_g_star=f_star_of_g_star_js),
    "pearson": Divergence(g_star_pearson, f_star_pearson, f_star_of_g_star=f_star_pearson),
}


def flat_objective(divergence: Divergence, template_v: Tensor, forget_v: Tensor) -> Tensor:
    """-[g*(template_v) - f*(g*(forget_v))], elementwise, to be minimised."""
    return -(divergence.g_star(template_v) - divergence.f_star_of_g_star(forget_v))


def flat_tv(template_mean_prob: Tensor, forget_mean_prob: Tensor) -> Tensor:
    """FLAT with total variation: -tanh(a)/2 + tanh(b)/2, a = template_mean_prob, b = forget_mean_prob.

    Arguments: (batch,), mean token probabilities in [0, 1] (not log-probabilities). Returns (batch,).
    Weights of -da and +db in the gradient: sech^2(a)/2 and sech^2(b)/2.
    Source: FLAT (arXiv 2410.11143), objective and Table 2, as shown on FLAT's ICLR slides.
    """
    return flat_objective(DIVERGENCES["tv"], template_mean_prob, forget_mean_prob)


def flat_kl(template_mean_prob: Tensor, forget_mean_prob: Tensor) -> Tensor:
    """FLAT with KL: -a + e^(b - 1), a = template_mean_prob, b = forget_mean_prob.

    Arguments: (batch,), mean token probabilities in [0, 1] (not log-probabilities). Returns (batch,).
    Weights of -da and +db in the gradient: 1 and e^(b - 1).
    Source: FLAT (arXiv 2410.11143), objective and Table 2, as shown on FLAT's ICLR slides.
    """
    return flat_objective(DIVERGENCES["kl"], template_mean_prob, forget_mean_prob)


def flat_js(template_mean_prob: Tensor, forget_mean_prob: Tensor) -> Tensor:
    """FLAT with Jensen-Shannon: -(log 2 - log(1 + e^-a)) + (b + log(1 + e^-b) - log 2).

    Here a = template_mean_prob, b = forget_mean_prob.
    Arguments: (batch,), mean token probabilities in [0, 1] (not log-probabilities). Returns (batch,).
    Weights of -da and +db in the gradient: sigma(-a) and sigma(b).
    Source: FLAT (arXiv 2410.11143), objective and Table 2, as shown on FLAT's ICLR slides.
    """
    return flat_objective(DIVERGENCES["js"], template_mean_prob, forget_mean_prob)


def flat_pearson(template_mean_prob: Tensor, forget_mean_prob: Tensor) -> Tensor:
    """FLAT with Pearson: -a + b^2/4 + b, a = template_mean_prob, b = forget_mean_prob.

    Arguments: (batch,), mean token probabilities in [0, 1] (not log-probabilities). Returns (batch,).
    Weights of -da and +db in the gradient: 1 and 1 + b/2.
    Source: FLAT (arXiv 2410.11143), objective and Table 2, as shown on FLAT's ICLR slides.
    """
    return flat_objective(DIVERGENCES["pearson"], template_mean_prob, forget_mean_prob)
