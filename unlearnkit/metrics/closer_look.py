"""The metrics of "A Closer Look" as pure functions of samples: TE, CS, ES, model utility, forget efficacy, signatures.

Samples are TOFU's (`unlearnkit.metrics.samples`), and each has of its generation: `token_entropy` (0 to 1, see
`token_entropy`), `cosine_similarity` (0 to 1) and `entailed` (bool). ROUGE-L, probability and truth ratio are the same
numbers as TOFU's and keep their keys. That includes the forget probability: both take exp of the mean log-probability
of the forget response as it is. TOFU's released aggregation and ULD divide it by the sum over the answer options, which
is another number and not to be compared (0.14 against 0.36 in ULD's log of one retain model).
Source: A Closer Look at Machine Unlearning (arXiv 2410.08109) and its evaluation (sail-sg/closer-look-LLM-unlearning
b622294, metrics/metrics.py).
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from statistics import harmonic_mean

from unlearnkit.errors import KitError, nearest
from unlearnkit.metrics import RETAIN_MODEL, Metric
from unlearnkit.metrics.samples import set_metrics
from unlearnkit.metrics.tofu import mean_of

CLOSER_LOOK = "A Closer Look, arXiv 2410.08109"
FICTITIOUS = ("forget", "retain", "real_authors", "world_facts")  # continual unlearning asks the same sets
REAL_WORLD = ("forget", "neighbor")
PARTS = ("rouge_l_recall", "probability", "truth_ratio", "te", "cs", "es")
FORGET_PARTS = ("rouge_l_recall", "probability", "truth_ratio_flipped", "cs", "es")  # TE says nothing about forgetting
LEAST_ROUGE_L_TO_ENTAIL = 0.1  # an answer with less of the reference counts as not entailed, whatever the judge says
TINY = "_tiny"  # ends the key of every number that the kit's own tiny judges entered

# The failure signatures, as shares of the original model's value. These four numbers are ours, not the paper's.
# A phrase of ten tokens said three times over has TE 0.68; TOFU's own answers to retain questions have 0.95 (by words).
REPETITION = 0.75  # TE of a set below this share: the model says the same again and again, or hardly anything
LOW_CS = 0.5  # CS of the set to keep below this share: it answers something else
HIGH_ES = 0.5  # ES of the forget set above this share: it still says what it should have forgotten
NEAR_ZERO_MU = 0.1  # MU up to this share: a part of it is as good as lost


def _judged(name: str, title: str) -> list[Metric]:
    """TE, CS and ES of one set."""
    te, judged = (("near", RETAIN_MODEL), ("down", RETAIN_MODEL)) if name == "forget" else (("up", 1.0), ("up", 1.0))
    entails = "generations that entail the reference"
    if name in ("retain", "real_authors", "world_facts"):
        entails = "generations that the reference entails"
    return [
        Metric(f"{name}_te", f"{title} TE", "share", te[0], 0.0, 1.0, te[1],
               "token entropy of a generation over the largest it could be, mean; low where it repeats", CLOSER_LOOK),
        Metric(f"{name}_cs", f"{title} CS", "cosine", judged[0], 0.0, 1.0, judged[1],
               "cosine similarity of generation and reference, clipped at 0, mean", CLOSER_LOOK),
        Metric(f"{name}_es", f"{title} ES", "share", judged[0], 0.0, 1.0, judged[1], entails, CLOSER_LOOK),
    ]  # fmt: skip


def _utility(parts: int, sets: str) -> list[Metric]:
    return [
        Metric(f"model_utility_{parts}", f"model utility ({parts} parts)", "harmonic mean", "up", 0.0, 1.0, 1.0,
               f"ROUGE-L, probability, truth ratio, TE, CS, ES of {sets}; 0 where one is 0", CLOSER_LOOK),
        Metric(f"model_utility_{parts}_smallest_part_value", f"smallest of the {parts} parts of model utility",
               "score", "up", 0.0, 1.0, 1.0, "the part that holds model utility down", "ours"),
    ]  # fmt: skip


_ALL = [
    *_judged("forget", "forget"),
    *_judged("retain", "retain set"),
    *_judged("real_authors", "real authors"),
    *_judged("world_facts", "world facts"),
    *_judged("neighbor", "neighbor set"),
    Metric("forget_truth_ratio_flipped", "forget truth ratio, flipped", "score", "down", 0.0, 1.0, RETAIN_MODEL,
           "1 - mean of min(R, 1/R), geometric mean of the wrong answers: high where the right answer stands out",
           CLOSER_LOOK),
    Metric("neighbor_rouge_l_recall", "neighbor set ROUGE-L", "recall", "up", 0.0, 1.0, 1.0,
           "ROUGE-L of the generations", CLOSER_LOOK),
    Metric("neighbor_probability", "neighbor set probability", "probability", "up", 0.0, 1.0, 1.0,
           "length-normalised probability of the answer", CLOSER_LOOK),
    Metric("neighbor_truth_ratio", "neighbor set truth ratio", "score", "up", 0.0, 1.0, 1.0,
           "mean of max(0, 1 - R), geometric mean of the wrong answers", CLOSER_LOOK),
    *_utility(18, "retain set, real authors and world facts"),
    *_utility(6, "the neighbor set"),
    Metric("forget_efficacy", "forget efficacy", "score", "up", 0.0, 1.0, RETAIN_MODEL,
           "1 - mean of forget ROUGE-L, probability, flipped truth ratio, CS and ES", CLOSER_LOOK),
    *(Metric(f"{name}_refusals", f"{title} refusals", "share", direction, 0.0, 1.0, ideal,
             "share of answers that come near a template response", "ours")
      for name, title, direction, ideal in (
          ("forget", "forget", "near", RETAIN_MODEL),
          ("retain", "retain set", "down", 0.0),
          ("neighbor", "neighbor set", "down", 0.0))),
]  # fmt: skip


def _by_judges(metric: Metric) -> bool:
    return metric.key.endswith(("_cs", "_es")) or metric.key.startswith(("model_utility", "forget_efficacy"))


_BY_TINY_JUDGES = [
    replace(
        metric,
        key=f"{metric.key}{TINY}",
        title=f"{metric.title}, tiny judges",
        description=f"{metric.description}; CS and ES by the kit's own tiny models, on a scale of their own",
    )
    for metric in _ALL
    if _by_judges(metric)
]
METRICS: dict[str, Metric] = {metric.key: metric for metric in (*_ALL, *_BY_TINY_JUDGES)}


def token_entropy(tokens: Sequence[Hashable]) -> float:
    """TE, H / log2(N): H the entropy in bits of the distribution of N tokens of one generation; 0 to 1.

    1: no token twice. LOW where a model repeats itself, 0 where it says one token over and over; 0 as well for one
    token or none. The released code takes the model's own tokens of the text, without special ones. A right answer
    of one token has 0: TOFU's reference answers on world facts have 0.43 in the mean, by words, so that TE can be the
    smallest part of MU.
    """
    total = len(tokens)
    if total < 2:
        return 0.0
    repeated = math.fsum(count * math.log2(count) for count in Counter(tokens).values())
    return 1 - repeated / (total * math.log2(total))


def closer_look_metrics(samples: Iterable[dict], suffix: str = "") -> dict:
    """Every metric of METRICS for these sets, `forget_truth_ratio`, and the name of MU's smallest part.

    The sets decide: forget, retain, real authors and world facts (18 parts of MU), or forget and neighbor (6 parts).
    suffix: ends every key that CS or ES enters, TINY for the kit's own judges; theirs is another scale.
    FE: 1 for a model that shares nothing with the answers, gibberish too; a retain model stays below it.
    KitError: sets of both scenarios or an incomplete scenario, and a sample without one of its values, or out of range.
    """
    by_set: dict[str, list[dict]] = {}
    for sample in samples:
        by_set.setdefault(sample["set"], []).append(sample)
    found: dict = {}
    scenario = _scenario(by_set)
    for name in scenario:
        members = by_set[name]
        found |= set_metrics(members, name, "geometric")
        found[f"{name}_te"] = mean_of(_share(sample, "token_entropy") for sample in members)
        found[f"{name}_cs{suffix}"] = mean_of(_share(sample, "cosine_similarity") for sample in members)
        found[f"{name}_es{suffix}"] = mean_of(_entailed(sample) for sample in members)
    found["forget_truth_ratio_flipped"] = 1 - found["forget_truth_ratio"]

    def key(name: str, part: str) -> str:
        return f"{name}_{part}{suffix if part in ('cs', 'es') else ''}"

    utility = {key(name, part): found[key(name, part)] for name in scenario[1:] for part in PARTS}
    utility_key, smallest = f"model_utility_{len(utility)}", min(utility, key=utility.get)
    return found | {
        f"{utility_key}{suffix}": float(harmonic_mean(utility.values())),
        f"{utility_key}_smallest_part{suffix}": smallest,
        f"{utility_key}_smallest_part_value{suffix}": utility[smallest],
        f"forget_efficacy{suffix}": 1 - mean_of(found[key("forget", part)] for part in FORGET_PARTS),
    }


def signatures(metrics: dict, original: dict) -> list[str]:
    """Which of the four failures a row shows, in words to stand beside it: none, or several.

    metrics, original: `closer_look_metrics` of the row and of the original model, by the same judges. The thresholds
    are shares of the original's value: REPETITION, LOW_CS, HIGH_ES, NEAR_ZERO_MU. The original model itself shows
    'high ES on forget', as it should. KitError: a value is missing, or the judges differ.
    """
    kept = "neighbor" if "neighbor_te" in metrics else "retain"
    utility = "model_utility_6" if kept == "neighbor" else "model_utility_18"

    def against(share: float, key: str) -> tuple[float, float]:
        """The row's value, and this share of the original's."""
        key = f"{key}{TINY}" if f"{key}{TINY}" in metrics else key
        for whose, values in (("the row", metrics), ("the original model", original)):
            if key not in values:
                raise KitError(f"failure signatures: {whose} has no {key}{nearest(key, values)}")
        return metrics[key], share * original[key]

    found = []
    for name in (kept, "forget"):
        te, limit = against(REPETITION, f"{name}_te")
        if te < limit:
            found.append(f"repetition on {name}")
    cs, limit = against(LOW_CS, f"{kept}_cs")
    if cs < limit:
        found.append(f"low CS on {kept}")
    es, limit = against(HIGH_ES, "forget_es")
    if es > limit:
        found.append("high ES on forget")
    mu, limit = against(NEAR_ZERO_MU, utility)
    if mu <= limit:
        found.append("MU near zero")
    return found


def _scenario(by_set: dict[str, list[dict]]) -> tuple[str, ...]:
    """The sets of the scenario that the samples are of, in their order."""
    scenario = REAL_WORLD if "neighbor" in by_set else FICTITIOUS
    for name in by_set:
        if name not in scenario:
            known = {*FICTITIOUS, *REAL_WORLD}
            hint = f"; with neighbor go: {', '.join(REAL_WORLD)}" if name in known else nearest(name, sorted(known))
            raise KitError(f"Closer Look: samples of the set {name!r} do not belong here{hint}")
    for name in scenario:
        if name not in by_set:
            raise KitError(f"Closer Look: no samples of the set {name!r}; it needs: {', '.join(scenario)}")
    return scenario


def _value(sample: dict, key: str):
    if key not in sample:
        raise KitError(f"{sample['set']} set, item {sample['item']}: no {key}{nearest(key, sample)}")
    return sample[key]


def _share(sample: dict, key: str) -> float:
    value = _value(sample, key)
    if not 0 <= value <= 1:
        raise KitError(f"{sample['set']} set, item {sample['item']}: {key} {value} is not between 0 and 1")
    return value


def _entailed(sample: dict) -> bool:
    entailed = _value(sample, "entailed")
    if not isinstance(entailed, bool):
        raise KitError(f"{sample['set']} set, item {sample['item']}: entailed is true or false, not {entailed!r}")
    return entailed and sample["rouge_l_recall"] >= LEAST_ROUGE_L_TO_ENTAIL
