"""MUSE's metrics against numbers worked out by hand, an independent AUC and bootstrap, and FLAT's printed marks."""

import csv
import math
import random

import numpy
import pytest
from scipy.stats import mannwhitneyu

from unlearnkit import paths
from unlearnkit.errors import KitError
from unlearnkit.metrics import muse


def rouge(set_name: str, *values: float) -> list[dict]:
    return [{"set": set_name, "item": str(number), "rouge_l_f1": value} for number, value in enumerate(values)]


def documents(forget: list[float], holdout: list[float]) -> list[dict]:
    return [
        {"set": f"privleak_{name}", "item": f"{name}{number}", "min_40_logp": score}
        for name, scores in (("forget", forget), ("holdout", holdout))
        for number, score in enumerate(scores)
    ]


def published(name: str) -> list[dict]:
    with (paths.results("published") / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_rouge_l_f1_counts_whole_words():
    # Longest common subsequence "the mill closed": 3 of 4 reference words, 3 of 5 generated: 2 * 3 / (4 + 5).
    assert muse.rouge_l_f1("the mill closed early", "the old mill has closed") == pytest.approx(6 / 9)
    assert muse.rouge_l_f1("mills closed", "mill closing") == 0  # a stemmer would make 1 of it
    assert muse.rouge_l_f1("a b", "") == 0


def test_min_k_is_the_mean_of_the_lowest_two_fifths():
    # 7 tokens, int(2.8) = 2 of them: -9 and -4.
    assert muse.min_k([-1, -4, -2, -9, -3, -0.5, -0.1]) == -6.5
    assert muse.min_k([-1, -2, -3], share=1.0) == -2
    with pytest.raises(KitError, match="2 tokens have no lowest 40%; the document is too short"):
        muse.min_k([-1.0, -2.0])
    with pytest.raises(KitError, match="not a number"):
        muse.min_k([-1.0, math.nan, -2.0])


def test_auc_by_hand():
    # Pairs (forget, holdout): 3>1, 3<4, 3=3, 5>1, 5>4, 5>3: holdout higher once, once equal.
    assert muse.auc([3, 5], [1, 4, 3]) == 1.5 / 6
    assert muse.auc([9, 8], [1, 2]) == 0  # known by heart
    assert muse.auc([1, 2], [9, 8]) == 1


def test_auc_agrees_with_ranks():
    """The rank form of the AUC, also with ties: U of the holdout scores over all pairs."""
    stream = random.Random(0)
    for values in (range(1000), range(6)):
        forget, holdout = ([stream.choice(values) for _ in range(size)] for size in (40, 55))
        expected = mannwhitneyu(holdout, forget).statistic / (40 * 55)
        assert muse.auc(forget, holdout) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (([], [1.0]), "0 forget and 1 holdout documents; both need at least one"),
        (([1.0], [math.nan]), "the score of a document is not a number"),
    ],
)
def test_an_auc_of_nothing_is_refused(scores, message):
    with pytest.raises(KitError, match=message):
        muse.auc(*scores)


def test_privleak_is_relative_to_the_retain_model():
    assert muse.privleak(0.0, 0.4772) == -100
    assert muse.privleak(0.4772, 0.4772) == 0
    assert muse.privleak(0.6, 0.5) == pytest.approx(20)
    # News: an AUC of 1 is +109.6, which FLAT and MUSE print for WHP.
    assert muse.privleak(1.0, muse.AUC_RETRAIN["news"]) == pytest.approx(109.6, abs=0.05)
    for given, message in ((None, "0.5 is not assumed"), (0.0, "cannot be divided by"), (1.1, "cannot be divided by")):
        with pytest.raises(KitError, match=message):
            muse.privleak(0.5, given)


def test_the_constants_are_the_published_ones():
    assert {row["corpus"]: float(row["auc_retrain"]) for row in published("muse_auc_retrain.csv")} == muse.AUC_RETRAIN


def test_metrics_are_means_in_per_cent():
    samples = (
        rouge("verbmem_forget", 0.2, 0.4)
        + rouge("knowmem_forget", 1.0, 0.5, 0.0)
        + rouge("knowmem_retain", 0.75)
        + documents([-1, -2], [-3, -1.5])
    )
    metrics = muse.muse_metrics(samples, 0.5)
    assert metrics["verbmem_forget"] == pytest.approx(30)
    assert metrics["knowmem_forget"] == pytest.approx(50)
    assert metrics["knowmem_retain"] == metrics["knowmem_retain_lo"] == metrics["knowmem_retain_hi"] == 75
    assert metrics["privleak_auc"] == 0.25  # of four pairs one holdout document is ahead
    assert metrics["privleak"] == -50
    assert metrics.keys() == {f"{key}{end}" for key in muse.METRICS for end in ("", "_lo", "_hi")}


def test_privleak_needs_a_retain_auc_and_the_others_do_not():
    assert muse.muse_metrics(rouge("verbmem_forget", 0.5))["verbmem_forget"] == 50
    with pytest.raises(KitError, match="it needs the AUC of a retain model"):
        muse.muse_metrics(documents([-1.0], [-2.0]))


def test_the_retain_models_samples_give_its_auc():
    stream = random.Random(1)
    forget, holdout = ([stream.gauss(0, 1) for _ in range(30)] for _ in range(2))
    ours, theirs = documents([score + 1 for score in forget], holdout), documents(forget, holdout)
    metrics = muse.muse_metrics(ours, theirs)
    retrain_auc = muse.auc(forget, holdout)
    assert metrics["privleak"] == muse.privleak(muse.auc([score + 1 for score in forget], holdout), retrain_auc)
    assert metrics["privleak_lo"] < metrics["privleak"] < metrics["privleak_hi"] < 0
    # Against itself every draw gives 0: the same documents are drawn for both models.
    itself = muse.muse_metrics(theirs, theirs)
    assert itself["privleak"] == itself["privleak_lo"] == itself["privleak_hi"] == 0
    # A number is taken as exact; its own uncertainty is then not in the interval.
    assert (
        muse.muse_metrics(theirs, retrain_auc)["privleak_lo"]
        < 0
        < muse.muse_metrics(theirs, retrain_auc)["privleak_hi"]
    )


def test_runs_on_other_documents_are_not_compared():
    ours, theirs = documents([1.0, 2.0], [0.0]), documents([1.0, 2.0], [0.0])
    theirs[0]["item"] = "another"
    message = "privleak_forget: this run scored 2 documents and the retain model 2, 1 of them the same"
    with pytest.raises(KitError, match=message):
        muse.muse_metrics(ours, theirs)
    with pytest.raises(KitError, match="the retain model's run has no samples of the set privleak_holdout"):
        muse.muse_metrics(ours, [one for one in theirs if one["set"] == "privleak_forget"])


def test_unknown_sets_and_impossible_scores_are_refused():
    with pytest.raises(KitError, match="unknown set 'verbmem_forgt'; did you mean 'verbmem_forget'"):
        muse.muse_metrics(rouge("verbmem_forgt", 0.5))
    with pytest.raises(KitError, match="verbmem_forget, item 1: rouge_l_f1 7 is not between 0 and 1"):
        muse.muse_metrics(rouge("verbmem_forget", 0.5, 7))


def test_the_interval_of_a_mean_is_that_of_a_plain_bootstrap():
    stream = random.Random(2)
    values = [stream.random() for _ in range(100)]
    drawn = numpy.random.default_rng(5).choice(values, size=(20_000, 100)).mean(axis=1)
    low, high = muse.mean_interval(values)
    assert (low, high) == muse.mean_interval(values)  # seeded
    assert low == pytest.approx(numpy.quantile(drawn, 0.025), abs=0.004)
    assert high == pytest.approx(numpy.quantile(drawn, 0.975), abs=0.004)
    assert muse.mean_interval([3.0]) == muse.mean_interval([3.0, 3.0]) == (3.0, 3.0)


def test_the_interval_of_privleak_is_that_of_drawn_documents():
    """The counts of a draw weigh the pairs; here every draw is a list of documents and every AUC is computed anew."""
    stream = random.Random(3)
    forget, holdout, forget_2, holdout_2 = ([stream.gauss(at, 1) for _ in range(25)] for at in (0.6, 0.0, 0.1, 0.0))
    leaks = []
    for _ in range(1500):
        left, right = (stream.choices(range(25), k=25) for _ in range(2))
        aucs = [
            muse.auc([one[i] for i in left], [other[i] for i in right])
            for one, other in ((forget, holdout), (forget_2, holdout_2))
        ]
        leaks.append(muse.privleak(*aucs))
    metrics = muse.muse_metrics(documents(forget, holdout), documents(forget_2, holdout_2))
    assert metrics["privleak_lo"] == pytest.approx(numpy.quantile(leaks, 0.025), abs=8)
    assert metrics["privleak_hi"] == pytest.approx(numpy.quantile(leaks, 0.975), abs=8)
    assert metrics["privleak_hi"] - metrics["privleak_lo"] > 30


def test_marks_are_the_papers_on_every_row_of_the_paper():
    rows = {
        row["method"]: {key: float(row[key]) for key in muse.METRICS if key in row}
        for row in published("flat_table5.csv")
    }
    printed = published("flat_table5_marks.csv")
    assert len(printed) == 3 * (len(rows) - 2)  # neither the original nor the retain model is marked
    for mark in printed:
        row = rows[mark["method"]]
        assert row[mark["metric"]] == float(mark["value"])
        assert muse.marks(row, rows["retain"])[mark["metric"]] == (mark["mark"] == "satisfied"), mark


def test_rows_that_table_5_copied_are_muses():
    """Also the other way round: a row that is called another than MUSE's differs from it."""
    muses = {row["method"]: row for row in published("muse_table3.csv") if row["corpus"] == "news"}
    for row in published("flat_table5.csv"):
        if row["method"] in muses:
            same = all(float(row[key]) == float(muses[row["method"]][key]) for key in muse.METRICS if key in row)
            assert same != row["suspect"].startswith("not the row"), row["method"]
