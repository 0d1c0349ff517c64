"""What a parameter file may say: frozen objects without unknown keys, missing keys or conversions."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[int, Field(gt=0)]
NotNegative = Annotated[int, Field(ge=0)]


class Strict(BaseModel):
    """No unknown keys, no missing keys, no conversions, no changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Data(Strict):
    """`source`: universe, local (below UNLEARNKIT_DATA), or a hub id with its revision.

    `retain_authors`: how many retain authors are used, null for all. `retain_pool`: the retain authors whose questions
    methods with retain data may draw; what they do to the others is then visible.
    """

    benchmark: Literal["tofu"]
    source: str
    revision: str | None
    forget_split: str
    retain_authors: Positive | None
    retain_pool: Literal["all", "every_second_author"]

    @model_validator(mode="after")
    def _revision(self):
        if self.source in ("universe", "local") and self.revision is not None:
            raise ValueError("'revision' belongs to a hub id; otherwise it is null")
        return self


class Optimisation(Strict):
    """What all training takes: `epochs` over the data or `steps` (optimiser updates).

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


class Training(Optimisation):
    """How a model is trained: one of `epochs` and `steps` is given, the other is null."""

    @model_validator(mode="after")
    def _one_length(self):
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("give either 'epochs' or 'steps' and set the other to null")
        return self


class LoRA(Strict):
    """Low-rank adapters on the modules of these names; merged into the weights when unlearning ends."""

    rank: Positive
    alpha: Annotated[float, Field(gt=0)]
    target_modules: Annotated[list[str], Field(min_length=1)]


class Unlearning(Optimisation):
    """How a method is trained. `learning_rate: as_finetune` takes the base model's; `lora: null` trains all weights.

    `Settings`, which knows the name of the setting, looks at the lengths.
    `trajectory_every`: measure on the way after so many optimiser steps; null for never.
    """

    learning_rate: Annotated[float, Field(gt=0)] | Literal["as_finetune"] | None
    lora: LoRA | None
    trajectory_every: Positive | None


class Settings(Strict):
    """The ways in which a table's methods are trained; a row without a `setting` of its own takes `default`.

    selected: learning rate and steps come, for each base model and method, from the selection beside the parameter
    file. paper: as given, one for all methods.
    """

    default: Literal["selected", "paper"]
    selected: Unlearning | None
    paper: Unlearning | None

    @model_validator(mode="after")
    def _complete(self):
        if getattr(self, self.default) is None:
            raise ValueError(f"the default setting '{self.default}' is null")
        if self.selected:
            given = [self.selected.learning_rate, self.selected.epochs, self.selected.steps]
            if any(value is not None for value in given):
                raise ValueError("the selection decides; set selected.learning_rate, epochs and steps to null")
            if self.selected.schedule != "constant_with_warmup":
                raise ValueError("selected.schedule: the selection over steps needs 'constant_with_warmup'")
        if self.paper and self.paper.learning_rate is None:
            raise ValueError("paper.learning_rate is null")
        if self.paper and (self.paper.epochs is None) == (self.paper.steps is None):
            raise ValueError("paper: give either 'epochs' or 'steps' and set the other to null")
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
    """`source`: scratch, a hub id or a folder. `printed_as`: its name in the paper's table.

    `retain_log`: a published TOFU evaluation log that stands for the retain model, which is then not trained.
    """

    printed_as: str
    prompt_format: str
    source: str
    revision: str | None
    scratch: Scratch | None
    finetune: Training
    retain_log: str | None = None

    @model_validator(mode="after")
    def _scratch(self):
        if (self.source == "scratch") != (self.scratch is not None):
            raise ValueError("'scratch' describes a model with 'source: scratch'; otherwise it is null")
        if self.scratch and self.revision is not None:
            raise ValueError("'revision' belongs to a hub id; otherwise it is null")
        return self


class Evaluation(Strict):
    """`tokens_per_batch` bounds the padded tokens of one forward pass."""

    max_length: Positive
    max_new_tokens: Positive
    tokens_per_batch: Positive


class Selection(Strict):
    """The grid of `unlearnkit select` and `front`; the selection looks at a forget split of other authors."""

    forget_split: str
    learning_rates: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)]
    steps: Annotated[list[Positive], Field(min_length=1)]
    keep_retain_rouge_l: Annotated[float, Field(gt=0, le=1)]


class RowParams(Strict):
    """One row: a reference row (base, original, retain, retain_2) or a method, with what it changes of the defaults.

    `setting`: one of `unlearn`; null for its default. `base_models`: those that have this row; null for all.
    """

    method: str
    variant: str = "paper"
    setting: Literal["selected", "paper"] | None = None
    base_models: Annotated[list[str], Field(min_length=1)] | None = None
    parameters: dict[str, float] = {}


class Table(Strict):
    """What every parameter file says. `paper_scale`: whether its numbers may be held against the paper's, and verdicts
    may say "holds".
    """

    table: str
    profile: str
    paper_scale: bool
    title: str
    cost: str

    @property
    def third_party(self) -> bool:
        """Whether other people's texts stand behind the table: they are never copied into a result."""
        return False


class Params(Table):
    """A table whose rows are models: trained, unlearned, evaluated.

    `seeds`: each one fine-tunes an original and a retain model and unlearns; the base model is the first seed's.
    `own_methods`: a Python file with a METHODS dictionary of the user's own.
    """

    seeds: Annotated[list[NotNegative], Field(min_length=1)]
    data: Data
    base_models: Annotated[dict[str, BaseModelParams], Field(min_length=1)]
    unlearn: Settings
    evaluation: Evaluation
    selection: Selection | None
    rows: list[RowParams]
    own_methods: str | None = None

    @property
    def third_party(self) -> bool:
        return self.data.source != "universe"

    @model_validator(mode="after")
    def _seeds(self):
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds: a seed is there twice")
        return self


class Divergences(Table):
    """FLAT's Table 2: the f-divergences that are checked."""

    rows: Annotated[list[str], Field(min_length=1)]


# The parameters of every table.
TABLES: dict[str, type[Table]] = {"table2": Divergences, "table4": Params}
