"""Metrics of completions of a book: likeness to the book's own words, the gap to a model that never read it, diversity.

Pure functions of samples `{prompt, reference, generation}`; the prompt is not read. BLEU is on a scale of 0 to 100 and
ROUGE-L of 0 to 1: FLAT adds the two gaps as they are, so that BLEU decides the sum; both parts are given apart.
Source: FLAT (arXiv 2410.11143), Table 3 and the released evaluation of the copyrighted text.
"""

import math
from collections import Counter

from unlearnkit.errors import KitError
from unlearnkit.metrics import FLAT, RETAIN_MODEL, Metric
from unlearnkit.metrics.tofu import rouge_l_recall

ULD = "ULD, arXiv 2406.08607"
Scores = dict[str, float]
METRICS: dict[str, Metric] = {
    metric.key: metric
    for metric in (
        Metric("fq_gap", "FQ Gap", "sum of the two gaps", "down", 0.0, 101.0, 0.0,
               "distance to the model that never read the book, BLEU's and ROUGE-L's added as they are", FLAT),
        Metric("fq_gap_bleu", "gap of BLEU", "BLEU", "down", 0.0, 100.0, 0.0,
               "distance of the completions' mean BLEU to that model's", FLAT),
        Metric("fq_gap_rouge_l", "gap of ROUGE-L", "recall", "down", 0.0, 1.0, 0.0,
               "distance of the completions' mean ROUGE-L to that model's", FLAT),
        Metric("fq_gap_one_scale", "FQ Gap on one scale", "sum of the two gaps", "down", 0.0, 2.0, 0.0,
               "the same sum with BLEU from 0 to 1 as ROUGE-L is", "ours"),
        Metric("completion_bleu", "BLEU of completions", "BLEU", "near", 0.0, 100.0, RETAIN_MODEL,
               "mean over excerpts of sacrebleu's corpus BLEU of one completion", FLAT),
        Metric("completion_rouge_l_recall", "ROUGE-L of completions", "recall", "near", 0.0, 1.0, RETAIN_MODEL,
               "mean over excerpts", FLAT),
        Metric("completion_rouge_l_precision", "ROUGE-L precision of completions", "precision", "near", 0.0, 1.0,
               RETAIN_MODEL, "share of what is said that is the book's, in order; early stopping keeps it", "ours"),
        Metric("completion_rouge_l_f1", "ROUGE-L of completions (F1)", "F1", "near", 0.0, 1.0, RETAIN_MODEL,
               "mean over excerpts of the harmonic mean of recall and precision", ULD),
        Metric("word_perplexity", "word perplexity (PPL)", "perplexity", "down", 1.0, math.inf, 1.0,
               "of general text, by lm-eval", FLAT),
        Metric("mean_accuracy", "mean zero-shot accuracy (Avg Acc)", "accuracy", "up", 0.0, 1.0, 1.0,
               "mean of acc over the tasks, by lm-eval; TruthfulQA counts twice", FLAT),
        Metric("mean_accuracy_se", "standard error of Avg Acc", "accuracy", "down", 0.0, 0.5, 0.0,
               "over the questions of the tasks; rows that are nearer than it are not ordered", "ours"),
        *(Metric(f"distinct_{n}", f"distinct-{n}", "share", "near", 0.0, 1.0, RETAIN_MODEL,
                 f"different runs of {n} words over all of them, all completions together", "arXiv 1510.03055")
          for n in (1, 2, 3)),
        Metric("completion_words", "words of a completion", "words", "near", 0.0, math.inf, RETAIN_MODEL,
               "mean over excerpts; distinct-n compares completions of like length", "ours"),
        Metric("token_entropy", "token entropy", "share", "near", 0.0, 1.0, RETAIN_MODEL,
               "entropy of the words of all completions over the largest it could be", "ours"),
    )
}  # fmt: skip


def bleu(reference: str, generation: str) -> float:
    """sacrebleu's corpus BLEU of one text against one reference, 0 to 100, with its own tokens and smoothing."""
    import sacrebleu

    return sacrebleu.corpus_bleu([generation], [[reference]]).score


def rouge_l_precision(reference: str, generation: str) -> float:
    """Share of the generation's words that the reference has in the same order, words stemmed; 0 for silence, to 1."""
    return rouge_l_recall(generation, reference)


def scores(samples: list[dict]) -> Scores:
    """All metrics of one model that need no other: means over samples, diversity over all generations together.

    KitError: no samples.
    """
    if not samples:
        raise KitError("no completions to score")
    pairs = [(sample["reference"], sample["generation"]) for sample in samples]
    return {
        "completion_bleu": math.fsum(bleu(*pair) for pair in pairs) / len(pairs),
        "completion_rouge_l_recall": math.fsum(rouge_l_recall(*pair) for pair in pairs) / len(pairs),
        "completion_rouge_l_precision": math.fsum(rouge_l_precision(*pair) for pair in pairs) / len(pairs),
        **diversity([generation for _, generation in pairs]),
    }


def diversity(generations: list[str]) -> Scores:
    """Distinct-1 to distinct-3 and token entropy of all generations together, and their mean length in words."""
    found = {f"distinct_{n}": distinct(generations, n) for n in (1, 2, 3)}
    words = sum(map(len, _words(generations))) / len(generations)
    return found | {"token_entropy": token_entropy(generations), "completion_words": words}


def book_metrics(samples: list[dict], retained: list[dict] | None) -> Scores:
    """All metrics of one model from its stored samples; FQ Gap where those of the retained model are given.

    Reads what is stored of each sample, no text: `bleu`, `rouge_l_recall` and `rouge_l_precision` of the set forget,
    `accuracy` and `questions` of zeroshot, `word_perplexity` of perplexity, and diversity. `accuracy_<task>` are the
    terms of `mean_accuracy`; its standard error takes questions for independent draws.
    """
    by_set: dict[str, list[dict]] = {}
    for sample in samples:
        by_set.setdefault(sample["set"], []).append(sample)
    completions = by_set["forget"]
    stored = {name: f"completion_{name}" for name in ("bleu", "rouge_l_recall", "rouge_l_precision")}
    found = {key: math.fsum(one[name] for one in completions) / len(completions) for name, key in stored.items()}
    if retained is not None:
        found |= fq_gap(found, book_metrics(retained, None))
    return (
        found
        | {"word_perplexity": by_set["perplexity"][0]["word_perplexity"]}
        | accuracies(by_set["zeroshot"])
        | {key: value for key, value in by_set["diversity"][0].items() if key != "set"}
    )


def uld_metrics(samples: list[dict], retained: list[dict] | None) -> Scores:
    """`book_metrics`, and `completion_rouge_l_f1`, which ULD's evaluation takes for ROUGE-L where FLAT's has recall."""
    pairs = [(one["rouge_l_recall"], one["rouge_l_precision"]) for one in samples if one["set"] == "forget"]
    f1 = math.fsum(2 * recall * precision / (recall + precision or 1.0) for recall, precision in pairs) / len(pairs)
    return book_metrics(samples, retained) | {"completion_rouge_l_f1": f1}


def accuracies(zeroshot: list[dict]) -> Scores:
    """`mean_accuracy`, its standard error `mean_accuracy_se`, and `accuracy_<task>`, of samples of the set zeroshot."""
    found = {one["item"]: one["accuracy"] for one in zeroshot}
    variance = math.fsum(one["accuracy"] * (1 - one["accuracy"]) / one["questions"] for one in zeroshot)
    return {
        "mean_accuracy": math.fsum(found.values()) / len(found),
        "mean_accuracy_se": math.sqrt(variance) / len(found),
        **{f"accuracy_{task}": value for task, value in found.items()},
    }


def fq_gap(model: Scores, retained: Scores) -> Scores:
    """FQ Gap: |BLEU - BLEU of the retained model| + |ROUGE-L - that of it|; 0 is best.

    `fq_gap_bleu` (0 to 100) and `fq_gap_rouge_l` (0 to 1) are its two parts; `fq_gap_one_scale` is their sum with both
    from 0 to 1.
    """
    of_bleu = abs(model["completion_bleu"] - retained["completion_bleu"])
    of_rouge_l = abs(model["completion_rouge_l_recall"] - retained["completion_rouge_l_recall"])
    parts = {"fq_gap_bleu": of_bleu, "fq_gap_rouge_l": of_rouge_l}
    return {"fq_gap": of_bleu + of_rouge_l, **parts, "fq_gap_one_scale": of_bleu / 100 + of_rouge_l}


def distinct(generations: list[str], n: int) -> float:
    """Distinct-n: different runs of n words over all of them, in all generations together; 0 where there is none.

    0 to 1, up is more diverse. It falls with the amount of text, so only outputs of like length compare.
    Source: Li et al. (arXiv 1510.03055).
    """
    runs = [tuple(words[at : at + n]) for words in _words(generations) for at in range(len(words) - n + 1)]
    return len(set(runs)) / len(runs) if runs else 0.0


def token_entropy(generations: list[str]) -> float:
    """H / log2(N) of the words of all generations together: H their entropy in bits, N how many there are.

    1: no word twice; 0: one word alone, or fewer than two words.
    """
    counts = Counter(word for words in _words(generations) for word in words)
    total = counts.total()
    if total < 2:
        return 0.0
    entropy = -math.fsum(c / total * math.log2(c / total) for c in counts.values())
    return max(0.0, entropy / math.log2(total))


def _words(generations: list[str]) -> list[list[str]]:
    """Words in lower case, as white space separates them."""
    return [generation.lower().split() for generation in generations]
