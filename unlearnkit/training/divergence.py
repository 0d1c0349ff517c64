"""Comparison with the original model over the vocabulary (KL, or any other), from last hidden states and output heads.

Only `CHUNK` positions at a time are ever projected onto the vocabulary, forward and backward: no tensor of shape
(batch, length, vocabulary) exists, and of the original model only its hidden states and its head are kept.
"""

import contextlib
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear
from torch.utils.checkpoint import checkpoint

CHUNK = 256  # positions


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
    values = compare(_kl, states, reference, positions, head, reference_head)
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
