"""The kit's metrics as `evaluate.Metric`s, for use the way any metric of that library is used.
Works offline: nothing is loaded from a hub; predictions are buffered under HF_HOME, or under `cache_dir`.
The numbers are those of `unlearnkit.metrics.tofu`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unlearnkit.errors import KitError, nearest
from unlearnkit.metrics import tofu

if TYPE_CHECKING:
    import evaluate


@dataclass(frozen=True)
class _Spec:
    """predictions, references: dtype of one item, in a list where an item has several values."""

    predictions: str | list[str]
    references: str
    inputs: str
    compute: Callable[..., dict[str, float]]


def _rouge_l_recall(predictions: list[str], references: list[str]) -> dict[str, float]:
    pairs = zip(references, predictions, strict=True)
    return {"rouge_l_recall": tofu.mean_of(tofu.rouge_l_recall(*pair) for pair in pairs)}


def _probability(predictions: list[float], references: list[int]) -> dict[str, float]:
    pairs = zip(predictions, references, strict=True)
    return {"probability": tofu.mean_of(tofu.probability(*pair) for pair in pairs)}


def _truth_ratio(mean: str, predictions: list, references: list, set_kind: str | None) -> dict[str, float]:
    pairs = zip(references, predictions, strict=True)
    ratios = [tofu.truth_ratio(right, wrongs, mean=mean) for right, wrongs in pairs]
    return {f"truth_ratio_{mean}": tofu.truth_ratio_score(ratios, set_kind)}


def _truth_ratio_geometric(predictions: list, references: list, set_kind: str | None = None) -> dict[str, float]:
    return _truth_ratio("geometric", predictions, references, set_kind)


def _truth_ratio_arithmetic(predictions: list, references: list, set_kind: str | None = None) -> dict[str, float]:
    return _truth_ratio("arithmetic", predictions, references, set_kind)


def _forget_quality(predictions: list[float], references: list[float]) -> dict[str, float]:
    quality = tofu.forget_quality(predictions, references)
    return {"forget_quality_p": quality.p, "forget_quality_d": quality.d}


_LOSSES = (
    "predictions: a list per item, mean NLL per token of each wrong answer; references: the right answer's; "
    "set_kind: forget, retain, real_authors or world_facts"
)
_SPECS = {
    "rouge_l_recall": _Spec(
        "string", "string", "predictions: generations; references: reference answers", _rouge_l_recall
    ),
    "probability": _Spec(
        "float64",
        "int64",
        "predictions: sum of an answer's log-probabilities; references: its number of tokens",
        _probability,
    ),
    "truth_ratio_geometric": _Spec(["float64"], "float64", _LOSSES, _truth_ratio_geometric),
    "truth_ratio_arithmetic": _Spec(["float64"], "float64", _LOSSES, _truth_ratio_arithmetic),
    "forget_quality": _Spec(
        "float64",
        "float64",
        "predictions: truth ratios of the unlearned model; references: the retain model's, same questions",
        _forget_quality,
    ),
}


def as_evaluate_metric(name: str, cache_dir: str | None = None) -> "evaluate.Metric":
    """The metric `name` as an `evaluate.Metric` whose `compute` returns the mean over the items.

    cache_dir: where evaluate buffers what it is given; None: its own choice below HF_HOME.
    The truth ratios take `set_kind` in `compute` as well. Raises KitError for an unknown name.
    """
    if name not in _SPECS:
        raise KitError(f"evaluate metric: unknown name {name!r}{nearest(name, _SPECS)}")
    import datasets
    import evaluate

    spec = _SPECS[name]

    def feature(dtype: str | list[str]):
        return [datasets.Value(dtype[0])] if isinstance(dtype, list) else datasets.Value(dtype)

    class KitMetric(evaluate.Metric):
        def _info(self) -> evaluate.MetricInfo:
            return evaluate.MetricInfo(
                description=f"unlearnkit: {name}",
                citation=tofu.__doc__.splitlines()[-1],
                inputs_description=spec.inputs,
                features=datasets.Features(
                    {"predictions": feature(spec.predictions), "references": feature(spec.references)}
                ),
            )

        def _compute(self, *, predictions, references, **options) -> dict[str, float]:
            return spec.compute(predictions, references, **options)

    KitMetric.__name__ = name  # evaluate names the metric and its cache folder after the class
    return KitMetric(cache_dir=cache_dir)
