"""Mixtures of experts: where transformers keeps their experts and routers, and what the routers say.

A layer has `experts`, two fused tensors gate_up_proj (experts, 2 width, hidden) and down_proj (experts, hidden, width),
and `gate`, its router, a matrix (experts, hidden) that returns logits, weights and indices. An expert is named by
(layer, expert): layers count all decoder layers, also those without experts; shared experts are none of these.
Besides this module only training/expert.py, which trains slices of these tensors, uses their names.

A gate is the paper's g: the router's softmax over all experts, after top-k 0 for those that were not chosen. It is what
the model weighs with in Qwen1.5-MoE and DeepSeek-V2-Lite; Mixtral divides by the sum over the chosen, g does not.
Source: SEUF (arXiv 2411.18797), section on expert attribution.
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from unlearnkit.errors import KitError, nearest
from unlearnkit.models import FAMILIES

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

MIXTURES = tuple(name for name, family in FAMILIES.items() if family.mixture)
TENSORS = ("gate_up_proj", "down_proj")  # of `experts`, whose first axis counts experts
GATES = ("after_top_k", "before_top_k")

Expert = tuple[int, int]  # (layer, expert)
# Model inputs, and the positions that count: (batch, length), bool, at least one a row.
Batch = tuple[dict[str, "Tensor"], "Tensor"]


def is_mixture(model) -> bool:
    return model.config.model_type in MIXTURES


def blocks(model) -> dict[int, "Module"]:
    """Decoder layer -> the module that has its `experts` and their `gate`. KitError: the model is no mixture."""
    if not is_mixture(model):
        raise KitError(f"a model of the family '{model.config.model_type}' has no experts that the kit knows; "
                       f"choose from: {', '.join(MIXTURES)}")  # fmt: skip
    layers = enumerate(model.base_model.layers)
    return {index: layer.mlp for index, layer in layers if hasattr(layer.mlp, "experts")}


class Routing(NamedTuple):
    """What a router did in one forward pass, batch and length in one axis."""

    logits: "Tensor"  # (tokens, experts)
    chosen: "Tensor"  # (tokens, per token), int64: in no certain order

    def gates(self, which: str) -> "Tensor":
        """(tokens, experts), float32; which: of GATES."""
        if which not in GATES:
            raise KitError(f"expert.gate: no gate '{which}'{nearest(which, GATES)}")
        probabilities = self.logits.float().softmax(-1)
        if which == "before_top_k":
            return probabilities
        return probabilities * probabilities.new_zeros(probabilities.shape).scatter_(-1, self.chosen, 1.0)


@contextlib.contextmanager
def recorded(of: dict[int, "Module"]) -> Iterator[dict[int, list[Routing]]]:
    """Layer -> what its router does in each forward pass inside, with gradients where the pass has them.

    of: some of `blocks`. The hook computes nothing: under activation checkpointing it does not run a second time.
    """
    seen: dict[int, list[Routing]] = {layer: [] for layer in of}

    def note(layer: int, module, args, output) -> None:
        logits, _, chosen = output
        seen[layer].append(Routing(logits, chosen))

    hooks = [block.gate.register_forward_hook(partial(note, layer)) for layer, block in of.items()]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def router_weights(model, inputs: dict) -> dict[int, Routing]:
    """Layer -> what its router does with `inputs` (input_ids, attention_mask), padding included; no gradients."""
    import torch

    model.eval()
    with torch.no_grad(), recorded(blocks(model)) as seen:
        model.base_model(**inputs, use_cache=False)
    return {layer: found for layer, (found,) in seen.items()}


def affinity(model, batches: Iterable[Batch], gate: str) -> "Tensor":
    """SEUF's Eq. 2: mean over sequences of each one's mean gate over the tokens that count.

    gate: of GATES. Returns (layers with experts, experts), float64, on the CPU; after top-k it is 0 for an expert that
    no token chose, before top-k every row sums to 1.
    """
    import torch

    total, sequences = 0.0, 0
    for inputs, positions in batches:
        weight = positions / positions.sum(dim=1, keepdim=True)
        found = [one.gates(gate).view(*positions.shape, -1) for one in router_weights(model, inputs).values()]
        total = total + torch.stack([(one * weight.unsqueeze(-1)).sum((0, 1)) for one in found]).double().cpu()
        sequences += len(positions)
    return total / sequences


def top(found: Sequence[Sequence[float]], layers: Sequence[int], count: int, per_layer: bool) -> list[Expert]:
    """The `count` experts of highest affinity, over all layers or in each; equal ones in the order of their names.

    found: as from `affinity`; layers: the decoder layers that its rows are. KitError: there are not so many.
    """
    ranked = [
        sorted(((-float(value), (layer, expert)) for expert, value in enumerate(row)))
        for layer, row in zip(layers, found, strict=True)
    ]
    if not per_layer:
        ranked = [sorted(one for row in ranked for one in row)]
    if any(count > len(row) for row in ranked):
        where = "a layer" if per_layer else "the model"
        raise KitError(f"expert.top: {count} experts of the {len(ranked[0])} that {where} has")
    return [name for row in ranked for _, name in row[:count]]


def choices(model, batches: Iterable[Batch]) -> dict[int, "Tensor"]:
    """Layer -> the experts chosen for every token that counts, in ascending order: (tokens, per token), int16."""
    import torch

    seen: dict[int, list] = {layer: [] for layer in blocks(model)}
    for inputs, positions in batches:
        for layer, found in router_weights(model, inputs).items():
            chosen = found.chosen.view(*positions.shape, -1)[positions]
            seen[layer].append(chosen.sort(-1).values.to(torch.int16).cpu())
    return {layer: torch.cat(parts) for layer, parts in seen.items()}


def selection_shift(before: dict[int, "Tensor"], after: dict[int, "Tensor"]) -> dict[int, float]:
    """Layer -> share of tokens whose set of chosen experts changed, from `choices` of two models on the same batches.

    KitError: the two are not of the same layers and tokens.
    """
    if {layer: one.shape for layer, one in before.items()} != {layer: one.shape for layer, one in after.items()}:
        raise KitError("expert selection shift: the choices are not of the same layers and tokens")
    return {layer: (one != after[layer]).any(-1).float().mean().item() for layer, one in before.items()}


@contextlib.contextmanager
def fused_checkpoints(model) -> Iterator[None]:
    """While inside, checkpoints hold experts as the model does, and the model does not log its routers afterwards.

    transformers saves experts one by one, as its families are published, and its Trainer resumes by names: it would go
    on with the experts it started from and say nothing. TRL switches `output_router_logits` on for good where the
    configuration has a coefficient for balancing experts; an evaluation would then pay for it.
    """
    if not is_mixture(model):
        yield
        return
    model.save_pretrained = partial(type(model).save_pretrained, model, save_original_format=False)
    try:
        yield
    finally:
        del model.save_pretrained
        model.config.output_router_logits = False
