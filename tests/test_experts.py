"""Mixtures of experts: how they are made and stored, what their routers say, attribution and selection shift."""

import pytest
import torch
from conftest import MICRO, MICRO_VOCABULARY
from micro import EXPERTS, FORGET, FORM, SOURCES, mixture
from pydantic import ValidationError
from torch.nn.functional import silu

from unlearnkit import experts, models, schema_training
from unlearnkit.errors import KitError
from unlearnkit.training import expert

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture(scope="module", params=experts.MIXTURES)
def family(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def tokenizer(micro_tokenizers, family):
    return micro_tokenizers[family]


@pytest.fixture(scope="module")
def model(family, tokenizer):
    return models.build(mixture(family), tokenizer, seed=0).eval()


@pytest.fixture(scope="module")
def inputs(tokenizer) -> dict:
    """Two padded sequences."""
    ids = [tokenizer(row["question"])["input_ids"] for row in FORGET[:2]]
    longest = max(map(len, ids))
    padded = [one + [tokenizer.pad_token_id] * (longest - len(one)) for one in ids]
    mask = [[1] * len(one) + [0] * (longest - len(one)) for one in ids]
    return {"input_ids": torch.tensor(padded), "attention_mask": torch.tensor(mask)}


def batches(model, tokenizer, training: dict, tokens: str = "all") -> list:
    return expert.forget_batches(model, tokenizer, FORM, SOURCES, training, tokens)


# --- architecture -------------------------------------------------------------------------------------------


def test_the_families_with_experts_are_one_list():
    assert experts.MIXTURES == schema_training.MIXTURES == ("qwen2_moe", "deepseek_v2", "mixtral")


def test_sizes_reach_the_familys_own_configuration(family, model):
    config = model.config
    assert (config.model_type, config.num_experts, config.num_experts_per_tok) == (family, 6, 2)
    assert (config.hidden_size, config.num_attention_heads, config.num_key_value_heads) == (32, 2, 2)
    assert list(experts.blocks(model)) == ([1, 2] if family == "deepseek_v2" else [0, 1, 2])
    for block in experts.blocks(model).values():
        assert block.experts.gate_up_proj.shape == (6, 2 * 24, 32)
        assert block.experts.down_proj.shape == (6, 32, 24)
        assert block.gate.weight.shape == (6, 32)
    shared = {
        name: tuple(one.shape) for name, one in model.named_parameters() if "shared" in name and "down_proj" in name
    }
    assert len(shared) == (0 if family == "mixtral" else len(experts.blocks(model)))
    assert set(shared.values()) <= {(32, 2 * 24)}
    dense = [name for name, _ in model.named_parameters() if name.endswith("mlp.down_proj.weight")]
    assert dense == (["model.layers.0.mlp.down_proj.weight"] if family == "deepseek_v2" else [])


def test_the_linear_layers_that_lora_may_adapt_are_named(family, model):
    modules = [(name, module) for name, module in model.named_modules() if module is not model.get_output_embeddings()]
    linear = {name.rpartition(".")[2] for name, module in modules if isinstance(module, torch.nn.Linear)}
    assert set(models.FAMILIES[family].linear) == linear


def architecture(**changes) -> schema_training.Architecture:
    content = mixture(changes.get("family", "qwen2_moe")) | {"vocab_size": MICRO_VOCABULARY} | changes
    return schema_training.Architecture.model_validate(content)


def test_a_parameter_files_architecture_is_what_is_built(family, model, tokenizer):
    written = architecture(family=family).model_dump()
    assert written.pop("vocab_size") == MICRO_VOCABULARY
    built = models.build(written, tokenizer, seed=0)
    assert all(torch.equal(one, other) for one, other in zip(built.parameters(), model.parameters(), strict=True))


def test_a_dense_architecture_says_nothing_of_experts():
    """Its run's key is the one that it had before there were any."""
    content = MICRO | {"vocab_size": MICRO_VOCABULARY}
    assert schema_training.Architecture.model_validate(content).model_dump() == content


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"experts": None}, "'qwen2_moe' is a mixture of experts; give 'experts'"),
        (
            {"family": "llama", "experts": EXPERTS},
            "'llama' has no experts; they are for qwen2_moe, deepseek_v2, mixtral",
        ),
        ({"intermediate_size": 64}, "every layer of 'qwen2_moe' has experts; set 'intermediate_size' to null"),
        ({"family": "deepseek_v2", "intermediate_size": None}, "give 'intermediate_size', that of the layers of"),
        ({"experts": EXPERTS | {"per_token": 7}}, "experts.per_token: 7 of 6 experts"),
        ({"experts": EXPERTS | {"shared": 0}}, "experts.shared: 'qwen2_moe' has at least one"),
        ({"family": "mixtral", "experts": EXPERTS}, "experts.shared: 'mixtral' has none; set it to 0"),
    ],
)
def test_architectures_that_do_not_fit_their_family(changes, message):
    with pytest.raises(ValidationError) as raised:
        architecture(**changes)
    assert message in str(raised.value)


def test_a_model_without_experts_is_one_line(micro_model):
    with pytest.raises(KitError) as raised:
        experts.blocks(micro_model())
    assert str(raised.value) == (
        "a model of the family 'llama' has no experts that the kit knows; choose from: qwen2_moe, deepseek_v2, mixtral"
    )


# --- experts and routers ------------------------------------------------------------------------------------


def slowly(block, hidden: torch.Tensor, family: str) -> torch.Tensor:
    """A layer's output, one token and one expert after the other."""
    outputs = []
    for one in hidden:
        probabilities = (block.gate.weight @ one).softmax(-1)
        best = sorted(range(len(probabilities)), key=lambda index: -probabilities[index])[:2]
        scale = sum(probabilities[index] for index in best) if family == "mixtral" else 1.0
        total = torch.zeros_like(one)
        for index in best:
            gate, up = block.experts.gate_up_proj[index][:24] @ one, block.experts.gate_up_proj[index][24:] @ one
            total = total + probabilities[index] / scale * (block.experts.down_proj[index] @ (silu(gate) * up))
        if family == "qwen2_moe":
            total = total + block.shared_expert_gate(one).sigmoid() * block.shared_expert(one)
        if family == "deepseek_v2":
            total = total + block.shared_experts(one)
        outputs.append(total)
    return torch.stack(outputs)


def test_slices_are_the_experts(family, model):
    hidden = torch.randn(1, 7, 32, generator=torch.Generator().manual_seed(1))
    for block in experts.blocks(model).values():
        with torch.no_grad():
            torch.testing.assert_close(block(hidden)[0], slowly(block, hidden[0], family), rtol=1e-5, atol=1e-6)


def test_gates_are_the_routers_softmax_and_zero_for_the_rest(model, inputs):
    taken: dict[int, torch.Tensor] = {}
    hooks = [
        block.gate.register_forward_pre_hook(lambda module, args, layer=layer: taken.update({layer: args[0]}))
        for layer, block in experts.blocks(model).items()
    ]
    found = experts.router_weights(model, inputs)
    for hook in hooks:
        hook.remove()
    assert list(found) == list(experts.blocks(model))
    for layer, routing in found.items():
        hidden, weight = taken[layer].reshape(-1, 32), experts.blocks(model)[layer].gate.weight
        before, after = routing.gates("before_top_k"), routing.gates("after_top_k")
        with torch.no_grad():
            torch.testing.assert_close(before, (hidden @ weight.T).softmax(-1))
        torch.testing.assert_close(before.sum(-1), torch.ones(len(before)))
        assert before.shape == (inputs["input_ids"].numel(), 6)
        assert ((after > 0).sum(-1) == 2).all()
        for row, all_of_them in zip(after, before, strict=True):
            assert set(row[row > 0].tolist()) == set(all_of_them.sort().values[-2:].tolist())
    with pytest.raises(KitError, match="no gate 'after_topk'; did you mean 'after_top_k'"):
        routing.gates("after_topk")


# --- attribution --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gate", experts.GATES)
@pytest.mark.parametrize("tokens", expert.TOKENS)
def test_affinity_is_the_mean_over_sequences_of_means_over_tokens(gate, tokens, model, tokenizer, micro_training):
    """By hand: one unpadded sequence after the other."""
    total = torch.zeros(len(experts.blocks(model)), 6, dtype=torch.float64)
    for row in FORGET:
        prompt = tokenizer(FORM(row["question"]))["input_ids"]
        ids = [*tokenizer(FORM(row["question"]) + row["answer"])["input_ids"], tokenizer.eos_token_id]
        first = 0 if tokens == "all" else len(prompt)
        for line, routing in enumerate(experts.router_weights(model, {"input_ids": torch.tensor([ids])}).values()):
            total[line] += torch.stack([*routing.gates(gate)[first:]]).double().mean(0)
    found = experts.affinity(model, batches(model, tokenizer, micro_training(batch_size=4), tokens), gate)
    torch.testing.assert_close(found, total / len(FORGET), rtol=1e-5, atol=1e-7)
    if gate == "before_top_k":
        torch.testing.assert_close(found.sum(1), torch.ones(len(found), dtype=torch.float64), rtol=1e-5, atol=1e-7)


def test_gates_and_affinity_where_experts_are_chosen_in_groups(micro_tokenizers, micro_training):
    """DeepSeek-V2: the two best experts of the one group of three that has the best one; by hand."""
    tokenizer = micro_tokenizers["deepseek_v2"]
    grouped = mixture("deepseek_v2", topk_method="group_limited_greedy", n_group=2, topk_group=1)
    model, total, elsewhere = models.build(grouped, tokenizer, seed=0).eval(), torch.zeros(2, 6).double(), 0
    for row in FORGET:
        ids = [*tokenizer(FORM(row["question"]) + row["answer"])["input_ids"], tokenizer.eos_token_id]
        for line, routing in enumerate(experts.router_weights(model, {"input_ids": torch.tensor([ids])}).values()):
            expected = torch.zeros(len(ids), 6)
            for token, logits in enumerate(routing.logits):
                gates = logits.softmax(-1).tolist()
                group = range(3) if max(gates[:3]) > max(gates[3:]) else range(3, 6)
                best = sorted(group, key=lambda one: -gates[one])[:2]
                expected[token, best] = torch.tensor([gates[one] for one in best])
                elsewhere += set(best) != set(logits.topk(2).indices.tolist())
            torch.testing.assert_close(routing.gates("after_top_k"), expected)
            total[line] += expected.double().mean(0)
    assert elsewhere > 10, "the groups decide"
    found = experts.affinity(model, batches(model, tokenizer, micro_training(batch_size=4)), "after_top_k")
    torch.testing.assert_close(found, total / len(FORGET), rtol=1e-5, atol=1e-7)


def test_tokens_have_a_name(model, tokenizer, micro_training):
    with pytest.raises(KitError, match=r"expert\.tokens: no tokens 'answers'; did you mean 'answer'"):
        batches(model, tokenizer, micro_training(), "answers")


def test_top_experts_over_all_layers_and_in_each():
    found = [[0.1, 0.5, 0.4], [0.6, 0.1, 0.5]]
    assert experts.top(found, [1, 2], 1, per_layer=False) == [(2, 0)]
    assert experts.top(found, [1, 2], 3, per_layer=False) == [(2, 0), (1, 1), (2, 2)]
    assert experts.top(found, [1, 2], 2, per_layer=True) == [(1, 1), (1, 2), (2, 0), (2, 2)]
    with pytest.raises(KitError, match=r"expert\.top: 4 experts of the 3 that a layer has"):
        experts.top(found, [1, 2], 4, per_layer=True)
    with pytest.raises(KitError, match=r"expert\.top: 7 experts of the 6 that the model has"):
        experts.top(found, [1, 2], 7, per_layer=False)


# --- selection shift ----------------------------------------------------------------------------------------


def test_nothing_shifts_against_itself_and_one_routers_change_shifts_its_layer(family, tokenizer, micro_training):
    model = models.build(mixture(family), tokenizer, seed=0)
    asked = batches(model, tokenizer, micro_training(batch_size=4))
    before = experts.choices(model, asked)
    tokens = sum(int(positions.sum()) for _, positions in asked)
    assert {one.shape for one in before.values()} == {(tokens, 2)}
    assert experts.selection_shift(before, experts.choices(model, asked)) == dict.fromkeys(before, 0.0)
    *earlier, last = before
    with torch.no_grad():
        model.model.layers[last].mlp.gate.weight[3] += 0.5
    after = experts.choices(model, asked)
    shift = experts.selection_shift(before, after)
    pairs = zip(before[last].tolist(), after[last].tolist(), strict=True)
    changed = sum(set(one) != set(other) for one, other in pairs)
    assert 0 < changed < tokens
    assert shift == dict.fromkeys(earlier, 0.0) | {last: pytest.approx(changed / tokens)}


def test_the_order_of_choices_is_none(model, tokenizer, micro_training):
    found = experts.choices(model, batches(model, tokenizer, micro_training()))
    assert all((one[:, 0] < one[:, 1]).all() for one in found.values())


def test_choices_of_different_tokens_are_not_compared():
    one = torch.zeros(4, 2, dtype=torch.int16)
    for other in ({1: one}, {0: one[:3]}):
        with pytest.raises(KitError, match="not of the same layers and tokens"):
            experts.selection_shift({0: one}, other)
