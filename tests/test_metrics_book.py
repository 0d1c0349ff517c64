"""Completions of a book: every metric against numbers computed by hand."""

import math

import pytest

from unlearnkit.errors import KitError
from unlearnkit.metrics import book


def sample(reference: str, generation: str) -> dict:
    return {"prompt": "Once", "reference": reference, "generation": generation}


def test_bleu_by_hand():
    # Matches of 1 to 4 words: 5/6, 3/5, 1/4, 0/3; sacrebleu puts half a match for the missing one. Equal lengths.
    expected = 100 * (5 / 6 * 3 / 5 * 1 / 4 * (1 / 2) / 3) ** (1 / 4)
    assert book.bleu("the cat sat on the mat", "the cat lay on the mat") == pytest.approx(expected)
    # Half as long as the reference: everything matches, the brevity penalty is exp(1 - 8/4).
    assert book.bleu("a b c d e f g h", "a b c d") == pytest.approx(100 * math.exp(-1))
    assert book.bleu("a b c d e", "a b c d e") == pytest.approx(100)
    assert book.bleu("a b c d e", "") == 0


def test_scores_are_means_over_samples_and_diversity_is_of_all_outputs_together():
    found = book.scores([sample("a b c d e", "a b c d e"), sample("one two three four", "")])
    assert found["completion_bleu"] == pytest.approx(50)
    assert found["completion_rouge_l_recall"] == pytest.approx(0.5)
    assert found["distinct_1"] == found["distinct_2"] == found["token_entropy"] == 1
    keys = "bleu rouge_l_recall rouge_l_precision words".split()
    assert set(found) == {f"completion_{key}" for key in keys} | {f"distinct_{n}" for n in (1, 2, 3)} | {
        "token_entropy"
    }
    assert found["completion_words"] == 2.5
    # Recall: of the reference's four words three are found in order, whatever else is said.
    (half,) = [book.scores([sample("red green blue black", "red and green and blue and red")])]
    assert half["completion_rouge_l_recall"] == pytest.approx(3 / 4)
    with pytest.raises(KitError, match="no completions to score"):
        book.scores([])


def test_rouge_l_precision_does_not_fall_when_a_model_stops_early():
    assert book.rouge_l_precision("red green blue black", "red green") == 1
    assert book.rouge_l_precision("red green blue black", "red white green one two") == pytest.approx(2 / 5)
    assert book.rouge_l_precision("red green blue black", "") == 0


def test_fq_gap_adds_two_scales():
    model = {"completion_bleu": 2.0, "completion_rouge_l_recall": 0.10}
    retained = {"completion_bleu": 3.5, "completion_rouge_l_recall": 0.30}
    gap = book.fq_gap(model, retained)
    assert gap == pytest.approx({"fq_gap": 1.7, "fq_gap_bleu": 1.5, "fq_gap_rouge_l": 0.2, "fq_gap_one_scale": 0.215})
    assert book.fq_gap(retained, model) == pytest.approx(gap)
    assert set(book.fq_gap(model, model).values()) == {0}
    # Opposite signs do not cancel.
    assert book.fq_gap(model | {"completion_rouge_l_recall": 0.5}, retained)["fq_gap"] == pytest.approx(1.7)


def test_distinct_by_hand():
    texts = ["the cat the cat", "The dog"]
    assert book.distinct(texts, 1) == pytest.approx(3 / 6)
    assert book.distinct(texts, 2) == pytest.approx(3 / 4)  # the cat, cat the, the dog; none across two texts
    assert book.distinct(texts, 3) == pytest.approx(2 / 2)
    assert book.distinct(["no", ""], 2) == 0


def test_token_entropy_by_hand():
    assert book.token_entropy(["a a b b"]) == pytest.approx(1 / 2)  # one bit of two
    assert book.token_entropy(["a b", "c d"]) == pytest.approx(1)
    assert book.token_entropy(["a a", "A"]) == 0
    assert book.token_entropy(["a"]) == book.token_entropy([""]) == book.token_entropy([]) == 0
    assert book.token_entropy(["a a a b"]) == pytest.approx((0.75 * math.log2(4 / 3) + 0.25 * 2) / 2)
