"""What a parameter file names must exist, and what it gives must have an effect: looked at before anything is planned.

Every mistake is one line with the file, the key and the nearest valid name.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unlearnkit import methods
from unlearnkit.data import prompts, tofu
from unlearnkit.errors import KitError, nearest
from unlearnkit.params import BaseModelParams, Data, Params, RowParams

REFERENCE_ROWS = {
    "base": "Base LLM",
    "original": "Original LLM",
    "retain": "Retained LLM",
    "retain_2": "Retained LLM, another seed",
}
HUB_ID = r"\w[\w.-]*(/\w[\w.-]*)?"


@contextmanager
def at(key: str) -> Iterator[None]:
    """Puts the key before the line of a mistake."""
    try:
        yield
    except KitError as error:
        raise KitError(f"{key}: {error}") from None


def check(content: Params, where: str) -> None:
    """KitError: the first mistake in the names of a valid parameter file. `where`: how to call the file."""
    with at(where):
        _check_data(content)
        for name, base_model in content.base_models.items():
            _check_base_model(f"base_models.{name}", base_model, content.data)
        _check_rows(content.rows)


def parameters(method: str, variant: str, given: dict[str, float]) -> dict[str, float]:
    """A method's hyper-parameters, the given ones over its own. KitError: no such method, variant or parameter."""
    own = methods.variant(method, variant).parameters
    for name in given:
        if name not in own:
            choices = nearest(name, own) if own else ": it has none"
            raise KitError(f"method '{method}' ({variant}) has no parameter '{name}'{choices}")
    return own | given


def _check_data(content: Params) -> None:
    data, selection = content.data, content.selection
    with at("data.source"):
        tofu.folder(data.source)
    _check_forget_split("data", data.forget_split, data)
    if selection is None:
        if content.unlearn.selected:
            raise KitError("unlearn.selected is true but selection is null")
        return
    _check_forget_split("selection", selection.forget_split, data)
    # TOFU's forget sets are nested: each contains the smaller ones.
    if (selection.forget_split == "validation") == (data.forget_split == "validation"):
        raise KitError(f"selection.forget_split: '{selection.forget_split}' shares authors with data.forget_split")


def _check_forget_split(section: str, forget_split: str, data: Data) -> None:
    with at(f"{section}.forget_split"):
        names = tofu.splits(forget_split)
        for name in (names.forget, names.forget_perturbed, names.retain, names.retain_perturbed):
            tofu.fingerprint(data.source, name, data.revision)


def _check_base_model(key: str, base_model: BaseModelParams, data: Data) -> None:
    with at(f"{key}.prompt_format"):
        prompts.prompt_format(base_model.prompt_format)
    scratch = base_model.scratch
    if scratch is None:
        if not Path(base_model.source).is_dir() and not re.fullmatch(HUB_ID, base_model.source):
            raise KitError(f"{key}.source: '{base_model.source}' is neither a folder nor a hub id")
        return
    with at(f"{key}.scratch.pretrain_split"):
        tofu.fingerprint(data.source, scratch.pretrain_split, data.revision)
    if scratch.finetune_mix:
        with at(f"{key}.scratch.finetune_mix"):
            tofu.fingerprint(data.source, scratch.finetune_mix, data.revision)


def _check_rows(rows: list[RowParams]) -> None:
    seen = set()
    for number, row in enumerate(rows):
        with at(f"rows.{number}"):
            if row.method in REFERENCE_ROWS:
                if row.variant != "paper" or row.parameters:
                    raise KitError(f"the reference row '{row.method}' has neither variants nor parameters")
            elif row.method not in methods.METHODS:
                known = [*REFERENCE_ROWS, *methods.METHODS]
                raise KitError(f"no method '{row.method}'{nearest(row.method, known)}")
            else:
                parameters(row.method, row.variant, row.parameters)
            if (row.method, row.variant) in seen:
                raise KitError(f"the row '{row.method}' ({row.variant}) is there twice")
            seen.add((row.method, row.variant))
    if ("retain", "paper") not in seen:
        raise KitError("rows: forget quality is measured against the row 'retain', which is missing")
