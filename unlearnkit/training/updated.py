"""Training some modules of some decoder layers alone, all of them addressed by name.

RMU's release updates parameters by their position in a layer (`param_ids=6`). That is `mlp.down_proj` in Llama and
Mistral, and another matrix in other families: in Qwen2-MoE, whose queries, keys and values have biases, it is the
attention's `o_proj`. Here a name that a layer does not have is an error.
"""

import contextlib
from collections.abc import Iterator

from unlearnkit.errors import KitError, nearest


def decoder_layers(model) -> tuple[str, list]:
    """The name of a model's list of decoder layers below `base_model`, and the layers in order.

    KitError: there is no such list.
    """
    import torch

    for name, module in model.base_model.named_modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == model.config.num_hidden_layers:
            return name, list(module)
    raise KitError(f"{type(model).__name__}: no list of its {model.config.num_hidden_layers} decoder layers is found")


def decoder_layer(model, layer: float) -> int:
    """A layer's number, counted from 0. KitError: the model has no such layer."""
    count = len(decoder_layers(model)[1])
    if layer not in range(count):
        raise KitError(f"no decoder layer {layer:g}: {type(model).__name__} has layers 0 to {count - 1}")
    return int(layer)


def parameters(model, updated: dict) -> list:
    """The parameters of `updated`: {"layers": numbers from 0, "modules": names within a layer}.

    A name is that of a module (`mlp.down_proj`, `mlp.experts`, `mlp`) or of a single parameter (`mlp.down_proj.weight`,
    `mlp.experts.down_proj`: in transformers one tensor holds a layer's experts). KitError: no such layer or name.
    """
    found = []
    _, layers = decoder_layers(model)
    for number in updated["layers"]:
        own = dict(layers[decoder_layer(model, number)].named_parameters())
        for name in updated["modules"]:
            chosen = [parameter for path, parameter in own.items() if path == name or path.startswith(f"{name}.")]
            if not chosen:
                names = {path.rsplit(".", end)[0] for path in own for end in range(path.count(".") + 1)}
                raise KitError(f"updated.modules: layer {number} has no '{name}'{nearest(name, sorted(names))}")
            found += chosen
    return found


@contextlib.contextmanager
def only(model, updated: dict | None) -> Iterator[None]:
    """Inside, these parameters alone can be trained; None: as the model is. KitError: as `parameters`."""
    if updated is None:
        yield
        return
    before = {parameter: parameter.requires_grad for parameter in model.parameters()}
    chosen = parameters(model, updated)
    model.requires_grad_(False)
    for parameter in chosen:
        parameter.requires_grad_(True)
    try:
        yield
    finally:
        for parameter, trained in before.items():
            parameter.requires_grad_(trained)
