"""How well judges judge: by kind of pair on the held-out ones, and on real samples whose truth the data tell."""

import re
from collections.abc import Iterable

from unlearnkit import judges
from unlearnkit.errors import KitError
from unlearnkit.judges.pairs import Pair
from unlearnkit.metrics.closer_look import LEAST_ROUGE_L_TO_ENTAIL
from unlearnkit.metrics.samples import item_id
from unlearnkit.metrics.tofu import mean_of


def words(text: str) -> set[str]:
    """Words in lower case, digits too."""
    return set(re.findall(r"\w+", text.lower()))


def overlap(premise: str, hypothesis: str) -> float:
    """Share of the hypothesis's words that the premise has; 0 where it has none."""
    claimed = words(hypothesis)
    return len(claimed & words(premise)) / len(claimed) if claimed else 0.0


def best_threshold(learnt: list[Pair]) -> float:
    """The overlap from which on calling a pair entailed is right most often: the baseline that knows no grammar."""
    scored = sorted(((overlap(one.premise, one.hypothesis), one.entailed) for one in learnt), reverse=True)
    right = best = sum(not entailed for _, entailed in scored)
    threshold = float("inf")
    for number, (score, entailed) in enumerate(scored):
        right += 1 if entailed else -1
        last_of_its_score = number + 1 == len(scored) or scored[number + 1][0] < score
        if last_of_its_score and right > best:
            best, threshold = right, score
    return threshold


def auc(right: list[float], wrong: list[float]) -> float:
    """How often a right one scores above a wrong one, ties half: the area under the ROC curve."""
    from scipy.stats import rankdata

    ranks = rankdata([*right, *wrong])[: len(right)].sum()
    return float((ranks - len(right) * (len(right) + 1) / 2) / (len(right) * len(wrong)))


def records(read_by: judges.Judges, learnt: list[Pair], held_out: list[Pair]) -> list[dict]:
    """One record a kind of pair, then one of all: accuracy of entailment, and of word overlap; mean cosine similarity.

    `cosine_auc`, of all: how often two texts with the same values are more similar than two others, by the encoder and
    by word overlap in both directions.
    """
    premises, hypotheses = [one.premise for one in held_out], [one.hypothesis for one in held_out]
    threshold = best_threshold(learnt)
    entailed = read_by.entails(premises, hypotheses)
    similar = read_by.cosine_similarity(premises, hypotheses)
    overlaps = [overlap(premise, hypothesis) for premise, hypothesis in zip(premises, hypotheses, strict=True)]
    found = []
    for kind in [*sorted({one.kind for one in held_out}), "all"]:
        of_kind = [number for number, one in enumerate(held_out) if kind in (one.kind, "all")]
        found.append(
            {
                "kind": kind,
                "pairs": len(of_kind),
                "entailed": mean_of(held_out[number].entailed for number in of_kind),
                "nli_accuracy": mean_of(entailed[number] == held_out[number].entailed for number in of_kind),
                "overlap_accuracy": mean_of(
                    (overlaps[number] >= threshold) == held_out[number].entailed for number in of_kind
                ),
                "cosine_mean": mean_of(similar[number] for number in of_kind),
                "cosine_wanted": mean_of(held_out[number].similarity for number in of_kind),
            }
        )
    both = [min(score, overlap(h, p)) for score, p, h in zip(overlaps, premises, hypotheses, strict=True)]
    for name, scores in (("cosine_auc", similar), ("overlap_auc", both)):
        right = [score for score, one in zip(scores, held_out, strict=True) if one.similarity == 1]
        wrong = [score for score, one in zip(scores, held_out, strict=True) if one.similarity < 1]
        found[-1][name] = auc(right, wrong)
    return found


def value_words(row: dict) -> set[str]:
    """What a right answer must say: words of the right answer that no wrong answer has in the same frame.

    The frame's words stand in every wrong answer; the paraphrase shares the wrong answers' frame. A word counts only
    where the answer itself has it too. Where nothing is left of a value (other answers share it), it is not asked for.
    """
    if not row.get("perturbed_answer"):
        raise KitError(f"'{row['question']}': no perturbed answer, so what its values are is not known")
    framed = words(row.get("paraphrased_answer", row["answer"]))
    frame = set.intersection(*map(words, row["perturbed_answer"]))
    return (framed - frame) & words(row["answer"])


def contains_values(row: dict, generation: str) -> bool:
    """Whether a generation has every value of a perturbed row's answer."""
    return value_words(row) <= words(generation)


def accuracy_on_samples(samples: Iterable[dict], rows: Iterable[dict]) -> list[dict]:
    """How often judged samples are judged as their values say: one record a set, then one of all.

    `rows`: the perturbed rows that were asked; samples of other questions are left out. `right`: share of generations
    that have every value; `nli_accuracy`: entailed, by the metric's rule, where and only where it is right;
    `false_entailed` and `missed`: shares of the wrong and of the right ones that are judged otherwise (None: no such
    ones); `cosine_auc`: how often a right one is more similar than a wrong one.
    """
    row_of = {item_id(row["question"]): row for row in rows}
    of_set: dict[str, list[tuple[bool, bool, float]]] = {}
    for one in samples:
        if one["item"] in row_of:
            entailed = one["entailed"] and one["rouge_l_recall"] >= LEAST_ROUGE_L_TO_ENTAIL
            right = contains_values(row_of[one["item"]], one["generation"])
            of_set.setdefault(one["set"], []).append((right, entailed, one["cosine_similarity"]))
    of_set["all"] = [judged for found in of_set.values() for judged in found]
    return [{"set": name} | _agreement(judged) for name, judged in of_set.items()]


def _agreement(judged: list[tuple[bool, bool, float]]) -> dict:
    right = [one for one in judged if one[0]]
    wrong = [one for one in judged if not one[0]]
    return {
        "generations": len(judged),
        "right": len(right) / len(judged) if judged else None,
        "nli_accuracy": mean_of(entailed == truth for truth, entailed, _ in judged) if judged else None,
        "false_entailed": mean_of(entailed for _, entailed, _ in wrong) if wrong else None,
        "missed": mean_of(not entailed for _, entailed, _ in right) if right else None,
        "cosine_auc": auc([one[2] for one in right], [one[2] for one in wrong]) if right and wrong else None,
    }
