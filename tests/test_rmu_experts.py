"""RMU on mixtures of experts: all experts of named layers, one expert with its anchor, and where the two do not fit."""

import pytest
import torch
from micro import how, mixture, tensors, tokenized, unlearn, weights
from test_expert_training import ANCHOR, ONE, declared, slices_that_changed
from test_rmu import ALPHA, C, naive

from unlearnkit import experts, models
from unlearnkit.errors import KitError
from unlearnkit.methods import variant

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture(params=experts.MIXTURES)
def family(request) -> str:
    return request.param


@pytest.fixture
def tokenizer(micro_tokenizers, family):
    return micro_tokenizers[family]


@pytest.fixture
def new(family, tokenizer):
    return lambda: models.build(mixture(family), tokenizer, seed=0)


def test_all_experts_of_named_layers(new, tokenizer, adam, tmp_path):
    model = new()
    before = tensors(model)
    training = adam(steps=3, weight_decay=0.1) | {"updated": {"layers": [1], "modules": ["mlp.experts"]}}
    unlearn(model, tokenizer, tmp_path, how("rmu", training, steering=C, alpha=ALPHA, layer=1))
    changed = {name for name, value in tensors(model).items() if not torch.equal(value, before[name])}
    assert changed == {f"model.layers.1.mlp.experts.{name}" for name in experts.TENSORS}


@pytest.mark.parametrize("anchor", [None, ANCHOR])
def test_one_expert_and_its_router_change(anchor, new, tokenizer, adam, tmp_path):
    model = new()
    before = tensors(model)
    training = adam(steps=3, weight_decay=0.1) | {"expert": ONE | {"anchor": anchor}}
    facts = unlearn(model, tokenizer, tmp_path, how("rmu", training, steering=C, alpha=ALPHA, layer=2))
    (selected,) = facts["routing"]["selected"]
    assert slices_that_changed(model, before) == declared([tuple(selected)], "layer")


def test_one_expert_moves_as_its_share_of_the_formulas_gradient(new, tokenizer, micro_training, tmp_path):
    """Two steps of SGD: in the second one the original model's activations are no longer the model's own."""
    model, plain, original = new().eval(), new().eval(), new().eval()
    rate, alpha = 0.05, ALPHA
    training = micro_training(steps=2, learning_rate=rate) | {"expert": ONE | {"anchor": None}}
    spec = how("rmu", training, steering=C, alpha=alpha, layer=2)
    facts = unlearn(model, tokenizer, tmp_path, spec)
    ((layer, chosen),) = facts["routing"]["selected"]
    rows = tokenized(tokenizer, variant("rmu"), 8)
    block, losses = plain.model.layers[layer].mlp, []
    for step in range(2):
        loss = naive_in_the_last_layer(plain, original, rows[4 * step : 4 * step + 4])
        plain.zero_grad()
        loss.backward()
        losses.append(loss.item())
        with torch.no_grad():
            block.gate.weight -= rate * block.gate.weight.grad
            for name in experts.TENSORS:
                tensor = getattr(block.experts, name)
                tensor[chosen] -= rate * tensor.grad[chosen]
    assert [facts["losses"][step] for step in ("1", "2")] == pytest.approx(losses, rel=1e-4)
    for name, value in weights(plain).items():
        torch.testing.assert_close(weights(model)[name], value, rtol=1e-4, atol=1e-6, msg=name)
    moved = block.experts.down_proj - original.model.layers[layer].mlp.experts.down_proj
    assert moved.abs().max() > 1e-5


def naive_in_the_last_layer(model, original, rows: list[dict]) -> torch.Tensor:
    """transformers shows the last layer's output behind the final norm only; without one it is the output."""
    norms = [one.model.norm for one in (model, original)]
    for one in (model, original):
        one.model.norm = torch.nn.Identity()
    try:
        return naive(model, original, rows, 2, seed=0)
    finally:
        for one, norm in zip((model, original), norms, strict=True):
            one.model.norm = norm


def test_the_anchor_adds_to_the_loss(new, tokenizer, micro_training, tmp_path):
    losses = {}
    for weight in (0.0, 1.0):
        training = micro_training(steps=1) | {"expert": ONE | {"anchor": ANCHOR | {"weight": weight}}}
        spec = how("rmu", training, steering=C, alpha=ALPHA, layer=2)
        losses[weight] = unlearn(new(), tokenizer, tmp_path / str(weight), spec)["losses"]["1"]
    assert 0.1 < losses[1.0] - losses[0.0] < 2.0


@pytest.mark.parametrize("anchor", [None, ANCHOR])
def test_an_expert_above_the_layer_is_refused(anchor, new, tokenizer, micro_training, tmp_path):
    """It would be counted as trained and stay as it is."""
    one = ONE | {"per_layer": True, "anchor": anchor}
    spec = how("rmu", micro_training() | {"expert": one}, steering=C, alpha=ALPHA, layer=1)
    with pytest.raises(KitError) as raised:
        unlearn(new(), tokenizer, tmp_path, spec)
    message = "parameters.layer: parameters of layer 2 are to be trained, and only layers 0 to 1 are computed"
    assert str(raised.value) == message


def test_one_way_to_train_few_parameters_at_a_time(new, tokenizer, micro_training, tmp_path):
    training = micro_training() | {"expert": ONE, "updated": {"layers": [1], "modules": ["mlp.experts"]}}
    with pytest.raises(KitError, match="'expert' and 'updated' are two ways to train few parameters"):
        unlearn(new(), tokenizer, tmp_path, how("rmu", training, steering=C, alpha=ALPHA, layer=2))
