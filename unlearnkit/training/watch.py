"""Instruments around a training that do not change it: which data it read, what went through the model, what it held.

`measure` of `unlearnkit.needs` uses them; nothing else in the kit does.
"""

import contextlib
import weakref
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from unlearnkit.training.examples import Sources


class Entries(Sequence):
    """A list that notes in `seen` the index of every entry that is read, by iteration too."""

    def __init__(self, entries: Sequence, seen: set[int]):
        self.entries, self.seen = entries, seen

    def __getitem__(self, index):
        entry = self.entries[index]
        self.seen.add(index)
        return entry

    def __len__(self) -> int:
        return len(self.entries)


class Row(Mapping):
    """A row that notes in `seen[field]` its own index when the field is read, by whatever way."""

    def __init__(self, row: Mapping, index: int, seen: dict[str, set[int]]):
        self.row, self.index, self.seen = row, index, seen

    def __getitem__(self, field: str):
        value = self.row[field]
        self.seen[field].add(self.index)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self.row)

    def __len__(self) -> int:
        return len(self.row)


def watched(sources: Sources) -> tuple[Sources, dict[str, set[int]]]:
    """The same sources, and which of their entries have been read: indices by field, filled as training reads."""
    seen: dict[str, set[int]] = {
        name: set()
        for name in ("forget_questions", "forget_answers", "templates", "retain_questions", "retain_answers")
    }

    def rows(name: str, source: Sequence) -> list[Row]:
        fields = {"question": seen[f"{name}_questions"], "answer": seen[f"{name}_answers"]}
        return [Row({field: row[field] for field in fields}, index, fields) for index, row in enumerate(source)]

    noting = Sources(
        forget=rows("forget", sources.forget),
        templates=Entries(sources.templates, seen["templates"]),
        retain=rows("retain", sources.retain),
    )
    return noting, seen


@contextlib.contextmanager
def passes(model) -> Iterator[dict[str, int]]:
    """Counts sequences (rows of a batch) through the model's backbone.

    forward: with gradients, so in training. backward: of those, when their gradient arrives. reference: without
    gradients: the original model beside the training. Passes in inference mode are checks and do not count.
    """
    counts = {"forward": 0, "backward": 0, "reference": 0}

    def count(name: str, rows: int) -> None:
        counts[name] += rows

    def hook(module, args, output) -> None:
        states = output.last_hidden_state
        if torch.is_grad_enabled():
            count("forward", len(states))
            states.register_hook(lambda gradient: count("backward", len(gradient)))
        elif not torch.is_inference_mode_enabled():
            count("reference", len(states))

    handle = model.base_model.register_forward_hook(hook)
    try:
        yield counts
    finally:
        handle.remove()


@contextlib.contextmanager
def other_reference(model) -> Iterator[None]:
    """Without gradients the model is another one: its last hidden states come out in reverse order of their units."""

    def hook(module, args, output):
        if not torch.is_grad_enabled():
            output.last_hidden_state = output.last_hidden_state.flip(-1)
        return output

    handle = model.base_model.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


class LiveBytes(TorchDispatchMode):
    """`peak`: the most bytes that tensors made inside held at one time, on any device; each storage counts once.

    Activations, gradients, the optimiser's state, a stored reference. A buffer counts as far as an operation wrote to
    it: TRL's for the output head is 32768 columns wide, whatever the vocabulary. What a kernel allocates and frees
    within one operation, or writes past torch's operations, is not seen. The same run gives the same number.
    """

    def __init__(self):
        super().__init__()
        self.live = self.peak = 0
        self.sizes: dict[int, int] = {}  # of the storages made inside, by address

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        given = {_address(leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)}
        found = function(*args, **(kwargs or {}))
        writes = function._schema.is_mutable  # in place, or to `out`; otherwise what shares storage is a view
        for leaf in tree_leaves(found):
            if isinstance(leaf, torch.Tensor):
                made = _address(leaf) not in given
                self._note(leaf, made, written="empty" not in function.name() if made else writes)
        return found

    def _note(self, tensor: torch.Tensor, made: bool, written: bool) -> None:
        storage, address = tensor.untyped_storage(), _address(tensor)
        if made and address not in self.sizes:  # one that was not made inside belongs to the model
            self.sizes[address] = 0
            weakref.finalize(storage, self._free, address)
        if written and address in self.sizes:
            more = max(0, min(tensor.numel() * tensor.itemsize, storage.nbytes()) - self.sizes[address])
            self.sizes[address] += more
            self.live += more
            self.peak = max(self.peak, self.live)

    def _free(self, address: int) -> None:
        self.live -= self.sizes.pop(address)


def _address(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage()._cdata
