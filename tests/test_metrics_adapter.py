"""The kit's metrics used through the evaluate library, offline."""

import math

import pytest

from unlearnkit.errors import KitError
from unlearnkit.metrics.adapter import as_evaluate_metric


@pytest.fixture
def cache(tmp_path, monkeypatch) -> str:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    return str(tmp_path)


def test_each_metric_computes_the_mean_over_its_items(cache):
    rouge = as_evaluate_metric("rouge_l_recall", cache)
    generations, answers = ["the cat sat", "no"], ["the cat sat down", "yes"]
    assert rouge.compute(predictions=generations, references=answers) == {"rouge_l_recall": 0.375}
    probability = as_evaluate_metric("probability", cache)
    result = probability.compute(predictions=[-2.0, 0.0], references=[2, 5])
    assert result["probability"] == pytest.approx((math.exp(-1) + 1) / 2)
    quality = as_evaluate_metric("forget_quality", cache)
    result = quality.compute(predictions=[1.0, 2.0, 3.0], references=[4.0, 5.0, 6.0])
    assert result == {"forget_quality_p": 0.1, "forget_quality_d": 1.0}


def test_truth_ratios_combine_the_usual_way(cache):
    import evaluate

    both = evaluate.combine([as_evaluate_metric(f"truth_ratio_{mean}", cache) for mean in ("geometric", "arithmetic")])
    # right 1/2, wrong 1/4 and 1/8, as in test_metrics
    result = both.compute(predictions=[[math.log(4), math.log(8)]], references=[math.log(2)], set_kind="forget")
    assert result == pytest.approx({"truth_ratio_geometric": 2 / math.sqrt(32), "truth_ratio_arithmetic": 0.375})


def test_added_in_batches(cache):
    rouge = as_evaluate_metric("rouge_l_recall", cache)
    rouge.add(prediction="the cat sat", reference="the cat sat down")
    rouge.add_batch(predictions=["yes"], references=["yes"])
    assert rouge.compute() == {"rouge_l_recall": 0.875}


def test_mistakes_name_the_choices(cache):
    with pytest.raises(KitError, match="did you mean 'rouge_l_recall'"):
        as_evaluate_metric("rouge_l")
    with pytest.raises(KitError, match="choose from: forget, retain, real_authors, world_facts"):
        as_evaluate_metric("truth_ratio_geometric", cache).compute(predictions=[[1.0]], references=[1.0])
