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


def says_no_more(row: dict, generation: str) -> bool:
    """Whether a generation has a value of the row's answer, and no word beside those of the answer and its paraphrase.

    So an answer that breaks off is true, though not complete.
    """
    known = words(row["answer"]) | words(row.get("paraphrased_answer", ""))
    return bool(value_words(row) & words(generation)) and words(generation) <= known


def is_entailment(row: dict, set_name: str, generation: str) -> bool:
    """What a judge should say: the generation has all values or, where the reference is the premise, nothing else."""
    incomplete_is_true = judges.PREMISE[set_name] == "reference"
    return contains_values(row, generation) or (incomplete_is_true and says_no_more(row, generation))


def accuracy_on_samples(samples: Iterable[dict], rows: Iterable[dict]) -> list[dict]:
    """How often judged samples are judged as their values say: one record a set, then one of all.

    `rows`: the perturbed rows that were asked; samples of other questions are left out. `complete`: share of
    generations with every value; `entailments`: share of those that `is_entailment` calls so, which is the truth for
    `nli_accuracy` (a judge's word counts by the metric's rule), `false_entailed` (share of the others that are judged
    entailed) and `missed` (share of those that are not; None: there are none). `cosine_auc`: how often a complete one
    is more similar than another.
    """
    row_of = {item_id(row["question"]): row for row in rows}
    of_set: dict[str, list[tuple[bool, bool, bool, float]]] = {}
    for one in samples:
        if one["item"] in row_of:
            row, said = row_of[one["item"]], one["generation"]
            entailed = one["entailed"] and one["rouge_l_recall"] >= LEAST_ROUGE_L_TO_ENTAIL
            truth = is_entailment(row, one["set"], said)
            judged = contains_values(row, said), truth, entailed, one["cosine_similarity"]
            of_set.setdefault(one["set"], []).append(judged)
    of_set["all"] = [judged for found in of_set.values() for judged in found]
    return [{"set": name} | _agreement(judged) for name, judged in of_set.items() if judged]


def _agreement(judged: list[tuple[bool, bool, bool, float]]) -> dict:
    complete = [cosine for whole, _, _, cosine in judged if whole]
    others = [cosine for whole, _, _, cosine in judged if not whole]
    wrong = [entailed for _, truth, entailed, _ in judged if not truth]
    right = [entailed for _, truth, entailed, _ in judged if truth]
    return {
        "generations": len(judged),
        "complete": len(complete) / len(judged),
        "entailments": len(right) / len(judged),
        "nli_accuracy": mean_of(entailed == truth for _, truth, entailed, _ in judged),
        "false_entailed": mean_of(wrong) if wrong else None,
        "missed": 1 - mean_of(right) if right else None,
        "cosine_auc": auc(complete, others) if complete and others else None,
    }
