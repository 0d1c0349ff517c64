"""Scores of candidates against known truth, by hand and against scipy."""

import pytest

from unlearnkit.errors import KitError
from unlearnkit.metrics.validity import SCORES, against_truth, between_scores


def record(question: str, kind: str, te: float, cs: float, es: bool, rouge: float) -> dict:
    right = kind == "paraphrased"
    return {"question": question, "kind": kind, "right": right, "te": te, "cs": cs, "es": es, "rouge_l_recall": rouge}


RECORDS = [
    record("a", "paraphrased", 1.0, 0.9, True, 0.6),
    record("a", "perturbed", 1.0, 0.8, False, 0.7),
    record("a", "repeated", 0.2, 0.8, False, 0.5),
    record("b", "paraphrased", 0.9, 0.7, True, 0.8),
    record("b", "perturbed", 0.95, 0.6, True, 0.4),
    record("b", "repeated", 0.1, 0.5, False, 0.1),
]


def test_auc_of_every_score_by_hand():
    found = {(one["wrong_kind"], one["score"]): one for one in against_truth(RECORDS)}
    assert len(found) == 2 * len(SCORES)
    aucs = {key: one["auc"] for key, one in found.items()}
    assert aucs[("perturbed", "te")] == pytest.approx(1.5 / 4)  # 1.0 = 1.0, 1.0 > 0.95, 0.9 below both
    assert aucs[("perturbed", "cs")] == pytest.approx(3 / 4)  # only 0.7 < 0.8
    assert aucs[("perturbed", "es")] == pytest.approx(3 / 4)  # two pairs are equal
    assert aucs[("perturbed", "rouge_l_recall")] == pytest.approx(3 / 4)
    assert aucs[("repeated", "te")] == 1.0  # what TE is for
    one = found[("repeated", "cs")]
    assert (one["candidates"], one["clusters"], one["auc_lo"], one["auc_hi"]) == (4, 2, None, None)


def test_a_kind_may_be_right_and_wrong():
    one_kind = [one | {"kind": "written"} for one in RECORDS[:2]]
    found = against_truth(one_kind)
    assert [one["wrong_kind"] for one in found] == ["written"] * 4
    assert {one["candidates"] for one in found} == {2}


def test_correlations_are_scipys():
    from scipy.stats import pointbiserialr, spearmanr

    perturbed = [one for one in RECORDS if one["kind"] != "repeated"]
    for one in against_truth(perturbed):
        expected = pointbiserialr([r["right"] for r in perturbed], [float(r[one["score"]]) for r in perturbed])
        assert one["point_biserial"] == pytest.approx(expected.statistic)
    pairs = between_scores(RECORDS)
    assert [(one["score"], one["other"]) for one in pairs][:3] == [("te", "cs"), ("te", "es"), ("te", "rouge_l_recall")]
    assert len(pairs) == 6
    for one in pairs:
        expected = spearmanr([r[one["score"]] for r in RECORDS], [r[one["other"]] for r in RECORDS])
        assert one["spearman"] == pytest.approx(expected.statistic)
        assert one["candidates"] == 6


def test_a_score_that_does_not_vary_has_no_correlation():
    flat = [one | {"te": 1.0} for one in RECORDS]
    assert [one["auc"] for one in against_truth(flat) if one["score"] == "te"] == [0.5, 0.5]
    assert {one["point_biserial"] for one in against_truth(flat) if one["score"] == "te"} == {None}
    assert {one["spearman"] for one in between_scores(flat) if one["score"] == "te"} == {None}


def test_interval_is_over_questions_or_authors():
    many = [
        one | {"question": f"{one['question']}{copy}", "author": copy // 4, "cs": min(1, one["cs"] + copy / 50)}
        for copy in range(20)
        for one in RECORDS
    ]
    by = {name: against_truth(many, name)[SCORES.index("cs")] for name in ("question", "author")}
    assert (by["question"]["clusters"], by["author"]["clusters"]) == (40, 5)
    assert by["question"]["auc"] == by["author"]["auc"]
    for one in by.values():
        assert one["auc_lo"] < one["auc"] < one["auc_hi"]


def test_what_is_refused():
    with pytest.raises(KitError, match="no candidates"):
        between_scores([])
    with pytest.raises(KitError, match="candidate 0: no author"):
        against_truth(RECORDS, "author")
    with pytest.raises(KitError, match="2 of 2 candidates are right; it needs right and wrong ones"):
        against_truth([one for one in RECORDS if one["right"]])
    with pytest.raises(KitError, match="candidate 1: no es"):
        between_scores([RECORDS[0], {key: value for key, value in RECORDS[1].items() if key != "es"}])
    with pytest.raises(KitError, match="candidate 0: right is true or false, not 'yes'"):
        against_truth([RECORDS[0] | {"right": "yes"}, *RECORDS])
    with pytest.raises(KitError, match=r"candidate 0: cs 1\.5 is not between 0 and 1"):
        between_scores([RECORDS[0] | {"cs": 1.5}])
