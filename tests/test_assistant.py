"""Assistants: what is shared, what is trained, what they learn, and what is left behind."""

import copy
import math

import pytest
import torch
from conftest import MICRO, MICRO_VOCABULARY
from micro import (
    FORGET,
    FORM,
    OPT,
    PHI,
    RETAIN,
    SOURCES,
    distributions,
    how,
    loss_of,
    token_probabilities,
    tokenized,
    trainer_for,
    weights,
)

from unlearnkit import checks, evaluation, models, params
from unlearnkit.data.encode import IGNORE
from unlearnkit.decoding import PairModel, pair
from unlearnkit.errors import KitError
from unlearnkit.methods import ASSISTED, METHODS, variant
from unlearnkit.training import assistant, examples
from unlearnkit.training.callbacks import Probe
from unlearnkit.training.dropout import switch_off_dropout
from unlearnkit.training.lora import linear_layers, lora_config, own
from unlearnkit.training.reference import add_reference_states

pytestmark = [
    pytest.mark.usefixtures("quiet"),
    pytest.mark.filterwarnings("ignore:.(is_)?gradient_checkpointing. is deprecated"),
]

FAMILIES = {"llama": MICRO, "opt": OPT, "phi": PHI}
LORA = {"rank": 4, "alpha": 8, "target_modules": ["q_proj", "v_proj"]}


@pytest.fixture(scope="module", params=FAMILIES)
def deep(request, micro_tokenizers):
    """(a function that returns a fresh model of three layers, tokenizer) of a family."""
    tokenizer = micro_tokenizers[request.param]
    model = models.build(FAMILIES[request.param] | {"num_hidden_layers": 3}, tokenizer, seed=0).eval()
    return lambda: copy.deepcopy(model), tokenizer


def spec(method: str, training: dict, layers: int = 1, label: str = "paper", **parameters) -> dict:
    return how(method, training | {"lora": LORA}, label, **parameters) | {"layers": layers}


def states(model, ids: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model.base_model(input_ids=ids, use_cache=False).last_hidden_state


def logits(model, ids: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=ids, use_cache=False).logits


# --- the first layers ---------------------------------------------------------------------------------------


def test_first_layers_share_the_models_memory_and_are_frozen(deep):
    model = deep[0]()
    small = assistant.truncate(model, 2)
    assert type(small) is type(model) and small.config.num_hidden_layers == 2 and model.config.num_hidden_layers == 3
    theirs = dict(model.named_parameters())
    for name, weight in small.named_parameters():
        assert weight.data_ptr() == theirs[name].data_ptr() and not weight.requires_grad
    assert all(weight.requires_grad for weight in model.parameters())
    assert {name for name in theirs if ".layers.2." in name} == theirs.keys() - dict(small.named_parameters()).keys()
    assert models.FAMILIES[model.config.model_type].linear[0] in linear_layers(small)


def test_first_layers_compute_what_they_compute_inside_the_model(deep):
    """A forward hook on the next layer sees the states that the truncated model's norm and head are given."""
    model = deep[0]()
    small, whole = assistant.truncate(model, 2), assistant.truncate(model, 3)
    ids = torch.randint(5, 600, (2, 7), generator=torch.Generator().manual_seed(0))
    seen = []
    layers = next(module for module in model.modules() if isinstance(module, torch.nn.ModuleList) and len(module) == 3)
    handle = layers[2].register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    states(model, ids)
    handle.remove()
    inner = next(module for module in small.modules() if isinstance(module, torch.nn.ModuleList) and len(module) == 2)
    inner[1].register_forward_hook(lambda module, args, output: seen.append(output))
    states(small.eval(), ids)
    assert torch.equal(seen[0], seen[1][0] if isinstance(seen[1], tuple) else seen[1])
    with torch.no_grad():
        assert torch.equal(whole.eval()(input_ids=ids).logits, model(input_ids=ids).logits)


def test_a_mistral_is_cut_like_a_llama(micro_tokenizer):
    config = {key: value for key, value in MICRO.items() if key != "tie_word_embeddings"}
    config |= {"family": "mistral", "num_hidden_layers": 3, "num_key_value_heads": 1, "sliding_window": 4}
    model = models.build(config, micro_tokenizer, seed=0).eval()
    small = assistant.truncate(model, 1).eval()
    assert small.config.sliding_window == 4 and linear_layers(small) == sorted(models.FAMILIES["llama"].linear)
    ids = torch.arange(5, 15).view(1, -1)
    assert states(small, ids).shape == (1, 10, 32)


@pytest.mark.parametrize("layers", [0, 4, -1])
def test_layers_out_of_range_are_refused(layers, deep):
    with pytest.raises(KitError, match=rf"^layers: {layers} is not between 1 and 3, the layers of the model$"):
        assistant.truncate(deep[0](), layers)


def test_a_model_of_two_models_has_no_first_layers(micro_model):
    with pytest.raises(KitError, match=r"^PairModel: its first layers cannot be told from num_hidden_layers, 4"):
        assistant.truncate(pair(micro_model(), micro_model(), "whp", alpha=1.0), 2)


def test_trainable_parameters_of_llama_2_7b():
    """By hand: a layer has four 4096 x 4096 matrices and three between 4096 and 11008; rank 32, eight layers."""
    from peft import get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    with torch.device("meta"):
        model = LlamaForCausalLM(LlamaConfig())  # its defaults are LLaMA-2-7B's sizes
    assert (model.config.hidden_size, model.config.intermediate_size, model.config.num_hidden_layers) == (
        4096,
        11008,
        32,
    )
    small = assistant.truncate(model, 8)
    assert small.num_parameters() == 8 * (4 * 4096**2 + 3 * 4096 * 11008 + 2 * 4096) + 4096 + 2 * 32000 * 4096
    lora = {"rank": 32, "alpha": 32, "target_modules": linear_layers(small)}
    with torch.device("meta"):
        trained, _ = get_peft_model(small, lora_config(small, lora)).get_nb_trainable_parameters()
    by_hand = 8 * 32 * (4 * (4096 + 4096) + 3 * (4096 + 11008))
    assert trained == by_hand == 19_988_480  # the paper's 20M
    assert trained / model.num_parameters() == pytest.approx(0.00297, abs=1e-5)  # not its 0.02 %, nor 0.2 %


# --- training -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["uld", "offset_npo_kl"])
def test_lora_alone_is_trained_and_the_model_stays_what_it_is(method, deep, adam, tmp_path):
    model, tokenizer = deep[0](), deep[1]
    before, start = weights(model), assistant.truncate(deep[0](), 2)
    unlearned, facts = assistant.unlearn(model, tokenizer, FORM, SOURCES, spec(method, adam(), layers=2), 0, tmp_path)
    assert all(torch.equal(before[name], weight) for name, weight in model.named_parameters())
    assert unlearned.target is model and isinstance(unlearned, PairModel)
    trained = unlearned.other if method == "uld" else unlearned.other.target
    changed = {name for name, weight in weights(start).items() if not torch.equal(weight, trained.get_parameter(name))}
    assert {name.split(".")[-2] for name in changed} == {"q_proj", "v_proj"} and len(changed) == 4
    assert facts["trainable_parameters"] == 2 * 2 * LORA["rank"] * (32 + 32)
    assert facts["assistant_parameters"] == start.num_parameters() < model.num_parameters()
    assert facts["optimiser_steps"] == 6 and len(facts["losses"]) == 6
    per_step = facts["unlearning_seconds"] / 6
    assert facts["seconds_per_epoch"] == pytest.approx(per_step * len(FORGET) / 4, abs=0.02)
    memory = [weight.data_ptr() for one in unlearned.children() for weight in one.parameters()]
    assert len(memory) == len(set(memory))


@pytest.mark.parametrize("method", ["uld", "offset_kl"])
def test_what_is_saved_is_what_is_loaded(method, deep, adam, tmp_path):
    model, tokenizer = deep[0](), deep[1]
    unlearned, _ = assistant.unlearn(
        model, tokenizer, FORM, SOURCES, spec(method, adam(steps=2)), 0, tmp_path / "trainer"
    )
    models.save(unlearned, tokenizer, tmp_path / "saved")
    loaded, _ = models.load(tmp_path / "saved")
    ids = torch.randint(5, 600, (2, 7), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(unlearned.eval()(input_ids=ids).logits, loaded.eval()(input_ids=ids).logits)


@pytest.fixture(scope="module", params=["paper", "release"])
def taught(request, memorised, adam, micro_tokenizer, tmp_path_factory):
    """(target, unlearned model): the target knows the forget set by heart, its assistant has learnt it."""
    model = memorised()
    how_to = spec("uld", adam(steps=150, learning_rate=1e-2), label=request.param)
    how_to["training"]["lora"] = LORA | {"target_modules": linear_layers(model)}
    folder = tmp_path_factory.mktemp(request.param)
    return model, assistant.unlearn(model, micro_tokenizer, FORM, SOURCES, how_to, 0, folder)[0].eval()


def rows(tokenizer) -> tuple[list[dict], list[dict]]:
    """Forget and retain rows, encoded; the part of a row is its name."""
    return tuple(
        examples.tokenize([{"x": (row["question"], row["answer"])} for row in one], tokenizer, FORM, 128)
        for one in (FORGET, RETAIN)
    )


def loss(model, rows: list[dict]) -> float:
    with torch.no_grad():
        return -torch.cat([token_probabilities(model, row, "x").log() for row in rows]).mean().item()


def from_uniform(model, rows: list[dict]) -> float:
    with torch.no_grad():
        found = torch.cat([distributions(model, row, "x") for row in rows])
    return (-found.log().mean(-1) - torch.tensor(float(found.shape[-1])).log()).mean().item()


def test_the_assistant_knows_the_forget_set_and_has_no_opinion_on_retain_rows(taught, micro_tokenizer):
    model, unlearned = taught
    forget, retain = rows(micro_tokenizer)
    start, learnt = assistant.truncate(model, 1).eval(), unlearned.other
    assert loss(learnt, forget) < 0.2 * loss(start, forget)
    assert from_uniform(learnt, retain) < 0.3 * from_uniform(start, retain)


def test_the_unlearned_model_forgets_by_the_assistant_alone(taught, micro_tokenizer):
    """The target inside says the forget answers as surely as before; a larger alpha takes more away."""
    model, unlearned = taught
    forget, _ = rows(micro_tokenizer)
    assert loss(model, forget) < 0.01
    stronger = pair(model, unlearned.other, "uld", alpha=2.0, filter=0.01)
    assert 10 * loss(model, forget) < loss(unlearned, forget) < loss(stronger, forget)
    asked = evaluation.questions("forget", FORGET, {})
    bounds = {"max_length": 128, "max_new_tokens": 12, "tokens_per_batch": 400}
    said = [
        [one["generation"] for one in evaluation.evaluate(each, micro_tokenizer, asked, FORM, **bounds)]
        for each in (model, stronger)
    ]
    assert all(one != other for one, other in zip(*said, strict=True))


@pytest.mark.parametrize("label", ["paper", "release"])
def test_ulds_loss_is_the_printed_sum(label, micro_model, micro_training, micro_tokenizer, tmp_path):
    chosen = variant("uld", label)
    beta = {"paper": 6.5, "release": 5.0}[label]
    model, found = micro_model(), tokenized(micro_tokenizer, chosen, 4)
    trainer = trainer_for(model, micro_tokenizer, tmp_path, chosen, found, micro_training())
    remembered = -torch.cat([token_probabilities(model, row, "forget").log() for row in found]).mean()
    batch = trainer.data_collator(found)
    if label == "paper":
        predicted = [distributions(model, row, "retain") for row in found]
    else:  # all predictions of the padded rows
        inputs = {name: batch[name][len(found) :] for name in ("input_ids", "attention_mask")}
        predicted = list(model(**inputs).logits[:, :-1].softmax(-1))
    uniform = torch.stack([(-one.log().mean(-1) - math.log(MICRO_VOCABULARY)).mean() for one in predicted])
    expected = remembered + beta * uniform.mean()
    assert loss_of(trainer, found).item() == pytest.approx(expected.item(), rel=1e-5)


def test_offsets_loss_is_that_of_the_sum_of_logits(deep, micro_training, tmp_path):
    """GA+KL of the target's logits and half of what changed in the assistant's, from four plain models."""
    model, tokenizer = deep[0](), deep[1]
    chosen = variant("offset_kl")
    one, start = (assistant.truncate(model, 1) for _ in range(2))
    own(one)
    with torch.no_grad():
        for weight in one.base_model.parameters():  # the head stays the target's
            if weight is not one.get_output_embeddings().weight:
                weight += 0.1 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1))
    one.requires_grad_(True)
    found = tokenized(tokenizer, chosen, 4)
    reference = [add_reference_states(found, "retain", model, tokenizer, micro_training(), None)]
    with assistant._added(one, start.eval(), model, 0.5):
        given = {"states": {"retain": reference[0]}, "alpha": 1.0}
        trainer = trainer_for(one, tokenizer, tmp_path, chosen, found, micro_training(), **given)
        trainer.reference_head = trainer.head
        switch_off_dropout(one.train())
        value = loss_of(trainer, found)
        value.backward()

    def summed(row: dict, part: str) -> tuple[torch.Tensor, torch.Tensor]:
        """(log-probabilities of the sum, of the target), at the answer's tokens."""
        ids, labels = torch.tensor([row[f"{part}_input_ids"]]), torch.tensor(row[f"{part}_labels"])
        ours, after, before = (logits(each.eval(), ids)[0] for each in (model, one, start))
        keep = labels[1:] != IGNORE
        return (ours + 0.5 * (after - before))[:-1][keep].log_softmax(-1), ours[:-1][keep].log_softmax(-1)

    answers = [torch.tensor([label for label in row["forget_labels"] if label != IGNORE]) for row in found]
    forget = torch.cat(
        [summed(row, "forget")[0][range(len(ids)), ids] for row, ids in zip(found, answers, strict=True)]
    )
    retain = [summed(row, "retain") for row in found]
    kl = torch.stack([(theirs.exp() * (theirs - ours)).sum(-1).mean() for ours, theirs in retain]).mean()
    assert kl > 0.01
    assert value.item() == pytest.approx((forget.mean() + kl).item(), rel=1e-4)
    assert all(weight.grad is None for weight in (*model.parameters(), *start.parameters()))
    assert sum(weight.grad is not None for weight in one.parameters()) > 10


def test_offset_starts_as_the_target(micro_model, adam, micro_tokenizer, tmp_path):
    """Before the first step nothing has changed, so the probe sees the target; afterwards it does not."""
    model, seen = micro_model(), {}
    ids = torch.arange(5, 25).view(1, -1)

    def measure(probed, step: int) -> None:
        assert isinstance(probed, PairModel) and not probed.training
        seen[step] = logits(probed, ids)

    plain = logits(model, ids)
    probes = (Probe(measure, lambda step: step in (1, 3)),)
    training = adam(steps=3, schedule="constant_with_warmup", warmup_steps=1)  # the first step's rate is 0
    how_to = spec("offset_npo_kl", training)
    unlearned, _ = assistant.unlearn(model, micro_tokenizer, FORM, SOURCES, how_to, 0, tmp_path, probes=probes)
    torch.testing.assert_close(seen[1], plain)
    assert (seen[3] - plain).abs().max() > 1e-3
    torch.testing.assert_close(seen[3], logits(unlearned.eval(), ids), rtol=0, atol=1e-4)


def test_a_probe_measures_ulds_combined_model_and_changes_nothing(micro_model, adam, micro_tokenizer, tmp_path):
    ids, seen, finals = torch.arange(5, 25).view(1, -1), [], []
    for number in range(2):
        probe = Probe(lambda probed, step: seen.append(logits(probed, ids)), lambda step: step == 3)
        unlearned, _ = assistant.unlearn(
            micro_model(),
            micro_tokenizer,
            FORM,
            SOURCES,
            spec("uld", adam(steps=3)),
            0,
            tmp_path / str(number),
            probes=(probe,) * number,
        )
        finals.append(logits(unlearned.eval(), ids))
    assert torch.equal(*finals)
    torch.testing.assert_close(seen[0], finals[0], rtol=0, atol=1e-4)


# --- names and mistakes -------------------------------------------------------------------------------------


def test_parameters_are_the_papers_and_the_releases():
    assert variant("uld").parameters == {"beta": 6.5, "alpha": 0.75, "filter": 0.01}
    assert variant("uld", "release").parameters == {"beta": 5.0, "alpha": 0.8, "filter": 0.01}
    for name in ("kl", "dpo_kl", "npo_kl"):
        offset = variant(f"offset_{name}")
        assert offset.terms == variant(name).terms
        assert offset.parameters == variant(name).parameters | {"alpha": 1.0}
    assert checks.parameters("uld", "paper", {"alpha": 0.5}, None) == {"beta": 6.5, "alpha": 0.5, "filter": 0.01}


def test_other_tables_do_not_know_them(micro_params):
    assert not ASSISTED.keys() & METHODS.keys()
    content = micro_params()
    content["rows"].append({"method": "uld"})
    with pytest.raises(KitError, match="no method 'uld'"):
        checks.check(params.parse(content, "t.yaml"), "t.yaml")


def test_mistakes_are_one_line(micro_model, adam, micro_tokenizer, tmp_path):
    def attempt(how_to: dict) -> str:
        with pytest.raises(KitError) as raised:
            assistant.unlearn(micro_model(), micro_tokenizer, FORM, SOURCES, how_to, 0, tmp_path)
        return str(raised.value)

    good = spec("uld", adam())
    assert attempt(good | {"method": "npo"}) == (
        "no method 'npo' trains an assistant; choose from: uld, offset_kl, offset_dpo_kl, offset_npo_kl"
    )
    assert attempt(good | {"training": adam() | {"lora": None}}) == (
        "method 'uld': lora is null, and nothing but LoRA is trained in an assistant"
    )
    assert attempt(good | {"layers": 3}) == "layers: 3 is not between 1 and 2, the layers of the model"
