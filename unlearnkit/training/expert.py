"""One-expert unlearning: an expert is found by what the forget set's routers say, and it alone is trained.

Its slices of the fused tensors are parameters of their own while it is trained, so an optimiser's weight decay and
gradient clipping see nothing else; afterwards they are written back and the model is a plain model again.
Source: SEUF (arXiv 2411.18797), section 3.
"""

import contextlib
import random
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from unlearnkit import experts
from unlearnkit.data.encode import IGNORE
from unlearnkit.data.prompts import PromptFormat
from unlearnkit.errors import KitError, nearest
from unlearnkit.losses.anchor import anchor
from unlearnkit.terms import FROM_RETAIN
from unlearnkit.training.examples import Sources, tokenize
from unlearnkit.training.reference import batches

ROUTERS = ("layer", "row")
TOKENS = ("all", "answer")


def forget_batches(
    model, tokenizer, form: PromptFormat, sources: Sources, training: dict, tokens: str = "all"
) -> list[experts.Batch]:
    """The forget set with its forget responses, every sequence once; tokens: of TOKENS, those that count."""
    pairs = [{"forget": (row["question"], row["answer"])} for row in sources.forget]
    rows = tokenize(pairs, tokenizer, form, training["max_length"])
    return [
        (inputs, counted(labels.to(model.device), inputs["attention_mask"], tokens))
        for _, labels, inputs in batches(rows, "forget", model, tokenizer, training)
    ]


def counted(labels, attention_mask, tokens: str):
    """The positions that count, bool: all of the text, or the answer and its end (as inputs, not as predictions)."""
    if tokens not in TOKENS:
        raise KitError(f"expert.tokens: no tokens '{tokens}'{nearest(tokens, TOKENS)}")
    return attention_mask.bool() if tokens == "all" else labels != IGNORE


@contextlib.contextmanager
def isolate(model, selected: list[experts.Expert], router: str) -> Iterator[None]:
    """Inside, these experts and their routers alone can be trained; after it all is as before, but for their values.

    router: "layer", the whole router of an expert's layer, or "row", the one row of it that is the expert's.
    """
    if router not in ROUTERS:
        raise KitError(f"expert.router: no router '{router}'{nearest(router, ROUTERS)}")
    trained = {parameter: parameter.requires_grad for parameter in model.parameters()}
    blocks = experts.blocks(model)
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: [one.requires_grad_(flag) for one, flag in trained.items()])
        model.requires_grad_(False)
        for layer, chosen in _by_layer(selected).items():
            block = blocks[layer]
            stack.enter_context(_own_slices(block.experts, experts.TENSORS, chosen))
            if router == "row":
                stack.enter_context(_own_slices(block.gate, ("weight",), chosen))
            else:
                block.gate.weight.requires_grad_(True)
        yield


class _Whole(torch.autograd.Function):
    """The fused tensor itself, with the gradient of some of its slices going to parameters of their own.

    Nothing is copied forward. Backward the gradient of the one layer's tensor is computed whole, for a moment.
    """

    @staticmethod
    def forward(ctx, whole, indices, *own):
        ctx.indices = indices
        return whole.view_as(whole)

    @staticmethod
    def backward(ctx, gradient):
        return None, None, *(gradient[index].clone() for index in ctx.indices)


@contextlib.contextmanager
def _own_slices(module, names: tuple[str, ...], indices: list[int]) -> Iterator[None]:
    """Slices [index] of the module's parameters `names` are parameters of their own, the rest of them is a buffer."""
    parameters = {name: module._parameters.pop(name) for name in names}
    own = {}
    for name, parameter in parameters.items():
        module.register_buffer(name, parameter.detach())
        own[name] = [f"{name}_of_{index}" for index in indices]
        for index, label in zip(indices, own[name], strict=True):
            module.register_parameter(label, torch.nn.Parameter(parameter.detach()[index].clone()))

    def write(name: str):
        whole, slices = module._buffers[name], [getattr(module, label) for label in own[name]]
        for index, one in zip(indices, slices, strict=True):
            whole.data[index].copy_(one.data)
        return whole, slices

    whole: dict[str, torch.Tensor] = {}

    def before(module, args) -> None:
        for name in names:
            whole[name], slices = write(name)
            setattr(module, name, _Whole.apply(whole[name], indices, *slices))

    def after(module, args, output) -> None:
        for name in names:
            setattr(module, name, whole[name])

    hooks = [module.register_forward_pre_hook(before), module.register_forward_hook(after, always_call=True)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for name, parameter in parameters.items():
            parameter.data = write(name)[0]
            for label in own[name]:
                del module._parameters[label]
            del module._buffers[name]
            module.register_parameter(name, parameter)


class Watch:
    """What is said of routers around one unlearning of a mixture. Made before it."""

    def __init__(self, model, tokenizer, form: PromptFormat, sources: Sources, training: dict):
        self.model, self.how = model, training.get("expert")
        self.batches = lambda tokens: forget_batches(model, tokenizer, form, sources, training, tokens)
        self.before = experts.choices(model, self.batches("all"))
        self.found: dict = {"layers": list(self.before)}

    def select(self, seed: int) -> list[experts.Expert]:
        """The experts that training's "expert" asks for; `seed`: of random ones."""
        how = self.how
        affinity = experts.affinity(self.model, self.batches(how["tokens"]), how["gate"]).tolist()
        ranked = affinity
        if how.get("select") == "random":
            stream = random.Random(f"{seed}/experts")
            ranked = [[stream.random() for _ in row] for row in affinity]
        selected = experts.top(ranked, self.found["layers"], how["top"], how["per_layer"])
        self.found |= {"affinity": affinity, "selected": [list(name) for name in selected]}
        return selected

    def facts(self) -> dict:
        """After it, JSON: "layers" that have experts; for each the "selection_shift" over all tokens of the forget set;
        of one-expert unlearning "affinity" (layers, experts) and "selected", [layer, expert].
        """
        shift = experts.selection_shift(self.before, experts.choices(self.model, self.batches("all")))
        return self.found | {"selection_shift": [shift[layer] for layer in self.found["layers"]]}


@dataclass(frozen=True)
class Anchor:
    """The anchor loss of SEUF's Eq. 3, summed over the layers of the selected experts.

    `blocks`: layer -> its experts and router; `targets`: layer -> experts; `how`: training's "expert". `anchored`: for
    each part of a stacked batch whether it counts.
    """

    blocks: dict
    targets: dict[int, list[int]]
    how: dict
    anchored: list[bool]

    @classmethod
    def of(cls, model, selected: list[experts.Expert], how: dict, parts: tuple[str, ...]) -> "Anchor | None":
        """None where training's "expert" has no anchor. Parts "forget" are those with forget questions."""
        if how["anchor"] is None:
            return None
        which = how["anchor"]["parts"]
        targets = _by_layer(selected)
        blocks = {layer: block for layer, block in experts.blocks(model).items() if layer in targets}
        return cls(blocks, targets, how, [which == "all" or part not in FROM_RETAIN - {"mismatch"} for part in parts])

    def recorded(self):
        return experts.recorded(self.blocks)

    def __call__(self, seen: dict, batch: dict):
        """Weight x sum over sequences of each one's mean or sum over tokens, mean over parts: to be divided by the
        number of sequences. seen: what was recorded in the batch's forward pass.
        """
        reduction = self.how["anchor"]["reduction"]
        positions = counted(batch["labels"], batch["attention_mask"], self.how["tokens"])
        anchored = torch.tensor(self.anchored, device=positions.device)
        rows = anchored.repeat_interleave(len(positions) // len(anchored))
        total = 0.0
        for layer, (routing,) in seen.items():
            target = torch.zeros(routing.logits.shape[-1], device=positions.device)
            target[self.targets[layer]] = 1.0
            values = anchor(routing.gates(self.how["gate"]), target).view(positions.shape) * positions
            sums = values.sum(dim=1) / (positions.sum(dim=1) if reduction == "mean" else 1)
            total = total + sums[rows].sum() / anchored.sum()
        return self.how["anchor"]["weight"] * total


def _by_layer(selected: list[experts.Expert]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for layer, expert in sorted(selected):
        found.setdefault(layer, []).append(expert)
    return found
