"""What a parameter file names must exist, and what it gives must have an effect: looked at before anything is planned.

Every mistake is one line with the file, the key and the nearest valid name.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from unlearnkit import methods, models, paths
from unlearnkit.data import prompts, tofu
from unlearnkit.errors import KitError, at, nearest
from unlearnkit.schema import BaseModelParams, Data, Needs, Params, RowParams
from unlearnkit.schema_training import LoRA

REFERENCE_ROWS = {
    "base": "Base LLM",
    "original": "Original LLM",
    "retain": "Retained LLM",
    "retain_2": "Retained LLM, another seed",
}
NEEDED_ROWS = {
    "retain": "forget quality is measured against",
    "original": "what a method keeps is measured against",
}
HUB_ID = r"\w[\w.-]*(/\w[\w.-]*)?"


def check(content: Params, where: str) -> None:
    """KitError: the first mistake in the names of a valid parameter file. `where`: how to call the file."""
    with at(where):
        _check_data(content)
        for name, base_model in content.base_models.items():
            check_base_model(f"base_models.{name}", base_model, fingerprint_of(content.data))
        check_rows(content, REFERENCE_ROWS, NEEDED_ROWS)


def check_models(content: Needs, where: str) -> None:
    """The same for a table that has base models and no rows of its own. KitError: the first mistake."""
    with at(where):
        check_tofu(content.data)
        check_forget_split("data.forget_split", content.data.forget_split, content.data)
        for name, base_model in content.base_models.items():
            check_base_model(f"base_models.{name}", base_model, fingerprint_of(content.data))
        with at("own_methods"):
            methods.known(content.own_methods)


def parameters(method: str, variant: str, given: dict[str, float], own_methods: str | None) -> dict[str, float]:
    """A method's hyper-parameters, the given ones over its own. KitError: no such method, variant or parameter."""
    own = methods.variant(method, variant, own_methods).parameters
    for name in given:
        if name not in own:
            choices = nearest(name, own) if own else ": it has none"
            raise KitError(f"method '{method}' ({variant}) has no parameter '{name}'{choices}")
    return own | given


def check_tofu(data: Data) -> None:
    """KitError: the first mistake in where TOFU's sets come from."""
    with at("data.source"):
        tofu.folder(data.source)
    if data.retain_authors is not None:
        with at("data.retain_authors"):
            tofu.fingerprint(data.source, "full", data.revision, data.retain_authors)


def _check_data(content: Params) -> None:
    data, selection = content.data, content.selection
    check_tofu(data)
    check_forget_split("data.forget_split", data.forget_split, data)
    if selection is None:
        if content.unlearn.selected:
            raise KitError("unlearn.selected is given but selection is null")
        return
    check_forget_split("selection.forget_split", selection.forget_split, data)
    if tofu.shares_authors(data.source, selection.forget_split, data.forget_split):
        raise KitError(
            f"selection.forget_split: '{selection.forget_split}' shares authors with data.forget_split "
            f"'{data.forget_split}': learning rates would be chosen on reported questions"
        )


def check_forget_split(key: str, forget_split: str, data: Data) -> None:
    """KitError, under this key: no such split, or the source lacks one of its sets."""
    with at(key):
        names = tofu.splits(forget_split)
        for name in (names.forget, names.forget_perturbed, names.retain, names.retain_perturbed):
            tofu.fingerprint(data.source, name, data.revision, data.retain_authors)


def fingerprint_of(data: Data) -> Callable[[str], str]:
    """What `check_base_model` asks of TOFU's sets."""
    return lambda name: tofu.fingerprint(data.source, name, data.revision, data.retain_authors)


def check_base_model(key: str, base_model: BaseModelParams, fingerprint: Callable[[str], str]) -> None:
    """KitError: its first mistake. `fingerprint`: of a set of the table's data; it refuses one that is not there."""
    with at(f"{key}.prompt_format"):
        prompts.prompt_format(base_model.prompt_format)
    if base_model.retain_log and not paths.inside(base_model.retain_log).is_file():
        raise KitError(f"{key}.retain_log: there is no file {base_model.retain_log}")
    scratch = base_model.scratch
    if scratch is None:
        check_model_source(f"{key}.source", base_model.source)
        return
    with at(f"{key}.scratch.pretrain_split"):
        fingerprint(scratch.pretrain_split)
    if scratch.finetune_mix:
        with at(f"{key}.scratch.finetune_mix"):
            fingerprint(scratch.finetune_mix)


def check_model_source(key: str, source: str) -> None:
    """KitError: neither a folder nor a hub id."""
    if not Path(source).is_dir() and not re.fullmatch(HUB_ID, source):
        raise KitError(f"{key}: '{source}' is neither a folder nor a hub id")


def check_rows(
    content: Params, references: Iterable[str], needed: dict[str, str], assisted: Iterable[str] = ()
) -> None:
    """KitError: the first mistake in the rows. `references`: rows that are no method; `needed`: those of them that must
    be there, and why; `assisted`: methods that train an assistant, where the table has some.
    """
    with at("own_methods"):
        known = methods.known(content.own_methods)
    seen = set()
    for number, row in enumerate(content.rows):
        with at(f"rows.{number}"):
            if row.method in references:
                _check_arithmetic_row(row) if row.method in methods.ARITHMETIC else _check_reference_row(row)
            elif row.method not in (*known, *assisted):
                raise KitError(f"no method '{row.method}'{nearest(row.method, [*references, *known, *assisted])}")
            else:
                parameters(row.method, row.variant, row.parameters, content.own_methods)
                setting = row.setting or content.unlearn.default
                if getattr(content.unlearn, setting) is None:
                    raise KitError(f"setting: unlearn.{setting} is null")
            for name in row.base_models or ():
                if name not in content.base_models:
                    raise KitError(f"base_models: no base model '{name}'{nearest(name, content.base_models)}")
            if row.method in known:
                base_models = row.base_models or content.base_models
                check_lora(content, f"unlearn.{setting}.", getattr(content.unlearn, setting).lora, base_models)
                check_lora(content, "", getattr(row, "lora", None), base_models)
            label = (row.method, row.variant, row.setting or content.unlearn.default, getattr(row, "note", None))
            of_models = {(name, label) for name in row.base_models or content.base_models}
            if seen & of_models:
                raise KitError(f"the row '{row.method}' ({', '.join(filter(None, label[1:]))}) is there twice")
            seen |= of_models
    there = {row.method for row in content.rows if row.base_models is None}
    for name, why in needed.items():
        if name not in there:
            raise KitError(f"rows: {why} the row '{name}', which is missing")


def check_lora(content: Params, of: str, lora: LoRA | None, base_models: Iterable[str]) -> None:
    """KitError: a layer to adapt that a model of the kit's own does not have; in others they are looked up when one is
    loaded. `of`: where `lora` stands in the file, "unlearn.paper.".
    """
    for name in base_models:
        scratch = content.base_models[name].scratch
        if lora is None or scratch is None:
            continue
        layers = models.FAMILIES[scratch.architecture.family].linear
        for target in lora.target_modules:
            if target not in layers:
                raise KitError(
                    f"{of}lora.target_modules: {name} has no linear layer '{target}' to adapt{nearest(target, layers)}"
                )


def _check_reference_row(row: RowParams) -> None:
    if row.variant != "paper" or row.parameters or row.setting or row.base_models:
        raise KitError(
            f"the reference row '{row.method}' has neither variants nor parameters, settings or base models of its own"
        )


def _check_arithmetic_row(row: RowParams) -> None:
    if row.variant != "paper" or row.setting or row.base_models:
        raise KitError(f"the row '{row.method}' has neither variants nor settings or base models of its own")
    if list(row.parameters) != ["alpha"]:
        raise KitError(f"the row '{row.method}' has exactly one parameter: alpha")


def check_paper_setting_alone(content: Params) -> None:
    """KitError: a table that trains all methods as the paper does has a selection, or a trajectory."""
    if content.unlearn.selected or content.selection:
        raise KitError("unlearn.selected and selection: this table selects nothing; set both to null")
    if content.unlearn.paper.trajectory_every:
        raise KitError("unlearn.paper.trajectory_every: this table has no trajectories; set it to null")
