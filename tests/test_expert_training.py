"""One-expert unlearning: what changes and what does not, whatever the optimiser; resumption; the router anchor."""

import math

import pytest
import torch
from micro import (
    FORGET,
    FORM,
    SOURCES,
    how,
    largest_difference,
    mixture,
    tensors,
    tokenized,
    trainer_for,
    tune,
    unlearn,
    weights,
)

from unlearnkit import experts, models
from unlearnkit.errors import KitError
from unlearnkit.losses.anchor import anchor
from unlearnkit.methods import variant
from unlearnkit.schema_training import OneExpert
from unlearnkit.training import expert
from unlearnkit.training.callbacks import Probe

pytestmark = [
    pytest.mark.usefixtures("quiet"),
    pytest.mark.filterwarnings("ignore:.(is_)?gradient_checkpointing. is deprecated"),
]

ANCHOR = {"weight": 1.0, "reduction": "mean", "parts": "forget"}
ONE = {
    "top": 1,
    "per_layer": False,
    "router": "layer",
    "gate": "after_top_k",
    "tokens": "all",
    "anchor": ANCHOR,
}


@pytest.fixture(scope="module", params=experts.MIXTURES)
def family(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def tokenizer(micro_tokenizers, family):
    return micro_tokenizers[family]


@pytest.fixture
def new(family, tokenizer):
    """A function that returns a fresh mixture, always with the same random weights."""
    return lambda: models.build(mixture(family), tokenizer, seed=0)


def slices_that_changed(model, before: dict[str, torch.Tensor]) -> dict[str, set[int]]:
    """Name -> indices into the first axis that hold a value with other bits."""
    after = tensors(model)
    assert list(after) == list(before)
    return {
        name: {
            index for index, (one, old) in enumerate(zip(after[name], before[name], strict=True)) if (one != old).any()
        }
        for name in after
        if not torch.equal(after[name], before[name])
    }


def declared(selected: list[tuple[int, int]], router: str) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for layer, one in selected:
        where = f"model.layers.{layer}.mlp"
        for name in ("experts.gate_up_proj", "experts.down_proj"):
            found.setdefault(f"{where}.{name}", set()).add(one)
        found.setdefault(f"{where}.gate.weight", set()).update({one} if router == "row" else range(6))
    return found


# --- what is trained ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("router", expert.ROUTERS)
@pytest.mark.parametrize("method", ["ga", "npo_rt"])
def test_exactly_the_expert_and_its_router_change(method, router, new, tokenizer, adam, tmp_path):
    """Three steps of AdamW with weight decay 0.1: everything else is the same bit for bit."""
    model = new()
    before = tensors(model)
    training = adam(steps=3, weight_decay=0.1) | {"expert": ONE | {"router": router}}
    facts = unlearn(model, tokenizer, tmp_path, how(method, training))
    (selected,) = facts["routing"]["selected"]
    assert slices_that_changed(model, before) == declared([tuple(selected)], router)
    counts = 3 * 24 * 32 + (6 * 32 if router == "layer" else 32)
    assert (facts["trainable_parameters"], facts["parameters"]) == (counts, new().num_parameters())


@pytest.mark.parametrize(
    ("dtype", "changes"),
    [(torch.bfloat16, {"precision": "bfloat16"}), (torch.float32, {"gradient_checkpointing": True})],
    ids=["bfloat16", "checkpointed activations"],
)
def test_so_it_is_as_large_models_are_trained(dtype, changes, new, tokenizer, adam, tmp_path):
    model = new().to(dtype)
    before = tensors(model)
    training = adam(steps=2, weight_decay=0.1, learning_rate=1e-2, **changes) | {"expert": ONE}
    facts = unlearn(model, tokenizer, tmp_path, how("gd", training))
    (selected,) = facts["routing"]["selected"]
    assert slices_that_changed(model, before) == declared([tuple(selected)], "layer")
    assert {one.dtype for one in model.parameters()} == {dtype}


@pytest.mark.parametrize("per_layer", [False, True])
def test_several_experts(per_layer, new, tokenizer, adam, tmp_path):
    model = new()
    before = tensors(model)
    training = adam(steps=3, weight_decay=0.1) | {"expert": ONE | {"top": 3, "per_layer": per_layer, "router": "row"}}
    routing = unlearn(model, tokenizer, tmp_path, how("gd", training))["routing"]
    assert len(routing["selected"]) == (3 * len(routing["layers"]) if per_layer else 3)
    assert slices_that_changed(model, before) == declared([tuple(one) for one in routing["selected"]], "row")


def test_it_moves_as_full_fine_tuning_moves_it(new, tokenizer, micro_training, tmp_path):
    """One step of SGD without an anchor: the slice's gradient is what it is when all is trained."""
    whole, one = new(), new()
    before = tensors(one)
    unlearn(whole, tokenizer, tmp_path / "whole", how("gd", micro_training(steps=1)))
    training = micro_training(steps=1) | {"expert": ONE | {"anchor": None}}
    unlearn(one, tokenizer, tmp_path / "one", how("gd", training))
    changed = slices_that_changed(one, before)
    assert len(changed) == 3
    for name, indices in changed.items():
        for index in indices:
            moved = weights(whole)[name][index] - before[name][index]
            torch.testing.assert_close(weights(one)[name][index] - before[name][index], moved, rtol=1e-4, atol=1e-7)


def test_the_model_is_a_plain_one_again(new, tokenizer, adam, tmp_path):
    model, other = new(), new()
    state = {name: id(parameter) for name, parameter in model.named_parameters()}
    unlearn(model, tokenizer, tmp_path / "trainer", how("gd", adam(steps=3) | {"expert": ONE}))
    assert [name for name, _ in model.named_parameters()] == [name for name, _ in other.named_parameters()]
    assert list(model.state_dict()) == list(other.state_dict())
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert {name: id(parameter) for name, parameter in model.named_parameters()} == state
    assert model.config.output_router_logits is False and "save_pretrained" not in vars(model)
    models.save(model, tokenizer, tmp_path / "saved")
    loaded, _ = models.load(tmp_path / "saved")
    assert largest_difference(loaded, model) == 0
    assert loaded.config.to_diff_dict().keys() == model.config.to_diff_dict().keys()
    ids = torch.arange(5, 25).view(1, -1)
    with torch.no_grad():
        assert torch.equal(loaded.eval()(input_ids=ids).logits, model.eval()(input_ids=ids).logits)


def test_what_is_written_back_is_what_was_trained(new):
    """Also after an error; and the forward pass inside is that of the plain model with those values."""
    model = new().eval()
    before, ids = tensors(model), torch.arange(5, 25).view(1, -1)
    layer, last = max(experts.blocks(model)), []
    with pytest.raises(ZeroDivisionError), expert.isolate(model, [(layer, 4), (layer, 1)], "row"):
        own = {name: one for name, one in model.named_parameters() if one.requires_grad}
        assert {tuple(one.shape) for one in own.values()} == {(48, 32), (32, 24), (32,)} and len(own) == 6
        with torch.no_grad():
            for one in own.values():
                one += torch.randn(one.shape, generator=torch.Generator().manual_seed(3))
            last.append(model(input_ids=ids).logits)
        raise ZeroDivisionError
    assert slices_that_changed(model, before) == declared([(layer, 4), (layer, 1)], "row")
    for name, one in own.items():
        tensor, index = name.rsplit("_of_", 1)
        assert torch.equal(dict(model.named_parameters())[tensor][int(index)], one)
    with torch.no_grad():
        assert torch.equal(model(input_ids=ids).logits, last[0])
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_measurement_on_the_way_is_of_the_trained_expert(new, tokenizer, adam, tmp_path):
    ids, seen = torch.arange(5, 25).view(1, -1), []
    model = new()
    probe = Probe(lambda probed, step: seen.append(probed(input_ids=ids).logits), lambda step: True)
    unlearn(model, tokenizer, tmp_path, how("gd", adam(steps=2) | {"expert": ONE}), probes=[probe])
    with torch.no_grad():
        assert torch.equal(seen[1], model.eval()(input_ids=ids).logits)
    assert not torch.equal(seen[0], seen[1])


def test_routing_is_measured_for_plain_unlearning_too(new, tokenizer, adam, tmp_path):
    model = new()
    facts = unlearn(model, tokenizer, tmp_path, how("ga", adam(steps=2) | {"expert": None}))
    routing = facts["routing"]
    assert routing.keys() == {"layers", "selection_shift"}
    assert facts["trainable_parameters"] == facts["parameters"]
    asked = expert.forget_batches(model, tokenizer, FORM, SOURCES, adam())
    expected = experts.selection_shift(experts.choices(new(), asked), experts.choices(model, asked))
    assert routing["selection_shift"] == list(expected.values()) and max(expected.values()) > 0


def test_the_experts_are_those_of_highest_affinity(new, tokenizer, adam, tmp_path):
    training = adam(steps=1) | {"expert": ONE | {"top": 2, "gate": "before_top_k", "tokens": "answer"}}
    routing = unlearn(new(), tokenizer, tmp_path, how("ga", training))["routing"]
    asked = expert.forget_batches(new(), tokenizer, FORM, SOURCES, adam(), "answer")
    affinity = experts.affinity(new(), asked, "before_top_k")
    assert routing["affinity"] == affinity.tolist()
    best = [divmod(int(index), 6) for index in affinity.flatten().argsort(descending=True)[:2]]
    assert routing["selected"] == [[routing["layers"][line], one] for line, one in best]


def test_a_random_expert_is_the_seeds_and_it_alone_changes(new, tokenizer, adam, tmp_path):
    """Seed 3 draws no expert of highest affinity; what is reported is the affinity all the same."""
    chosen = {}
    for select in ("affinity", "random"):
        model = new()
        before = tensors(model)
        training = adam(steps=2, weight_decay=0.1) | {"expert": ONE | {"select": select}}
        routing = unlearn(model, tokenizer, tmp_path / select, how("gd", training), seed=3)["routing"]
        (chosen[select],) = routing["selected"]
        assert slices_that_changed(model, before) == declared([tuple(chosen[select])], "layer")
        asked = expert.forget_batches(new(), tokenizer, FORM, SOURCES, adam())
        assert routing["affinity"] == experts.affinity(new(), asked, ONE["gate"]).tolist()
    assert chosen["random"] != chosen["affinity"]
    watch = expert.Watch(new(), tokenizer, FORM, SOURCES, training)
    assert [list(one) for one in watch.select(3)] == [chosen["random"]]
    assert len({watch.select(seed)[0] for seed in range(10)}) > 2


# --- resumption and checkpointing of activations -------------------------------------------------------------


class Interrupted(Exception):
    pass


def interrupt_at(step: int):
    def report(done: int, steps: int) -> None:
        if done == step:
            raise Interrupted

    return report


@pytest.mark.parametrize(
    "one",
    [ONE, pytest.param(ONE | {"router": "row"}, marks=pytest.mark.slow), pytest.param(None, marks=pytest.mark.slow)],
    ids=["layer", "row", "all weights"],
)
def test_interrupted_unlearning_ends_in_the_same_bits(one, new, tokenizer, adam, tmp_path):
    spec = how("gd", adam(steps=4, save_steps=2) | {"expert": one})
    whole, resumed = new(), new()
    expected = unlearn(whole, tokenizer, tmp_path / "whole", spec)
    with pytest.raises(Interrupted):
        unlearn(new(), tokenizer, tmp_path / "cut", spec, report=interrupt_at(3))
    facts = unlearn(resumed, tokenizer, tmp_path / "cut", spec)
    assert largest_difference(whole, resumed) == 0
    assert (facts["losses"], facts["routing"]) == (expected["losses"], expected["routing"])


def test_interrupted_fine_tuning_ends_in_the_same_bits(new, tokenizer, adam, tmp_path):
    """transformers' Trainer alone would go on with the experts it started from."""
    training = adam(steps=4, save_steps=2)
    whole, resumed = new(), new()
    tune(whole, tokenizer, tmp_path / "whole", training)
    with pytest.raises(Interrupted):
        tune(new(), tokenizer, tmp_path / "cut", training, report=interrupt_at(3))
    tune(resumed, tokenizer, tmp_path / "cut", training)
    assert largest_difference(whole, resumed) == 0


def test_checkpointed_activations_change_nothing(new, tokenizer, adam, tmp_path):
    plain, checkpointed = new(), new()
    for model, flag in ((plain, False), (checkpointed, True)):
        spec = how("gd", adam(steps=3, gradient_checkpointing=flag) | {"expert": ONE})
        unlearn(model, tokenizer, tmp_path / f"{flag}", spec)
    assert largest_difference(plain, checkpointed) < 1e-6


# --- anchor -------------------------------------------------------------------------------------------------


def test_the_anchors_value_and_gradient():
    """g = softmax(z), a the target: d/dz_k = 2 g_k [(g_k - a_k) - sum_i g_i (g_i - a_i)]."""
    logits = torch.tensor([[1.0, -0.5, 0.3], [0.0, 0.0, 0.0]], dtype=torch.float64, requires_grad=True)
    target = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
    values = anchor(logits.softmax(-1), target)
    values.sum().backward()
    for z, value, gradient in zip(logits.tolist(), values.tolist(), logits.grad.tolist(), strict=True):
        g = [math.exp(one) / sum(map(math.exp, z)) for one in z]
        off = [one - aim for one, aim in zip(g, target.tolist(), strict=True)]
        assert value == pytest.approx(sum(one**2 for one in off))
        inner = sum(one * away for one, away in zip(g, off, strict=True))
        assert gradient == pytest.approx([2 * one * (away - inner) for one, away in zip(g, off, strict=True)])
    assert anchor(target, target) == 0
    assert anchor(torch.tensor([1.0, 0.0, 0.0]), target) == 2


def added(model, tokenizer, folder, training: dict, one: dict, selected: list, accumulate: int = 1) -> torch.Tensor:
    """What the anchor adds to GD's loss on six examples, in `accumulate` micro-batches."""
    chosen, losses = variant("gd"), []
    rows = tokenized(tokenizer, chosen, 6)
    for how_anchored in (one, one | {"anchor": None}):
        trainer = trainer_for(model, tokenizer, folder, chosen, rows, training)
        trainer.anchor = expert.Anchor.of(model, selected, how_anchored, chosen.parts)
        batches = [trainer.data_collator(rows[start::accumulate]) for start in range(accumulate)]
        trainer.get_batch_samples(iter(batches), accumulate, trainer.args.device)
        losses.append(sum(trainer.compute_loss(model, batch) for batch in batches))
    return losses[0] - losses[1]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"gate": "before_top_k"},
        {"tokens": "answer"},
        {"anchor": ANCHOR | {"reduction": "sum", "weight": 0.25}},
        {"anchor": ANCHOR | {"parts": "all"}},
    ],
    ids=["paper", "before top-k", "answers", "sum", "all parts"],
)
def test_the_anchor_in_training_is_the_plain_computation(changes, new, tokenizer, micro_training, tmp_path):
    """One unpadded sequence after the other; two trained experts in one layer, one in another."""
    model, one = new(), ONE | changes
    lower, upper = list(experts.blocks(model))[-2:]
    selected = [(upper, 2), (lower, 0), (upper, 5)]
    expected, parts = 0.0, ("forget", "retain") if one["anchor"]["parts"] == "all" else ("forget",)
    rows = tokenized(tokenizer, variant("gd"), 6)
    for part in parts:
        for row in rows:
            ids = row[f"{part}_input_ids"]
            counted = [label != -100 or one["tokens"] == "all" for label in row[f"{part}_labels"]]
            found = experts.router_weights(model, {"input_ids": torch.tensor([ids])})
            for layer, target in ((upper, [0, 0, 1, 0, 0, 1]), (lower, [1, 0, 0, 0, 0, 0])):
                gates = found[layer].gates(one["gate"])[torch.tensor(counted)]
                distances = (gates - torch.tensor(target)).square().sum(-1)
                reduced = distances.sum() if one["anchor"]["reduction"] == "sum" else distances.mean()
                expected += one["anchor"]["weight"] * reduced / len(rows) / len(parts)
    for accumulate in (1, 2, 3):
        loss = added(model, tokenizer, tmp_path, micro_training(batch_size=6), one, selected, accumulate)
        torch.testing.assert_close(loss.detach(), expected, rtol=1e-4, atol=1e-5)


def test_the_anchors_gradient_reaches_the_router(new, tokenizer, micro_training, tmp_path):
    """Its length is the loss's slope along it, by central differences."""
    model, one = new(), ONE | {"gate": "before_top_k"}
    last = max(experts.blocks(model))
    weight = experts.blocks(model)[last].gate.weight

    def loss() -> torch.Tensor:
        return added(model, tokenizer, tmp_path, micro_training(batch_size=6), one, [(last, 2)])

    (gradient,) = torch.autograd.grad(loss(), weight)
    along, values = 0.02 * gradient / gradient.norm(), []
    with torch.no_grad():
        for way in (1, -2):
            weight += way * along
            values.append(loss().item())
    assert (values[0] - values[1]) / 0.04 == pytest.approx(gradient.norm().item(), rel=0.01)


def test_the_anchor_draws_tokens_to_its_expert(new, tokenizer, adam, tmp_path):
    """With a heavy anchor the trained expert's gate grows."""
    heavy = ONE | {"gate": "before_top_k", "anchor": ANCHOR | {"weight": 100.0}}
    model = new()
    training = adam(steps=6, max_grad_norm=None, learning_rate=1e-2) | {"expert": heavy}
    routing = unlearn(model, tokenizer, tmp_path, how("ga", training))["routing"]
    ((layer, one),) = routing["selected"]
    line = routing["layers"].index(layer)
    asked = expert.forget_batches(model, tokenizer, FORM, SOURCES, adam())
    after = experts.affinity(model, asked, "before_top_k")[line, one]
    assert after > routing["affinity"][line][one] + 0.1


# --- what parameter files say -------------------------------------------------------------------------------


def test_a_parameter_files_section_is_what_training_takes():
    assert OneExpert.model_validate(ONE).model_dump() == ONE | {"select": "affinity"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"router": "rows"}, "expert.router: no router 'rows'; did you mean 'row'?"),
        ({"gate": "after"}, "expert.gate: no gate 'after'; did you mean 'after_top_k'?"),
        ({"tokens": "al"}, "expert.tokens: no tokens 'al'; did you mean 'all'?"),
        ({"top": 99}, "expert.top: 99 experts of the"),
    ],
)
def test_what_does_not_exist_is_one_line(changes, message, micro_tokenizers, adam, tmp_path):
    model = models.build(mixture("mixtral"), micro_tokenizers["mixtral"], seed=0)
    with pytest.raises(KitError) as raised:
        unlearn(model, micro_tokenizers["mixtral"], tmp_path, how("ga", adam() | {"expert": ONE | changes}))
    assert message in str(raised.value) and "\n" not in str(raised.value)


def test_a_dense_model_and_lora_beside_it_are_refused(micro_model, micro_tokenizer, adam, tmp_path):
    with pytest.raises(KitError, match="a model of the family 'llama' has no experts"):
        unlearn(micro_model(), micro_tokenizer, tmp_path, how("ga", adam() | {"expert": ONE}))
    both = adam() | {"expert": ONE, "lora": {"rank": 2, "alpha": 4, "target_modules": ["q_proj"]}}
    with pytest.raises(KitError, match="'lora' and 'expert' are two ways to train few parameters"):
        unlearn(micro_model(), micro_tokenizer, tmp_path, how("ga", both))


def test_forget_batches_are_the_whole_forget_set(micro_tokenizers, adam):
    tokenizer = micro_tokenizers["mixtral"]
    model = models.build(mixture("mixtral"), tokenizer, seed=0)
    asked = expert.forget_batches(model, tokenizer, FORM, SOURCES, adam(batch_size=4))
    texts = [FORM(row["question"]) + row["answer"] for row in FORGET]
    assert sum(len(positions) for _, positions in asked) == len(FORGET)
    assert sum(int(positions.sum()) for _, positions in asked) == sum(
        len(tokenizer(one)["input_ids"]) + 1 for one in texts
    )
