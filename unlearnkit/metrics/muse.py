"""MUSE's metrics as pure functions of samples: VerbMem, KnowMem, PrivLeak, their intervals and FLAT's criteria marks.

Samples are dictionaries as `unlearnkit.evaluation_text` makes them; reading them needs no model:
  set verbmem_forget, knowmem_forget, knowmem_retain: `item`, `reference`, `generation`, `rouge_l_f1` (0 to 1)
  set privleak_forget, privleak_holdout: `item`, `n_tokens`, `min_40_logp` (nats, see `min_k`)
Source: MUSE (arXiv 2407.06460) and its evaluation (jaechan-repo/muse_bench 54719c5, swj0419/muse_bench fcd6651).
"""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from unlearnkit.errors import KitError, nearest
from unlearnkit.metrics import RETAIN_MODEL, Metric
from unlearnkit.metrics.tofu import mean_of

if TYPE_CHECKING:
    import numpy

MUSE = "MUSE, arXiv 2407.06460"
ROUGE_SETS = ("verbmem_forget", "knowmem_forget", "knowmem_retain")
DOCUMENT_SETS = ("privleak_forget", "privleak_holdout")
LOWEST = 0.4  # of a document's tokens, MUSE's Min-40%
RESAMPLES = 9_999
SEED = 0

# The AUC of MUSE's own retrained models: constants.py of swj0419/muse_bench (fcd6651), key forget_holdout_Min-40%.
# They belong to Llama-2-7B (News) and ICLM-7B (Books) on MUSE's documents, and to nothing else.
AUC_RETRAIN = {"news": 0.4772, "books": 0.5393}

METRICS: dict[str, Metric] = {
    metric.key: metric
    for metric in (
        Metric("verbmem_forget", "VerbMem, forget", "ROUGE-L F1 x 100", "down", 0.0, 100.0, RETAIN_MODEL,
               "greedy continuations of forget documents against what follows", MUSE),
        Metric("knowmem_forget", "KnowMem, forget", "ROUGE-L F1 x 100", "down", 0.0, 100.0, RETAIN_MODEL,
               "answers to questions about forget documents, few-shot", MUSE),
        Metric("knowmem_retain", "KnowMem, retain", "ROUGE-L F1 x 100", "up", 0.0, 100.0, RETAIN_MODEL,
               "answers to questions about retain documents, few-shot", MUSE),
        Metric("privleak", "PrivLeak", "%", "near", -100.0, math.inf, 0.0,
               "AUC of forget against holdout documents, relative to the retain model's", MUSE),
        Metric("privleak_auc", "AUC", "probability", "near", 0.0, 1.0, RETAIN_MODEL,
               "probability that a holdout document looks more like training data than a forget document", MUSE),
    )
}  # fmt: skip


@lru_cache(maxsize=1)
def _scorer():
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], use_stemmer=False)


def rouge_l_f1(reference: str, generation: str) -> float:
    """F1 of the longest common subsequence of words, not stemmed; 0 to 1. TOFU takes its recall, with a stemmer."""
    return _scorer().score(reference, generation)["rougeL"].fmeasure


def min_k(logps: Sequence[float], share: float = LOWEST) -> float:
    """Mean of the lowest int(share * n) of a document's n token log-probabilities (nats).

    The higher, the more the document looks like training data. The release stores its negative.
    KitError: no token is left, or one is not a number.
    """
    count = int(len(logps) * share)
    if not count:
        raise KitError(f"Min-K: {len(logps)} tokens have no lowest {share:.0%}; the document is too short")
    if any(math.isnan(value) for value in logps):
        raise KitError("Min-K: a log-probability is not a number")
    return mean_of(sorted(logps)[:count])


def auc(forget: Sequence[float], holdout: Sequence[float]) -> float:
    """P(holdout > forget) + P(equal) / 2 over all pairs of scores as of `min_k`: the benchmark's orientation.

    Its code calls the holdout documents the members, so that this is 1 minus the usual AUC: near 0 where the forget
    documents are known by heart, near 0.5 for a model that never saw either. KitError: a set is empty.
    """
    return float(_wins(forget, holdout).mean())


def _wins(forget: Sequence[float], holdout: Sequence[float]) -> "numpy.ndarray":
    """(forget, holdout): 1 where the holdout document has the higher score, one half where both have the same."""
    import numpy

    if not len(forget) or not len(holdout):
        raise KitError(f"AUC: {len(forget)} forget and {len(holdout)} holdout documents; both need at least one")
    ours, theirs = numpy.asarray(forget, float)[:, None], numpy.asarray(holdout, float)[None, :]
    if numpy.isnan(ours).any() or numpy.isnan(theirs).any():
        raise KitError("AUC: the score of a document is not a number")
    return (theirs > ours) + (theirs == ours) / 2


def privleak(model_auc: float, retrain_auc: float | None) -> float:
    """100 * (AUC - AUC_retrain) / AUC_retrain, in per cent, AUCs as of `auc`.

    -100: the forget documents are still known by heart. Above 0: the model stumbles over them more than over text
    that it never saw. KitError: no retrain AUC; there is no default, as another model's AUC moves every number.
    """
    if retrain_auc is None:
        raise KitError("PrivLeak: it needs the AUC of a retain model on the same documents; 0.5 is not assumed")
    if not 0 < retrain_auc <= 1:
        raise KitError(f"PrivLeak: a retain model's AUC of {retrain_auc} cannot be divided by; it is in (0, 1]")
    return 100 * (model_auc - retrain_auc) / retrain_auc


def muse_metrics(samples: Iterable[dict], retrain: Iterable[dict] | float | None = None) -> dict[str, float]:
    """Every metric of METRICS that the samples allow, each with `<key>_lo` and `<key>_hi`, a 95 % interval.

    retrain: the retain model's samples, or its AUC as a number (then taken as exact), for PrivLeak; KitError without
    where the samples have documents. Intervals: percentile bootstrap over items, RESAMPLES, a fixed seed; for PrivLeak
    over the documents, each drawn with both models' scores. They cover the choice of items, not of a training seed.
    """
    by_set = _by_set(samples)
    found: dict[str, float] = {}
    for name in ROUGE_SETS:
        if name in by_set:
            values = [100 * _share(sample) for sample in by_set[name]]
            found |= _with_interval(name, mean_of(values), *mean_interval(values))
    if "privleak_forget" in by_set or "privleak_holdout" in by_set:
        found |= _privleak(by_set, retrain)
    return found


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """95 % percentile bootstrap interval of a mean. One value, or equal ones, give an interval without width."""
    import numpy
    from scipy.stats import bootstrap

    if len(set(values)) == 1:
        return values[0], values[0]
    rng = numpy.random.default_rng(SEED)
    interval = bootstrap(
        (values,), numpy.mean, n_resamples=RESAMPLES, confidence_level=0.95, method="percentile", rng=rng
    ).confidence_interval
    return float(interval.low), float(interval.high)


def marks(metrics: dict[str, float], retain_metrics: dict[str, float]) -> dict[str, bool]:
    """Which criteria of FLAT's Table 5 a row meets: VerbMem and KnowMem on forget below the retain model's, KnowMem on
    retain above zero. PrivLeak has no mark. An answer in a hundred is enough for the last: it says little."""
    below = {name: metrics[name] < retain_metrics[name] for name in ("verbmem_forget", "knowmem_forget")}
    return below | {"knowmem_retain": metrics["knowmem_retain"] > 0}


def _privleak(by_set: dict[str, list[dict]], retrain: Iterable[dict] | float | None) -> dict[str, float]:
    ours = _pairs(by_set, "this run")
    if retrain is None or isinstance(retrain, float):
        theirs, retrain_auc = None, retrain
    else:
        others = _by_set(retrain)
        theirs = _pairs(others, "the retain model's run")
        _check_same_documents(by_set, others)
        retrain_auc = float(theirs.mean())
    value = float(ours.mean())
    leak = privleak(value, retrain_auc)
    found = _with_interval("privleak_auc", value, *_interval(ours, lambda drawn, _: drawn))
    against = retrain_auc if theirs is None else theirs
    low, high = _interval(ours, lambda drawn, of_retain: 100 * (drawn - of_retain) / of_retain, against)
    return found | _with_interval("privleak", leak, low, high)


def _interval(ours: "numpy.ndarray", statistic: Callable, theirs: "numpy.ndarray | float | None" = None):
    """95 % percentile interval over forget and holdout documents, drawn apart; the same draws for both models."""
    import numpy

    rng = numpy.random.default_rng(SEED)
    n, m = ours.shape
    forget = rng.multinomial(n, numpy.full(n, 1 / n), size=RESAMPLES)
    holdout = rng.multinomial(m, numpy.full(m, 1 / m), size=RESAMPLES)
    drawn = [
        ((forget @ wins) * holdout).sum(axis=1) / (n * m) if isinstance(wins, numpy.ndarray) else wins
        for wins in (ours, theirs)
    ]
    low, high = numpy.quantile(statistic(*drawn), [0.025, 0.975])
    return float(low), float(high)


def _with_interval(key: str, value: float, low: float, high: float) -> dict[str, float]:
    return {key: value, f"{key}_lo": low, f"{key}_hi": high}


def _by_set(samples: Iterable[dict]) -> dict[str, list[dict]]:
    by_set: dict[str, list[dict]] = {}
    known = (*ROUGE_SETS, *DOCUMENT_SETS, "privleak_retain")  # the last: scored by MUSE's code, and here once; unread
    for sample in samples:
        if sample["set"] not in known:
            raise KitError(
                f"samples: item {sample['item']}: unknown set {sample['set']!r}{nearest(sample['set'], known)}"
            )
        by_set.setdefault(sample["set"], []).append(sample)
    return by_set


def _share(sample: dict) -> float:
    value = sample["rouge_l_f1"]
    if not 0 <= value <= 1:
        raise KitError(f"{sample['set']}, item {sample['item']}: rouge_l_f1 {value} is not between 0 and 1")
    return value


def _pairs(by_set: dict[str, list[dict]], run: str) -> "numpy.ndarray":
    for name in DOCUMENT_SETS:
        if name not in by_set:
            raise KitError(f"PrivLeak: {run} has no samples of the set {name}")
    return _wins(*([one["min_40_logp"] for one in by_set[name]] for name in DOCUMENT_SETS))


def _check_same_documents(by_set: dict[str, list[dict]], others: dict[str, list[dict]]) -> None:
    """Draws of documents are draws of positions: both runs must have scored the same ones in the same order."""
    for name in DOCUMENT_SETS:
        ours, theirs = ([sample["item"] for sample in run[name]] for run in (by_set, others))
        if ours != theirs:
            shared = len(set(ours) & set(theirs))
            raise KitError(
                f"PrivLeak: {name}: this run scored {len(ours)} documents and the retain model {len(theirs)}, "
                f"{shared} of them the same; both must score the same documents in the same order"
            )
