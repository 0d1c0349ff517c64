"""What is kept of questions more and less like the forgotten ones, as pure functions of samples: of every set ROUGE-L,
probability and the share of refusals; and the effect of retain data, against the same method without them.
"""

from collections.abc import Iterable, Sequence
from statistics import fmean

from unlearnkit.errors import KitError
from unlearnkit.metrics import refusals
from unlearnkit.metrics.tofu import mean_of, probability

KEPT = "rouge_l_recall"  # what an effect is a difference of


def likeness_metrics(samples: Iterable[dict], templates: Sequence[str]) -> dict[str, float]:
    """Of every set in the samples `<set>_rouge_l_recall`, `<set>_probability` (of the right answer) and
    `<set>_refusals` (`refusals.share`). All between 0 and 1.

    Samples as of `unlearnkit.metrics.samples`, the first answer of each the right one.
    """
    by_set: dict[str, list[dict]] = {}
    for one in samples:
        by_set.setdefault(one["set"], []).append(one)
    found = {}
    for name, members in by_set.items():
        rights = [one["answers"][0] for one in members]
        found |= {
            f"{name}_{KEPT}": mean_of(one["rouge_l_recall"] for one in members),
            f"{name}_probability": mean_of(probability(right["logp"], right["n_tokens"]) for right in rights),
            f"{name}_refusals": refusals.share((one["generation"] for one in members), templates),
        }
    return found


def effects(metrics: dict, alone: dict, sets: Sequence[str], drawn: str) -> dict[str, float]:
    """What retain data of the class `drawn` do: `<set>_effect`, ROUGE-L of a set less that of the same method without
    retain data, -1 to 1; `own_effect`, on that class itself; `others_effect`, the mean over the other sets.

    metrics, alone: `likeness_metrics` of the two rows, of one seed. KitError: one of the two lacks a set.
    """
    found = {}
    for name in sets:
        for whose, values in (("the row", metrics), ("the row without retain data", alone)):
            if values.get(f"{name}_{KEPT}") is None:
                raise KitError(f"effect of retain data: {whose} has no {name}_{KEPT}")
        found[f"{name}_effect"] = metrics[f"{name}_{KEPT}"] - alone[f"{name}_{KEPT}"]
    others = [found[f"{name}_effect"] for name in sets if name != drawn]
    return found | {"own_effect": found[f"{drawn}_effect"], "others_effect": fmean(others)}
