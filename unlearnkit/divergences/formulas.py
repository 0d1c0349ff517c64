"""f, g* and f* of the eight divergences as text, and what follows from f: the domain of f*, values at its ends.

Sources: FLAT (arXiv 2410.11143), Table 2, as shown on FLAT's ICLR slides; for the further four, which FLAT's released
code adds, f-GAN (arXiv 1606.00709), with the sign in g* that lets it rise.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from unlearnkit.errors import KitError, nearest


@dataclass(frozen=True)
class Formulas:
    """f(x), g*(v), f*(u) of one divergence, as sympy reads them."""

    printed_as: str
    f: str
    g_star: str
    f_star: str


DIVERGENCES: dict[str, Formulas] = {
    "tv": Formulas("Total Variation", "Abs(x - 1)/2", "tanh(v)/2", "u"),
    "js": Formulas("Jensen-Shannon", "x*log(x) - (x + 1)*log((1 + x)/2)", "log(2/(1 + exp(-v)))", "-log(2 - exp(u))"),
    "pearson": Formulas("Pearson", "(x - 1)**2", "v", "u**2/4 + u"),
    "kl": Formulas("KL", "x*log(x)", "v", "exp(u - 1)"),
    "reverse_kl": Formulas("Reverse KL", "-log(x)", "-exp(-v)", "-1 - log(-u)"),
    "jeffreys": Formulas("Jeffreys", "(x - 1)*log(x)", "v", "LambertW(exp(1 - u)) + 1/LambertW(exp(1 - u)) + u - 2"),
    "squared_hellinger": Formulas("Squared Hellinger", "(sqrt(x) - 1)**2", "1 - exp(-v)", "u/(1 - u)"),
    "neyman": Formulas("Neyman", "(1 - x)**2/x", "1 - exp(-v)", "2 - 2*sqrt(1 - u)"),
}


def formulas(name: str) -> Formulas:
    """The formulas of a divergence. KitError: there is no such divergence."""
    if name not in DIVERGENCES:
        raise KitError(f"no divergence '{name}'{nearest(name, DIVERGENCES)}")
    return DIVERGENCES[name]


def read(text: str):
    """A formula as a sympy expression in x > 0 and real u, v; `^` is a power."""
    import sympy

    names = {"x": sympy.Symbol("x", positive=True)} | {n: sympy.Symbol(n, real=True) for n in "uv"}
    return sympy.sympify(text.replace("^", "**"), locals=names)


@cache
def function(text: str, symbol: str, derivative: bool = False) -> Callable[[np.ndarray], np.ndarray]:
    """A formula in one symbol, or its derivative, as a function of float64 arrays."""
    import sympy
    from scipy.special import wrightomega

    expression = sympy.diff(read(text), read(symbol)) if derivative else read(text)
    omega, inner = sympy.Function("omega"), sympy.Wild("inner")  # omega(z) = W(e^z), which does not overflow
    expression = expression.replace(sympy.LambertW(sympy.exp(inner)), omega(inner))
    computed = sympy.lambdify(read(symbol), expression, modules=[{"omega": wrightomega}, "numpy"])
    return lambda values: computed(np.asarray(values, dtype=float)) + np.zeros(np.shape(values))


@dataclass(frozen=True)
class Derived:
    """What follows from f alone, by limits: f(0), f'(0), f'(oo), and whether f*(f'(oo)) is finite.

    dom f* reaches from minus infinity to `top` = f'(oo). Below `bottom` = f'(0) the supremum sits at x = 0 and f* is
    the constant -f(0).
    """

    at_zero: float
    bottom: float
    top: float
    top_belongs: bool
    domain: str


@cache
def derived(name: str) -> Derived:
    """The domain of f* and the ends of f', by sympy's limits."""
    import sympy

    x, f = read("x"), read(formulas(name).f)
    slope = sympy.diff(f, x)
    at_zero, bottom, top = sympy.limit(f, x, 0, "+"), sympy.limit(slope, x, 0, "+"), sympy.limit(slope, x, sympy.oo)
    belongs = top.is_finite and sympy.limit(sympy.expand(top * x - f), x, sympy.oo).is_finite
    bound = str(top).replace("log(2)", "log 2")
    domain = f"u{'<=' if belongs else '<'}{bound}" if top.is_finite else "R"
    return Derived(float(at_zero), float(bottom), float(top), bool(belongs), domain)
