"""Tests that know whose questions they are: authors are swapped, flipped or drawn as a whole, never single questions.
Both compare two models on the same questions, so that neither a model that knows an author more or less well as a whole
nor an easy question that both answer well is taken for independent evidence. Pure functions of numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unlearnkit.errors import KitError
from unlearnkit.metrics.tofu import mean_of

if TYPE_CHECKING:
    import numpy

EXACT_AUTHORS = 14  # up to here all 2^(A-1) assignments are compared, at most 8192
DRAWN = 10_000  # above: so many, the observed one and random ones
RESAMPLES = 9_999
FEWEST_FOR_AN_INTERVAL = 5
SEED = 0


@dataclass(frozen=True)
class ClusteredQuality:
    """p: share of assignments whose KS distance is at least the observed one, d (between 0 and 1).

    assignments: how many were compared, the observed one among them. Two assignments that mirror each other (all
    authors swapped) have one distance and count once where the test is exact.
    """

    p: float
    d: float
    authors: int
    assignments: int

    @property
    def floor(self) -> float:
        """The least p that so many authors can give: with two of them 0.5, whatever the models do."""
        return 1 / self.assignments


@dataclass(frozen=True)
class Difference:
    """mean: over questions, first minus second. low, high: 95 % interval, None below FEWEST_FOR_AN_INTERVAL authors.

    p: of no difference, two-sided; floor: the least p that so many authors can give.
    """

    mean: float
    low: float | None
    high: float | None
    p: float
    floor: float


def forget_quality(ratios: Sequence[float], retain_ratios: Sequence[float], authors: Sequence[int]) -> ClusteredQuality:
    """Permutation test of the KS distance between two models' truth ratios, questions of an author kept together.

    One entry per question in all three, in the same order: this model's truth ratio, the retain model's, the author.

    Null hypothesis: author by author, the two models' values could have come from either, so that swapping all values
    of an author leaves their joint distribution as it is, and one author's swap tells nothing of another's. The p-value
    is then valid for any number of questions and any dependence within an author, and for values that are not
    continuous: exact over all 2^(A-1) distinct assignments of A <= EXACT_AUTHORS authors, above that
    (1 + hits) / (1 + draws) with a fixed seed, which is valid too (Phipson and Smyth 2010).
    It is about these two models and authors like these; another training seed it does not cover.

    The plain two-sample KS test (`tofu.forget_quality`) takes n + m values for independent, which fails in two ways.
    Where one model knows some authors better than the other does, n questions are worth few more than A values, and the
    test rejects too often. Both models answer the same, easy or hard questions, which draws their values together, and
    the test rejects too rarely. Which of them prevails depends on the models; this test minds both.
    Questions with an author each give the paired test over questions.

    KitError: lists of different length, no question, or a ratio that is not a number.
    """
    import numpy

    ours, theirs, index = _paired("clustered forget quality", ratios, retain_ratios, authors)
    values = numpy.unique(numpy.concatenate([ours, theirs]))
    ahead = numpy.zeros((index.max() + 1, len(values)))  # author, value: our questions up to it less theirs
    numpy.add.at(ahead, (index, numpy.searchsorted(values, ours)), 1)
    numpy.add.at(ahead, (index, numpy.searchsorted(values, theirs)), -1)
    ahead = ahead.cumsum(axis=1)
    signs = assignments(len(ahead))
    parts = (signs[start : start + 1000] @ ahead for start in range(0, len(signs), 1000))
    distances = numpy.concatenate([abs(part).max(axis=1) for part in parts])  # in questions: whole numbers, exact
    return ClusteredQuality(
        p=float((distances >= distances[0]).mean()),
        d=float(distances[0]) / len(ours),
        authors=len(ahead),
        assignments=len(signs),
    )


def difference(values: Sequence[float], other_values: Sequence[float], authors: Sequence[int]) -> Difference:
    """Mean difference of two models' values (ROUGE-L recall, probability) on the same questions, by author.

    One entry per question in all three, in the same order. The p-value is of a sign-flip test: the differences of an
    author change sign together, under the null hypothesis and with the counting of `forget_quality`.
    The interval is the percentile bootstrap over authors (RESAMPLES, fixed seed), each drawn with all its questions:
    it is for the mean over authors like these. It is too narrow for few authors (on normal values it covers the truth
    in about 92 of 100 cases with 20 authors, 85 with 5) and None below FEWEST_FOR_AN_INTERVAL, where it would mean
    nothing; where it and the p-value disagree, the p-value is to be believed.

    KitError: lists of different length, no question, or a value that is not finite.
    """
    import numpy

    ours, theirs, index = _paired("clustered difference", values, other_values, authors)
    apart = ours - theirs
    if not numpy.isfinite(apart).all():
        raise KitError("clustered difference: a value is not finite")
    sums, counts = numpy.bincount(index, weights=apart), numpy.bincount(index)
    signs = assignments(len(sums))
    flipped = abs(signs @ sums)
    equal = 1e-9 * abs(sums).sum()  # sums of one size that were added up in another order
    low = high = None
    if len(sums) >= FEWEST_FOR_AN_INTERVAL:
        drawn = numpy.random.default_rng(SEED).integers(len(sums), size=(RESAMPLES, len(sums)))
        means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
        low, high = map(float, numpy.quantile(means, [0.025, 0.975], method="weibull"))
    return Difference(
        mean=mean_of(apart.tolist()),
        low=low,
        high=high,
        p=float((flipped >= flipped[0] - equal).mean()),
        floor=1 / len(signs),
    )


def _paired(
    what: str, values: Sequence[float], other_values: Sequence[float], authors: Sequence[int]
) -> "tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]":
    """Both models' values and each question's place in the sorted list of authors, as arrays (questions,)."""
    import numpy

    if not 0 < len(values) == len(other_values) == len(authors):
        raise KitError(
            f"{what}: {len(values)} values, {len(other_values)} of the other model, {len(authors)} authors; "
            "every question needs one of each"
        )
    ours, theirs = numpy.asarray(values, dtype=float), numpy.asarray(other_values, dtype=float)
    if numpy.isnan(ours).any() or numpy.isnan(theirs).any():
        raise KitError(f"{what}: a value is not a number")
    return ours, theirs, numpy.unique(numpy.asarray(authors), return_inverse=True)[1]


def assignments(authors: int) -> "numpy.ndarray":
    """Signs (assignments, authors), 1 as observed and -1 swapped; the first row is the observed assignment.

    All of them but for mirror images, or, for more than EXACT_AUTHORS, DRAWN.
    """
    import numpy

    if authors <= EXACT_AUTHORS:
        swapped = numpy.arange(2 ** (authors - 1))[:, None] >> numpy.arange(authors) & 1
    else:
        swapped = numpy.random.default_rng(SEED).integers(2, size=(DRAWN, authors))
        swapped[0] = 0
    return 1.0 - 2.0 * swapped
