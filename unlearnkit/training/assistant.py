"""ULD and its baseline Offset: an assistant is trained, the model itself is not; together they are the unlearned model.

The assistant is the first layers of the model with its final norm and head (ULD, section 2.5 and 4.2). Its weights are
the model's own in memory, frozen, while LoRA is trained beside them. Afterwards LoRA is merged into copies: an ordinary
causal language model of fewer layers, which the combined model keeps, saves and loads beside the target. So ULD needs
the memory of the assistant's layers, embeddings and head once more, Offset twice, for before and after.
Source: ULD (arXiv 2406.08607); Offset Unlearning (arXiv 2404.11045), of which UCSB-NLP-Chang/ULD 858608c has a form of
its own (offsetllm.py).
"""

import contextlib
import copy
from collections.abc import Callable
from pathlib import Path

import torch

from unlearnkit.data.prompts import PromptFormat
from unlearnkit.decoding import PairModel, pair, parameters_of
from unlearnkit.errors import KitError, nearest
from unlearnkit.methods import ASSISTED
from unlearnkit.training import procedure
from unlearnkit.training.callbacks import Probe
from unlearnkit.training.divergence import check_head
from unlearnkit.training.examples import Sources
from unlearnkit.training.lora import own


def truncate(model, layers: int):
    """The causal language model of the first `layers` decoder layers of `model`, with its embeddings, norm and head.

    Of the same class, frozen, no weight copied: the tensors are the model's own. KitError: `layers` out of range, or a
    model whose depth is not what its configuration calls num_hidden_layers.
    """
    depth = getattr(model.config, "num_hidden_layers", None)
    if depth is not None and not 1 <= layers <= depth:
        raise KitError(f"layers: {layers} is not between 1 and {depth}, the layers of the model")
    config = copy.deepcopy(model.config)
    config.num_hidden_layers = layers
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:layers]
    with torch.device("meta"):
        small = type(model)(config)
    weights, buffers = (dict(named(remove_duplicate=False)) for named in (model.named_parameters, model.named_buffers))
    shapes = {name: tuple(one.shape) for name, one in small.named_parameters(remove_duplicate=False)}
    ours = {name for name, one in weights.items() if tuple(one.shape) == shapes.get(name)}
    if depth is None or ours != shapes.keys() or (layers < depth and ours == weights.keys()):
        raise KitError(f"{type(model).__name__}: its first layers cannot be told from num_hidden_layers, {depth}")
    shared: dict[int, torch.nn.Parameter] = {}
    for name in shapes:
        weight = weights[name]
        _put(small, name, shared.setdefault(id(weight), torch.nn.Parameter(weight.detach(), requires_grad=False)))
    for name, _ in list(small.named_buffers(remove_duplicate=False)):
        _put(small, name, buffers[name].clone())
    return small


def _put(model, name: str, tensor: torch.Tensor) -> None:
    owner, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(owner), leaf, tensor)


def unlearn(
    model,
    tokenizer,
    form: PromptFormat,
    sources: Sources,
    how: dict,
    seed: int,
    folder: Path,
    report: Callable[[int, int], None] = lambda step, steps: None,
    probes: tuple[Probe, ...] = (),
) -> tuple[PairModel, dict]:
    """(the unlearned model, facts): `model`, which stays as it is, and an assistant trained for it.

    `how`: as `procedure.unlearn` takes it, with a method of ASSISTED, and `layers`, the assistant's; training has
    "lora". `sources`: ULD's are the augmented rows (data/augment.py), all `forget` rows to be remembered, all `retain`
    rows to be forgotten. A probe measures the combined model. Facts: those of `procedure.unlearn`, an epoch being one
    pass over `sources.forget`, and the assistant's parameters, the frozen ones with it.
    KitError: no such method, no LoRA, or what `truncate` refuses.
    """
    name, parameters = how["method"], how["parameters"]
    if name not in ASSISTED:
        raise KitError(f"no method '{name}' trains an assistant{nearest(name, ASSISTED)}")
    if not how["training"].get("lora"):
        raise KitError(f"method '{name}': lora is null, and nothing but LoRA is trained in an assistant")
    rule = ASSISTED[name].rule + ("" if how["variant"] == "paper" else f"_{how['variant']}")
    weights = {one: parameters[one] for one in parameters_of(rule)}
    model.eval()
    assistant = truncate(model, how["layers"])
    start = truncate(model, how["layers"]).eval() if rule == "offset" else None

    def combined() -> PairModel:
        return pair(model, assistant if start is None else pair(assistant, start, "minus"), rule, **weights)

    def measuring(probe: Probe) -> Probe:
        return Probe(lambda _, step: probe.measure(combined().eval(), step), probe.when)

    if start is not None:
        check_head(model, tokenizer(form(sources.forget[0]["question"]))["input_ids"])
    with contextlib.nullcontext() if start is None else _added(assistant, start, model, parameters["alpha"]):
        facts = procedure.unlearn(
            assistant,
            tokenizer,
            form,
            sources,
            how,
            seed,
            folder,
            report,
            tuple(measuring(probe) for probe in probes),
            None if start is None else model,
        )
    if start is not None:
        own(start)  # no file can hold a tensor twice
    return combined(), facts | {"assistant_parameters": assistant.num_parameters()}


@contextlib.contextmanager
def _added(assistant, start, target, alpha: float):
    """While the assistant trains, its logits are Offset's sum: the target's, and what training changed in its own.

    All three have one head, so the sum of logits is the head's on the sum of states; every loss then sees the sum as it
    would see a model. Out of training mode the assistant is itself.
    """

    def add(module, args, kwargs, output):
        if not module.training:
            return None
        with torch.no_grad():
            ours, before = (one.base_model(*args, **kwargs).last_hidden_state for one in (target, start))
        output.last_hidden_state = ours + alpha * (output.last_hidden_state - before)
        return output

    handle = assistant.base_model.register_forward_hook(add, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()
