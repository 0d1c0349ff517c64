"""ActivationTrainer: for losses that look at the activations behind one decoder layer (RMU) and not at probabilities.

No layer above is computed, for the trained model or the original one. The original model is no second model: where it
is wanted, the trained weights give way to a copy of what they were. Rows are padded on the left, as RMU's release does.
"""

import contextlib
from collections.abc import Iterator

import torch

from unlearnkit.errors import KitError
from unlearnkit.training.unlearn import UnlearnTrainer
from unlearnkit.training.updated import decoder_layer, decoder_layers


def direction(size: int, seed: int) -> torch.Tensor:
    """u = r / ||r||, r uniform on [0, 1)^size: (size,), float32, on the CPU; no entry is negative."""
    drawn = torch.rand(size, generator=torch.Generator().manual_seed(seed))
    return drawn / drawn.norm()


@contextlib.contextmanager
def behind(model, layer: int) -> Iterator[list[torch.Tensor]]:
    """Inside, the model's stack ends with that layer; a list receives its output (batch, length, hidden) each time.

    The model's final norm and head follow it at once, so what the model itself returns is nothing of use.
    """
    name, layers = decoder_layers(model)
    owner, _, attribute = name.rpartition(".")
    owner = model.base_model.get_submodule(owner)
    whole, seen = getattr(owner, attribute), []

    def note(module, args, output) -> None:
        seen.append(output[0] if isinstance(output, tuple) else output)

    hook = layers[layer].register_forward_hook(note)
    setattr(owner, attribute, whole[: layer + 1])
    try:
        yield seen
    finally:
        hook.remove()
        setattr(owner, attribute, whole)


class ActivationTrainer(UnlearnTrainer):
    """Minimises the terms of a variant with `inner_parts`; the parameter `layer` says behind which layer, from 0.

    `reference`: the model that `frozen_states` are of; None, or `model` itself: as it is now, of which those weights
    are copied that are trained and lie below. KitError: no such layer, nothing below it is trained, or weights above
    are chosen to be trained, which would never get a gradient.
    """

    def __init__(self, *, model, parameters: dict[str, float], reference=None, **kwargs):
        self.plain, self.layer = model, decoder_layer(model, parameters["layer"])
        chosen = not all(one.requires_grad for one in model.parameters())  # weights by name; adapters are made next
        super().__init__(model=model, parameters=parameters, reference=reference, **kwargs)
        self.data_collator.side = "left"
        self.reference = model if reference is None else reference
        layers = decoder_layers(model)[1]
        above = {id(one) for layer in layers[self.layer + 1 :] for one in layer.parameters()}
        trained = [one for one in self.model.parameters() if one.requires_grad and id(one) not in above]
        head = model.get_output_embeddings().weight
        if not any(one is not head for one in trained):
            raise KitError(f"parameters.layer: of what is trained nothing lies in layers 0 to {self.layer}")
        reached = [at for at, layer in enumerate(layers) if any(one.requires_grad for one in layer.parameters())]
        if chosen and max(reached, default=0) > self.layer:
            raise KitError(
                f"parameters.layer: parameters of layer {reached[-1]} are to be trained, and only layers 0 to "
                f"{self.layer} are computed"
            )
        self.originals = [(one, one.detach().clone()) for one in trained] if self.reference is model else []
        self.direction = direction(model.config.hidden_size, self.args.seed).to(model.device)

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        # First the original model: the pass that has gradients must be the last one that read the weights.
        frozen = {part: self._frozen(model, self._rows(inputs, part)) for part in self.variant.frozen_parts}
        return super().compute_loss(model, inputs | {"frozen_states": frozen}, return_outputs, num_items_in_batch)

    def quantities(self, model, inputs: dict) -> tuple[dict, object]:
        states, outputs = self._states(model, self.plain, inputs)
        given = {}
        for part in self.variant.parts:
            own = self._rows(inputs | {"states": states}, part)
            given |= {
                f"{part}_states": own["states"],
                f"{part}_text": own["attention_mask"].bool(),
                f"{part}_direction": self.direction,
                f"{part}_frozen_states": inputs["frozen_states"].get(part),
            }
        return given, outputs

    def _rows(self, inputs: dict, part: str) -> dict:
        """A part's own rows of a stacked batch."""
        index, rows = self.variant.parts.index(part), len(inputs["input_ids"]) // len(self.variant.parts)
        own = slice(index * rows, (index + 1) * rows)
        return {name: value[own] for name, value in inputs.items() if isinstance(value, torch.Tensor)}

    def _states(self, model, plain, inputs: dict):
        with behind(plain, self.layer) as seen:
            outputs = model(
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                use_cache=False,
                logits_to_keep=1,  # the least that a head computes
            )
        return seen[0], outputs

    def _frozen(self, model, inputs: dict) -> torch.Tensor:
        with torch.no_grad():
            if self.reference is not self.plain:
                with self.accelerator.autocast():
                    return self._states(self.reference, self.reference, inputs)[0]
            with exchanged(self.originals):
                return self._states(model, self.plain, inputs)[0]


@contextlib.contextmanager
def exchanged(values: list[tuple[torch.nn.Parameter, torch.Tensor]]) -> Iterator[None]:
    """Inside, every parameter has the value beside it."""
    now = [parameter.data for parameter, _ in values]
    for parameter, value in values:
        parameter.data = value
    try:
        yield
    finally:
        for (parameter, _), value in zip(values, now, strict=True):
            parameter.data = value
