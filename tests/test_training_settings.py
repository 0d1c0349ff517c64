"""A parameter file's training section reaches TRL as it is written; fine-tuning minimises what it says."""

import copy

import pytest
import torch
from micro import FORM, how, largest_difference, token_probabilities, training_rows, tune, unlearn

from unlearnkit.data.encode import encode
from unlearnkit.training import config, finetune, procedure
from unlearnkit.training.callbacks import Probe

pytestmark = [
    pytest.mark.usefixtures("quiet"),
    pytest.mark.filterwarnings("ignore:.(is_)?gradient_checkpointing. is deprecated"),
]


@pytest.fixture
def trainers(monkeypatch):
    """Every trainer that is run during a test."""
    seen: list = []

    def spy(trainer, folder):
        seen.append(trainer)
        return config.run(trainer, folder)

    monkeypatch.setattr(finetune, "run", spy)
    monkeypatch.setattr(procedure, "run", spy)
    return seen


PLAIN = {
    "bf16": False,
    "fp16": False,
    "gradient_checkpointing": False,
    "max_grad_norm": 1.0,
    "lr_scheduler_type": "constant_with_warmup",
    "warmup_steps": 0,
    "adam_beta2": 0.999,
    "weight_decay": 0.0,
}
CHANGES = {
    "precision": "bfloat16",
    "gradient_checkpointing": True,
    "max_grad_norm": None,
    "schedule": "linear",
    "warmup_steps": 1,
    "adam_beta2": 0.9,
    "weight_decay": 0.5,
}
CHANGED = {
    "bf16": True,
    "fp16": False,
    "gradient_checkpointing": True,
    "max_grad_norm": 0.0,
    "lr_scheduler_type": "linear",
    "warmup_steps": 1,
    "adam_beta2": 0.9,
    "weight_decay": 0.5,
}


@pytest.mark.parametrize(("changes", "args"), [({}, PLAIN), (CHANGES, CHANGED)])
def test_settings_arrive_as_they_are_written(changes, args, dropout_model, adam, micro_tokenizer, trainers, tmp_path):
    training = adam(steps=1, **changes)
    tune(dropout_model(), micro_tokenizer, tmp_path / "tuned", training, seed=5)
    unlearn(dropout_model(), micro_tokenizer, tmp_path / "unlearned", how("ga", training), seed=5)
    always = {
        "learning_rate": 3e-3,
        "max_steps": 1,
        "seed": 5,
        "data_seed": 5,
        "max_length": None,
        "packing": False,
        "train_sampling_strategy": "sequential",
        "report_to": [],
        "save_strategy": "no",
    }
    for trainer in trainers:
        found = {name: getattr(trainer.args, name) for name in always | args}
        assert found == always | args
        assert trainer.accelerator.mixed_precision == ("bf16" if trainer.args.bf16 else "no")
        assert trainer.model.is_gradient_checkpointing == trainer.args.gradient_checkpointing
    assert len(trainers) == 2


def test_no_clipping_means_none(dropout_model, micro_training, micro_tokenizer, tmp_path):
    def moved(limit: float | None) -> float:
        model = dropout_model()
        spec = how("ga", micro_training(steps=1, max_grad_norm=limit))
        unlearn(model, micro_tokenizer, tmp_path / str(limit), spec)
        return largest_difference(model, dropout_model())

    assert moved(None) == moved(1e6)
    assert moved(None) > 10 * moved(1e-2) > 0


def test_nothing_is_truncated(dropout_model, adam, micro_tokenizer, monkeypatch, tmp_path):
    """TRL's default cuts at 1024 tokens."""
    rows = [{"question": "What is long?", "answer": "The road, " * 400}]
    whole = encode(micro_tokenizer, FORM(rows[0]["question"]), rows[0]["answer"], 4096)
    assert len(whole.input_ids) > 1100
    training = adam(steps=1, batch_size=1, max_length=4096)
    monkeypatch.setattr(finetune, "run", lambda trainer, folder: trainer)
    trainer = finetune.train(dropout_model(), micro_tokenizer, rows, FORM, training, 0, tmp_path, None)
    (batch,) = trainer.get_train_dataloader()
    assert batch["input_ids"].tolist() == [whole.input_ids]
    assert batch["labels"].tolist() == [whole.labels]


def test_the_first_steps_of_a_longer_run_are_the_shorter_run(dropout_model, adam, micro_tokenizer, tmp_path):
    """Under a constant schedule; `unlearnkit select` reads several step counts off one run."""
    longer, shorter, at_two = dropout_model(), dropout_model(), []
    probe = Probe(lambda model, step: at_two.append(copy.deepcopy(model)), lambda step: step == 2)
    unlearn(longer, micro_tokenizer, tmp_path / "4", how("flat_kl", adam(steps=4, warmup_steps=1)), probes=[probe])
    unlearn(shorter, micro_tokenizer, tmp_path / "2", how("flat_kl", adam(steps=2, warmup_steps=1)))
    assert largest_difference(at_two[0], shorter) == 0
    assert largest_difference(longer, shorter) > 0


# --- fine-tuning --------------------------------------------------------------------------------------------


def test_fine_tuning_minimises_the_token_mean_of_answers(micro_model, micro_training, micro_tokenizer, tmp_path):
    """One SGD step by hand: gradients of all answer tokens, over their number; accumulation changes nothing."""
    rows, by_hand = training_rows(), micro_model()
    encoded = [encode(micro_tokenizer, FORM(row["question"]), row["answer"], 128) for row in rows]
    logps = [token_probabilities(by_hand, {"a_input_ids": one.input_ids}, "a").log() for one in encoded]
    (-torch.cat(logps).mean()).backward()
    with torch.no_grad():
        for parameter in by_hand.parameters():
            parameter -= 0.1 * parameter.grad
    for batch_size in (8, 2):
        model = micro_model()
        training = micro_training(steps=1, batch_size=batch_size, gradient_accumulation_steps=8 // batch_size)
        tune(model, micro_tokenizer, tmp_path / str(batch_size), training)
        assert largest_difference(model, micro_model()) > 1e-3
        assert largest_difference(model, by_hand) < 1e-6


def test_fine_tuning_learns(micro_model, adam, micro_tokenizer, tmp_path):
    def loss(model) -> float:
        encoded = [encode(micro_tokenizer, FORM(r["question"]), r["answer"], 128) for r in training_rows()]
        with torch.no_grad():
            logps = [token_probabilities(model, {"a_input_ids": one.input_ids}, "a").log() for one in encoded]
        return -torch.cat(logps).mean().item()

    model = micro_model()
    tune(model, micro_tokenizer, tmp_path, adam(steps=40, learning_rate=1e-2, batch_size=8))
    assert loss(model) < loss(micro_model()) - 2


def test_same_seed_same_bits_other_seed_other_weights(dropout_model, adam, micro_tokenizer, tmp_path):
    one, again, other = dropout_model(), dropout_model(), dropout_model()
    for number, (model, seed) in enumerate([(one, 1), (again, 1), (other, 2)]):
        tune(model, micro_tokenizer, tmp_path / str(number), adam(), seed)
    assert largest_difference(one, again) == 0
    assert largest_difference(one, other) > 0
