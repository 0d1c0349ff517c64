"""Comparison in chunks: value, gradients, what is never built, what is kept of the original model."""

import copy
import gc
import math

import pytest
import torch
from micro import how, tokenized, trainer_for, unlearn
from torch.nn.functional import kl_div, linear
from torch.utils._python_dispatch import TorchDispatchMode

from unlearnkit import losses
from unlearnkit.errors import KitError
from unlearnkit.methods import variant
from unlearnkit.training import divergence
from unlearnkit.training.divergence import (
    Head,
    check_head,
    compare,
    head_of,
    last_states,
    mean_kl,
    mean_uniform_kl,
    mean_uniform_reverse_kl,
)
from unlearnkit.training.reference import add_reference_states
from unlearnkit.training.watch import LiveBytes

pytestmark = pytest.mark.usefixtures("quiet")

BATCH, LENGTH, HIDDEN, VOCABULARY = 3, 7, 5, 11


def drawn(bias: bool):
    """States, reference states, the two heads, and positions of which every row has another number."""
    torch.manual_seed(0)
    states, reference = torch.randn(2, BATCH, LENGTH, HIDDEN)
    heads = [Head(torch.randn(VOCABULARY, HIDDEN), torch.randn(VOCABULARY) if bias else None) for _ in range(2)]
    positions = torch.arange(LENGTH).expand(BATCH, LENGTH) >= torch.tensor([[1], [4], [6]])
    for one in (states, *heads[0]):
        if one is not None:
            one.requires_grad_()
    return states, reference, positions, *heads


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("chunk", [1, 2, 4, 256])
def test_value_and_gradients_are_those_of_the_plain_formula(bias, chunk, monkeypatch):
    monkeypatch.setattr(divergence, "CHUNK", chunk)
    states, reference, positions, head, reference_head = drawn(bias)
    ours = mean_kl(states, reference, positions, head, reference_head)
    rows = [
        kl_div(
            linear(states[row][positions[row]], *head).log_softmax(-1),
            linear(reference[row][positions[row]], *reference_head).log_softmax(-1),
            reduction="batchmean",
            log_target=True,
        )
        for row in range(BATCH)
    ]
    torch.testing.assert_close(ours, torch.stack(rows))
    assert (ours > 0.1).all()
    trained = [states, *(one for one in head if one is not None)]
    weights = torch.tensor([1.0, -2.0, 3.0])
    gradients = torch.autograd.grad((ours * weights).sum(), trained)
    for gradient, plain in zip(
        gradients, torch.autograd.grad((torch.stack(rows) * weights).sum(), trained), strict=True
    ):
        torch.testing.assert_close(gradient, plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("chunk", [1, 4, 256])
def test_any_function_of_both_models_logits_is_compared(chunk, monkeypatch):
    monkeypatch.setattr(divergence, "CHUNK", chunk)
    states, reference, positions, head, reference_head = drawn(bias=True)

    def far(logits, other):
        return ((logits - other) ** 2).mean(-1)

    ours = compare(far, states, reference, positions, head, reference_head)
    plain = far(linear(states[positions], *head), linear(reference[positions], *reference_head))
    torch.testing.assert_close(ours, plain)
    gradients = torch.autograd.grad(ours.square().sum(), [states, *head])
    for gradient, one in zip(gradients, torch.autograd.grad(plain.square().sum(), [states, *head]), strict=True):
        torch.testing.assert_close(gradient, one, rtol=1e-4, atol=1e-4)


def test_it_is_that_of_two_categorical_distributions_by_hand():
    """Logits (0, ln 3) against (0, 0): 1/2 ln(1/2 / 1/4) + 1/2 ln(1/2 / 3/4)."""
    one, head = (
        torch.ones(1, 1, 1),
        Head(torch.tensor([[0.0], [3.0]]).log1p().log1p() * 0, torch.tensor([1.0, 3.0]).log()),
    )
    flat = Head(head.weight, torch.zeros(2))
    value = mean_kl(one, one, torch.ones(1, 1, dtype=torch.bool), head, flat)
    torch.testing.assert_close(value, torch.tensor([0.5 * torch.tensor(4 / 3).log().item()]))


UNIFORM = {
    mean_uniform_kl: lambda logp: (logp.exp() * (logp + math.log(logp.shape[-1]))).sum(-1),
    mean_uniform_reverse_kl: lambda logp: (-math.log(logp.shape[-1]) - logp).mean(-1),
}


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("chunk", [1, 4, 256])
@pytest.mark.parametrize("ours", UNIFORM)
def test_divergence_from_the_uniform_distribution_is_the_plain_formula(ours, chunk, bias, monkeypatch):
    monkeypatch.setattr(divergence, "UNIFORM_CHUNK", chunk)
    states, _, positions, head, _ = drawn(bias)
    values = ours(states, positions, head)
    logp = linear(states, *head).log_softmax(-1)
    rows = torch.stack([UNIFORM[ours](logp[row][positions[row]]).mean() for row in range(BATCH)])
    torch.testing.assert_close(values, rows)
    assert (values > 0.1).all()
    trained, weights = [states, *(one for one in head if one is not None)], torch.tensor([1.0, -2.0, 3.0])
    gradients, plain = (torch.autograd.grad((one * weights).sum(), trained) for one in (values, rows))
    torch.testing.assert_close(gradients, plain, rtol=1e-4, atol=1e-5)
    assert (gradients[0][~positions] == 0).all()


def test_it_is_zero_at_uniform_logits_and_log_k_where_one_token_has_everything():
    one, everywhere = torch.ones(1, 3, 1), torch.ones(1, 3, dtype=torch.bool)
    flat, certain = (Head(torch.zeros(VOCABULARY, 1), bias) for bias in (None, torch.zeros(VOCABULARY)))
    certain.bias[4] = 200.0
    for ours in UNIFORM:
        torch.testing.assert_close(ours(one, everywhere, flat), torch.zeros(1), rtol=0, atol=1e-6)
    torch.testing.assert_close(mean_uniform_kl(one, everywhere, certain), torch.tensor([math.log(VOCABULARY)]))
    # The reverse has no bound: logits 200 apart on ten of eleven tokens.
    reverse = mean_uniform_reverse_kl(one, everywhere, certain)
    torch.testing.assert_close(reverse, torch.tensor([200 * 10 / 11 - math.log(VOCABULARY)]))


def test_the_full_logits_never_exist_even_for_a_large_vocabulary():
    """Forward and backward: bytes alive at one time, gradients of states and head included."""
    vocabulary, hidden = 128_000, 4
    states = torch.randn(4, 64, hidden, requires_grad=True)
    head = Head(torch.randn(vocabulary, hidden, requires_grad=True), None)
    everywhere = torch.ones(4, 64, dtype=torch.bool)
    one_logits_tensor = 4 * 64 * vocabulary * 4
    for ours in UNIFORM:
        gc.collect()
        with LiveBytes() as memory:
            ours(states, everywhere, head).sum().backward()
        assert head.weight.grad.abs().max() > 0
        head.weight.grad = states.grad = None
        assert memory.peak < 0.75 * one_logits_tensor
    with LiveBytes() as memory:
        linear(states, head.weight).log_softmax(-1)
    assert memory.peak >= one_logits_tensor  # the instrument would see it


class Widest(TorchDispatchMode):
    """The largest number of rows of any tensor over the vocabulary, forward and backward."""

    rows = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for one in out if isinstance(out, tuple | list) else (out,):
            if isinstance(one, torch.Tensor) and one.ndim and one.shape[-1] == VOCABULARY:
                self.rows = max(self.rows, one.numel() // VOCABULARY)
        return out


@pytest.mark.parametrize("loss", ["kl", "npo_release", "kl_release_muse", "me", "me_release"])
def test_no_more_than_a_chunk_is_projected_onto_the_vocabulary(loss, monkeypatch):
    for name in ("CHUNK", "UNIFORM_CHUNK"):
        monkeypatch.setattr(divergence, name, 6)
    states, reference, positions, head, reference_head = drawn(bias=False)
    assert positions.sum() > 6
    with Widest() as widest:
        given = (states, reference, positions, head, reference_head)
        logits = lambda f: compare(f, *given).split(positions.sum(dim=1).tolist())  # noqa: E731
        values = {
            "kl": lambda: mean_kl(*given),
            "npo_release": lambda: losses.npo_release(logits, beta=0.1),
            "kl_release_muse": lambda: losses.kl_release_muse(logits),
            "me": lambda: mean_uniform_kl(states, positions, head),
            "me_release": lambda: mean_uniform_reverse_kl(states, positions, head),
        }
        values[loss]().sum().backward()
    assert widest.rows == 6


def test_masked_positions_influence_nothing():
    states, reference, positions, head, reference_head = drawn(bias=True)
    changed = reference.masked_fill(~positions.unsqueeze(-1), torch.nan)
    value = mean_kl(states, changed, positions, head, reference_head)
    torch.testing.assert_close(value, mean_kl(states, reference, positions, head, reference_head))
    value.sum().backward()
    assert (states.grad[~positions] == 0).all() and states.grad[positions].isfinite().all()


# --- what is kept of the original model ---------------------------------------------------------------------


def test_a_trained_head_is_copied_a_frozen_one_is_not(micro_model):
    head = head_of(micro_model())
    frozen = head.frozen()
    with torch.no_grad():
        head.weight.mul_(2)
    assert torch.equal(2 * frozen.weight, head.weight) and not frozen.weight.requires_grad
    head.weight.requires_grad_(False)
    assert head.frozen().weight is head.weight


@pytest.mark.parametrize(("method", "part", "distinct"), [("kl", "retain", 2), ("npo", "forget", 6)])
def test_states_are_kept_once_a_sequence_on_the_cpu(
    method, part, distinct, micro_model, micro_tokenizer, micro_training
):
    chosen, model = variant(method), micro_model()
    rows = tokenized(micro_tokenizer, chosen, 12)
    states = add_reference_states(rows, part, model, micro_tokenizer, micro_training(), None)
    assert len(states) == len({tuple(row[f"{part}_input_ids"]) for row in rows}) == distinct
    for row in rows:
        assert isinstance(row[f"{part}_reference_index"], int)  # no tensor enters the dataset
        kept = states[row[f"{part}_reference_index"]]
        with torch.no_grad():
            expected = model.model(input_ids=torch.tensor([row[f"{part}_input_ids"]])).last_hidden_state[0]
        torch.testing.assert_close(kept, expected, rtol=1e-4, atol=1e-5)
        assert kept.device.type == "cpu" and not kept.requires_grad
        assert kept.untyped_storage().nbytes() == kept.nbytes  # nor does it hold its whole batch


def test_states_go_on_over_padding_where_they_are_asked_to(micro_model, micro_tokenizer, micro_training):
    model, rows = micro_model(), tokenized(micro_tokenizer, variant("kl", "release"), 12)
    states = add_reference_states(rows, "retain", model, micro_tokenizer, micro_training(), 90)
    assert {one.shape for one in states} == {(90, 32)}
    row = rows[0]["retain_input_ids"]
    ids = torch.full((1, 60), micro_tokenizer.pad_token_id)
    ids[0, : len(row)] = torch.tensor(row)
    with torch.no_grad():
        other = model.model(input_ids=ids, attention_mask=(torch.arange(60) < len(row)).long().view(1, -1))
    # A shorter padding is a prefix of a longer one: positions look back only.
    kept = states[rows[0]["retain_reference_index"]]
    torch.testing.assert_close(kept[:60], other.last_hidden_state[0], rtol=1e-4, atol=1e-5)


def test_the_reference_does_not_follow_the_model_in_training(micro_model, micro_tokenizer, adam, tmp_path):
    """A head and an embedding that are one tensor, trained: KL to the original grows from 0 at the second step."""
    spec = how("kl", adam(steps=3, learning_rate=1e-2))
    with_kl = unlearn(micro_model(), micro_tokenizer, tmp_path / "kl", spec)["losses"]
    without = unlearn(micro_model(), micro_tokenizer, tmp_path / "ga", how("ga", spec["training"]))["losses"]
    assert with_kl["1"] == pytest.approx(without["1"], abs=1e-5)
    assert with_kl["2"] > without["2"] + 1e-3


def test_methods_without_kl_pay_nothing(micro_model, micro_tokenizer, micro_training, monkeypatch, tmp_path):
    def never(*given):
        raise AssertionError("not to be called")

    for name in ("mean_kl", "compare", "mean_uniform_kl", "mean_uniform_reverse_kl", "last_states", "head_of"):
        monkeypatch.setattr(f"unlearnkit.training.unlearn.{name}", never)
    rows = tokenized(micro_tokenizer, variant("gd"), 4)
    trainer = trainer_for(micro_model(), micro_tokenizer, tmp_path / "0", variant("gd"), rows, micro_training())
    assert set(trainer.data_collator(rows)) == {"input_ids", "attention_mask", "labels"}
    unlearn(micro_model(), micro_tokenizer, tmp_path / "1", how("npo_rt", micro_training()))


def test_hooks_are_gone_afterwards(micro_model):
    model = micro_model()
    with last_states(model.base_model) as seen:
        model(input_ids=torch.tensor([[1, 2, 3]]))
    model(input_ids=torch.tensor([[1, 2, 3]]))
    assert [one.shape for one in seen] == [(1, 3, 32)]
    assert not model.base_model._forward_hooks


def test_a_model_that_does_more_to_its_logits_is_refused(micro_model, micro_tokenizer, micro_training, tmp_path):
    model = micro_model()
    plain = copy.deepcopy(model).forward

    def capped(*given, **named):
        output = plain(*given, **named)
        output.logits = 5 * torch.tanh(output.logits * 20 / 5)
        return output

    check_head(model, [5, 6, 7])
    model.forward = capped
    for method in ("kl", "me_gd"):
        with pytest.raises(KitError, match="LlamaForCausalLM: its logits are not its output head's"):
            unlearn(model, micro_tokenizer, tmp_path, how(method, micro_training(steps=1)))
