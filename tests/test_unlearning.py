"""A row's unlearning ends at the first measured step that reaches what its spec wants."""

import json
from types import SimpleNamespace

import pytest
import torch

from unlearnkit import checkpoints, sampling, unlearning
from unlearnkit.training import procedure
from unlearnkit.training.examples import Sources

AT_STEPS, ACCURACIES = [2, 4, 8], {0: 0.9, 2: 0.6, 4: 0.3, 8: 0.2}
TRAINING = {"steps": 8, "epochs": None, "batch_size": 1, "gradient_accumulation_steps": 1}


def run(until: dict) -> SimpleNamespace:
    how = {"method": "ga", "variant": "paper", "parts": ["forget"], "training": TRAINING}
    spec = {"unlearn": how, "trajectory_every": None, "at_steps": AT_STEPS, "seed": 1} | until
    return SimpleNamespace(spec=spec | {"prompt_format": "continuation"})


@pytest.mark.parametrize(
    ("until", "steps"),
    [({"until": {"wmdp_accuracy": 0.35}}, [2, 4]), ({"until": {"wmdp_accuracy": 0.1}}, AT_STEPS), ({}, AT_STEPS)],
)
def test_training_ends_where_the_level_is_reached(until, steps, monkeypatch, tmp_path):
    model, now = torch.nn.Linear(1, 1), []
    model.config = SimpleNamespace()

    def train(*given):
        """A training of eight steps that asks its probes after each."""
        (probe,) = given[-2]
        for step in range(1, 9):
            now[:] = [step]
            if probe.when(step) and probe.measure(model, step):
                break
        return {"losses": {}}

    monkeypatch.setattr(unlearning, "sources_of", lambda spec: Sources([{}], [], []))
    monkeypatch.setattr(sampling, "on_the_way", lambda spec: lambda *_: {"wmdp_accuracy": ACCURACIES[now[0]]})
    monkeypatch.setattr(procedure, "unlearn", train)
    monkeypatch.setattr(checkpoints, "save", lambda *_: None)
    (tmp_path / "trainer").mkdir()
    unlearning.unlearn(model, None, run(until), tmp_path, lambda *_: None)
    points = json.loads((tmp_path / "trajectory.json").read_text())
    assert [point["step"] for point in points] == steps
    assert now == [steps[-1]]
