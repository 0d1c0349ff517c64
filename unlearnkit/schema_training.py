"""What parameter files say of training: how a model learns, how methods unlearn, what a model is made of."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_serializer, model_validator

Positive = Annotated[int, Field(gt=0)]
NotNegative = Annotated[int, Field(ge=0)]


class Strict(BaseModel):
    """No unknown keys, no missing keys, no conversions, no changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


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


class Anchor(Strict):
    """The loss that holds the trained experts chosen (SEUF's Eq. 3): `weight` x its mean over sequences.

    `reduction`: over a sequence's tokens. `parts`: the sequences with forget questions, or all that a step sees.
    """

    weight: Annotated[float, Field(gt=0)]
    reduction: Literal["mean", "sum"]
    parts: Literal["forget", "all"]


class OneExpert(Strict):
    """Which experts alone are trained: the `top` ones of highest affinity, over all layers or in each (`per_layer`), or
    as many drawn at random (`select`).

    `router`: their layer's whole router is trained with them, or their own rows of it. `gate` and `tokens`: what
    affinity and anchor are of: gates after or before top-k, of all tokens or of the answers'. `anchor: null`: none.
    """

    top: Positive
    select: Literal["affinity", "random"] = "affinity"
    per_layer: bool
    router: Literal["layer", "row"]
    gate: Literal["after_top_k", "before_top_k"]
    tokens: Literal["all", "answer"]
    anchor: Anchor | None


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


class Experts(Strict):
    """The experts of every layer that has them.

    `count` are routed, `per_token` of them chosen; `shared` ones see every token. `intermediate_size`: of one expert.
    """

    count: Positive
    per_token: Positive
    intermediate_size: Positive
    shared: NotNegative


MIXTURES = ("qwen2_moe", "deepseek_v2", "mixtral")  # families with experts; of them
DENSE_LAYERS = ("deepseek_v2",)  # those with a layer without (their first one)
SHARED = ("qwen2_moe", "deepseek_v2")  # those with shared experts


class Architecture(Strict):
    """A small model of a real family; sizes in units of a Llama's transformers configuration, whatever the family.

    `intermediate_size`: of layers without experts; null where a family has none. `experts`: of `MIXTURES` alone.
    """

    family: Literal["llama", "opt", "phi", "qwen2_moe", "deepseek_v2", "mixtral"]
    vocab_size: Positive
    hidden_size: Positive
    intermediate_size: Positive | None
    num_hidden_layers: Positive
    num_attention_heads: Positive
    max_position_embeddings: Positive
    tie_word_embeddings: bool
    experts: Experts | None = None

    @model_validator(mode="after")
    def _of_the_family(self):
        family, experts = self.family, self.experts
        mixture = family in MIXTURES
        if mixture and not experts:
            raise ValueError(f"'{family}' is a mixture of experts; give 'experts'")
        if experts and not mixture:
            raise ValueError(f"'{family}' has no experts; they are for {', '.join(MIXTURES)}")
        dense = not mixture or family in DENSE_LAYERS
        if dense != (self.intermediate_size is not None):
            raise ValueError(
                f"give 'intermediate_size', that of the layers of '{family}' without experts"
                if dense
                else f"every layer of '{family}' has experts; set 'intermediate_size' to null"
            )
        if experts and experts.per_token > experts.count:
            raise ValueError(f"experts.per_token: {experts.per_token} of {experts.count} experts")
        if experts and (experts.shared > 0) != (family in SHARED):
            raise ValueError(
                f"experts.shared: '{family}' has {'at least one' if family in SHARED else 'none; set it to 0'}"
            )
        return self

    @model_serializer(mode="wrap")
    def _without_what_a_dense_family_lacks(self, handler):
        """A run's key depends on what is written here: a dense model's says nothing of experts."""
        return {name: value for name, value in handler(self).items() if name != "experts" or value is not None}


class Scratch(Strict):
    """A base model of the kit's own: architecture, pre-training, and the general text mixed into fine-tuning."""

    architecture: Architecture
    pretrain_split: str
    pretrain: Training
    finetune_mix: str | None
