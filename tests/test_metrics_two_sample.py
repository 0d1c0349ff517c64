"""Telling two models' answers apart: against scikit-learn and brute force over swaps, and where the truth is known."""

import itertools
import math
import time

import numpy
import pytest

from unlearnkit.errors import KitError
from unlearnkit.metrics import two_sample
from unlearnkit.metrics.two_sample import auc_by_cluster, indistinguishability


def answers(seed: int, authors: int, questions: int, refusals: float = 0.0) -> tuple[list[str], list[str], list[int]]:
    """Two models that answer with words of one distribution; the first refuses this share of the questions."""
    rng = numpy.random.default_rng(seed)
    of = numpy.repeat(numpy.arange(authors), questions).tolist()

    def say(author: int) -> str:
        return " ".join([f"name{author}", *(f"word{number % 90}" for number in rng.zipf(1.4, size=8))])

    ours = ["I do not know that." if rng.random() < refusals else say(author) for author in of]
    return ours, [say(author) for author in of], of


def test_the_auc_is_that_of_scikit_learns_held_out_scores():
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import PredefinedSplit, cross_val_predict

    ours, theirs, authors = answers(0, 7, 4, refusals=0.3)
    features = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\w+").fit_transform(ours + theirs)
    labels = numpy.repeat([1, 0], len(ours))
    folds = PredefinedSplit([author % 5 for author in authors * 2])
    classifier = LogisticRegression(fit_intercept=False)
    scores = cross_val_predict(classifier, features, labels, cv=folds, method="decision_function")
    found = indistinguishability(ours, theirs, authors)
    assert found.auc == pytest.approx(roc_auc_score(labels, scores))
    assert (found.authors, found.questions) == (7, 28)


def margin(ours: list[str], theirs: list[str], authors: list[int]) -> float:
    """The statistic behind p, with scikit-learn's ridge regression as the first Newton step."""
    from sklearn.linear_model import Ridge

    features = two_sample._features(ours + theirs)
    labels, of, total = numpy.repeat([1.0, -1.0], len(ours)), numpy.array(authors * 2), 0.0
    for fold in range(5):
        held = of % 5 == fold
        if held.any():
            ridge = Ridge(alpha=4.0, fit_intercept=False, solver="cholesky").fit(features[~held], 2 * labels[~held])
            total += labels[held] @ ridge.predict(features[held])
    return total


def swapped(ours: list, theirs: list, authors: list, chosen: set) -> tuple[list, list]:
    pairs = [(b, a) if author in chosen else (a, b) for a, b, author in zip(ours, theirs, authors, strict=True)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def every_swap(ours: list, theirs: list, authors: list):
    names = sorted(set(authors))
    for size in range(len(names) + 1):
        for chosen in itertools.combinations(names, size):
            yield swapped(ours, theirs, authors, set(chosen))


@pytest.mark.parametrize("seed", range(3))
def test_p_is_the_brute_force_over_all_swaps(seed):
    ours, theirs, authors = answers(seed, 6, 2, refusals=0.2)
    margins = [margin(*pair, authors) for pair in every_swap(ours, theirs, authors)]
    assert len(margins) == 2**6
    found = indistinguishability(ours, theirs, authors)
    assert found.p == pytest.approx(sum(one >= margins[0] - 1e-9 for one in margins) / len(margins))
    assert found.floor == 1 / 2**5


def test_p_is_valid_over_its_own_null_hypothesis():
    """Of all swaps of one set of answers, at most the share alpha has p <= alpha: exact, whatever the answers are."""
    ours, theirs, authors = answers(5, 5, 3, refusals=0.5)
    ps = [indistinguishability(*pair, authors).p for pair in every_swap(ours, theirs, authors)]
    assert len(set(ps)) > 8
    for level in set(ps):
        assert sum(p <= level for p in ps) / len(ps) <= level + 1e-12


def test_the_first_newton_step_of_logistic_regression():
    """The step that the docstring derives, against gradient and Hessian of the penalised loss at zero."""
    rng = numpy.random.default_rng(3)
    features, labels = rng.normal(size=(12, 4)), rng.choice([-1.0, 1.0], size=12)

    def loss(w):
        return two_sample.PENALTY * numpy.log1p(numpy.exp(-labels * (features @ w))).sum() + w @ w / 2

    step, unit = 1e-3, numpy.eye(4)
    gradient = [(loss(step * e) - loss(-step * e)) / (2 * step) for e in unit]
    hessian = [[(loss(step * (a + b)) - loss(step * (a - b)) - loss(step * (b - a)) + loss(-step * (a + b)))
                / (4 * step**2) for a in unit] for b in unit]  # fmt: skip
    newton = -numpy.linalg.solve(hessian, gradient)
    ridge = numpy.linalg.solve(features.T @ features + 4 / two_sample.PENALTY * unit, 2 * features.T @ labels)
    assert newton == pytest.approx(ridge, rel=1e-4)


def test_refusals_are_told_apart_and_like_models_are_not():
    refusing = indistinguishability(*answers(1, 10, 4, refusals=0.7))
    assert refusing.auc > 0.75 and refusing.low > 0.5
    assert refusing.p == refusing.floor == 1 / 512
    assert indistinguishability(*answers(1, 10, 4)).p > 0.1


def test_the_same_answers_cannot_be_told_apart():
    ours, _, authors = answers(2, 6, 3)
    found = indistinguishability(ours, ours, authors)
    assert (found.auc, found.low, found.high, found.p) == (0.5, 0.5, 0.5, 1.0)


def test_an_author_whom_only_one_model_names_is_held_out():
    """Each model has a word of its own for every author: seen, it would tell them apart; held out, it is new."""
    authors = [author for author in range(6) for _ in range(3)]
    ours, theirs = ([f"the answer is {model}{author}" for author in authors] for model in ("mine", "yours"))
    found = indistinguishability(ours, theirs, authors)
    assert (found.auc, found.p) == (0.5, 1.0)


def test_interval_needs_authors_and_order_does_not_matter():
    ours, theirs, authors = answers(4, 4, 5, refusals=0.6)
    few = indistinguishability(ours, theirs, authors)
    assert few.low is None and few.high is None and few.floor == 1 / 8
    order = numpy.random.default_rng(0).permutation(len(ours)).tolist()
    shuffled = indistinguishability(*([side[at] for at in order] for side in (ours, theirs, authors)))
    assert shuffled.p == few.p
    assert shuffled.auc == pytest.approx(few.auc)
    assert indistinguishability(ours, theirs, authors) == few


def test_four_hundred_answers_each_take_below_a_second_of_one_core():
    ours, theirs, authors = answers(6, 20, 20, refusals=0.1)
    indistinguishability(*answers(6, 2, 1))  # imports
    start = time.process_time()
    found = indistinguishability(ours, theirs, authors)
    assert time.process_time() - start < 1
    assert found.floor == 1 / 10_000


def test_auc_by_cluster_by_hand():
    # pairs: 3>1, 3>2, 1=1, 1<2
    auc, low, high = auc_by_cluster([3, 1], [1, 2], [0, 1], [0, 1])
    assert (auc, low, high) == (2.5 / 4, None, None)
    with_own = auc_by_cluster([2.0] * 6, [1.0] * 6, range(6), range(6))
    assert with_own == (1.0, 1.0, 1.0)


def test_auc_by_cluster_draws_whole_clusters():
    """Many equal questions of an author are no more evidence than one of them."""
    rng = numpy.random.default_rng(8)
    high, low = rng.normal(0.5, size=12), rng.normal(size=12)
    once = auc_by_cluster(high, low, range(12), range(12))
    many = auc_by_cluster(*(numpy.repeat(side, 20) for side in (high, low, numpy.arange(12), numpy.arange(12))))
    assert many == pytest.approx(once)
    apart = auc_by_cluster(numpy.repeat(high, 20), numpy.repeat(low, 20), range(240), range(240))
    assert apart[2] - apart[1] < 0.5 * (once[2] - once[1])


def test_auc_by_cluster_leaves_draws_without_a_pair_aside():
    """Right ones in five clusters, wrong ones in one other: many draws miss it."""
    auc, low, high = auc_by_cluster([1, 2, 3, 4, 5], [2.5], [0, 1, 2, 3, 4], [5])
    assert auc == pytest.approx(3 / 5)
    assert not math.isnan(low) and low <= auc <= high


def test_what_is_refused():
    with pytest.raises(KitError, match="2 answers, 1 of the retain model, 2 authors; every question needs one of each"):
        indistinguishability(["a", "b"], ["a"], [0, 1])
    with pytest.raises(KitError, match="1 authors; whole authors are held out"):
        indistinguishability(["a", "b"], ["a", "c"], [7, 7])
    with pytest.raises(KitError, match="no word in any of 4 answers"):
        indistinguishability(["", "?"], ["", "!"], [0, 1])
