"""Checks of the formulas: conjugates by calculus and on a grid, domains, activations, the loss code, the print.

`records` is all of it, one plain record per divergence.
"""

import csv
import math
from collections.abc import Sequence

import numpy as np

from unlearnkit import paths
from unlearnkit.divergences.bound import PAIRS, claimed_ratios, gap, optimal_difference, share_reached
from unlearnkit.divergences.curves import weights
from unlearnkit.divergences.formulas import DIVERGENCES, derived, formulas, function, read

TOLERANCE = 1e-6  # of the comparison with a grid
EXACT = 1e-10  # of what has a closed form on both sides
FAR = 3.0  # how far below the top of dom f* the grid looks


def conjugate_by_calculus(name: str) -> tuple[bool | None, str]:
    """Whether f*(u) = sup over x > 0 of u x - f(x) follows by calculus, and how; None: calculus does not reach it.

    f is strictly convex where f'' > 0, so the supremum lies where f'(x) = u. With u = f'(x) put in, f*(f'(x)) has to be
    x f'(x) - f(x) for all x > 0: f* for every u between `bottom` and `top`.
    """
    import sympy

    x, u, f = read("x"), read("u"), read(formulas(name).f)
    if f.has(sympy.Abs):
        return None, "corner at x = 1, no x with f'(x) = u: grid only"
    slope, f_star = sympy.diff(f, x), read(formulas(name).f_star)
    if not sympy.simplify(sympy.diff(slope, x)).is_positive:
        return False, "f'' > 0 could not be shown"
    if f_star.has(sympy.LambertW):
        argument = sympy.exp(1 - u).subs(u, slope)
        if sympy.simplify(sympy.exp(1 / x) / x - argument) != 0:
            return False, "1/x does not solve W e^W = e^(1 - u) at u = f'(x)"
        f_star = f_star.subs(sympy.LambertW(sympy.exp(1 - u)), 1 / x)
        how = "f'(x) = u; 1/x solves W e^W = e^(1 - u), sympy does not simplify W itself"
    else:
        how = "f'(x) = u"
    return sympy.simplify(f_star.subs(u, slope) - (x * slope - f)) == 0, how


def grid_supremum(name: str, u: Sequence[float]) -> np.ndarray:
    """sup of u x - f(x) for each u, over a grid of x: next to 0, then 400 001 points from 1e-8 to 1e8, equal in ratio.

    x = 1, where total variation has its corner, is one of them.
    """
    x = np.concatenate([[1e-300], np.logspace(-8, 8, 400_001)])
    values = function(formulas(name).f, "x")(x)
    return np.array([np.max(one * x - values) for one in u])


def conjugate_on_grid(name: str) -> float:
    """Largest |f*(u) - grid supremum| over 61 u, from FAR below the top of dom f* (or from f'(0)) to just below it."""
    facts = derived(name)
    top = min(facts.top - 0.01, 2.0)
    u = np.linspace(max(facts.bottom, top - FAR), top, 61)
    return float(np.max(np.abs(function(formulas(name).f_star, "u")(u) - grid_supremum(name, u))))


def diverges_above(name: str) -> bool | None:
    """Whether u x - f(x) grows without end just above dom f*: it has to grow at least in proportion to x.

    None: dom f* has no upper end.
    """
    top = derived(name).top
    if math.isinf(top):
        return None
    x = np.logspace(3, 12, 10)
    growth = (top + 0.1) * x - function(formulas(name).f, "x")(x)
    return bool(np.all(growth / x >= 0.099) and np.all(np.diff(growth) > 0))


def below(name: str) -> float | None:
    """f*(u) as printed less the supremum, at u = f'(0) - 1, where the supremum sits at x = 0; None: f'(0) = -oo."""
    facts = derived(name)
    if math.isinf(facts.bottom):
        return None
    u = facts.bottom - 1
    return float(function(formulas(name).f_star, "u")([u])[0] - grid_supremum(name, [u])[0])


def activation_ends(name: str) -> tuple[float, float, bool]:
    """Limits of g*(v) for v to minus and plus infinity, and whether g* rises everywhere: the ends of its range."""
    import sympy

    v, g_star = read("v"), read(formulas(name).g_star)
    low, high = sympy.limit(g_star, v, -sympy.oo), sympy.limit(g_star, v, sympy.oo)
    rise = sympy.simplify(sympy.diff(g_star, v).rewrite(sympy.exp))
    return float(low), float(high), bool(rise.is_positive)


def loss_code_difference(name: str) -> float:
    """Largest difference of the loss code to the formulas over v = 0, 0.01, ..., 1: g*, f* and f*(g*), in float64."""
    import torch

    from unlearnkit.losses.flat import DIVERGENCES as CODE

    v = torch.linspace(0, 1, 101, dtype=torch.float64)
    g_star, f_star, code = function(formulas(name).g_star, "v"), function(formulas(name).f_star, "u"), CODE[name]
    u = g_star(v.numpy())
    pairs = (
        (code.g_star(v), u),
        (code.f_star(torch.from_numpy(u)), f_star(u)),
        (code.f_star_of_g_star(v), f_star(u)),
    )
    return max(float(np.max(np.abs(ours.numpy() - formula))) for ours, formula in pairs)


def printed() -> dict[str, dict]:
    """The rows of FLAT's Table 2 as the kit's copy has them, by divergence."""
    with (paths.results("published") / "flat_table2.csv").open(newline="", encoding="utf-8") as file:
        return {row["divergence"]: row for row in csv.DictReader(file)}


def same_formula(one: str, other: str) -> bool:
    """Whether two formulas are the same function, by sympy."""
    import sympy

    return sympy.simplify(read(one) - read(other)) == 0


def released_weights(name: str) -> tuple[float, float]:
    """(w_e, w_f) of the released loss, answers of probability 1/2: unless both are positive it does not unlearn."""
    row = weights(name, "release", steps=3)
    return row["template"][1], row["forget"][1]


def record(name: str) -> dict:
    """Formulas, checks with their figures, and gaps of one divergence; numbers are float, some of them infinite.

    Keys `printed_*` and `*_agrees` are None for the divergences that Table 2 does not have.
    """
    ours, facts, table = formulas(name), derived(name), printed().get(name, {})
    by_calculus, how = conjugate_by_calculus(name)
    on_grid, difference, optimal = conjugate_on_grid(name), loss_code_difference(name), optimal_difference(name)
    low, high, rises = activation_ends(name)
    ratios, released = claimed_ratios(name), released_weights(name)
    found = {
        "divergence": name,
        "printed_as": ours.printed_as,
        "in_table": bool(table),
        "f": ours.f,
        "printed_g_star": table.get("g_star"),
        "g_star": ours.g_star,
        "g_star_agrees": same_formula(table["g_star"], ours.g_star) if table else None,
        "printed_dom_f_star": table.get("dom_f_star"),
        "dom_f_star": facts.domain,
        "dom_f_star_agrees": table["dom_f_star"] == facts.domain if table else None,
        "printed_f_star": table.get("f_star"),
        "f_star": ours.f_star,
        "f_star_agrees": same_formula(table["f_star"], ours.f_star) if table else None,
        "f_star_holds_from": facts.bottom,
        "f_star_error_below": below(name),
        "conjugate_by_calculus": by_calculus,
        "conjugate_how": how,
        "conjugate_on_grid": on_grid < TOLERANCE,
        "conjugate_max_difference": on_grid,
        "diverges_above_domain": diverges_above(name),
        "g_star_low": low,
        "g_star_high": high,
        "g_star_in_domain": rises and high <= facts.top,
        "g_star_rises": rises,
        "loss_code": difference < EXACT,
        "loss_code_max_difference": difference,
        "optimal_is_exact": optimal < EXACT,
        "optimal_max_difference": optimal,
        "ratio_at_0": ratios[0],
        "ratio_at_1": ratios[1],
        "released_template_weight": released[0],
        "released_forget_weight": released[1],
        "released_unlearns": released[0] > 0 and released[1] > 0,
        "share_reached_median": share_reached(name),
    }
    for label, (p, q) in PAIRS.items():
        found |= {f"{label}_{key}": value for key, value in gap(name, p, q).items()}
    return found


def records(names: Sequence[str] = tuple(DIVERGENCES)) -> list[dict]:
    """`record` of each divergence, in the order of Table 2, then the released code's further four."""
    return [record(name) for name in names]
