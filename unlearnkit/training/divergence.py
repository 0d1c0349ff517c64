"""Comparison over the vocabulary, from last hidden states and output heads: with the original model (KL, or any other),
or with the uniform distribution.

Only a chunk of positions at a time is ever projected onto the vocabulary, forward and backward: no tensor of shape
(batch, length, vocabulary) exists, and of the original model only its hidden states and its head are kept.
"""

import contextlib
import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear
from torch.utils.checkpoint import checkpoint

from unlearnkit.errors import KitError

CHUNK = 256  # positions, of both models
UNIFORM_CHUNK = 32  # one model's; at most five tensors over a chunk's vocabulary are alive at one time


class Head(NamedTuple):
    """An output head: logits = states @ weight.T + bias."""

    weight: Tensor  # (vocabulary, hidden)
    bias: Tensor | None  # (vocabulary,)

    def frozen(self) -> "Head":
        """The head as it is now: a copy where it is going to be trained (tied to the embedding or not)."""
        trained = self.weight.requires_grad or (self.bias is not None and self.bias.requires_grad)
        return Head(*(None if one is None else one.detach().clone() for one in self)) if trained else self

    def logits(self, states: Tensor) -> Tensor:
        """Logits of the next token in float32; states: (positions, hidden)."""
        return linear(states.to(self.weight.dtype), *self).float()


def head_of(model) -> Head:
    """The output head of a causal language model."""
    head = model.get_output_embeddings()
    return Head(head.weight, head.bias)


def check_head(model, sequence: list[int]) -> None:
    """Some models cap or scale what their head returns; a divergence computed from the head would be another one.

    sequence: token ids to try it on. KitError: the model's logits are not its head's. Leaves the model in eval mode.
    """
    model.eval()
    with torch.inference_mode():  # not one of the passes that `watch.passes` counts
        ids = torch.tensor([sequence], device=model.device)
        logp = model(input_ids=ids).logits[0].float().log_softmax(-1)
        ours = head_of(model).logits(model.base_model(input_ids=ids).last_hidden_state[0]).log_softmax(-1)
    if not torch.allclose(logp, ours, atol=1e-3):
        raise KitError(
            f"{type(model).__name__}: its logits are not its output head's; divergences over the vocabulary (KL from "
            "the original model, ME) are not available"
        )


@contextlib.contextmanager
def last_states(backbone):
    """A list that receives the last hidden states (batch, length, hidden) of every forward pass inside."""
    seen: list[Tensor] = []
    hook = backbone.register_forward_hook(lambda module, args, output: seen.append(output.last_hidden_state))
    try:
        yield seen
    finally:
        hook.remove()


def mean_kl(states: Tensor, reference: Tensor, positions: Tensor, head: Head, reference_head: Head) -> Tensor:
    """Per row the mean over its `positions` of KL(p_reference || p_theta), in nats: (batch,), float32.

    Arguments as `compare`'s.
    """
    return _means(compare(_kl, states, reference, positions, head, reference_head), positions)


def _means(values: Tensor, positions: Tensor) -> Tensor:
    """Of values at all `positions`, row after row: each row's mean."""
    by_position = torch.zeros_like(positions, dtype=torch.float32).masked_scatter(positions, values)
    return by_position.sum(dim=1) / positions.sum(dim=1)


def _kl(logits: Tensor, reference: Tensor) -> Tensor:
    logp, reference_logp = logits.log_softmax(-1), reference.log_softmax(-1)
    return (reference_logp.exp() * (reference_logp - logp)).sum(-1)


def compare(
    function: Callable[[Tensor, Tensor], Tensor],
    states: Tensor,
    reference: Tensor,
    positions: Tensor,
    head: Head,
    reference_head: Head,
) -> Tensor:
    """function(logits, reference logits) at all `positions`, row after row: (number of positions,), float32.

    function: of two tensors (some positions, vocabulary) to (these positions,). states, reference: (batch, length,
    hidden), reference without gradient. positions: (batch, length), bool, at least one a row. Gradients reach `states`
    and `head`.
    """

    def chunk(states, reference, weight, bias, reference_weight, reference_bias) -> Tensor:
        with torch.no_grad():
            reference_logits = Head(reference_weight, reference_bias).logits(reference)
        return function(Head(weight, bias).logits(states), reference_logits)

    chunks = zip(states[positions].split(CHUNK), reference[positions].split(CHUNK), strict=True)
    return torch.cat([checkpoint(chunk, *pair, *head, *reference_head, use_reentrant=False) for pair in chunks])


def mean_uniform_kl(states: Tensor, positions: Tensor, head: Head) -> Tensor:
    """Per row the mean over its `positions` of KL(p_theta || uniform), in nats: (batch,), float32.

    states: (batch, length, hidden). positions: (batch, length), bool, at least one a row. Gradients reach `states` and
    `head`.
    """
    return _mean_of_logits(uniform_kl, states, positions, head)


def mean_uniform_reverse_kl(states: Tensor, positions: Tensor, head: Head) -> Tensor:
    """The same of KL(uniform || p_theta)."""
    return _mean_of_logits(_uniform_reverse_kl, states, positions, head)


def uniform_kl(logits: Tensor) -> Tensor:
    """KL(p || uniform) = log K - H(p), K the vocabulary's size: (..., vocabulary) -> (...), nats, 0 to log K.

    The only place of the formula: what ME minimises (A Closer Look, arXiv 2410.08109, Eq. 8), and the entropy gap that
    `evaluation` measures.
    """
    logp = logits.log_softmax(-1)
    return math.log(logits.shape[-1]) + (logp.exp() * logp).sum(-1)


def _uniform_reverse_kl(logits: Tensor) -> Tensor:
    return logits.logsumexp(-1) - logits.mean(-1) - math.log(logits.shape[-1])


def _mean_of_logits(function: Callable[[Tensor], Tensor], states: Tensor, positions: Tensor, head: Head) -> Tensor:
    def chunk(states, weight, bias) -> Tensor:
        return function(Head(weight, bias).logits(states))

    chunks = [checkpoint(chunk, one, *head, use_reentrant=False) for one in states[positions].split(UNIFORM_CHUNK)]
    return _means(torch.cat(chunks), positions)
