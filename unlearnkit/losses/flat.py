"""FLAT (`flat_tv`, `flat_kl`, `flat_js`, `flat_pearson`): template response up, forget response down.

An f-divergence weights the two sides; no retain data and no reference model. This is the paper's form, a loss
per pair on mean token probabilities; flat_release.py has the reduction of the released code. The paper prints four
divergences; the four further ones of the released code (`flat_reverse_kl` and so on) stand here in the same form, with
activations that rise, so that the template goes up and the forget response down: the released ones do not all rise.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus


class Divergence(NamedTuple):
    """Elementwise functions of one f-divergence, named as in the paper."""

    g_star: Callable[[Tensor], Tensor]  # g*(v), an activation onto dom f*, of a mean token probability v
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


def g_star_reverse_kl(v: Tensor) -> Tensor:
    """Reverse KL, f(x) = -log x: g*(v) = -e^-v."""
    return -torch.exp(-v)


def f_star_reverse_kl(u: Tensor) -> Tensor:
    """Reverse KL: f*(u) = -1 - log(-u) for u < 0."""
    return -1 - torch.log(-u)


def f_star_of_g_star_reverse_kl(v: Tensor) -> Tensor:
    """Reverse KL: f*(g*(v)) = v - 1."""
    return v - 1


def g_star_jeffreys(v: Tensor) -> Tensor:
    """Jeffreys, f(x) = (x - 1) log x: g*(v) = v."""
    return v


def f_star_jeffreys(u: Tensor) -> Tensor:
    """Jeffreys: f*(u) = W(e^(1 - u)) + 1/W(e^(1 - u)) + u - 2, W Lambert's function; values and first derivatives.

    W = e^y with e^y + y = 1 - u, by Newton's method from a point to the right of the root. The supremum of u x - f(x)
    lies at x = 1/W; there its derivative with respect to x is 0, so x need not be differentiated.
    """
    with torch.no_grad():
        y = torch.minimum(1 - u, torch.log(torch.clamp(1 - u, min=1.0)))
        for _ in range(10):
            y = y - (torch.exp(y) + y - (1 - u)) / (torch.exp(y) + 1)
        x = torch.exp(-y)
    return u * x + (x - 1) * y


def g_star_one_minus_exp(v: Tensor) -> Tensor:
    """Squared Hellinger, f(x) = (sqrt x - 1)^2, and Neyman, f(x) = (1 - x)^2 / x: g*(v) = 1 - e^-v."""
    return 1 - torch.exp(-v)


def f_star_squared_hellinger(u: Tensor) -> Tensor:
    """Squared Hellinger: f*(u) = u / (1 - u) for u < 1."""
    return u / (1 - u)


def f_star_of_g_star_squared_hellinger(v: Tensor) -> Tensor:
    """Squared Hellinger: f*(g*(v)) = e^v - 1."""
    return torch.expm1(v)


def f_star_neyman(u: Tensor) -> Tensor:
    """Neyman: f*(u) = 2 - 2 sqrt(1 - u) for u <= 1."""
    return 2 - 2 * torch.sqrt(1 - u)


def f_star_of_g_star_neyman(v: Tensor) -> Tensor:
    """Neyman: f*(g*(v)) = 2 - 2 e^(-v/2)."""
    return -2 * torch.expm1(-v / 2)


# FLAT (arXiv 2410.11143), Table 2, as shown on FLAT's ICLR slides, then the further ones of its released code. Where
# g* or f* is the identity, f*(g*(v)) is simply the other one. `unlearnkit.divergences` checks all of them.
DIVERGENCES: dict[str, Divergence] = {
    "tv": Divergence(g_star_tv, f_star_tv, f_star_of_g_star=g_star_tv),
    "kl": Divergence(g_star_kl, f_star_kl, f_star_of_g_star=f_star_kl),
    "js": Divergence(g_star_js, f_star_js, f_star_of_g_star=f_star_of_g_star_js),
    "pearson": Divergence(g_star_pearson, f_star_pearson, f_star_of_g_star=f_star_pearson),
    "reverse_kl": Divergence(g_star_reverse_kl, f_star_reverse_kl, f_star_of_g_star_reverse_kl),
    "jeffreys": Divergence(g_star_jeffreys, f_star_jeffreys, f_star_of_g_star=f_star_jeffreys),
    "squared_hellinger": Divergence(g_star_one_minus_exp, f_star_squared_hellinger, f_star_of_g_star_squared_hellinger),
    "neyman": Divergence(g_star_one_minus_exp, f_star_neyman, f_star_of_g_star_neyman),
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


def flat_reverse_kl(template_mean_prob: Tensor, forget_mean_prob: Tensor) -> Tensor:
    """FLAT's objective with reverse KL, which its Table 2 does not print: e^-a + b - 1.

    Arguments and shapes as in `flat_tv`. Weights of -da and +db in the gradient: e^-a and 1.
    """
    return flat_objective(DIVERGENCES["reverse_kl"], template_mean_prob, forget_mean_prob)


def flat_jeffreys(template_mean_prob: Tensor, forget_mean_prob: Tensor) -> Tensor:
    """FLAT's objective with Jeffreys, which its Table 2 does not print: -a + W + 1/W + b - 2, W = W(e^(1 - b)).

    Arguments and shapes as in `flat_tv`. Weights of -da and +db in the gradient: 1 and 1/W.
    """
    return flat_objective(DIVERGENCES["jeffreys"], template_mean_prob, forget_mean_prob)


def flat_squared_hellinger(template_mean_prob: Tensor, forget_mean_prob: Tensor) -> Tensor:
    """FLAT's objective with squared Hellinger, which its Table 2 does not print: e^-a + e^b - 2.

    Arguments and shapes as in `flat_tv`. Weights of -da and +db in the gradient: e^-a and e^b.
    """
    return flat_objective(DIVERGENCES["squared_hellinger"], template_mean_prob, forget_mean_prob)


def flat_neyman(template_mean_prob: Tensor, forget_mean_prob: Tensor) -> Tensor:
    """FLAT's objective with Neyman, which its Table 2 does not print: e^-a + 1 - 2 e^(-b/2).

    Arguments and shapes as in `flat_tv`. Weights of -da and +db in the gradient: e^-a and e^(-b/2).
    """
    return flat_objective(DIVERGENCES["neyman"], template_mean_prob, forget_mean_prob)
