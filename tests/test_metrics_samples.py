"""From samples to metrics, by hand: right answers by set, model utility, forget quality, what is refused."""

import math

import pytest

from unlearnkit.errors import KitError
from unlearnkit.metrics import METRICS, clustered, tofu
from unlearnkit.metrics.samples import item_id, retain_by_group, set_metrics, tofu_metrics


def answer(role: str, probability: float, n_tokens: int = 2) -> dict:
    """An answer whose length-normalised probability is `probability`."""
    return {
        "role": role,
        "logp": n_tokens * math.log(probability),
        "n_tokens": n_tokens,
        "mean_prob": probability,
    }


def sample(set_name: str, question: str, rouge: float, paraphrased: float | None, right: float, *wrongs: float):
    answers = [answer("answer", right), *(answer("perturbed", wrong, 3) for wrong in wrongs)]
    if paraphrased is not None:
        answers.append(answer("paraphrased", paraphrased))
    return {"set": set_name, "item": item_id(question), "rouge_l_recall": rouge, "answers": answers}


def run(forget_paraphrase: float, questions: str = "ab") -> list[dict]:
    """A whole run: two forget questions, one item in each other set."""
    return [
        *(sample("forget", q, 0.5, forget_paraphrase, 0.6, 0.25, 0.25) for q in questions),
        sample("retain", "r", 0.9, 0.5, 0.8, 0.2, 0.05),
        sample("real_authors", "p", 0.8, None, 0.5, 0.2, 0.2, 0.1),
        sample("world_facts", "w", 0.7, None, 0.4, 0.2, 0.3, 0.1),
    ]


def test_item_id_is_the_head_of_the_questions_sha256():
    assert item_id("") == "e3b0c44298fc1c14"
    assert item_id("Who?") != item_id("who?")


def test_set_metrics_take_the_paraphrase_on_the_forget_and_retain_sets():
    metrics = set_metrics([sample("forget", "q", 0.5, 0.5, 0.9, 0.25, 1.0)], "forget", "geometric")
    assert metrics == pytest.approx(
        {"forget_rouge_l_recall": 0.5, "forget_probability": 0.9, "forget_truth_ratio": 1.0}
    )
    metrics = set_metrics([sample("retain", "q", 0.5, 0.5, 0.9, 0.2, 0.1)], "retain", "arithmetic")
    assert metrics["retain_truth_ratio"] == pytest.approx(1 - 0.15 / 0.5)


def test_set_metrics_take_the_answer_and_its_share_elsewhere():
    metrics = set_metrics([sample("world_facts", "w", 1.0, None, 0.5, 0.25, 0.25, 0.25)], "world_facts", "geometric")
    assert metrics["world_facts_probability"] == pytest.approx(0.5 / 1.25)
    assert metrics["world_facts_truth_ratio"] == pytest.approx(0.5)
    twice = sample("world_facts", "w", 1.0, 0.4, 0.5, 0.25, 0.25, 0.25)  # the answer scored again, as in the logs
    metrics = set_metrics([twice], "world_facts", "geometric")
    assert metrics["world_facts_probability"] == pytest.approx(0.5 / 1.25)
    assert metrics["world_facts_truth_ratio"] == pytest.approx(1 - 0.25 / 0.4)


def test_share_of_options_survives_a_collapsed_model():
    item = sample("world_facts", "w", 0.0, None, 0.5, 0.5)
    for one in item["answers"]:
        one["logp"] = -2000.0 * one["n_tokens"]
    assert set_metrics([item], "world_facts", "geometric")["world_facts_probability"] == 0.5


def test_set_metrics_name_set_and_item_of_a_gap():
    item = item_id("q")
    with pytest.raises(KitError, match=rf"forget set, item {item}: no right answer \(role 'paraphrased'\)"):
        set_metrics([sample("forget", "q", 0.5, None, 0.9, 0.25)], "forget", "geometric")
    with pytest.raises(KitError, match=f"retain set, item {item}: no wrong answer"):
        set_metrics([sample("retain", "q", 0.5, 0.5, 0.9)], "retain", "geometric")
    broken = sample("retain", "q", 0.5, 0.5, 0.9, 0.1)
    broken["answers"][0]["logp"] = math.nan
    with pytest.raises(KitError, match=f"retain set, item {item}: 'answer' answer: logp nan"):
        set_metrics([broken], "retain", "geometric")
    broken = sample("retain", "q", math.nan, 0.5, 0.9, 0.1)
    with pytest.raises(KitError, match=f"retain set, item {item}: rouge_l_recall nan"):
        set_metrics([broken], "retain", "geometric")
    with pytest.raises(KitError, match="the retain set has no item"):
        set_metrics([], "retain", "geometric")


def test_tofu_metrics_of_a_whole_run():
    metrics = tofu_metrics(run(0.5))
    parts = {
        "retain_rouge_l_recall": 0.9,
        "retain_probability": 0.8,
        "retain_truth_ratio": 1 - math.sqrt(0.2 * 0.05) / 0.5,
        "real_authors_rouge_l_recall": 0.8,
        "real_authors_probability": 0.5,
        "real_authors_truth_ratio": 1 - 0.004 ** (1 / 3) / 0.5,
        "world_facts_rouge_l_recall": 0.7,
        "world_facts_probability": 0.4,
        "world_facts_truth_ratio": 1 - 0.006 ** (1 / 3) / 0.4,
    }
    assert {part: metrics[part] for part in parts} == pytest.approx(parts)
    assert metrics["model_utility_geometric"] == pytest.approx(9 / sum(1 / value for value in parts.values()))
    assert metrics["retain_truth_ratio_arithmetic"] == pytest.approx(1 - 0.125 / 0.5)
    assert metrics["model_utility_arithmetic"] < metrics["model_utility_geometric"]
    assert metrics["model_utility_smallest_part"] == "world_facts_probability"
    assert metrics["model_utility_smallest_part_value"] == pytest.approx(0.4)
    assert metrics["forget_truth_ratio"] == pytest.approx(0.5)
    assert "forget_quality_p" not in metrics and "forget_rouge_l_gap" not in metrics


def test_tofu_metrics_against_the_retain_model():
    retain = run(0.25, "ba")
    for one in retain[:2]:
        one["rouge_l_recall"] = 0.75
    metrics = tofu_metrics(run(0.5), retain)
    assert metrics["forget_quality_p"] == pytest.approx(1 / 3)
    assert [metrics[f"forget_quality_{key}"] for key in ("d", "k", "lcm", "n", "m")] == [1.0, 2, 2, 2, 2]
    assert metrics["forget_rouge_l_gap"] == pytest.approx(0.25)
    itself = tofu_metrics(run(0.5), run(0.5))
    assert (itself["forget_quality_p"], itself["forget_rouge_l_gap"]) == (1.0, 0.0)


def test_tofu_metrics_refuse_other_questions():
    with pytest.raises(KitError, match="share 0 of 2 forget questions: forget quality compares"):
        tofu_metrics(run(0.5), run(0.5, "cd"))
    with pytest.raises(KitError, match="share 1 of 2 and 3 forget questions"):
        tofu_metrics(run(0.5), run(0.5, "bcd"))
    with pytest.raises(KitError, match="the retain model's run has no samples of the forget set"):
        tofu_metrics(run(0.5), run(0.5)[2:])


def test_tofu_metrics_of_a_part_of_the_sets():
    metrics = tofu_metrics(run(0.5)[:3])
    assert set(metrics) == {
        f"{name}_{metric}"
        for name in ("forget", "retain")
        for metric in ("rouge_l_recall", "probability", "truth_ratio", "truth_ratio_arithmetic")
    }
    with pytest.raises(KitError, match="unknown set 'real_author'; did you mean 'real_authors'"):
        tofu_metrics([run(0.5)[0] | {"set": "real_author"}])


def test_retain_rouge_l_apart_for_touched_and_untouched_authors():
    samples = [*run(0.5), sample("retain", "s", 0.4, 0.5, 0.8, 0.2), sample("retain", "t", 0.2, 0.5, 0.8, 0.2)]
    author_of = {item_id(question): author for question, author in zip("rstab", (6, 7, 9, 6, 7), strict=True)}
    assert retain_by_group(samples, author_of, {6, 8}) == pytest.approx(
        {"retain_touched_rouge_l_recall": 0.9, "retain_untouched_rouge_l_recall": 0.3}
    )
    with pytest.raises(KitError, match="no question of an author that training never touches"):
        retain_by_group(samples, author_of, {6, 7, 9})
    with pytest.raises(KitError, match="no question of an author that training may touch"):
        retain_by_group(samples, author_of, {8})
    del author_of[item_id("t")]
    with pytest.raises(KitError, match=f"retain set, item {item_id('t')}: no author is known"):
        retain_by_group(samples, author_of, {6, 8})


def test_every_metric_is_described_and_within_its_range():
    samples = [*run(0.5), sample("retain", "s", 0.4, 0.5, 0.8, 0.2)]
    computed = tofu_metrics(samples, run(0.25)) | retain_by_group(samples, {item_id("r"): 0, item_id("s"): 1}, {0})
    computed["forget_quality_clustered_p"] = clustered.forget_quality([1.0, 2.0], [2.0, 3.0], [0, 1]).p
    assert set(METRICS) <= set(computed)
    assert set(tofu.UTILITY_PARTS) <= set(METRICS)
    for key, metric in METRICS.items():
        assert metric.key == key and metric.low <= computed[key] <= metric.high
    assert METRICS["forget_rouge_l_recall"].direction == "near"
    assert METRICS["forget_rouge_l_recall"].ideal == "retain model"
