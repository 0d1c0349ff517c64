"""LoRA: what is trained, how strongly, and that a plain model is left. Resumption: test_training_resume.py."""

import pytest
import torch
from micro import OPT, how, unlearn, weights

from unlearnkit import models
from unlearnkit.errors import KitError
from unlearnkit.training.lora import lora_config

pytestmark = [
    pytest.mark.usefixtures("quiet"),
    pytest.mark.filterwarnings("ignore:.(is_)?gradient_checkpointing. is deprecated"),
]

LORA = {"rank": 2, "alpha": 4, "target_modules": ["q_proj", "v_proj"]}


def changes(model, before) -> dict[str, torch.Tensor]:
    """Weights that moved: name -> by how much."""
    old = weights(before)
    return {name: new - old[name] for name, new in weights(model).items() if not torch.equal(new, old[name])}


@pytest.mark.parametrize("method", ["ga", "npo", "llmu"])
def test_only_targets_change_and_by_a_matrix_of_that_rank(method, memorised, adam, micro_tokenizer, tmp_path):
    model = memorised()
    unlearn(model, micro_tokenizer, tmp_path, how(method, adam() | {"lora": LORA}))
    changed = changes(model, memorised())
    assert {name.split(".")[-2] for name in changed} == {"q_proj", "v_proj"}
    for delta in changed.values():
        values = torch.linalg.svdvals(delta)
        assert values[0] > 1e-4
        assert values[2:].max() < 1e-3 * values[0]


def test_what_is_left_is_a_plain_model(memorised, adam, micro_tokenizer, tmp_path):
    model = memorised()
    unlearn(model, micro_tokenizer, tmp_path / "trainer", how("ga", adam(gradient_checkpointing=True) | {"lora": LORA}))
    assert [name for name, _ in model.named_parameters()] == [name for name, _ in memorised().named_parameters()]
    assert all(parameter.requires_grad for parameter in model.parameters())
    models.save(model, micro_tokenizer, tmp_path / "saved")
    assert not list((tmp_path / "saved").glob("adapter*"))
    loaded, _ = models.load(tmp_path / "saved")
    ids = torch.arange(5, 25).view(1, -1)
    with torch.no_grad():
        assert torch.equal(loaded(input_ids=ids).logits, model.eval()(input_ids=ids).logits)


def test_alpha_over_rank_is_the_strength(memorised, micro_training, micro_tokenizer, tmp_path):
    """One SGD step from B = 0: delta = (alpha / rank) B A with B ~ alpha / rank, so twice alpha is four times delta."""
    moved = []
    for alpha in (4, 8):
        model = memorised()
        spec = how("ga", micro_training(steps=1) | {"lora": LORA | {"alpha": alpha}})
        unlearn(model, micro_tokenizer, tmp_path / str(alpha), spec)
        moved.append(changes(model, memorised()))
    for name, delta in moved[0].items():
        torch.testing.assert_close(moved[1][name], 4 * delta, rtol=2e-2, atol=1e-6)


def test_null_is_full_fine_tuning(memorised, adam, micro_tokenizer, tmp_path):
    model = memorised()
    unlearn(model, micro_tokenizer, tmp_path, how("ga", adam() | {"lora": None}))
    assert changes(model, memorised()).keys() == weights(model).keys()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("q_prj", "lora.target_modules: no linear layer 'q_prj' to adapt; did you mean 'q_proj'?"),
        ("lm_head", "lora.target_modules: no linear layer 'lm_head' to adapt; choose from: down_proj, gate_proj"),
        ("model", "lora.target_modules: no linear layer 'model' to adapt"),
    ],
)
def test_a_target_that_matches_nothing_is_one_line(target, message, micro_model):
    with pytest.raises(KitError) as raised:
        lora_config(micro_model(), LORA | {"target_modules": ["q_proj", target]})
    assert message in str(raised.value) and "\n" not in str(raised.value)


def test_every_family_has_its_own_names(micro_tokenizer, adam, tmp_path):
    model = models.build(OPT, micro_tokenizer, seed=0)
    with pytest.raises(KitError, match="choose from: fc1, fc2, k_proj, out_proj"):
        lora_config(model, LORA | {"target_modules": ["gate"]})
    spec = how("kl", adam(steps=2) | {"lora": LORA | {"target_modules": ["fc1", "fc2"]}})
    unlearn(model, micro_tokenizer, tmp_path, spec)
    changed = changes(model, models.build(OPT, micro_tokenizer, seed=0))
    assert {name.split(".")[-2] for name in changed} == {"fc1", "fc2"}


def test_what_is_trained_is_counted(memorised, adam, micro_tokenizer, tmp_path):
    """Llama of width 32, two layers: rank 2 on q_proj and v_proj (32 -> 32) and up_proj (32 -> 64)."""
    counts = []
    for name, lora in (("full", None), ("lora", LORA | {"target_modules": ["q_proj", "v_proj", "up_proj"]})):
        model = memorised()
        counts.append(unlearn(model, micro_tokenizer, tmp_path / name, how("ga", adam(steps=1) | {"lora": lora})))
    there = sum(weight.numel() for weight in memorised().parameters())
    assert [one["parameters"] for one in counts] == [there, there]
    assert [one["trainable_parameters"] for one in counts] == [there, 2 * 2 * (64 + 64 + 96)]
