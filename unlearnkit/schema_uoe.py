"""What the parameter file of SEUF's table (arXiv 2411.18797, Table 3) says beyond those of the other tables."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from unlearnkit.schema import Evaluation, Params, RowParams
from unlearnkit.schema_closer_look import Note, ReleasedModel
from unlearnkit.schema_training import LoRA, NotNegative, OneExpert, Positive, Strict

Benchmark = Literal["wmdp", "rwku"]
Share = Annotated[float, Field(ge=0, le=1)]


class OneExpertData(Strict):
    """`wmdp`, `rwku`: guild (the kit's own), local (below UNLEARNKIT_DATA), or a hub id with its revision.

    `people`: how many of RWKU's are forgotten. `piece_words`: longer texts are trained on in pieces of so many words;
    null for whole texts.
    """

    benchmark: Literal["wmdp_rwku"]
    wmdp: str
    wmdp_revision: str | None
    rwku: str
    rwku_revision: str | None
    people: Positive
    piece_words: Positive | None

    @model_validator(mode="after")
    def _revisions(self):
        for name in ("wmdp", "rwku"):
            if getattr(self, name) in ("guild", "local") and getattr(self, f"{name}_revision") is not None:
                raise ValueError(f"'{name}_revision' belongs to a hub id; otherwise it is null")
        return self


class OneExpertModel(ReleasedModel):
    """`probe_format`: how RWKU's probes are asked, as a chat model's are; null for `prompt_format`, that of texts."""

    probe_format: str | None = None


class OneExpertEvaluation(Evaluation):
    """`wmdp_tasks`, `utility_tasks`: of lm-eval, or of `task_files` (`guild`, the kit's own, or a folder) -> metric."""

    wmdp_tasks: Annotated[dict[str, str], Field(min_length=1)]
    utility_tasks: Annotated[dict[str, str], Field(min_length=1)]
    task_files: str | None
    batch_size: Positive


class Levels(Strict):
    """The forget efficacy at which unlearning is reached, and ends: one number a benchmark, lower is better."""

    wmdp_accuracy: Share
    rwku_rouge_l_recall: Share


class Updated(Strict):
    """These modules of these decoder layers alone are trained; modules by their names within a layer."""

    layers: Annotated[list[NotNegative], Field(min_length=1)]
    modules: Annotated[list[str], Field(min_length=1)]


class OneExpertRow(RowParams):
    """`lora`, `expert`, `updated`: what alone is trained; at most one of them. `learning_rate`, `batch_size`: not
    the table's. `note`: what sets a row apart from the method's own, part of its name. `benchmarks`: those that have
    this row; null for both.
    """

    learning_rate: Annotated[float, Field(gt=0)] | None = None
    batch_size: Positive | None = None
    lora: LoRA | None = None
    expert: OneExpert | None = None
    updated: Updated | None = None
    note: Note | None = None
    benchmarks: Annotated[list[Benchmark], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one_way(self):
        given = [name for name in ("lora", "expert", "updated") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"{given[0]} and {given[1]} are two ways to train few parameters; leave one out")
        return self

    @property
    def changes(self) -> dict:
        """What the row changes of the table's training."""
        given = self.model_dump(include={"learning_rate", "batch_size", "lora", "expert", "updated"})
        return {key: value for key, value in given.items() if value is not None}  # `anchor: null` stays


class OneExpertTable(Params):
    """Table 10: one expert of a mixture forgets for all. `at_steps`: the optimiser steps after which every row is
    measured; the first at which its benchmark's level of `reached` is met is its last.
    """

    data: OneExpertData
    base_models: Annotated[dict[str, OneExpertModel], Field(min_length=1)]
    at_steps: Annotated[list[Positive], Field(min_length=1)]
    reached: Levels
    evaluation: OneExpertEvaluation
    rows: list[OneExpertRow]

    @property
    def third_party(self) -> bool:
        return (self.data.wmdp, self.data.rwku) != ("guild", "guild")

    @model_validator(mode="after")
    def _at_steps(self):
        at, paper = self.at_steps, self.unlearn.paper
        if at != sorted(set(at)) or at[-1] != (paper.steps if paper else None):
            raise ValueError("at_steps: ascending, the last one is unlearn.paper.steps")
        return self
