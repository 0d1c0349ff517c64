"""TOFU's metrics against hand-computed values, the KS grid, scipy and the numbers FLAT prints."""

import csv
import math
from pathlib import Path

import pytest

from unlearnkit.errors import KitError
from unlearnkit.metrics import tofu

PUBLISHED = Path(__file__).parents[1] / "results" / "published"


def published(name: str) -> list[dict[str, str]]:
    with (PUBLISHED / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# numbers


def test_rouge_l_recall_is_of_the_reference_and_stems():
    assert tofu.rouge_l_recall("the cat sat down", "the cat sat") == 0.75
    assert tofu.rouge_l_recall("the cat sat", "the cat sat down") == 1.0
    assert tofu.rouge_l_recall("two cats", "two cat") == 1.0
    assert tofu.rouge_l_recall("one two three", "") == 0.0


def test_probabilities():
    assert tofu.probability(-2.0, 4) == pytest.approx(math.exp(-0.5))
    assert tofu.normalised_probability(0.5, [0.25, 0.125, 0.125]) == 0.5
    with pytest.raises(KitError, match="0 tokens"):
        tofu.probability(0.0, 0)
    with pytest.raises(KitError, match="every option has probability 0"):
        tofu.normalised_probability(0.0, [0.0, 0.0])


def test_truth_ratio_by_both_means():
    # right 1/2, wrong 1/4 and 1/8: arithmetic (3/16) / (1/2), geometric sqrt(1/32) / (1/2)
    wrongs = [math.log(4), math.log(8)]
    assert tofu.truth_ratio(math.log(2), wrongs, mean="arithmetic") == pytest.approx(0.375)
    assert tofu.truth_ratio(math.log(2), wrongs, mean="geometric") == pytest.approx(2 / math.sqrt(32))


def test_truth_ratio_survives_a_collapsed_model():
    assert tofu.truth_ratio(2000.0, [2000.0 - math.log(2)], mean="arithmetic") == pytest.approx(2.0)
    ratio = tofu.truth_ratio(2000.0, [1.0], mean="geometric")
    assert ratio == math.inf
    assert tofu.truth_ratio_score([ratio], "forget") == tofu.truth_ratio_score([ratio], "retain") == 0.0


def test_truth_ratio_wants_its_mean_named():
    with pytest.raises(TypeError):
        tofu.truth_ratio(1.0, [2.0])
    with pytest.raises(KitError, match="did you mean 'geometric'"):
        tofu.truth_ratio(1.0, [2.0], mean="geometrical")
    with pytest.raises(KitError, match="choose from: geometric, arithmetic"):
        tofu.truth_ratio(1.0, [2.0], mean="median")


def test_truth_ratio_score_by_set():
    assert tofu.truth_ratio_score([0.5, 2.0, 1.0], "forget") == pytest.approx(2 / 3)
    assert tofu.truth_ratio_score([0.5, 2.0, 1.0], "world_facts") == pytest.approx(0.5 / 3)
    with pytest.raises(KitError, match="did you mean 'forget'"):
        tofu.truth_ratio_score([0.5], "forge")


def test_model_utility_is_the_harmonic_mean_of_nine_parts():
    parts = dict.fromkeys(tofu.UTILITY_PARTS, 0.5) | {"world_facts_probability": 0.25}
    assert len(parts) == 9
    assert tofu.model_utility(parts) == pytest.approx(9 / (8 * 2 + 4))
    assert tofu.smallest_part(parts) == ("world_facts_probability", 0.25)
    assert tofu.model_utility(parts | {"retain_truth_ratio": 0.0}) == 0.0
    with pytest.raises(KitError, match="'forget_probability' is not one of its parts"):
        tofu.model_utility(parts | {"forget_probability": 0.5})
    del parts["retain_rouge_l_recall"]
    with pytest.raises(KitError, match="'retain_rouge_l_recall' is missing"):
        tofu.model_utility(parts)


# forget quality


def test_forget_quality_by_hand():
    # 3 against 3 fully apart: two of the 20 orders of six values
    quality = tofu.forget_quality([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])
    assert (quality.p, quality.k, quality.lcm, quality.n, quality.m) == (0.1, 3, 3, 3, 3)
    assert (quality.d, quality.method) == (1.0, "exact")
    # 2 against 3 with a tie at 2: after it 2/2 and 1/3 are seen, D = 4/6
    quality = tofu.forget_quality([1.0, 2.0], [2.0, 3.0, 4.0])
    assert (quality.k, quality.lcm) == (4, 6)
    same = tofu.forget_quality([1.0, 2.0, 3.0], [3.0, 1.0, 2.0])
    assert (same.p, same.k) == (1.0, 0)


def test_forget_quality_does_not_mind_the_direction_of_the_ratio():
    ours, theirs = [0.2, 0.9, 1.3, 2.1], [0.4, 0.5, 1.5, 1.1, 3.0]
    turned = tofu.forget_quality([1 / r for r in ours], [1 / r for r in theirs])
    assert turned == tofu.forget_quality(ours, theirs)


def test_forget_quality_refuses_nothing_and_nan():
    with pytest.raises(KitError, match="0 truth ratios against 1"):
        tofu.forget_quality([], [1.0])
    with pytest.raises(KitError, match="not a number"):
        tofu.forget_quality([math.nan], [1.0])


@pytest.mark.parametrize(
    ("k", "n", "m", "p"),
    [
        (2, 40, 40, 1.0),
        (8, 40, 40, 0.404587),
        (12, 40, 40, 0.0541411),
        (13, 40, 40, 0.0286031),
        (15, 40, 40, 0.00676073),
        (17, 40, 40, 0.00127081),
        (27, 200, 200, 0.05214),
        (119, 300, 300, 1.8341e-21),
        (200, 200, 200, 1.94e-119),
        (400, 400, 400, 1.06e-239),
    ],
)
def test_ks_grid(k, n, m, p):
    assert tofu.ks_exact_p(k, n, m) == pytest.approx(p, rel=3e-3 if p < 1e-100 else 5e-5)


@pytest.mark.parametrize(("n", "m"), [(40, 40), (40, 300), (37, 40), (300, 300)])
def test_forget_quality_agrees_with_scipy(n, m):
    from scipy.stats import ks_2samp

    ours = [math.sin(7 * i) + 0.3 for i in range(n)]
    theirs = [math.sin(5 * j + 1) for j in range(m)]
    quality = tofu.forget_quality(ours, theirs)
    expected = ks_2samp(ours, theirs, method="exact")
    assert quality.d == pytest.approx(expected.statistic, abs=1e-12)
    assert quality.p == pytest.approx(expected.pvalue, rel=1e-7)


@pytest.mark.parametrize(("n", "m", "method"), [(1100, 1000, "exact"), (10_001, 100, "asymp")])
def test_forget_quality_of_large_runs_names_scipys_method(n, m, method):
    from scipy.stats import ks_2samp

    ours, theirs = [i / n for i in range(n)], [(j / m) ** 1.1 for j in range(m)]
    quality = tofu.forget_quality(ours, theirs)
    assert quality.method == method
    assert quality.p == pytest.approx(ks_2samp(ours, theirs, method=method).pvalue)


# the numbers FLAT prints


def test_printed_original_model_is_40_questions_against_300():
    # whole steps of 1/600: 17 of 40 and 2 of 300 lie lowest (251), the rest alternates closely enough
    order = "b" * 2 + "a" * 17 + "b" * 125 + "a" * 12 + "b" * 173 + "a" * 11
    places = {run: [place for place, letter in enumerate(order) if letter == run] for run in "ab"}
    quality = tofu.forget_quality(places["a"], places["b"])
    assert (quality.n, quality.m, quality.k, quality.lcm) == (40, 300, 251, 600)
    assert f"{quality.p:.4e}" == "4.4883e-06"
    printed = published("flat_table4.csv")[0]
    assert (printed["base_model"], printed["method"]) == ("Llama2-7B", "original")
    assert printed["forget_quality_p"] == "4.4883e-06"


def test_printed_forget_quality_lies_on_the_40_by_40_grid_but_for_two_suspects():
    grid = {round(tofu.ks_exact_p(k, 40, 40), 4) for k in range(41)}
    rows = published("flat_table4.csv")
    assert len(rows) == 42
    off = [row for row in rows if float(row["forget_quality_p"]) not in grid]
    assert [(row["base_model"], row["method"]) for row in off] == [
        ("Llama2-7B", "original"),
        ("Phi-1.5B", "dpo"),
    ]
    assert all("off the 40 vs 40 grid" in row["suspect"] for row in off)


def test_ks_level_finds_every_k_that_prints_alone():
    for n in (7, 40):
        printed = [round(tofu.ks_exact_p(k, n, n), 4) for k in range(n + 1)]
        assert any(printed.count(p) == 1 for p in printed)
        for k, p in enumerate(printed):
            assert tofu.ks_level(p, n) == (k if printed.count(p) == 1 else None)
    assert tofu.ks_level(tofu.ks_exact_p(33, 40, 40), 40) == 33  # all digits, however small
    assert tofu.ks_level(1.27e-03, 40) == 17
    assert tofu.ks_level(0.097, 40) is None  # k = 11 prints 0.0971
    assert tofu.ks_level(1.94e-119, 200) == 200
    assert tofu.ks_level(0.0521, 200) == 27
    assert tofu.ks_level(0.0, 40) is tofu.ks_level(1.0, 40) is tofu.ks_level(0.5, 40) is None


def test_questions_between_printed_p_values():
    printed = {(row["base_model"], row["method"]): row["forget_quality_p"] for row in published("flat_table4.csv")}

    def apart(base_model, method, other):
        return tofu.questions_apart(*(float(printed[base_model, name]) for name in (method, other)), 40)

    assert apart("Llama2-7B", "flat_tv", "flat_js") == 0
    assert apart("Llama2-7B", "flat_tv", "flat_kl") == apart("Llama2-7B", "flat_kl", "flat_tv") == 1
    assert apart("Llama2-7B", "dpo", "npo") == 3
    assert apart("OPT-2.7B", "ga", "original") == 8
    assert printed["Llama2-7B", "original"] == "4.4883e-06" and apart("Llama2-7B", "original", "ga") is None
    assert printed["Phi-1.5B", "dpo"] == "0.0521" and apart("Phi-1.5B", "po", "dpo") is None
    assert apart("Phi-1.5B", "retain", "po") is None  # 1.0000 is k = 0, 1 and 2 alike
    without = [name for name, p in printed.items() if tofu.ks_level(float(p), 40) is None]
    assert [method for _, method in without] == ["original", "retain", "retain", "dpo", "retain"]


def test_printed_marks_repeat_printed_numbers():
    cells = {(row["base_model"], row["method"]): row for row in published("flat_table4.csv")}
    marks = published("flat_table4_marks.csv")
    assert len(marks) == 26
    for mark in marks:
        assert cells[mark["base_model"], mark["method"]][mark["metric"]] == mark["value"]
