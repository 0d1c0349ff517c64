"""Interruption, resumption and measuring on the way: none of them changes a bit of the trained weights."""

import random

import numpy
import pytest
import torch
from micro import FORM, how, largest_difference, training_rows, tune, unlearn

from unlearnkit import evaluation
from unlearnkit.training import config
from unlearnkit.training.callbacks import Probe, untouched

pytestmark = [
    pytest.mark.usefixtures("quiet"),
    pytest.mark.filterwarnings("ignore:.(is_)?gradient_checkpointing. is deprecated"),
]


class Interrupted(Exception):
    pass


def interrupt_at(step: int):
    def report(done: int, steps: int) -> None:
        if done == step:
            raise Interrupted

    return report


# --- interruption -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("save_steps", "interrupted", "accumulation"), [(2, 3, 2), (3, 6, 1)])
def test_interrupted_fine_tuning_ends_in_the_same_bits(
    save_steps, interrupted, accumulation, dropout_model, adam, micro_tokenizer, tmp_path
):
    """Six steps of four examples are three passes over eight rows."""
    training = adam(batch_size=4 // accumulation, gradient_accumulation_steps=accumulation, save_steps=save_steps)
    whole, resumed = dropout_model(), dropout_model()
    assert tune(whole, micro_tokenizer, tmp_path / "whole", training) == 6
    with pytest.raises(Interrupted):
        tune(dropout_model(), micro_tokenizer, tmp_path / "cut", training, report=interrupt_at(interrupted))
    steps: list[int] = []
    tune(resumed, micro_tokenizer, tmp_path / "cut", training, report=lambda done, _: steps.append(done))
    assert steps == list(range(save_steps + 1, 7))
    assert largest_difference(whole, resumed) == 0


LORA = {"rank": 2, "alpha": 4, "target_modules": ["q_proj", "v_proj"]}


@pytest.mark.parametrize(
    ("method", "save_steps", "interrupted", "lora"),
    [("npo", 2, 3, None), ("flat_kl", 3, 6, None), ("llmu", 3, 5, None), ("kl", 2, 3, LORA)],
)
def test_interrupted_unlearning_ends_in_the_same_bits(
    method, save_steps, interrupted, lora, dropout_model, adam, micro_tokenizer, tmp_path
):
    spec = how(method, adam(save_steps=save_steps) | {"lora": lora})
    whole, resumed = dropout_model(), dropout_model()
    expected = unlearn(whole, micro_tokenizer, tmp_path / "whole", spec)
    with pytest.raises(Interrupted):
        unlearn(dropout_model(), micro_tokenizer, tmp_path / "cut", spec, report=interrupt_at(interrupted))
    facts = unlearn(resumed, micro_tokenizer, tmp_path / "cut", spec)
    assert largest_difference(whole, resumed) == 0
    assert facts["optimiser_steps"] == 6
    assert facts["losses"] == expected["losses"]  # of all six steps, those before the interruption too


def test_interrupted_after_the_last_step(dropout_model, adam, micro_tokenizer, tmp_path):
    training = adam(save_steps=3)
    whole, again = dropout_model(), dropout_model()
    tune(whole, micro_tokenizer, tmp_path, training)
    assert tune(again, micro_tokenizer, tmp_path, training) == 6
    assert largest_difference(whole, again) == 0


def test_a_checkpoint_that_was_interrupted_is_passed_over(dropout_model, adam, micro_tokenizer, tmp_path):
    training = adam(save_steps=2)
    whole, resumed = dropout_model(), dropout_model()
    tune(whole, micro_tokenizer, tmp_path / "whole", training)
    with pytest.raises(Interrupted):
        tune(dropout_model(), micro_tokenizer, tmp_path / "trainer", training, report=interrupt_at(3))
    half = tmp_path / "trainer" / "checkpoint-4"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half a file")
    assert config.last_checkpoint(tmp_path / "trainer").name == "checkpoint-2"
    tune(resumed, micro_tokenizer, tmp_path / "trainer", training)
    assert largest_difference(whole, resumed) == 0


def test_last_checkpoint_counts_in_numbers(tmp_path):
    assert config.last_checkpoint(tmp_path / "nowhere") is None
    for step in (9, 10):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "trainer_state.json").touch()
    assert config.last_checkpoint(tmp_path).name == "checkpoint-10"


# --- measuring on the way -----------------------------------------------------------------------------------


def test_evaluating_at_every_step_changes_no_bit(dropout_model, adam, micro_tokenizer, tmp_path):
    spec = how("flat_kl", adam())
    asked = evaluation.questions("forget", [row | {"perturbed_answer": ["No."]} for row in training_rows()], {})
    measured: list[int] = []

    def measure(model, step: int) -> None:
        assert not model.training
        evaluation.evaluate(model, micro_tokenizer, asked, FORM, max_length=128, max_new_tokens=4, tokens_per_batch=512)
        torch.rand(7), random.random(), numpy.random.rand()  # and worse than the kit's own evaluation would do
        measured.append(step)

    without, with_probe = dropout_model(), dropout_model()
    unlearn(without, micro_tokenizer, tmp_path / "0", spec)
    unlearn(with_probe, micro_tokenizer, tmp_path / "1", spec, probes=[Probe(measure, lambda step: True)])
    assert measured == [1, 2, 3, 4, 5, 6]
    assert largest_difference(without, with_probe) == 0


def test_fine_tuning_would_notice_a_random_number(dropout_model, adam, micro_tokenizer, tmp_path):
    """It has dropout, so that equal bits after an interruption mean something; unlearning has none."""
    tuned, disturbed, unlearned, still = (dropout_model() for _ in range(4))
    draw = {"report": lambda done, steps: torch.rand(7)}
    tune(tuned, micro_tokenizer, tmp_path / "0", adam())
    tune(disturbed, micro_tokenizer, tmp_path / "1", adam(), **draw)
    assert largest_difference(tuned, disturbed) > 0
    unlearn(unlearned, micro_tokenizer, tmp_path / "2", how("flat_kl", adam()))
    unlearn(still, micro_tokenizer, tmp_path / "3", how("flat_kl", adam()), **draw)
    assert largest_difference(unlearned, still) == 0


def test_untouched_restores_mode_and_random_states_after_an_error_too(micro_model):
    model = micro_model().train()
    states = torch.get_rng_state(), random.getstate(), numpy.random.get_state()
    with pytest.raises(Interrupted), untouched(model):
        assert not model.training and not torch.is_grad_enabled()
        torch.rand(3), random.random(), numpy.random.rand()
        raise Interrupted
    assert model.training and torch.is_grad_enabled()
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert all(numpy.array_equal(a, b) for a, b in zip(numpy.random.get_state(), states[2], strict=True))


def test_evaluation_works_while_activations_are_checkpointed(dropout_model, adam, micro_tokenizer, tmp_path):
    """Checkpointing and TRL switch the cache off; evaluation has to switch it on for itself."""
    asked = evaluation.questions("forget", [row | {"perturbed_answer": ["No."]} for row in training_rows()[:2]], {})
    bounds = {"max_length": 128, "max_new_tokens": 4, "tokens_per_batch": 512}
    on_the_way: list[list[dict]] = []

    def measure(model, step: int) -> None:
        on_the_way.append(evaluation.evaluate(model, micro_tokenizer, asked, FORM, **bounds))

    plain, checkpointed = dropout_model(), dropout_model()
    for model, flag in ((plain, False), (checkpointed, True)):
        spec = how("ga", adam(gradient_checkpointing=flag, steps=2))
        unlearn(model, micro_tokenizer, tmp_path / f"{flag}", spec, probes=[Probe(measure, lambda step: True)])
    assert largest_difference(plain, checkpointed) < 1e-6
    assert on_the_way[0][0]["answers"][0]["logp"] == pytest.approx(on_the_way[2][0]["answers"][0]["logp"], abs=1e-4)
