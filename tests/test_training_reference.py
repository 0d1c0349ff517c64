"""Losses that compare with another model than the one unlearning starts from, and the retain data of requests."""

import copy
import math

import pytest
import torch
from conftest import MICRO
from micro import FORGET, FORM, RETAIN, TEMPLATES, distributions, how, largest_difference, token_probabilities

from unlearnkit import models, unlearning
from unlearnkit.data import benchmarks, requests
from unlearnkit.methods import variant
from unlearnkit.training import examples, procedure

pytestmark = [
    pytest.mark.usefixtures("quiet"),
    pytest.mark.filterwarnings("ignore:.(is_)?gradient_checkpointing. is deprecated"),
]

SOURCES = examples.Sources(FORGET, TEMPLATES[:1], RETAIN[:1])  # one template and one retain item: no chance is left


@pytest.fixture
def other(micro_tokenizer):
    """A model with other weights."""
    return models.build(MICRO, micro_tokenizer, seed=1)


@pytest.fixture
def first_loss(micro_model, micro_tokenizer, micro_training, tmp_path):
    """The loss of the first step, over all forget items at once; a model with this reference."""

    def of(method: str, reference=None, label: str = "paper", lora: dict | None = None) -> float:
        spec = how(method, micro_training(steps=1, batch_size=len(FORGET)) | {"lora": lora}, label)
        given = (micro_model(), micro_tokenizer, FORM, SOURCES, spec, 0, tmp_path / "trainer")
        return procedure.unlearn(*given, reference=reference)["losses"]["1"]

    return of


def rows(tokenizer, method: str) -> list[dict]:
    drawn = examples.draw(list(variant(method).parts), SOURCES, len(FORGET), 0)
    return examples.tokenize(drawn, tokenizer, FORM, 128)


def logp(model, row: dict, part: str) -> float:
    """Of the answer, summed over its tokens."""
    with torch.no_grad():
        return token_probabilities(model, row, part).log().sum().item()


def softplus(value: float) -> float:
    return math.log1p(math.exp(value))


def test_npo_starts_at_what_the_other_model_gives(first_loss, micro_model, micro_tokenizer, other):
    assert first_loss("npo") == pytest.approx(2 / 0.1 * math.log(2), rel=1e-5)
    assert first_loss("npo", micro_model()) == pytest.approx(2 / 0.1 * math.log(2), rel=1e-5)
    model, found = micro_model(), []
    for row in rows(micro_tokenizer, "npo"):
        ratio = logp(model, row, "forget") - logp(other, row, "forget")
        found.append(2 / 0.1 * softplus(0.1 * ratio))
    expected = sum(found) / len(found)
    assert abs(expected - 2 / 0.1 * math.log(2)) > 0.01, "the other model says something else"
    assert first_loss("npo", other) == pytest.approx(expected, rel=1e-5)


def test_dpo_compares_both_answers_with_the_other_model(first_loss, micro_model, micro_tokenizer, other):
    model, found = micro_model(), []
    for row in rows(micro_tokenizer, "dpo"):
        ratios = [logp(model, row, part) - logp(other, row, part) for part in ("template", "forget")]
        found.append(2 / 0.1 * softplus(-0.1 * (ratios[0] - ratios[1])))
    expected = sum(found) / len(found)
    assert first_loss("dpo") == pytest.approx(2 / 0.1 * math.log(2), rel=1e-5)
    assert first_loss("dpo", other) == pytest.approx(expected, rel=1e-5) != first_loss("dpo")


def test_kl_starts_at_the_divergence_from_the_other_model(first_loss, micro_model, micro_tokenizer, other):
    model, retain = micro_model(), rows(micro_tokenizer, "npo_kl")[0]
    with torch.no_grad():
        ours, theirs = (distributions(one, retain, "retain") for one in (model, other))
    divergence = (theirs * (theirs / ours).log()).sum(-1).mean().item()
    assert divergence > 0.01
    assert first_loss("npo_kl") == pytest.approx(first_loss("npo"), rel=1e-5), "no divergence from itself"
    assert first_loss("npo_kl", other) == pytest.approx(first_loss("npo", other) + divergence, rel=1e-5)
    assert first_loss("kl", other) - first_loss("kl") == pytest.approx(divergence, rel=1e-4)
    # The release's divergence is over padding too, and has the other model's head as well.
    assert first_loss("kl", other, "release") > first_loss("kl", None, "release") + 0.01


def test_what_compares_with_nothing_is_the_same_beside_any_model(first_loss, other):
    for method in ("gd", "me_gd", "idk_ap", "po"):
        assert first_loss(method, other) == first_loss(method)


def test_the_reference_stays_as_it_is_and_the_model_learns(micro_model, micro_tokenizer, adam, tmp_path, other):
    before, model = copy.deepcopy(other), micro_model()
    spec = how("npo_kl", adam())
    facts = procedure.unlearn(model, micro_tokenizer, FORM, SOURCES, spec, 0, tmp_path / "trainer", reference=other)
    assert largest_difference(before, other) == 0 and largest_difference(micro_model(), model) > 1e-3
    alone = micro_model()
    procedure.unlearn(alone, micro_tokenizer, FORM, SOURCES, spec, 0, tmp_path / "again")
    assert largest_difference(alone, model) > 1e-4, "another reference, another model"
    assert len(facts["losses"]) == 6


def test_adapters_compare_with_the_other_model_too(first_loss, other):
    lora = {"rank": 2, "alpha": 4, "target_modules": ["q_proj", "v_proj"]}
    assert first_loss("npo_kl", other, lora=lora) == pytest.approx(first_loss("npo_kl", other), rel=1e-5)


# --- the retain data of a request -----------------------------------------------------------------------------

SOURCE = requests.Source("universe", None, None, 3)


def sources(**changes) -> examples.Sources:
    spec = {
        "data": benchmarks.spec(SOURCE),
        "unlearn": {"parts": ["forget", "retain"]},
        "forget_set": "request_2",
        "request": 2,
        "retain_mix": {"random": 1.0},
        "seed": 1,
    }
    return unlearning.sources_of(spec | changes)


def questions(given: list[dict]) -> set[str]:
    return {row["question"] for row in given}


def test_a_request_forgets_its_own_authors_and_keeps_those_that_are_left():
    found = sources()
    assert found.forget == SOURCE.load("request_2") and found.retain == SOURCE.load("remaining_2")
    assert not found.templates
    gone = questions(SOURCE.load("request_1")) | questions(SOURCE.load("request_2"))
    assert not gone & questions(found.retain) and questions(SOURCE.load("request_3")) <= questions(found.retain)


def test_retain_data_come_from_the_mix_of_the_row():
    task, general = sources(retain_mix={"task": 1.0}), questions(SOURCE.load("general"))
    assert questions(task.retain) <= general and len(task.retain) == len(SOURCE.load("remaining_2"))
    mixed = sources(retain_mix={"random": 1.0, "task": 1.0})
    shares = [row["question"] in general for row in mixed.retain]
    assert sum(shares) / len(shares) == pytest.approx(0.5, abs=0.01)
    assert mixed.retain == sources(retain_mix={"random": 1.0, "task": 1.0}).retain
    assert mixed.retain != sources(retain_mix={"random": 1.0, "task": 1.0}, seed=2).retain


def test_a_method_that_takes_no_retain_data_gets_none():
    found = sources(unlearn={"parts": ["forget", "template"]}, retain_mix=None)
    assert not found.retain and len(found.templates) == 100
