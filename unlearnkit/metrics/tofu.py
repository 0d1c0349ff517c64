"""TOFU's metrics as pure functions of numbers: no model, no file, nothing but the standard library
(ROUGE-L takes rouge_score). Reductions that papers disagree about are named arguments.
Source: TOFU (arXiv 2401.06121), section 2 and its released evaluation."""

import math
import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from unlearnkit.errors import KitError, nearest

SETS = ("forget", "retain", "real_authors", "world_facts", "neighbor")  # neighbor: of A Closer Look, in retain's place
MEANS = ("geometric", "arithmetic")
UTILITY_SETS = ("retain", "real_authors", "world_facts")
UTILITY_PARTS = tuple(
    f"{name}_{part}" for name in UTILITY_SETS for part in ("rouge_l_recall", "probability", "truth_ratio")
)
EXACT_CELLS = 1_000_000  # path counting up to n * m of this size takes well under a second


@dataclass(frozen=True)
class ForgetQuality:
    """Two-sample KS test: p-value, and the distance as the fraction k / lcm of whole steps.

    n, m: questions in the two runs. method: 'exact', or 'asymp' where the sizes are too large for exact.
    """

    p: float
    k: int
    lcm: int
    n: int
    m: int
    method: str

    @property
    def d(self) -> float:
        """The KS distance, between 0 and 1."""
        return self.k / self.lcm


@lru_cache(maxsize=1)
def _scorer():
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], use_stemmer=True)


def rouge_l_recall(reference: str, generation: str) -> float:
    """Share of the reference's words that the generation has in the same order, words stemmed; 0 to 1."""
    return _scorer().score(reference, generation)["rougeL"].recall


def probability(logp_sum: float, n_tokens: int) -> float:
    """Length-normalised probability P(answer)^(1/n_tokens) from the sum of its log-probabilities (nats)."""
    if n_tokens < 1:
        raise KitError(f"probability: an answer of {n_tokens} tokens has none")
    return _exp(logp_sum / n_tokens)


def normalised_probability(right: float, wrongs: Sequence[float]) -> float:
    """The right answer's share among all options; arguments are length-normalised probabilities."""
    total = right + sum(wrongs)
    if total == 0:
        raise KitError("normalised probability: every option has probability 0, no share is defined")
    return right / total


def truth_ratio(reference_mean_nll: float, wrong_mean_nlls: Sequence[float], *, mean: str) -> float:
    """Truth ratio R = mean of the wrong answers' probabilities over the right answer's, wrong over right.

    Arguments are mean negative log-likelihoods per token (nats). mean='arithmetic' is the paper's formula,
    'geometric' exp(nll_right - mean nll_wrong) what the released aggregation and most later work compute.
    """
    if mean not in MEANS:
        raise KitError(f"truth ratio: unknown mean {mean!r}{nearest(mean, MEANS)}")
    if not wrong_mean_nlls:
        raise KitError("truth ratio: no wrong answer")
    differences = [reference_mean_nll - wrong for wrong in wrong_mean_nlls]
    if mean == "geometric":
        return _exp(math.fsum(differences) / len(differences))
    return sum(map(_exp, differences)) / len(differences)


def truth_ratio_score(ratios: Sequence[float], set_kind: str) -> float:
    """One number from truth ratios R. Forget set: mean of min(R, 1/R); other sets: mean of max(0, 1 - R)."""
    if set_kind not in SETS:
        raise KitError(f"truth ratio score: unknown set {set_kind!r}{nearest(set_kind, SETS)}")
    if not ratios:
        raise KitError(f"truth ratio score: the {set_kind} set has no item")
    if set_kind == "forget":
        return mean_of(ratio if ratio <= 1 else 1 / ratio for ratio in ratios)
    return mean_of(max(0.0, 1 - ratio) for ratio in ratios)


def model_utility(parts: dict[str, float]) -> float:
    """Harmonic mean of exactly the nine parts of UTILITY_PARTS; 0 where a part is 0."""
    _check_parts(parts)
    if min(parts.values()) <= 0:
        return 0.0
    return len(parts) / math.fsum(1 / value for value in parts.values())


def smallest_part(parts: dict[str, float]) -> tuple[str, float]:
    """Name and value of the part that holds model utility down."""
    _check_parts(parts)
    name = min(UTILITY_PARTS, key=lambda part: parts[part])
    return name, parts[name]


def forget_quality(ratios: Sequence[float], retain_ratios: Sequence[float]) -> ForgetQuality:
    """Two-sample KS test, two-sided, of n truth ratios of a model against m of the retain model.

    The p-value is exact for n * m up to EXACT_CELLS; above that it is scipy's own choice, named in `method`.
    """
    n, m = len(ratios), len(retain_ratios)
    if not n or not m:
        raise KitError(f"forget quality: {n} truth ratios against {m}; both runs need at least one")
    if any(math.isnan(value) for values in (ratios, retain_ratios) for value in values):
        raise KitError("forget quality: a truth ratio is not a number")
    lcm = math.lcm(n, m)
    ours, theirs = sorted(ratios), sorted(retain_ratios)
    k = max(
        abs(bisect_right(ours, value) * (lcm // n) - bisect_right(theirs, value) * (lcm // m))
        for value in (*ours, *theirs)
    )
    if n * m <= EXACT_CELLS:
        p, method = ks_exact_p(k, n, m), "exact"
    else:
        p, method = _ks_scipy_p(ours, theirs)
    return ForgetQuality(p=p, k=k, lcm=lcm, n=n, m=m, method=method)


def ks_exact_p(k: int, n: int, m: int) -> float:
    """P(D >= k / lcm(n, m)) for two samples of n and m values from one continuous distribution.

    Counts, in whole numbers, the orders of the n + m values whose two step functions stay nearer than k.
    """
    lcm = math.lcm(n, m)
    step_n, step_m = lcm // n, lcm // m
    orders = [0] * (m + 1)  # orders[j]: ways to reach i values of the one sample and j of the other
    for i in range(n + 1):
        for j in range(m + 1):
            if abs(i * step_n - j * step_m) >= k:
                orders[j] = 0
            elif i == j == 0:
                orders[j] = 1
            elif j:
                orders[j] += orders[j - 1]
    total = math.comb(n + m, n)
    return (total - orders[m]) / total


def ks_level(p: float, n: int) -> int | None:
    """The k of D = k/n behind a printed p-value of the exact test of n against n questions.

    p is taken as printed: to the digits it has, at least four decimals. None where no k prints so, and where several
    do: 1.0000 is k = 0, 1 and 2 of 40 alike.
    """
    decimals = max(4, -Decimal(repr(float(p))).as_tuple().exponent)
    tolerance = max(0.5 * 10**-decimals, 1e-9 * p)
    # p falls as k grows: the first k that is not above what prints so
    k = bisect_left(range(n + 1), -p - tolerance, key=lambda k: -ks_exact_p(k, n, n))
    found = [k for k in (k, k + 1) if k <= n and abs(ks_exact_p(k, n, n) - p) <= tolerance]
    return found[0] if len(found) == 1 else None


def questions_apart(p: float, other_p: float, n: int) -> int | None:
    """How many of n questions lie between two printed p-values of the exact KS test of n against n: |k - k'|.

    None where one of them has no `ks_level`.
    """
    levels = ks_level(p, n), ks_level(other_p, n)
    return None if None in levels else abs(levels[0] - levels[1])


def _ks_scipy_p(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, str]:
    """scipy's p-value and the method that it used: 'exact' up to 10,000 values a sample, else 'asymp'."""
    from scipy.stats import ks_2samp

    method = "exact" if max(len(ours), len(theirs)) <= 10_000 else "asymp"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        p = float(ks_2samp(ours, theirs, method=method).pvalue)
    if any("asymp" in str(warning.message) for warning in caught):
        method = "asymp"
    return p, method


def _check_parts(parts: dict[str, float]) -> None:
    for part in UTILITY_PARTS:
        if part not in parts:
            raise KitError(f"model utility: part {part!r} is missing; it needs: {', '.join(UTILITY_PARTS)}")
    for part in parts:
        if part not in UTILITY_PARTS:
            raise KitError(f"model utility: {part!r} is not one of its parts{nearest(part, UTILITY_PARTS)}")


def mean_of(values: Iterable[float]) -> float:
    """Arithmetic mean, exactly rounded, independent of the order of the values."""
    values = list(values)
    return math.fsum(values) / len(values)


def _exp(x: float) -> float:
    """exp that is infinite where it would overflow: a collapsed model is a result, not a crash."""
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf
