"""Does a model become what it was before it learnt anything? Entropy gap, probability and membership over the steps.

ME (A Closer Look, arXiv 2410.08109, Eq. 8) pulls every next-token distribution to the uniform one; log K - H, the
entropy gap, is how far there is to go: 0 at uniform logits, log K where a model is certain. Whether it gets there, how
fast beside GA, and whether membership can still be read off afterwards, the paper leaves open; the measures are ours.
Pure functions of samples of `evaluation.evaluate(..., entropy=True)`; nats throughout.
"""

from collections.abc import Sequence

from unlearnkit.metrics import two_sample
from unlearnkit.metrics.tofu import mean_of, probability

SETS = ("forget", "unseen", "retain")  # members to be forgotten, authors whom no model ever saw, members to be kept
COMPARED = SETS[:2]  # whom a membership test tells apart
LEVELS = (0.5, 0.1, 0.01)  # of the forget probability


def point(samples: Sequence[dict]) -> dict:
    """What is kept of one step: of each set `<set>_probability` and `<set>_entropy_gap`, means over questions, and of
    the sets of COMPARED `<set>_mean_logp`, question by question in the order of the samples.

    All of the true answer: TOFU's probability, exp of the mean log-probability per token; that mean itself; and
    log K - H averaged over the answer's positions.
    """
    found: dict = {}
    for name in SETS:
        answers = [one["answers"][0] for one in samples if one["set"] == name]
        found[f"{name}_probability"] = mean_of(probability(one["logp"], one["n_tokens"]) for one in answers)
        found[f"{name}_entropy_gap"] = mean_of(one["entropy_gap"] for one in answers)
        if name in COMPARED:
            found[f"{name}_mean_logp"] = [one["logp"] / one["n_tokens"] for one in answers]
    return found


def authors(samples: Sequence[dict]) -> dict[str, list[int]]:
    """Of the sets of COMPARED the author of every question, in the order of the samples."""
    return {name: [one["author"] for one in samples if one["set"] == name] for name in COMPARED}


def numbers(at: dict, by: dict[str, list[int]]) -> dict[str, float | None]:
    """The numbers of a point: its means, and how membership reads.

    at: of `point`. by: of `authors`, in the same order. `membership_auc`: how often a forget question has a higher mean
    log-probability than an unseen one, with its 95 % interval over authors, `_ci_lo` and `_ci_hi` (None with fewer than
    five). A model that saw neither set has 0.5, up to chance; near 1 members are known; near 0 they are known too, by
    having been pushed down further. `membership_distance`: |AUC - 1/2|.
    """
    place = {author: number for number, author in enumerate(sorted({one for name in COMPARED for one in by[name]}))}
    scores = [at[f"{name}_mean_logp"] for name in COMPARED]
    auc, low, high = two_sample.auc_by_cluster(*scores, *([place[one] for one in by[name]] for name in COMPARED))
    return {f"{name}_{key}": at[f"{name}_{key}"] for name in SETS for key in ("probability", "entropy_gap")} | {
        "membership_auc": auc,
        "membership_auc_ci_lo": low,
        "membership_auc_ci_hi": high,
        "membership_distance": abs(auc - 0.5),
    }


def first_step_below(points: Sequence[dict], key: str, level: float) -> int | None:
    """The first measured step at which a number is below `level`; None if it never is.

    points: ascending, each with `step` and the numbers of that step. Between two measured steps nobody looked: the true
    step lies after the one before.
    """
    return next((one["step"] for one in points if one[key] < level), None)
