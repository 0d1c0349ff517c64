"""The eight f-divergences of FLAT: the four of its Table 2 and the four further ones of its released code, checked.

D_f(P, Q) = sum over x of Q(x) f(P(x) / Q(x)), f convex on x >= 0 with f(1) = 0, is at least E_P[T] - E_Q[f*(T)] for
every function T with values in dom f*, and is reached by T*(x) = f'(P(x) / Q(x)). In FLAT P is the distribution of
template responses, Q that of forget responses, and T = g*(v) with v the model's mean token probability. g* is an
activation: it takes any number into dom f*. It is not T*, so minus the loss is a lower bound of the divergence; how far
below is what `gap` computes.

formulas.py: f, g* and f* as text, and what follows from f. checks.py: every check, `records`. bound.py: the gap.
curves.py: what the figures draw. torch, sympy and scipy are imported where they are used.
"""

from unlearnkit.divergences.bound import PAIRS, gap
from unlearnkit.divergences.checks import record, records
from unlearnkit.divergences.curves import alike, beside_dpo, surface, weights
from unlearnkit.divergences.formulas import DIVERGENCES, derived

__all__ = [
    "DIVERGENCES",
    "PAIRS",
    "alike",
    "beside_dpo",
    "derived",
    "gap",
    "record",
    "records",
    "surface",
    "weights",
]
