"""KL divergence from the original model over the vocabulary, from last hidden states and output heads.

Only `CHUNK` positions at a time are ever projected onto the vocabulary, forward and backward: no tensor of shape
(batch, length, vocabulary) exists, and of the original model only its hidden states and its head are kept.
"""

import contextlib
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

    def log_probs(self, states: Tensor) -> Tensor:
        """Log-probabilities of the next token in float32; states: (positions, hidden)."""
        return linear(states.to(self.weight.dtype), *self).float().log_softmax(-1)


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

    states, reference: (batch, length, hidden), reference without gradient. positions: (batch, length), bool, at least
    one a row. Gradients reach `states` and `head`.
    """
    chunks = zip(states[positions].split(CHUNK), reference[positions].split(CHUNK), strict=True)
    values = [checkpoint(_kl, *pair, *head, *reference_head, use_reentrant=False) for pair in chunks]
    by_position = torch.zeros_like(positions, dtype=torch.float32).masked_scatter(positions, torch.cat(values))
    return by_position.sum(dim=1) / positions.sum(dim=1)


def _kl(states, reference, weight, bias, reference_weight, reference_bias) -> Tensor:
    logp = Head(weight, bias).log_probs(states)
    with torch.no_grad():
        reference_logp = Head(reference_weight, reference_bias).log_probs(reference)
    return (reference_logp.exp() * (reference_logp - logp)).sum(-1)
