"""The metrics of the tables: one entry each, with title, unit, direction, range, ideal and source.
What a reader needs to judge a number; notebooks show it. The numbers come from `tofu`, `samples` and `clustered`.
A key says set and metric (`forget_rouge_l_recall`); without a set it belongs to the whole run."""

from dataclasses import dataclass
from typing import Literal

RETAIN_MODEL = "retain model"
TOFU = "TOFU, arXiv 2401.06121"
FLAT = "FLAT, arXiv 2410.11143"


@dataclass(frozen=True)
class Metric:
    """What a reader needs to judge one number.

    direction: 'up' and 'down' (better), or 'near': as close as possible to `ideal`.
    low, high: the values it can take. ideal: a number, or "retain model" where that model's own value is it.
    """

    key: str
    title: str
    unit: str
    direction: Literal["up", "down", "near"]
    low: float
    high: float
    ideal: float | str
    description: str
    source: str


def _share(
    key: str, title: str, unit: str, direction: str, ideal: float | str, description: str, source: str = TOFU
) -> Metric:
    """A metric between 0 and 1."""
    return Metric(key, title, unit, direction, 0.0, 1.0, ideal, description, source)


def _of_utility_set(name: str, title: str) -> list[Metric]:
    """The metrics of one of the three sets that model utility is made of."""
    options = "" if name == "retain" else ", as a share of all answer options"
    ratio = "mean of max(0, 1 - R)"
    return [
        _share(f"{name}_rouge_l_recall", f"{title} ROUGE-L", "recall", "up", 1.0,
               "ROUGE-L of the generations"),
        _share(f"{name}_probability", f"{title} probability", "probability", "up", 1.0,
               f"length-normalised probability of the answer{options}"),
        _share(f"{name}_truth_ratio", f"{title} truth ratio", "score", "up", 1.0,
               f"{ratio}, geometric mean of the wrong answers"),
        _share(f"{name}_truth_ratio_arithmetic", f"{title} truth ratio (arithmetic)", "score", "up", 1.0,
               f"{ratio}, arithmetic mean of the wrong answers"),
    ]  # fmt: skip


_ALL = [
    _share("forget_quality_p", "forget quality (p)", "p-value", "up", 1.0,
           "KS test of the forget set's truth ratios, this model against the retain model"),
    _share("forget_quality_d", "forget quality (D)", "distance", "down", 0.0,
           "KS distance behind the p-value, k / lcm(n, m)"),
    _share("forget_quality_clustered_p", "forget quality by author (p)", "p-value", "up", 1.0,
           "the same distance, permutation test that keeps the questions of an author together", "ours"),
    _share("model_utility_geometric", "model utility (geometric)", "harmonic mean", "up", 1.0,
           "nine parts, truth ratio by the geometric mean", f"{TOFU}, released aggregation; {FLAT}, Table 4"),
    _share("model_utility_arithmetic", "model utility (arithmetic)", "harmonic mean", "up", 1.0,
           "nine parts, truth ratio by the arithmetic mean", f"{TOFU}, formula in the paper"),
    _share("model_utility_smallest_part_value", "smallest part of model utility", "score", "up", 1.0,
           "smallest of the nine parts, truth ratio by the geometric mean", "ours"),
    _share("forget_rouge_l_recall", "forget ROUGE-L", "recall", "near", RETAIN_MODEL,
           "ROUGE-L of the generations; zero is not the aim"),
    _share("forget_rouge_l_gap", "forget ROUGE-L gap", "recall", "down", 0.0,
           "distance of forget ROUGE-L to the retain model's", f"ours, after the note on Table 4 of {FLAT}"),
    _share("forget_probability", "forget probability", "probability", "near", RETAIN_MODEL,
           "length-normalised probability of the forget response"),
    _share("forget_truth_ratio", "forget truth ratio", "score", "near", RETAIN_MODEL,
           "mean of min(R, 1/R), geometric mean of the wrong answers"),
    _share("forget_truth_ratio_arithmetic", "forget truth ratio (arithmetic)", "score", "near", RETAIN_MODEL,
           "mean of min(R, 1/R), arithmetic mean of the wrong answers"),
    *_of_utility_set("retain", "retain set"),
    _share("retain_touched_rouge_l_recall", "retain set ROUGE-L, touched authors", "recall", "up", 1.0,
           "ROUGE-L of the generations, authors whose data training may use", "ours"),
    _share("retain_untouched_rouge_l_recall", "retain set ROUGE-L, untouched authors", "recall", "up", 1.0,
           "ROUGE-L of the generations, authors whose data training never uses", "ours"),
    *_of_utility_set("real_authors", "real authors"),
    *_of_utility_set("world_facts", "world facts"),
]  # fmt: skip

METRICS: dict[str, Metric] = {metric.key: metric for metric in _ALL}
