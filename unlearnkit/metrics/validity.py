"""Do TE, CS and ES measure what they should? Their scores of candidates that are known to be right or wrong.

A record is one candidate answer to one question, scored as if a model had generated it:
  `question`, `kind` ('paraphrased', 'perturbed', 'repeated', ...; what is known of it), `right` (bool),
  `te`, `cs`, `rouge_l_recall` (0 to 1), `es` (bool: entailed)
Reviewers of A Closer Look (arXiv 2410.08109) missed this check. TE should not know right from wrong: it is for loops.
Pure functions of records.
"""

from collections.abc import Sequence
from itertools import combinations

from unlearnkit.errors import KitError, nearest
from unlearnkit.metrics.two_sample import auc_by_cluster

SCORES = ("te", "cs", "es", "rouge_l_recall")


def against_truth(records: Sequence[dict], cluster: str = "question") -> list[dict]:
    """How well each of SCORES tells the right candidates from the wrong ones: one record a score and kind of wrong one.

    `score`, `wrong_kind`; `auc`: P(right > wrong) + P(equal) / 2 over all pairs of candidates, 0.5 where the score
    knows nothing of the truth; `auc_lo`, `auc_hi`: 95 % interval over clusters, None where there are few (see
    `two_sample.auc_by_cluster`); `point_biserial`: correlation of score and truth, -1 to 1, None for a score that is
    the same for all; `candidates`, `clusters`: how many. cluster: the key of what is drawn as a whole, 'question', or
    'author' where the records have it. KitError: a key is missing, or no candidate is right, or none wrong.
    """
    _check(records, cluster)
    right, wrong = ([one for one in records if one["right"] is truth] for truth in (True, False))
    if not right or not wrong:
        raise KitError(f"validity: {len(right)} of {len(records)} candidates are right; it needs right and wrong ones")
    return [
        _told_apart(score, kind, right, [one for one in wrong if one["kind"] == kind], cluster)
        for kind in dict.fromkeys(one["kind"] for one in wrong)
        for score in SCORES
    ]


def between_scores(records: Sequence[dict]) -> list[dict]:
    """Spearman's rank correlation of each two of SCORES over all candidates.

    One record a pair: `score`, `other`, `spearman`, `candidates`. Two that go together measure one thing twice. None
    where a score is the same for all. KitError: a key is missing.
    """
    from scipy.stats import rankdata

    _check(records, "question")
    ranks = {score: rankdata([one[score] for one in records]) for score in SCORES}
    return [
        {
            "score": score,
            "other": other,
            "spearman": _correlation(ranks[score], ranks[other]),
            "candidates": len(records),
        }
        for score, other in combinations(SCORES, 2)
    ]


def _told_apart(score: str, kind: str, right: list[dict], wrong: list[dict], cluster: str) -> dict:
    both = [*right, *wrong]
    clusters = {name: number for number, name in enumerate(dict.fromkeys(one[cluster] for one in both))}
    auc, low, high = auc_by_cluster(
        *([float(one[score]) for one in side] for side in (right, wrong)),
        *([clusters[one[cluster]] for one in side] for side in (right, wrong)),
    )
    return {
        "score": score,
        "wrong_kind": kind,
        "auc": auc,
        "auc_lo": low,
        "auc_hi": high,
        "point_biserial": _correlation([one[score] for one in both], [one["right"] for one in both]),
        "candidates": len(both),
        "clusters": len(clusters),
    }


def _correlation(values: Sequence[float], others: Sequence[float]) -> float | None:
    """Pearson's; None where one of the two does not vary."""
    import numpy

    values, others = numpy.asarray(values, float), numpy.asarray(others, float)
    if numpy.ptp(values) == 0 or numpy.ptp(others) == 0:
        return None
    return float(numpy.corrcoef(values, others)[0, 1])


def _check(records: Sequence[dict], cluster: str) -> None:
    if not records:
        raise KitError("validity: no candidates")
    for number, one in enumerate(records):
        for key in dict.fromkeys(("kind", "right", cluster, *SCORES)):
            if key not in one:
                raise KitError(f"validity: candidate {number}: no {key}{nearest(key, one)}")
        if not isinstance(one["right"], bool):
            raise KitError(f"validity: candidate {number}: right is true or false, not {one['right']!r}")
        for score in SCORES:
            if not 0 <= one[score] <= 1:
                raise KitError(f"validity: candidate {number}: {score} {one[score]} is not between 0 and 1")
