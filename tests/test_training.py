"""UnlearnTrainer: what may not change a loss, where losses lead, what they cost.

The losses themselves are held against plain formulas in test_training_formulas.py.
"""

import gc
import math
from pathlib import Path

import pytest
import torch
from micro import (
    FORGET,
    FORM,
    TEMPLATES,
    how,
    largest_difference,
    loss_of,
    token_probabilities,
    tokenized,
    trainer_for,
    unlearn,
)

from unlearnkit.data.encode import IGNORE, encode
from unlearnkit.methods import METHODS, Term, Variant, variant
from unlearnkit.training import examples
from unlearnkit.training.callbacks import Probe
from unlearnkit.training.reference import add_reference_logp
from unlearnkit.training.unlearn import Collator

LOGITS = [name for name in METHODS if not variant(name).inner_parts]  # the others: test_rmu.py

pytestmark = [
    pytest.mark.usefixtures("quiet"),
    pytest.mark.filterwarnings("ignore:.gradient_checkpointing. is deprecated"),
]


# --- what may not change it ---------------------------------------------------------------------------------


def trained(model, tokenizer, folder, spec: dict, batch_size: int):
    """The model after two steps of four examples, given in micro-batches of `batch_size`."""
    split = {"batch_size": batch_size, "gradient_accumulation_steps": 4 // batch_size}
    unlearn(model, tokenizer, folder / str(batch_size), spec | {"training": spec["training"] | split})
    return model


@pytest.mark.parametrize(
    ("method", "label"), [*((name, "paper") for name in LOGITS), ("dpo", "release"), ("me_gd", "answer")]
)
def test_accumulation_changes_nothing(method, label, memorised, micro_tokenizer, micro_training, tmp_path):
    spec = how(method, micro_training(learning_rate=1.0), label)
    whole, halves = (trained(memorised(), micro_tokenizer, tmp_path, spec, size) for size in (4, 2))
    moved = largest_difference(whole, memorised())
    assert moved > 1e-3
    assert largest_difference(whole, halves) < 1e-3 * moved


@pytest.mark.parametrize(
    ("method", "parameters"), [("flat_kl", {"padded_length": 20}), ("kl", {}), ("llmu", {}), ("me_gd", {"alpha": 1.0})]
)
def test_accumulation_changes_the_release_as_it_says(
    method, parameters, memorised, micro_tokenizer, micro_training, tmp_path
):
    """Exempt by name: g* and f* see the mean of a micro-batch, KL over all positions sees its padding."""
    spec = how(method, micro_training(learning_rate=0.1), "release", **parameters)
    whole, ones = (trained(memorised(), micro_tokenizer, tmp_path, spec, size) for size in (4, 1))
    assert largest_difference(whole, ones) > 5e-3 * largest_difference(whole, memorised())


def recorded(trainer, *batches: list[dict]) -> list[float]:
    """Sequence log-probabilities that a loss is given."""
    seen: list[float] = []

    def record(forget_logp):
        seen.extend(forget_logp.tolist())
        return forget_logp

    trainer.variant = Variant((Term(record, "sequences"),), "a test")
    loss_of(trainer, *batches)
    return seen


def test_a_longer_row_beside_them_changes_no_row(memorised, micro_tokenizer, micro_training, tmp_path):
    chosen = variant("ga")
    rows = tokenized(micro_tokenizer, chosen, 2)
    long = {"question": "What is long?", "answer": "The road, " * 20}
    longer = examples.tokenize([{"forget": (long["question"], long["answer"])}], micro_tokenizer, FORM, 256)
    trainer = trainer_for(memorised(), micro_tokenizer, tmp_path, chosen, rows, micro_training())
    alone, beside = recorded(trainer, rows), recorded(trainer, rows + longer)
    assert len(longer[0]["forget_input_ids"]) > 2 * max(len(row["forget_input_ids"]) for row in rows)
    assert beside[:2] == pytest.approx(alone, abs=1e-5)


def test_pad_is_the_end_of_sequence_token_and_harms_nothing(memorised, micro_tokenizer, micro_training, tmp_path):
    chosen = variant("ga")
    rows = tokenized(micro_tokenizer, chosen, 3)
    assert micro_tokenizer.pad_token_id == micro_tokenizer.eos_token_id
    batch = Collator(("forget",), micro_tokenizer.pad_token_id)(rows)
    for number, row in enumerate(rows):
        length = len(row["forget_input_ids"])
        assert row["forget_input_ids"][-1] == micro_tokenizer.eos_token_id
        assert batch["attention_mask"][number].tolist() == [1] * length + [0] * (len(batch["labels"][number]) - length)
        assert batch["labels"][number, length - 1] == micro_tokenizer.eos_token_id  # the real end is learnt,
        assert (batch["labels"][number, length:] == IGNORE).all()  # padding is not
    trainer = trainer_for(memorised(), micro_tokenizer, tmp_path, chosen, rows, micro_training())
    with_eos = recorded(trainer, rows)
    trainer.data_collator = Collator(("forget",), 7)
    assert recorded(trainer, rows) == pytest.approx(with_eos, abs=1e-6)


def test_same_seed_same_bits_other_seed_other_weights(memorised, micro_tokenizer, micro_training, tmp_path):
    spec = how("flat_kl", micro_training(optimizer="adamw_torch", learning_rate=1e-3, steps=3))
    one, again, other = memorised(), memorised(), memorised()
    for number, (model, seed) in enumerate([(one, 1), (again, 1), (other, 2)]):
        unlearn(model, micro_tokenizer, tmp_path / str(number), spec, seed)
    assert largest_difference(one, again) == 0
    assert largest_difference(one, other) > 0


# --- where it leads -----------------------------------------------------------------------------------------


def knowledge(model, tokenizer) -> dict[str, float]:
    """Means over forget questions: log-probability and token probability of answers and template responses."""
    model.eval()
    forget, template = [], []
    for row in FORGET:
        for answer, found in [(row["answer"], forget), *((text, template) for text in TEMPLATES)]:
            encoded = encode(tokenizer, FORM(row["question"]), answer, 128)
            of = {"part_input_ids": encoded.input_ids, "part_labels": encoded.labels}
            with torch.no_grad():
                found.append(token_probabilities(model, of, "part"))
    return {
        "forget_logp": sum(p.log().sum().item() for p in forget) / len(forget),
        "forget_mean_prob": sum(p.mean().item() for p in forget) / len(forget),
        "template_mean_prob": sum(p.mean().item() for p in template) / len(template),
    }


@pytest.mark.parametrize("method", LOGITS)
def test_forgetting(method, memorised, micro_tokenizer, micro_training, tmp_path):
    model = memorised()
    training = micro_training(optimizer="adamw_torch", learning_rate=2e-3, steps=20)
    before = knowledge(model, micro_tokenizer)
    spec = how(method, training)
    facts = unlearn(model, micro_tokenizer, tmp_path, spec)
    after = knowledge(model, micro_tokenizer)
    assert after["forget_logp"] < before["forget_logp"] - 1
    assert after["forget_mean_prob"] < before["forget_mean_prob"] - 0.1
    assert facts["optimiser_steps"] == 20
    assert list(facts["losses"]) == [str(step) for step in range(1, 21)]
    assert facts["losses"]["20"] < facts["losses"]["1"]
    if "template" in spec["parts"] and method != "dpo":  # which is content with the forget response falling
        least = 0.01 if method == "idk_ap" else 0.05  # AP makes templates less likely, on retain questions
        assert after["template_mean_prob"] > before["template_mean_prob"] + least
    if method in ("npo", "dpo"):  # the reference is where they start
        assert facts["losses"]["1"] == pytest.approx(2 / 0.1 * math.log(2), abs=1e-4)


# --- what it costs ------------------------------------------------------------------------------------------


def models_alive(kind: type) -> int:
    gc.collect()
    return sum(type(thing) is kind for thing in gc.get_objects())


@pytest.mark.parametrize("method", ["npo", "kl"])
def test_a_reference_is_no_second_model(method, memorised, micro_tokenizer, micro_training, tmp_path):
    model = memorised()
    before, during = models_alive(type(model)), []
    unlearn(
        model,
        micro_tokenizer,
        tmp_path,
        how(method, micro_training(steps=1)),
        report=lambda step, steps: during.append(models_alive(type(model))),
    )
    assert during == [before]


def test_reference_is_the_plain_sum_and_scores_equal_sequences_once(memorised, micro_tokenizer, micro_training):
    model, rows = memorised(), tokenized(micro_tokenizer, variant("npo"), 3 * len(FORGET))
    seen = []
    hook = model.register_forward_pre_hook(
        lambda module, args, given: seen.append(len(given["input_ids"])), with_kwargs=True
    )
    add_reference_logp(rows, "forget", model, micro_tokenizer, micro_training())
    hook.remove()
    assert seen == [4, 2]
    for row in rows:
        expected = token_probabilities(model, row, "forget").log().sum().item()
        assert row["forget_reference_logp"] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("method", "stacked"),
    [("ga", 4), ("flat_kl", 8), ("kl", 8), ("npo_rt", 8), ("llmu", 12), ("me_gd", 8), ("idk_ap", 12)],
)
def test_one_forward_pass_a_step(method, stacked, memorised, micro_tokenizer, micro_training, tmp_path):
    """All parts in one stacked pass; no pass for a loss that is thrown away, none for the original model."""
    model, rows = memorised(), []
    model.model.register_forward_pre_hook(
        lambda module, args, given: rows.append(len(given["input_ids"])) if module.training else None, with_kwargs=True
    )
    unlearn(model, micro_tokenizer, tmp_path, how(method, micro_training(steps=3)))
    assert rows == [stacked] * 3


@pytest.mark.parametrize(
    ("method", "loaded", "draws_templates"),
    [("ga", ["forget01"], False), ("npo", ["forget01"], False), ("flat_kl", ["forget01"], True)],
)
def test_only_what_a_method_needs_is_loaded(
    method, loaded, draws_templates, micro_params, micro_model, micro_tokenizer, tmp_path, monkeypatch
):
    from unlearnkit import params, plan, unlearning

    planned = plan.make(params.parse(micro_params(), "micro"), "micro")
    row = next(row for row in planned.rows if row.method == method)
    names, drawn = [], []
    load, templates = unlearning.tofu.load, unlearning.templates

    def noted(source, name, *more):
        names.append(name)
        return load(source, name, *more)

    monkeypatch.setattr(unlearning.tofu, "load", noted)
    monkeypatch.setattr(unlearning, "templates", lambda *source: drawn.append(source) or templates(*source))
    unlearning.unlearn(
        micro_model(), micro_tokenizer, planned.runs[row.draws[0].run], tmp_path, lambda stage, done, total: None
    )
    assert names == loaded
    assert bool(drawn) == draws_templates


# --- a method of one's own ----------------------------------------------------------------------------------

SIMNPO = str(Path(__file__).resolve().parent.parent / "params" / "own" / "simnpo.py")


def test_a_method_from_a_file_of_ones_own_trains(memorised, micro_tokenizer, micro_training, tmp_path):
    """SimNPO's published formula, written out; then twenty steps forget."""
    model, chosen = memorised(), variant("simnpo", own=SIMNPO)
    rows = tokenized(micro_tokenizer, chosen, 4)
    trainer = trainer_for(model, micro_tokenizer, tmp_path / "0", chosen, rows, micro_training(), gamma=0.5)
    forget, retain = ([token_probabilities(model, row, part).log() for row in rows] for part in ("forget", "retain"))
    simnpo = [2 / 2.5 * math.log1p(math.exp(2.5 * logp.mean().item() + 0.5)) for logp in forget]
    expected = 0.1375 * sum(simnpo) / 4 - torch.cat(retain).mean().item()
    assert loss_of(trainer, rows).item() == pytest.approx(expected, abs=1e-5)

    spec = how("simnpo", micro_training(optimizer="adamw_torch", learning_rate=2e-3, steps=20), own=SIMNPO)
    before = knowledge(model, micro_tokenizer)
    unlearn(model, micro_tokenizer, tmp_path / "1", spec)
    assert knowledge(model, micro_tokenizer)["forget_mean_prob"] < before["forget_mean_prob"] - 0.1


def test_seconds_of_an_epoch_are_of_the_steps_that_were_made(memorised, micro_tokenizer, micro_training, tmp_path):
    """A probe ends the training after two of forty steps: two batches of four rows."""
    training, last = micro_training(steps=40, batch_size=4), Probe(lambda model, step: step == 2, lambda step: True)
    facts = unlearn(memorised(), micro_tokenizer, tmp_path, how("ga", training), probes=(last,))
    assert facts["optimiser_steps"] == len(facts["losses"]) == 2
    assert facts["seconds_per_epoch"] == pytest.approx(facts["unlearning_seconds"] * len(FORGET) / 8, abs=0.02)
    assert facts["unlearning_seconds"] > 0.05
