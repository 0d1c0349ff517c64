"""How far FLAT's loss stays below the divergence that it is named after.

The bound E_P[T] - E_Q[f*(T)] is concave in each value of T. Over all T with values in dom f* it is largest at
T* = f'(P/Q), where it equals D_f(P, Q). Through g* a probability in [0, 1] gives T only between g*(0) and g*(1): there
it is largest at T* cut to that interval. A model has less freedom still, for its probabilities belong to one
distribution: what is computed here is the most that FLAT could reach, not what it reaches.
"""

from collections.abc import Sequence

import numpy as np

from unlearnkit.divergences.formulas import derived, formulas, function
from unlearnkit.errors import KitError

# Pairs (P, Q) on a few outcomes. Real templates and forget responses are different texts: "apart".
PAIRS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "near": ((0.5, 0.3, 0.2), (0.4, 0.4, 0.2)),
    "far": ((0.80, 0.15, 0.05), (0.05, 0.15, 0.80)),
    "apart": ((0.5, 0.5, 0.0, 0.0), (0.0, 0.0, 0.5, 0.5)),
}
SEED, DRAWS, OUTCOMES = 0, 200, 6  # of the drawn pairs


def gap(name: str, p: Sequence[float], q: Sequence[float]) -> dict[str, float]:
    """The divergence of two distributions, the bound at T*, the most that FLAT's g* reaches, and what is missing.

    p, q: probabilities of the same outcomes, each summing to 1; zeros are allowed. Keys: divergence, optimal, reach,
    gap = divergence - reach; the first two and the gap may be infinite. KitError: not two distributions.
    """
    p, q = _distributions(p, q)
    exact, reach = divergence(name, p, q), best_bound(name, p, q, *_reachable(name))
    return {"divergence": exact, "optimal": best_bound(name, p, q), "reach": reach, "gap": exact - reach}


def divergence(name: str, p: Sequence[float], q: Sequence[float]) -> float:
    """D_f(P, Q) = sum of q f(p/q); an outcome that Q never has counts p f'(oo), one that P never has q f(0)."""
    p, q = _distributions(p, q)
    facts, both = derived(name), (p > 0) & (q > 0)
    common = q[both] * function(formulas(name).f, "x")(p[both] / q[both])
    return float(np.sum(common)) + _at_the_ends(p, q, facts.at_zero, facts.top)


def best_bound(name: str, p: np.ndarray, q: np.ndarray, low: float = -np.inf, high: float = np.inf) -> float:
    """The largest E_P[T] - E_Q[f*(T)] over T between low and high."""
    facts, f_star = derived(name), function(formulas(name).f_star, "u")
    slope = function(formulas(name).f, "x", derivative=True)
    both = (p > 0) & (q > 0)
    t = np.clip(slope(p[both] / q[both]), low, high)
    common = float(np.sum(p[both] * t - q[both] * f_star(t)))
    never_p = facts.at_zero if np.isinf(low) else -float(f_star([np.clip(facts.bottom, low, high)])[0])
    return common + _at_the_ends(p, q, never_p, min(facts.top, high))


def share_reached(name: str) -> float:
    """Median of reach / divergence over seeded pairs of distributions, uniform on the simplex."""
    found = [gap(name, p, q) for p, q in drawn_pairs()]
    return float(np.median([one["reach"] / one["divergence"] for one in found]))


def optimal_difference(name: str) -> float:
    """Largest difference of the bound at T* to the divergence over the seeded pairs, relative to the divergence."""
    found = [gap(name, p, q) for p, q in drawn_pairs()]
    return max(abs(one["optimal"] / one["divergence"] - 1) for one in found)


def drawn_pairs() -> list[tuple[np.ndarray, np.ndarray]]:
    """The seeded pairs."""
    draws = np.random.default_rng(SEED).dirichlet(np.ones(OUTCOMES), size=(DRAWS, 2))
    return [(p, q) for p, q in draws]


def claimed_ratios(name: str) -> tuple[float, float]:
    """P/Q at which g*(0) and g*(1) would be T*: the solutions x of f'(x) = g*(v), which are f*'(g*(v)).

    Were g* the optimal variational function, a probability v would say that a response is so many times as frequent
    among templates as among forget responses.
    """
    low, high = function(formulas(name).f_star, "u", derivative=True)(function(formulas(name).g_star, "v")([0.0, 1.0]))
    return float(low), float(high)


def _reachable(name: str) -> tuple[float, float]:
    low, high = function(formulas(name).g_star, "v")([0.0, 1.0])
    return float(min(low, high)), float(max(low, high))


def _at_the_ends(p: np.ndarray, q: np.ndarray, never_p: float, never_q: float) -> float:
    """What outcomes count that only one of the two has; nothing, not inf x 0, where there are none."""
    only_q, only_p = float(np.sum(q[p == 0])), float(np.sum(p[q == 0]))
    return (only_q * never_p if only_q else 0.0) + (only_p * never_q if only_p else 0.0)


def _distributions(p: Sequence[float], q: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    if p.shape != q.shape or p.ndim != 1:
        raise KitError(f"two distributions over the same outcomes, please: got shapes {p.shape} and {q.shape}")
    for label, one in (("p", p), ("q", q)):
        if np.any(one < 0) or abs(float(one.sum()) - 1) > 1e-9:
            raise KitError(f"{label} is no distribution: {one.tolist()} has to be at least 0 and sum to 1")
    return p, q
