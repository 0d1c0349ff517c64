"""Can a stranger tell an unlearned model's answers from the retain model's? A classifier two-sample test on text.

Forget quality compares probabilities that both models give to answers which somebody else wrote; it never sees what a
model says. This test sees nothing but that: refusals, gibberish, loops, another tone, names that only the original
model knew, all of it is words. It does not see probabilities, so that knowledge which greedy decoding hides, but a
prompt or a sample would bring out, passes it; and a bag of words does not see facts that are wrong in the same words.
Source of the idea: Lopez-Paz and Oquab, Revisiting Classifier Two-Sample Tests (arXiv 1610.06545); by authors, ours.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unlearnkit.errors import KitError
from unlearnkit.metrics import clustered

if TYPE_CHECKING:
    import numpy
    import scipy

FOLDS = 5  # or as many as there are authors
PENALTY = 1.0  # C of scikit-learn's logistic regression, its default


@dataclass(frozen=True)
class Indistinguishability:
    """auc: how often the classifier, on authors that it was not trained on, ranks an answer of this model above one of
    the retain model; 0.5, or below by chance: not told apart, 1: always.

    low, high: 95 % interval, None below clustered.FEWEST_FOR_AN_INTERVAL authors. p: of no difference between the
    models, one-sided; floor: the least p that so many authors can give. authors, questions: how many there are.
    """

    auc: float
    low: float | None
    high: float | None
    p: float
    floor: float
    authors: int
    questions: int


def indistinguishability(
    answers: Sequence[str], retain_answers: Sequence[str], authors: Sequence[Hashable]
) -> Indistinguishability:
    """Test of an unlearned model's answers against the retain model's to the same questions.

    One entry per question in all three, in the same order: this model's answer, the retain model's, the author. Only
    the forget set's questions make sense: there the retain model is what the other should be like.

    Classifier: logistic regression without intercept (the classes have one size) on TF-IDF of words and pairs of words.
    It is tested on authors of whom it has seen no answer of either model, so that it cannot win by knowing a question.
    The interval is the percentile bootstrap over authors of the held-out scores as they are. It is too narrow, as the
    classifiers share most of what they were trained on: between simulated models that do not differ, with 10 or 20
    authors of 5 questions, it left 0.5 out in 21 to 24 of 100 cases, and p was at most 0.05 in 3 to 5 of them.

    p: permutation test that swaps both models' answers author by author and trains again each time. Null hypothesis
    and counting are those of `clustered.forget_quality`: exact up to clustered.EXACT_AUTHORS authors, valid above. So
    that ten thousand trainings are cheap, logistic regression stops after its first Newton step (ridge regression on
    labels of +1 and -1), which is linear in the labels; the statistic is the held-out scores of this model's answers
    less those of the retain model's. Where interval and p disagree, p is to be believed.

    Deterministic, whatever the order of the questions. KitError: lists of different length, fewer than two authors, no
    word in any answer.
    """
    import numpy

    if not len(answers) == len(retain_answers) == len(authors):
        raise KitError(
            f"indistinguishability: {len(answers)} answers, {len(retain_answers)} of the retain model, "
            f"{len(authors)} authors; every question needs one of each"
        )
    names, index = numpy.unique(numpy.asarray(authors), return_inverse=True)
    if len(names) < 2:
        raise KitError(f"indistinguishability: {len(names)} authors; whole authors are held out, so it needs two")
    index, labels = numpy.tile(index, 2), numpy.repeat([1.0, -1.0], len(answers))
    features = _features([*answers, *retain_answers])
    scores = _held_out_scores(features, labels, index)
    ours, theirs = labels > 0, labels < 0
    auc, low, high = auc_by_cluster(scores[ours], scores[theirs], index[ours], index[theirs])
    signs = clustered.assignments(len(names))
    apart = _held_out_margins(features, labels, index)
    margins = ((signs @ apart) * signs).sum(axis=1)
    equal = 1e-9 * len(labels)  # margins of one size that were added up in another order
    return Indistinguishability(
        auc=auc,
        low=low,
        high=high,
        p=float((margins >= margins[0] - equal).mean()),
        floor=1 / len(signs),
        authors=len(names),
        questions=len(answers),
    )


def auc_by_cluster(
    positive: Sequence[float], negative: Sequence[float], positive_of: Sequence[int], negative_of: Sequence[int]
) -> tuple[float, float | None, float | None]:
    """P(positive > negative) + P(equal) / 2 over all pairs of scores, and its 95 % interval over clusters.

    positive_of, negative_of: the cluster of each score (an author, a question), numbered from 0. The interval is the
    percentile bootstrap over clusters (clustered.RESAMPLES, fixed seed), each drawn with all its scores; draws without
    a pair are left aside. None below clustered.FEWEST_FOR_AN_INTERVAL clusters.
    """
    import numpy

    positive, negative = numpy.asarray(positive, float)[:, None], numpy.asarray(negative, float)
    wins = (positive > negative) + (positive == negative) / 2
    size = 1 + max(*positive_of, *negative_of)
    rows, columns = numpy.eye(size)[positive_of], numpy.eye(size)[negative_of]
    won, pairs = rows.T @ wins @ columns, numpy.outer(rows.sum(axis=0), columns.sum(axis=0))
    auc = float(wins.mean())
    if size < clustered.FEWEST_FOR_AN_INTERVAL:
        return auc, None, None
    rng = numpy.random.default_rng(clustered.SEED)
    drawn = rng.multinomial(size, numpy.full(size, 1 / size), size=clustered.RESAMPLES)
    won, pairs = (((drawn @ counts) * drawn).sum(axis=1) for counts in (won, pairs))
    low, high = numpy.quantile(won[pairs > 0] / pairs[pairs > 0], [0.025, 0.975], method="weibull")
    return auc, float(low), float(high)


def _features(texts: list[str]) -> "scipy.sparse.csr_matrix":
    """TF-IDF (texts, words and pairs of words), rows of length 1. It sees held-out answers, but not whose they are."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    try:
        return TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\w+").fit_transform(texts)
    except ValueError:
        raise KitError(f"indistinguishability: there is no word in any of {len(texts)} answers") from None


def _folds(index: "numpy.ndarray") -> "Iterator[numpy.ndarray]":
    """Masks (answers,) of the answers held out together."""
    for fold in range(min(FOLDS, index.max() + 1)):
        yield index % FOLDS == fold


def _held_out_scores(
    features: "scipy.sparse.csr_matrix", labels: "numpy.ndarray", index: "numpy.ndarray"
) -> "numpy.ndarray":
    """Of every answer, the score (answers,) of the classifier that has not seen its author."""
    import numpy
    from sklearn.linear_model import LogisticRegression

    scores = numpy.empty(len(labels))
    for held in _folds(index):
        classifier = LogisticRegression(C=PENALTY, fit_intercept=False).fit(features[~held], labels[~held])
        scores[held] = classifier.decision_function(features[held])
    return scores.round(9)  # what differs by rounding alone is equal


def _held_out_margins(
    features: "scipy.sparse.csr_matrix", labels: "numpy.ndarray", index: "numpy.ndarray"
) -> "numpy.ndarray":
    """M (authors, authors): s' M s is the sum of label times held-out score where the labels of author a are turned by
    the sign s[a], for training and for testing. Scores are those of the first Newton step from zero.

    At zero, the gradient of the logistic losses is -C X'y / 2 and their Hessian C X'X / 4, so that the step is
    w = (X'X + 4/C)^-1 2 X'y, and the scores of held-out answers are 2 K_held,seen (K_seen + 4/C)^-1 y with K = X X'.
    """
    import numpy

    kernel = (features @ features.T).toarray()
    by_author = (
        numpy.eye(index.max() + 1)[index] * labels[:, None]
    )  # answers, authors: the label in its author's column
    margins = 0.0
    for held in _folds(index):
        seen = kernel[numpy.ix_(~held, ~held)] + 4 / PENALTY * numpy.eye((~held).sum())
        weights = 2 * numpy.linalg.solve(seen, by_author[~held])
        margins = margins + by_author[held].T @ kernel[numpy.ix_(held, ~held)] @ weights
    return margins
