"""Tests by author: against brute force and scipy, and against simulated authors where the truth is known."""

import itertools
import math
from dataclasses import replace

import numpy
import pytest

from unlearnkit.errors import KitError
from unlearnkit.metrics import clustered, tofu


def authors_of(authors: int, questions: int) -> numpy.ndarray:
    return numpy.repeat(numpy.arange(authors), questions)


def simulated(rng, authors: numpy.ndarray, known: float, shared: float = 0.0) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Two models from one distribution: noise, how well each knows an author, and how hard a question is for both."""
    hard = shared * rng.normal(size=len(authors))
    size = authors.max() + 1
    return tuple(known * rng.normal(size=size)[authors] + hard + rng.normal(size=len(authors)) for _ in range(2))


def uneven(seed: int, sizes=(3, 1, 4, 2, 3)) -> tuple[list[float], list[float], list[int]]:
    """A small case with ties, authors of several sizes, and questions in no order."""
    rng = numpy.random.default_rng(seed)
    authors = rng.permutation(numpy.repeat(numpy.arange(len(sizes)) * 10, sizes))
    values = rng.integers(1, 9, size=(2, len(authors))) / 4 + 0.25 * (authors % 20 > 0) * [[1], [0]]
    return values[0].tolist(), values[1].tolist(), authors.tolist()


def swapped(ours: list, theirs: list, authors: list, chosen: set) -> tuple[list, list]:
    """The values of the chosen authors exchanged between the models."""
    pairs = [(b, a) if author in chosen else (a, b) for a, b, author in zip(ours, theirs, authors, strict=True)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def every_swap(ours: list, theirs: list, authors: list):
    names = sorted(set(authors))
    for size in range(len(names) + 1):
        for chosen in itertools.combinations(names, size):
            yield swapped(ours, theirs, authors, set(chosen))


@pytest.mark.parametrize("seed", range(4))
def test_forget_quality_is_the_brute_force_over_all_swaps(seed):
    ours, theirs, authors = uneven(seed)
    quality = clustered.forget_quality(ours, theirs, authors)
    observed = tofu.forget_quality(ours, theirs)
    ks = [tofu.forget_quality(*pair).k for pair in every_swap(ours, theirs, authors)]
    assert len(ks) == 2**5
    assert quality.p == pytest.approx(sum(k >= observed.k for k in ks) / len(ks))
    assert quality.d == pytest.approx(observed.d)
    assert (quality.authors, quality.assignments, quality.floor) == (5, 16, 1 / 16)


@pytest.mark.parametrize("seed", range(4))
def test_difference_is_the_brute_force_over_all_flips(seed):
    ours, theirs, authors = uneven(seed)

    def mean(pair):
        return math.fsum(a - b for a, b in zip(*pair, strict=True)) / len(authors)

    found = clustered.difference(ours, theirs, authors)
    means = [abs(mean(pair)) for pair in every_swap(ours, theirs, authors)]
    observed = mean((ours, theirs))
    assert found.mean == pytest.approx(observed)
    assert found.p == pytest.approx(sum(one >= abs(observed) - 1e-12 for one in means) / len(means))
    assert found.floor == 1 / 16


def test_both_agree_with_scipys_permutation_test():
    from scipy.stats import ks_2samp, permutation_test

    ours, theirs, authors = (numpy.array(one) for one in uneven(7))
    names = numpy.unique(authors)

    def of(side, blocks):
        """The values of a side, where block i is author i of the first model and i + A of the second."""
        return numpy.concatenate([(ours, theirs)[int(b) // len(names)][authors == names[int(b) % len(names)]]
                                  for b in blocks])  # fmt: skip

    def test(statistic):
        blocks = numpy.arange(2 * len(names)).reshape(2, -1)
        return permutation_test(
            tuple(blocks), statistic, permutation_type="samples", alternative="greater", n_resamples=10_000
        ).pvalue

    ks = test(lambda x, y: ks_2samp(of("x", x), of("y", y)).statistic)
    assert clustered.forget_quality(ours, theirs, authors).p == pytest.approx(ks)
    mean = test(lambda x, y: round(abs(of("x", x).sum() - of("y", y).sum()), 9))
    assert clustered.difference(ours, theirs, authors).p == pytest.approx(mean)


def test_two_authors_cannot_show_anything_at_5_percent():
    authors = authors_of(2, 20)
    apart = clustered.forget_quality([1.0] * 40, [2.0] * 40, authors)
    assert (apart.p, apart.floor, apart.d) == (0.5, 0.5, 1.0)
    assert tofu.forget_quality([1.0] * 40, [2.0] * 40).p < 1e-20
    one = clustered.forget_quality([1.0] * 20, [2.0] * 20, [3] * 20)
    assert (one.p, one.floor, one.assignments) == (1.0, 1.0, 1)
    found = clustered.difference([1.0] * 40, [0.5] * 40, authors)
    assert (found.mean, found.p, found.floor) == (0.5, 0.5, 0.5)
    assert found.low is None and found.high is None


@pytest.mark.parametrize("number", [6, clustered.EXACT_AUTHORS, clustered.EXACT_AUTHORS + 1])
def test_symmetric_in_the_models_and_blind_to_order(number):
    rng = numpy.random.default_rng(3)
    authors = authors_of(number, 3)
    ours, theirs = simulated(rng, authors, 1.0)
    quality = clustered.forget_quality(ours, theirs, authors)
    assert 0 < quality.p < 1
    assert clustered.forget_quality(theirs, ours, authors) == quality
    assert clustered.forget_quality(numpy.exp(-ours), numpy.exp(-theirs), authors) == quality  # R or 1/R
    found, turned = (clustered.difference(*pair, authors) for pair in ((ours, theirs), (theirs, ours)))
    assert vars(turned) == pytest.approx(vars(replace(found, mean=-found.mean, low=-found.high, high=-found.low)))
    order = rng.permutation(len(authors))
    assert clustered.forget_quality(ours[order], theirs[order], authors[order]) == quality
    assert vars(clustered.difference(ours[order], theirs[order], authors[order])) == pytest.approx(vars(found))


def test_many_authors_are_drawn_and_agree_with_the_exact_test(monkeypatch):
    rng = numpy.random.default_rng(8)
    authors = authors_of(12, 4)
    ours, theirs = simulated(rng, authors, 1.0)
    exact = clustered.forget_quality(ours, theirs + 0.5, authors), clustered.difference(ours, theirs + 0.5, authors)
    monkeypatch.setattr(clustered, "EXACT_AUTHORS", 11)
    drawn = clustered.forget_quality(ours, theirs + 0.5, authors), clustered.difference(ours, theirs + 0.5, authors)
    assert (exact[0].assignments, drawn[0].assignments) == (2**11, 10_000)
    for one, other in zip(exact, drawn, strict=True):
        assert 0.01 < one.p < 0.99
        assert other.p == pytest.approx(one.p, abs=4 * math.sqrt(one.p * (1 - one.p) / 10_000))
        assert other.floor == 1e-4
    apart = clustered.forget_quality([1.0] * 48, [2.0] * 48, authors)  # only the mirror image is as far apart
    assert 1e-4 <= apart.p < 2e-3


def test_infinite_ratios_of_a_collapsed_model_are_the_largest_values():
    authors = authors_of(5, 2)
    finite = [float(value) for value in range(10)]
    quality = clustered.forget_quality([*finite[:6], *[math.inf] * 4], finite, authors)
    assert quality == clustered.forget_quality([*finite[:6], *[99.0] * 4], finite, authors)


@pytest.mark.parametrize(
    ("known", "shared", "plain"),
    [
        (0.7, 0.0, "too often"),
        (0.7, 1.0, "too often"),
        (0.0, 1.0, "too rarely"),
        (0.0, 0.0, "as it should"),
    ],
)
def test_p_values_are_uniform_where_models_are_alike(known, shared, plain):
    """And the plain KS test errs, either way: at level 0.05 it rejects five times too often, or next to never."""
    rng = numpy.random.default_rng(11)
    authors = authors_of(10, 20)
    pairs = [simulated(rng, authors, known, shared) for _ in range(200)]
    quality, found = (
        numpy.array([test(*pair, authors).p for pair in pairs])
        for test in (clustered.forget_quality, clustered.difference)
    )
    for level in (0.05, 0.1, 0.25, 0.5, 0.75):
        error = 3 * math.sqrt(level * (1 - level) / len(pairs))
        assert (quality <= level).mean() == pytest.approx(level, abs=error)
        assert (found <= level).mean() == pytest.approx(level, abs=error)
    rejected = numpy.mean([tofu.forget_quality(*pair).p <= 0.05 for pair in pairs])
    low, high = {"too often": (0.25, 1.0), "too rarely": (0.0, 0.02), "as it should": (0.02, 0.1)}[plain]
    assert low <= rejected <= high


def test_the_interval_covers_the_truth_nearly_as_often_as_it_says():
    rng = numpy.random.default_rng(12)
    covered = {}
    for number in (5, 20):
        authors = authors_of(number, 4)
        hits = 0
        for _ in range(200):
            values = 0.3 + rng.normal(size=number)[authors] + rng.normal(size=len(authors))
            found = clustered.difference(values, numpy.zeros(len(authors)), authors)
            assert found.low <= found.mean <= found.high
            hits += found.low <= 0.3 <= found.high
        covered[number] = hits / 200
    assert 0.87 < covered[20] < 0.99
    assert 0.75 < covered[5] < 0.93


def test_sums_that_are_equal_but_for_rounding_are_equal():
    tenths, none, authors = [5, 6, 3, -4, -2, -5, 5, -5], [0] * 8, list(range(8))
    whole = clustered.difference(tenths, none, authors)
    assert 0.1 < whole.p < 0.9
    assert clustered.difference([value / 10 for value in tenths], none, authors).p == whole.p


def test_an_author_of_many_questions_weighs_as_many():
    ours, theirs, authors = [1.5] * 11, [1.0] * 11, [0, 1, 1, 2, 3, 4, 4, 4, 4, 4, 4]
    found = clustered.difference(ours, theirs, authors)
    assert (found.mean, found.low, found.high) == (0.5, 0.5, 0.5)


def test_what_is_refused():
    with pytest.raises(KitError, match="2 values, 1 of the other model, 2 authors"):
        clustered.forget_quality([1.0, 2.0], [1.0], [0, 1])
    with pytest.raises(KitError, match="clustered difference: 0 values"):
        clustered.difference([], [], [])
    with pytest.raises(KitError, match="clustered forget quality: a value is not a number"):
        clustered.forget_quality([1.0, math.nan], [1.0, 2.0], [0, 1])
    with pytest.raises(KitError, match="clustered difference: a value is not finite"):
        clustered.difference([1.0, math.inf], [1.0, 2.0], [0, 1])
