"""RMU: its formula on three families, which layers run, which weights change, and what it does to activations."""

import copy

import pytest
import torch
from conftest import MICRO
from micro import FORGET, OPT, PHI, RETAIN, how, loss_of, tensors, tokenized, unlearn, weights

from unlearnkit import models, needs
from unlearnkit.errors import KitError
from unlearnkit.losses import rmu_forget, rmu_forget_release, rmu_retain, rmu_retain_release
from unlearnkit.methods import variant
from unlearnkit.training import activations, updated
from unlearnkit.training.activations import ActivationTrainer, behind, direction
from unlearnkit.training.config import sft_config
from unlearnkit.training.dropout import switch_off_dropout
from unlearnkit.training.examples import tokenize

pytestmark = [
    pytest.mark.usefixtures("quiet"),
    pytest.mark.filterwarnings("ignore:.gradient_checkpointing. is deprecated"),
]

LAYERS = 4
FAMILIES = {"llama": MICRO, "opt": OPT, "phi": PHI}
MODULES = {"llama": "mlp.down_proj", "opt": "fc2", "phi": "mlp.fc2"}  # of a layer
C, ALPHA = 3.0, 5.0


@pytest.fixture(scope="module")
def built(micro_tokenizer):
    """A function from a family's name to a fresh random model of four layers, without dropout."""
    found = {}
    for family, architecture in FAMILIES.items():
        found[family] = models.build(architecture | {"num_hidden_layers": LAYERS}, micro_tokenizer, seed=3)
        switch_off_dropout(found[family])
    return lambda family: copy.deepcopy(found[family])


def prepared(model, tokenizer, folder, training: dict, layer: int, label: str = "paper", rows=None, **more):
    from datasets import Dataset

    chosen = variant("rmu", label)
    rows = rows or tokenized(tokenizer, chosen, 4)
    trainer = ActivationTrainer(
        variant=chosen,
        parameters={"steering": C, "alpha": ALPHA, "layer": layer},
        model=model,
        args=sft_config(training, folder, 0, 1, remove_unused_columns=False),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        **more,
    )
    return trainer, rows


def states(model, ids: list[int], layer: int) -> torch.Tensor:
    """(tokens, hidden) behind a layer: the whole stack, one row, no padding, nothing of the kit's."""
    return model(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states[layer + 1][0]


def naive(model, original, rows: list[dict], layer: int, seed: int) -> torch.Tensor:
    torch.manual_seed(seed)
    target = torch.rand(model.config.hidden_size)
    target = C * target / target.pow(2).sum().sqrt()
    losses = []
    for row in rows:
        steered = states(model, row["forget_input_ids"], layer)
        kept = states(model, row["retain_input_ids"], layer)
        with torch.no_grad():
            before = states(original, row["retain_input_ids"], layer)
        losses.append(((steered - target) ** 2).mean() + ALPHA * ((kept - before) ** 2).mean())
    return torch.stack(losses).mean()


def disturb(model) -> None:
    """Every weight somewhere else, the same for models with the same weights."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn(parameter.shape, generator=generator)


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("layer", [0, 2])
@pytest.mark.parametrize("family", FAMILIES)
def test_value_and_gradient_are_those_of_the_formula(
    family, layer, checkpointing, built, micro_tokenizer, micro_training, tmp_path
):
    """Away from the original model; rows of different lengths, padded in one batch."""
    model, original = built(family), built(family)
    training = micro_training(gradient_checkpointing=checkpointing)
    trainer, rows = prepared(model, micro_tokenizer, tmp_path, training, layer)
    assert len({len(row["forget_input_ids"]) for row in rows}) > 1
    disturb(model)
    twin = built(family)
    disturb(twin)
    model.train()
    ours, expected = loss_of(trainer, rows), naive(twin, original, rows, layer, seed=0)
    assert ours.item() == pytest.approx(expected.item(), rel=1e-5)
    ours.backward()
    expected.backward()
    assert model.get_input_embeddings().weight.grad.abs().max() > 1e-4
    for (name, parameter), twin_parameter in zip(model.named_parameters(), twin.parameters(), strict=True):
        if twin_parameter.grad is None:
            assert parameter.grad is None, name
        else:
            scale = max(1.0, twin_parameter.grad.abs().max().item())
            torch.testing.assert_close(parameter.grad, twin_parameter.grad, rtol=1e-4, atol=1e-5 * scale, msg=name)


def test_loss_does_not_depend_on_the_split(built, micro_tokenizer, micro_training, tmp_path):
    found = []
    for size in (4, 2, 1):
        model = built("llama")
        trainer, rows = prepared(model, micro_tokenizer, tmp_path, micro_training(), 2)
        disturb(model)
        loss = loss_of(trainer, *(rows[start : start + size] for start in range(0, 4, size)))
        loss.backward()
        found.append((loss.item(), model.model.layers[1].mlp.down_proj.weight.grad))
    for loss, gradient in found[1:]:
        assert loss == pytest.approx(found[0][0], rel=1e-5)
        torch.testing.assert_close(gradient, found[0][1], rtol=1e-4, atol=1e-6)


def test_a_model_of_its_own_may_be_the_reference(built, micro_tokenizer, micro_training, tmp_path):
    model, other = built("llama"), built("llama")
    disturb(other)
    trainer, rows = prepared(model, micro_tokenizer, tmp_path, micro_training(), 1, reference=other)
    assert trainer.originals == []
    expected = naive(built("llama"), other, rows, 1, seed=0)
    assert loss_of(trainer, rows).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_layers_above_are_not_called(family, built, micro_tokenizer, micro_training, tmp_path):
    """One pass for the trained model over both parts, one for the original over the retain rows."""
    model = built(family)
    _, layers = updated.decoder_layers(model)
    calls = [[] for _ in layers]
    for layer, seen in zip(layers, calls, strict=True):
        layer.register_forward_hook(lambda module, args, output, seen=seen: seen.append(torch.is_grad_enabled()))
    trainer, rows = prepared(model, micro_tokenizer, tmp_path, micro_training(), 1)
    loss_of(trainer, rows).backward()
    assert calls == [[False, True], [False, True], [], []]
    model(input_ids=torch.tensor([[5, 6]]))  # afterwards it is whole again
    assert [len(seen) for seen in calls] == [3, 3, 1, 1]
    assert len(model.state_dict()) == len(built(family).state_dict())


def test_the_stack_is_whole_after_an_error(built):
    model = built("llama")
    with pytest.raises(ZeroDivisionError), behind(model, 1):
        raise ZeroDivisionError
    assert len(model.model.layers) == LAYERS


def test_only_named_modules_change(built, micro_tokenizer, micro_training, tmp_path):
    """Bit for bit, though AdamW decays weights; `layer` 2 reads what layers 1 and 2 do."""
    model = built("llama")
    before = tensors(model)
    training = micro_training(optimizer="adamw_torch", learning_rate=1e-3, weight_decay=0.1, steps=3)
    training["updated"] = {"layers": [1, 2], "modules": ["mlp.down_proj"]}
    unlearn(model, micro_tokenizer, tmp_path, how("rmu", training, steering=C, alpha=ALPHA, layer=2))
    changed = {name for name, value in tensors(model).items() if not torch.equal(value, before[name])}
    assert changed == {f"model.layers.{layer}.mlp.down_proj.weight" for layer in (1, 2)}
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_any_method_can_train_named_modules_alone(built, micro_tokenizer, micro_training, tmp_path):
    model = built("opt")
    before = tensors(model)
    training = micro_training() | {"updated": {"layers": [3], "modules": ["self_attn", "fc1.bias"]}}
    unlearn(model, micro_tokenizer, tmp_path, how("ga", training))
    changed = {name for name, value in tensors(model).items() if not torch.equal(value, before[name])}
    start = "model.decoder.layers.3."
    assert changed == {name for name in before if name.startswith((f"{start}self_attn.", f"{start}fc1.bias"))}


def test_copies_are_of_what_is_trained_below_alone(built, micro_tokenizer, micro_training, tmp_path):
    model = built("llama")
    names = {id(parameter): name for name, parameter in model.named_parameters()}

    def copied(chosen: dict | None) -> set[str]:
        with updated.only(model, chosen):
            trainer, _ = prepared(model, micro_tokenizer, tmp_path, micro_training(), 2)
        return {names[id(parameter)] for parameter, _ in trainer.originals}

    assert copied({"layers": [1], "modules": ["mlp.down_proj", "input_layernorm"]}) == {
        "model.layers.1.mlp.down_proj.weight",
        "model.layers.1.input_layernorm.weight",
    }
    assert copied(None) == {name for name in names.values() if not name.startswith("model.layers.3.")}


def test_the_direction_is_of_unit_length_positive_and_seeded():
    one = direction(4096, 7)
    assert one.norm().item() == pytest.approx(1.0, abs=1e-5)
    assert (one >= 0).all() and one.std() > 0.001
    state = torch.get_rng_state()
    assert torch.equal(one, direction(4096, 7)) and not torch.equal(one, direction(4096, 8))
    assert torch.equal(state, torch.get_rng_state())


def test_means_leave_padding_out_and_the_releases_do_not():
    """By hand: two hidden units, steered to (2, 0); the second row has one token and two of padding."""
    h = torch.tensor([[[1.0, 1.0], [2.0, 0.0], [2.0, 2.0]], [[9.0, 9.0], [9.0, 9.0], [0.0, 0.0]]])
    text = torch.tensor([[True, True, True], [False, False, True]])
    u = torch.tensor([1.0, 0.0])
    assert rmu_forget(h, text, u, 2.0).tolist() == pytest.approx([(1 + 0 + 2) / 3, 2])
    assert rmu_forget_release(h, u, 2.0).tolist() == pytest.approx([1, (65 + 65 + 2) / 3])
    assert rmu_retain(h, h + 1, text).tolist() == pytest.approx([1, 1])
    frozen = torch.where(text.unsqueeze(-1), h, h + 3)
    assert rmu_retain(h, frozen, text).tolist() == [0, 0]
    assert rmu_retain_release(h, frozen).tolist() == pytest.approx([0, 6])


def test_padding_that_is_not_a_number_is_left_out():
    h = torch.zeros(1, 2, 2, requires_grad=True)
    bad = h + torch.tensor([[[float("inf")], [0.0]]])
    loss = rmu_forget(bad, torch.tensor([[False, True]]), torch.ones(2), 1.0)
    assert loss.tolist() == [1.0]


def test_the_release_averages_over_padding_on_the_left(built, micro_tokenizer, micro_training, tmp_path):
    """One long row of each part and one short: what it adds is the padding's activations in that batch."""
    model = built("llama")
    trainer, rows = prepared(model, micro_tokenizer, tmp_path, micro_training(), 2, "release")
    batch = trainer.data_collator(rows)
    assert not batch["attention_mask"].all() and batch["attention_mask"][:, -1].all()
    assert (batch["labels"][:, -1] == micro_tokenizer.eos_token_id).all()
    with torch.no_grad():
        output = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], output_hidden_states=True)
        forget = output.hidden_states[3][:4]
        ours = loss_of(trainer, rows)
    expected = ((forget - C * direction(32, 0)) ** 2).mean()  # retain: nothing has moved yet
    assert ours.item() == pytest.approx(expected.item(), rel=1e-5)
    paper, _ = prepared(built("llama"), micro_tokenizer, tmp_path, micro_training(), 2, rows=rows)
    assert loss_of(paper, rows).item() != pytest.approx(ours.item(), rel=1e-3)


def gaps(model, original, tokenizer, layer: int, seed: int) -> dict[str, float]:
    """Mean squares: forget activations to the target, retain activations to what they were."""
    from micro import FORM

    target = C * direction(model.config.hidden_size, seed)
    pairs = [{"part": (row["question"], row["answer"])} for row in FORGET + RETAIN]
    ids = [row["part_input_ids"] for row in tokenize(pairs, tokenizer, FORM, 128)]
    with torch.no_grad():
        forget = [(states(model, one, layer) - target).square().mean().item() for one in ids[: len(FORGET)]]
        retain = [
            (states(model, one, layer) - states(original, one, layer)).square().mean().item()
            for one in ids[len(FORGET) :]
        ]
    return {"forget": sum(forget) / len(forget), "retain": sum(retain) / len(retain)}


@pytest.mark.parametrize("family", FAMILIES)
def test_forget_activations_go_to_the_target_and_retain_activations_stay(
    family, built, micro_tokenizer, micro_training, tmp_path
):
    before = gaps(built(family), built(family), micro_tokenizer, 2, 1)
    training = micro_training(optimizer="adamw_torch", learning_rate=3e-3, steps=30)
    training["updated"] = {"layers": [0, 1, 2], "modules": [MODULES[family]]}
    after = {}
    for alpha in (0.0, 50.0):
        model = built(family)
        spec = how("rmu", training, steering=C, alpha=alpha, layer=2)
        facts = unlearn(model, micro_tokenizer, tmp_path / str(alpha), spec, seed=1)
        assert facts["optimiser_steps"] == 30 and facts["losses"]["30"] < facts["losses"]["1"]
        after[alpha] = gaps(model, built(family), micro_tokenizer, 2, 1)
    assert after[0.0]["forget"] < 0.5 * before["forget"]
    assert after[50.0]["forget"] < 0.9 * before["forget"]
    assert after[50.0]["retain"] < 0.2 * after[0.0]["retain"]


def test_an_interrupted_training_goes_on_with_the_same_original(built, micro_tokenizer, micro_training, tmp_path):
    usual = micro_training(optimizer="adamw_torch", learning_rate=3e-3, steps=4, save_steps=2)
    usual["updated"] = {"layers": [1], "modules": ["mlp.down_proj"]}
    spec = how("rmu", usual, steering=C, alpha=ALPHA, layer=1)

    class Stop(Exception):
        pass

    def stop(step, steps):
        if step == 3:
            raise Stop

    whole, resumed = built("llama"), built("llama")
    unlearn(whole, micro_tokenizer, tmp_path / "whole", spec)
    with pytest.raises(Stop):
        unlearn(built("llama"), micro_tokenizer, tmp_path / "resumed", spec, report=stop)
    unlearn(resumed, micro_tokenizer, tmp_path / "resumed", spec)
    for name, value in weights(whole).items():
        torch.testing.assert_close(weights(resumed)[name], value, rtol=0, atol=0, msg=name)


def test_it_trains_adapters_too(built, micro_tokenizer, micro_training, tmp_path):
    model, original = built("llama"), built("llama")
    training = micro_training(optimizer="adamw_torch", learning_rate=1e-2, steps=30)
    training["lora"] = {"rank": 4, "alpha": 8.0, "target_modules": ["down_proj"]}
    unlearn(model, micro_tokenizer, tmp_path, how("rmu", training, steering=C, alpha=1.0, layer=1), seed=1)
    after, before = (gaps(one, original, micro_tokenizer, 1, 1) for one in (model, original))
    assert after["forget"] < 0.9 * before["forget"]
    assert not any("lora" in name for name in model.state_dict())
    changed = {name for name, value in weights(model).items() if not torch.equal(value, weights(original)[name])}
    assert changed == {f"model.layers.{layer}.mlp.down_proj.weight" for layer in (0, 1)}


def test_a_step_in_bfloat16(built, micro_tokenizer, micro_training, tmp_path):
    losses = []
    for precision in ("float32", "bfloat16"):
        spec = how("rmu", micro_training(precision=precision), steering=C, alpha=ALPHA, layer=2)
        losses.append(unlearn(built("llama"), micro_tokenizer, tmp_path / precision, spec)["losses"])
    for step in ("1", "2"):
        assert losses[1][step] == pytest.approx(losses[0][step], rel=0.02)


def test_table_1_leaves_it_out():
    """Its layer is a model's own, so no table that trains every method by its own parameters can hold it."""
    assert not [name for name, _ in needs.rows() if name == "rmu"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": [4]}, "no decoder layer 4: LlamaForCausalLM has layers 0 to 3"),
        (
            {"modules": ["mlp.downproj"]},
            "updated.modules: layer 1 has no 'mlp.downproj'; did you mean 'mlp.down_proj'?",
        ),
        ({"modules": ["mlp.down"]}, "updated.modules: layer 1 has no 'mlp.down'; did you mean 'mlp.down_proj'?"),
        ({"lora": True}, "training: 'lora' and 'updated' are two ways to train few parameters"),
        ({"layer": 7}, "no decoder layer 7: LlamaForCausalLM has layers 0 to 3"),
        ({"layer": 1.5}, "no decoder layer 1.5: LlamaForCausalLM has layers 0 to 3"),
        ({"layer": -1}, "no decoder layer -1: LlamaForCausalLM has layers 0 to 3"),
        ({"layer": 0}, "parameters.layer: of what is trained nothing lies in layers 0 to 0"),
        (
            {"layers": [1, 3]},
            "parameters.layer: parameters of layer 3 are to be trained, and only layers 0 to 2 are computed",
        ),
    ],
)
def test_mistakes_are_told_with_the_nearest_name(change, message, built, micro_tokenizer, micro_training, tmp_path):
    training = micro_training()
    training["updated"] = {"layers": [1], "modules": ["mlp.down_proj"]} | {
        name: value for name, value in change.items() if name in ("layers", "modules")
    }
    if "lora" in change:
        training["lora"] = {"rank": 4, "alpha": 8.0, "target_modules": ["down_proj"]}
    spec = how("rmu", training, steering=C, alpha=ALPHA, layer=change.get("layer", 2))
    model = built("llama")
    with pytest.raises(KitError) as raised:
        unlearn(model, micro_tokenizer, tmp_path, spec)
    assert str(raised.value).startswith(message) and "\n" not in str(raised.value)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_model_without_a_list_of_layers_is_refused(built):
    model = built("llama")
    model.config.num_hidden_layers = 9
    with pytest.raises(KitError, match="LlamaForCausalLM: no list of its 9 decoder layers is found"):
        activations.decoder_layers(model)
