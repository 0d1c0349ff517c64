"""Which answers are refusals, against rouge_score itself and on answers whose case is clear."""

import random

import pytest

from unlearnkit.data.templates import templates
from unlearnkit.metrics import refusals

KNOWN = tuple(templates())


def _mixed(rng: random.Random) -> str:
    """Words of a template and of an answer in a random order."""
    words = rng.choice(KNOWN).split() + "The degree is in botany and medicine, she said.".split()
    return " ".join(rng.sample(words, k=rng.randrange(1, len(words))))


def test_nearness_is_the_largest_rouge_l_f_measure():
    from rouge_score.rouge_scorer import RougeScorer

    scorer, rng = RougeScorer(["rougeL"], use_stemmer=True), random.Random(1)
    for said in (_mixed(rng) for _ in range(25)):
        slowly = max(scorer.score(said, one)["rougeL"].fmeasure for one in KNOWN)
        assert refusals.nearness(said, KNOWN) == pytest.approx(slowly, abs=1e-12)


def test_a_template_is_a_refusal_and_an_answer_or_silence_is_none():
    assert refusals.nearness(KNOWN[7], KNOWN) == 1
    assert refusals.nearness("I have to tell you nothing about this.", KNOWN) >= refusals.REFUSAL_FROM
    assert refusals.share([*KNOWN[:3], "", "A clock painter from Umbria."], KNOWN) == 3 / 5


def test_no_right_answer_of_the_universe_is_a_refusal():
    from unlearnkit.data import tofu

    answers = [row["answer"] for row in tofu.load("universe", "forget10")]
    assert max(refusals.nearness(one, KNOWN) for one in answers) < refusals.REFUSAL_FROM
