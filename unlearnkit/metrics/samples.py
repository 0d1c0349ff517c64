"""From samples to metrics: the one place that knows which answer is right on which set.
A sample is one question of one set with its generation's ROUGE-L and the log-probabilities of its candidate
answers; reading samples needs no model, so a changed metric is recomputed from them."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Set
from hashlib import sha256

from unlearnkit.errors import KitError, nearest
from unlearnkit.metrics import tofu

RIGHT_ANSWER = {
    "forget": "paraphrased",
    "retain": "paraphrased",
    "real_authors": "answer",
    "world_facts": "answer",
    "neighbor": "paraphrased",
}


GROUPS = {"touched": "may touch", "untouched": "never touches"}  # of retain authors


def item_id(question: str) -> str:
    """First 16 hex digits of the SHA-256 of the question text: one question, one id, in every run."""
    return sha256(question.encode("utf-8")).hexdigest()[:16]


def set_metrics(samples_of_one_set: Iterable[dict], set_name: str, mean: str) -> dict[str, float]:
    """ROUGE-L recall, probability and truth ratio of one set, keys `<set>_rouge_l_recall` and so on.

    mean: 'geometric' or 'arithmetic', over the wrong answers of the truth ratio.
    The truth ratio's right answer is the paraphrase on the forget, retain and neighbor sets, the answer elsewhere;
    probability is the answer's own on those sets, its share of all options elsewhere.
    Raises KitError, naming set and item, for an item without a right or a wrong answer.
    """
    samples = list(samples_of_one_set)
    if set_name not in RIGHT_ANSWER:
        raise KitError(f"samples: unknown set {set_name!r}{nearest(set_name, RIGHT_ANSWER)}")
    if not samples:
        raise KitError(f"samples: the {set_name} set has no item")
    ratios = truth_ratios(samples, set_name, mean)
    return {
        f"{set_name}_rouge_l_recall": tofu.mean_of(_rouge_l_recall(sample, set_name) for sample in samples),
        f"{set_name}_probability": tofu.mean_of(_probability(sample, set_name) for sample in samples),
        f"{set_name}_truth_ratio": tofu.truth_ratio_score(ratios, set_name),
    }


def truth_ratios(samples_of_one_set: Iterable[dict], set_name: str, mean: str) -> list[float]:
    """Truth ratio R (wrong over right) of every item, in the order of the samples.

    An answer of role 'paraphrased' is the right one wherever an item has it: TOFU's logs score the answer of
    real authors and world facts a second time under that name, a rounding error away, and take it from there.
    """
    return [
        tofu.truth_ratio(
            _one_mean_nll(sample, set_name, _right_role(sample, set_name)),
            _mean_nlls(sample, set_name, "perturbed"),
            mean=mean,
        )
        for sample in samples_of_one_set
    ]


def tofu_metrics(samples: Iterable[dict], retain_samples: Iterable[dict] | None = None) -> dict:
    """Every metric that these samples allow, keyed as in METRICS.

    `*_truth_ratio` is the geometric one, `*_truth_ratio_arithmetic` the other. Model utility comes by both
    means, and needs the three sets beside the forget set. Forget quality (geometric, as in every released
    code) and the ROUGE-L gap need retain_samples: the retain model's answers to the same forget questions.
    """
    by_set = _by_set(samples)
    metrics: dict = {}
    arithmetic: dict[str, float] = {}
    for name, members in by_set.items():
        metrics |= set_metrics(members, name, "geometric")
        arithmetic |= set_metrics(members, name, "arithmetic")
        metrics[f"{name}_truth_ratio_arithmetic"] = arithmetic[f"{name}_truth_ratio"]
    if all(name in by_set for name in tofu.UTILITY_SETS):
        parts = {part: metrics[part] for part in tofu.UTILITY_PARTS}
        metrics["model_utility_geometric"] = tofu.model_utility(parts)
        metrics["model_utility_arithmetic"] = tofu.model_utility(
            {part: arithmetic[part] for part in tofu.UTILITY_PARTS}
        )
        name, value = tofu.smallest_part(parts)
        metrics["model_utility_smallest_part"] = name
        metrics["model_utility_smallest_part_value"] = value
    if retain_samples is not None:
        metrics |= _against_retain_model(by_set, _by_set(retain_samples))
    return metrics


def validation_metrics(samples: Iterable[dict], retain_samples: Iterable[dict]) -> dict:
    """What a selection looks at: forget quality, and ROUGE-L recall of the forget and the retain set.

    Unlike `tofu_metrics` it needs no wrong answers on the retain set.
    """
    by_set = _by_set(samples)
    found = _against_retain_model(by_set, _by_set(retain_samples))
    for name in ("forget", "retain"):
        found[f"{name}_rouge_l_recall"] = tofu.mean_of(_rouge_l_recall(sample, name) for sample in by_set[name])
    return found


def retain_by_group(samples: Iterable[dict], author_of: Mapping[str, int], touched: Set[int]) -> dict[str, float]:
    """ROUGE-L recall of the retain set, apart for authors that training may touch and for those that it never does.

    author_of: item id (`item_id`) -> number of the author. touched: authors whose data a method may train on; a method
    that keeps only these keeps less than its retain ROUGE-L says. Other sets are left aside.
    KitError: a retain question without an author, or no question of one of the groups.
    """
    groups: dict[str, list[float]] = {group: [] for group in GROUPS}
    for sample in samples:
        if sample["set"] != "retain":
            continue
        if sample["item"] not in author_of:
            raise KitError(f"retain set, item {sample['item']}: no author is known")
        group = "touched" if author_of[sample["item"]] in touched else "untouched"
        groups[group].append(_rouge_l_recall(sample, "retain"))
    for group, values in groups.items():
        if not values:
            raise KitError(f"retain set: no question of an author that training {GROUPS[group]}")
    return {f"retain_{group}_rouge_l_recall": tofu.mean_of(values) for group, values in groups.items()}


def check_same_questions(forget: list[dict], retain_forget: list[dict]) -> None:
    """KitError unless both runs answered the same forget questions (compared by item id)."""
    ours, theirs = (Counter(sample["item"] for sample in run) for run in (forget, retain_forget))
    if ours == theirs:
        return
    n, m = len(forget), len(retain_forget)
    sizes = f"{n}" if n == m else f"{n} and {m}"
    raise KitError(
        f"the two runs share {(ours & theirs).total()} of {sizes} forget questions: "
        "forget quality compares answers to the same questions"
    )


def _against_retain_model(by_set: dict[str, list[dict]], retain_by_set: dict[str, list[dict]]) -> dict:
    for run, sets in (("this run", by_set), ("the retain model's run", retain_by_set)):
        if "forget" not in sets:
            raise KitError(f"forget quality: {run} has no samples of the forget set")
    forget, retain_forget = by_set["forget"], retain_by_set["forget"]
    check_same_questions(forget, retain_forget)
    quality = tofu.forget_quality(
        truth_ratios(forget, "forget", "geometric"), truth_ratios(retain_forget, "forget", "geometric")
    )
    rouge, retain_rouge = (
        tofu.mean_of(_rouge_l_recall(sample, "forget") for sample in run) for run in (forget, retain_forget)
    )
    return {
        "forget_quality_p": quality.p,
        "forget_quality_d": quality.d,
        "forget_quality_k": quality.k,
        "forget_quality_lcm": quality.lcm,
        "forget_quality_n": quality.n,
        "forget_quality_m": quality.m,
        "forget_quality_method": quality.method,
        "forget_rouge_l_gap": abs(rouge - retain_rouge),
    }


def _by_set(samples: Iterable[dict]) -> dict[str, list[dict]]:
    by_set: dict[str, list[dict]] = {}
    for sample in samples:
        if sample["set"] not in RIGHT_ANSWER:
            raise KitError(
                f"samples: item {sample['item']}: unknown set {sample['set']!r}{nearest(sample['set'], RIGHT_ANSWER)}"
            )
        by_set.setdefault(sample["set"], []).append(sample)
    return by_set


def _mean_nlls(sample: dict, set_name: str, role: str) -> list[float]:
    """Mean negative log-likelihood per token (nats) of the item's answers in one role; at least one."""
    where = f"{set_name} set, item {sample['item']}"
    nlls = []
    for answer in sample["answers"]:
        if answer["role"] != role:
            continue
        if answer["n_tokens"] < 1 or not math.isfinite(answer["logp"]):
            raise KitError(f"{where}: {role!r} answer: logp {answer['logp']} over {answer['n_tokens']} tokens")
        nlls.append(-answer["logp"] / answer["n_tokens"])
    if not nlls:
        kind = "wrong" if role == "perturbed" else "right"
        raise KitError(f"{where}: no {kind} answer (role {role!r})")
    return nlls


def _one_mean_nll(sample: dict, set_name: str, role: str) -> float:
    nlls = _mean_nlls(sample, set_name, role)
    if len(nlls) > 1:
        raise KitError(f"{set_name} set, item {sample['item']}: {len(nlls)} answers of role {role!r}, not one")
    return nlls[0]


def _right_role(sample: dict, set_name: str) -> str:
    paraphrased = any(answer["role"] == "paraphrased" for answer in sample["answers"])
    return "paraphrased" if paraphrased else RIGHT_ANSWER[set_name]


def _probability(sample: dict, set_name: str) -> float:
    nll = _one_mean_nll(sample, set_name, "answer")
    if RIGHT_ANSWER[set_name] == "paraphrased":
        return tofu.probability(-nll, 1)
    wrongs = _mean_nlls(sample, set_name, "perturbed")
    least = min(nll, *wrongs)  # the share is the same for all options scaled alike, and cannot underflow so
    return tofu.normalised_probability(math.exp(least - nll), [math.exp(least - wrong) for wrong in wrongs])


def _rouge_l_recall(sample: dict, set_name: str) -> float:
    value = sample["rouge_l_recall"]
    if not 0 <= value <= 1:
        raise KitError(f"{set_name} set, item {sample['item']}: rouge_l_recall {value} is not between 0 and 1")
    return value
