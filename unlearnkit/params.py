"""Parameter files: strict YAML to frozen objects. One file describes all rows of one table.

Nothing is filled in silently: every key must be there once, an unknown one is an error, and a number must be a number
(YAML reads 1e-5 as text: write 1.0e-5). Every mistake is one line that names the file and the key.
"""

import math
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from unlearnkit.errors import KitError, nearest

Positive = Annotated[int, Field(gt=0)]
NotNegative = Annotated[int, Field(ge=0)]


class Strict(BaseModel):
    """No unknown keys, no missing keys, no conversions, no changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Data(Strict):
    """`source`: universe, local (below UNLEARNKIT_DATA), or a hub id with its revision."""

    benchmark: Literal["tofu"]
    source: str
    revision: str | None
    forget_split: str

    @model_validator(mode="after")
    def _revision(self):
        if self.source in ("universe", "local") and self.revision is not None:
            raise ValueError("'revision' belongs to a hub id; otherwise it is null")
        return self


class Training(Strict):
    """How a model is trained: `epochs` over the data, or `steps` (optimiser updates); the other is null.

    The effective batch is batch_size * gradient_accumulation_steps examples (per device). Lengths are in tokens.
    """

    learning_rate: Annotated[float, Field(gt=0)]
    epochs: Annotated[float, Field(gt=0)] | None
    steps: Positive | None
    batch_size: Positive
    gradient_accumulation_steps: Positive
    schedule: Literal["linear", "cosine", "constant_with_warmup"]
    warmup_steps: NotNegative
    optimizer: Literal["adamw_torch", "adamw_torch_fused", "paged_adamw_32bit"]
    adam_beta2: Annotated[float, Field(gt=0, lt=1)]
    weight_decay: Annotated[float, Field(ge=0)]
    max_grad_norm: Annotated[float, Field(gt=0)] | None
    precision: Literal["float32", "bfloat16"]
    gradient_checkpointing: bool
    max_length: Positive
    save_steps: Positive | None

    @model_validator(mode="after")
    def _one_length(self):
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("give either 'epochs' or 'steps' and set the other to null")
        return self


class Unlearning(Training):
    """`selected: true`: learning rate and steps come from the selection beside the parameter file and are null here."""

    learning_rate: Annotated[float, Field(gt=0)] | None
    selected: bool

    @model_validator(mode="after")
    def _one_length(self):
        given = [self.learning_rate, self.epochs, self.steps]
        if self.selected and any(value is not None for value in given):
            raise ValueError(
                "'selected: true' decides learning_rate and steps; set learning_rate, epochs, steps to null"
            )
        if not self.selected:
            if self.learning_rate is None:
                raise ValueError("'learning_rate' is null although 'selected' is false")
            if (self.epochs is None) == (self.steps is None):
                raise ValueError("give either 'epochs' or 'steps' and set the other to null")
        return self


class Architecture(Strict):
    """A small model of a real family; sizes in units of a Llama's transformers configuration, whatever the family."""

    family: Literal["llama", "opt", "phi"]
    vocab_size: Positive
    hidden_size: Positive
    intermediate_size: Positive
    num_hidden_layers: Positive
    num_attention_heads: Positive
    max_position_embeddings: Positive
    tie_word_embeddings: bool


class Scratch(Strict):
    """A base model of the kit's own: architecture, pre-training, and the general text mixed into fine-tuning."""

    architecture: Architecture
    pretrain_split: str
    pretrain: Training
    finetune_mix: str | None


class BaseModelParams(Strict):
    """`source`: scratch, a hub id or a folder. `printed_as`: its name in the paper's table."""

    printed_as: str
    prompt_format: str
    source: str
    revision: str | None
    scratch: Scratch | None
    finetune: Training

    @model_validator(mode="after")
    def _scratch(self):
        if (self.source == "scratch") != (self.scratch is not None):
            raise ValueError("'scratch' describes a model with 'source: scratch'; otherwise it is null")
        if self.scratch and self.revision is not None:
            raise ValueError("'revision' belongs to a hub id; otherwise it is null")
        return self


class Evaluation(Strict):
    """`tokens_per_batch` bounds the padded tokens of one forward pass; `trajectory_every` counts optimiser steps."""

    max_length: Positive
    max_new_tokens: Positive
    tokens_per_batch: Positive
    trajectory_every: Positive | None


class Selection(Strict):
    """The grid of `unlearnkit select`: one rule for all methods, on a forget split of other authors."""

    forget_split: str
    learning_rates: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)]
    steps: Annotated[list[Positive], Field(min_length=1)]
    keep_retain_rouge_l: Annotated[float, Field(gt=0, le=1)]


class RowParams(Strict):
    """One row: a reference row (base, original, retain, retain_2) or a method, with what it changes of the defaults."""

    method: str
    variant: str = "paper"
    parameters: dict[str, float] = {}


class Params(Strict):
    """One table. `paper_scale`: whether its numbers may be held against the paper's, and verdicts may say "holds"."""

    table: str
    profile: str
    paper_scale: bool
    title: str
    cost: str
    seed: NotNegative
    data: Data
    base_models: Annotated[dict[str, BaseModelParams], Field(min_length=1)]
    unlearn: Unlearning
    evaluation: Evaluation
    selection: Selection | None
    rows: list[RowParams]


def parse(content: object, where: str) -> Params:
    """Validate what a parameter file (or a notebook's injected parameters) says. KitError: the first mistake."""
    if not isinstance(content, dict):
        raise KitError(f"{where}: a parameter file is a mapping of keys to values")
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        raise KitError(f"{where}: {_one_line(error)}") from None


def read(path: str | Path) -> Params:
    """Read and validate one parameter file."""
    path = Path(path)
    if not path.is_file():
        have = sorted(str(other) for other in path.parent.parent.glob("*/table*.yaml"))
        raise KitError(f"{path}: no such parameter file{nearest(str(path), have) if have else ''}")
    try:
        content = yaml.load(path.read_bytes(), _Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = f", line {mark.line + 1}" if mark else ""
        raise KitError(f"{path}{at}: not valid YAML ({getattr(error, 'problem', 'unreadable')})") from None
    return parse(content, str(path))


class _Loader(yaml.SafeLoader):
    """Plain YAML that refuses a key written twice, where YAML would take the last."""

    def compose_mapping_node(self, anchor):
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                raise yaml.MarkedYAMLError(problem=f"the key '{key.value}' is there twice", problem_mark=key.start_mark)
            seen.add(str(key.value))
        return node


def _fields_at(location: tuple) -> list[str]:
    """The keys that are valid where a location points to."""
    model: type[BaseModel] = Params
    for step in location:
        if isinstance(step, int) or step not in model.model_fields:
            continue
        found = _model_in(model.model_fields[step].annotation)
        model = found or model
    return list(model.model_fields)


def _model_in(annotation) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_in(inner)
        if found:
            return found
    return None


def _one_line(error: ValidationError) -> str:
    # An unknown key explains the missing one beside it, so it is reported first.
    first = min(error.errors(), key=lambda e: {"extra_forbidden": 0, "missing": 2}.get(e["type"], 1))
    location = first["loc"]
    key = ".".join(str(step) for step in location)
    value = first["input"]
    if first["type"] == "extra_forbidden":
        return f"unknown key '{key}'{nearest(location[-1], _fields_at(location[:-1]))}"
    if first["type"] == "missing":
        return f"missing key '{key}'"
    if first["type"] == "literal_error":
        choices = [choice.strip("' ") for choice in first["ctx"]["expected"].replace(" or ", ",").split(",")]
        return f"{key}: no such value '{value}'{nearest(value, choices)}"
    if isinstance(value, str) and first["type"] in {"float_type", "int_type"}:
        return f"{key}: '{value}' is text, not a number{_rewritten(value, first['type'])}"
    message = first["msg"].removeprefix("Value error, ")
    return f"{key}: {message} (got {value!r})" if not isinstance(value, dict | BaseModel) else f"{key}: {message}"


def _rewritten(text: str, wanted: str) -> str:
    """YAML 1.1 takes 1e-5 for text, and 1.0e5 too; say how to write it. `wanted`: float_type or int_type."""
    try:
        number = float(text)
    except ValueError:
        return ""
    if not math.isfinite(number) or (wanted == "int_type" and not number.is_integer()):
        return ""
    if wanted == "int_type":
        return f"; write {int(number)}"
    mantissa, mark, exponent = text.lower().partition("e")
    if not mark:
        return "; write it without quotes"
    sign = "" if exponent[0] in "+-" else "+"
    return f"; write {mantissa}{'' if '.' in mantissa else '.0'}e{sign}{exponent}"
