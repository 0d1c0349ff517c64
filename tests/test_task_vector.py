"""Task Vector: a worked example, every parameter, and what it refuses."""

import pytest
import torch
from micro import weights

from unlearnkit.errors import KitError
from unlearnkit.training import task_vector


def layer(weight: list[list[float]], bias: list[float]) -> torch.nn.Linear:
    made = torch.nn.Linear(len(weight[0]), len(bias))
    made.weight.data, made.bias.data = torch.tensor(weight), torch.tensor(bias)
    return made


def test_worked_example():
    model = layer([[1.0, 2.0], [0.0, -1.0]], [0.5, 0.0])
    finetuned = layer([[1.5, 2.0], [-1.0, 0.0]], [0.0, 2.0])
    task_vector.subtract(model, finetuned, alpha=2.0)
    # 1 - 2 * 0.5, 2 - 0; 0 + 2 * 1, -1 - 2 * 1; 0.5 + 2 * 0.5, 0 - 2 * 2
    assert model.weight.tolist() == [[0.0, 2.0], [2.0, -3.0]]
    assert model.bias.tolist() == [1.5, -4.0]
    assert finetuned.bias.tolist() == [0.0, 2.0]


def test_every_parameter_moves_away_from_the_finetuned_model(micro_model):
    model, finetuned = micro_model(), micro_model()
    with torch.no_grad():
        for parameter in finetuned.parameters():
            parameter += 0.25
    before = weights(model)
    task_vector.subtract(model, finetuned, alpha=2.0)
    for name, weight in weights(model).items():
        assert torch.allclose(weight, before[name] - 0.5, atol=1e-6), name
    assert model.lm_head.weight is model.model.embed_tokens.weight  # tied as before
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_alpha_0_and_the_same_model_change_nothing(micro_model):
    model, other = micro_model(), micro_model()
    before = weights(model)
    task_vector.subtract(model, other, alpha=512.0)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter += 1
    task_vector.subtract(model, other, alpha=0.0)
    assert all(torch.equal(weight, before[name]) for name, weight in weights(model).items())


def test_half_precision_is_computed_in_full():
    """256 - 1.5 * 2 = 253 has no rounding on its way in float32; the model keeps its own precision."""
    model, finetuned = (layer([[1.0]], [bias]).to(torch.bfloat16) for bias in (256.0, 258.0))
    task_vector.subtract(model, finetuned, alpha=1.5)
    assert model.bias.item() == 253.0
    assert model.bias.dtype == torch.bfloat16


def test_another_model_is_refused_before_anything_changes():
    model, other = layer([[1.0, 2.0]], [3.0]), layer([[1.0]], [9.0])
    with pytest.raises(KitError, match=r"task vector: weight: \(1, 2\) in the model, \(1, 1\) in the one fine-tuned"):
        task_vector.subtract(model, other, alpha=1.0)
    assert model.bias.tolist() == [3.0]
    headless = torch.nn.Linear(2, 1, bias=False)
    with pytest.raises(KitError, match=r"bias: .* no such parameter in the one fine-tuned"):
        task_vector.subtract(model, headless, alpha=1.0)
