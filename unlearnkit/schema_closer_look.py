"""What the parameter files of A Closer Look (arXiv 2410.08109) say beyond those of FLAT's tables."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from unlearnkit.schema import BaseModelParams, Data, Evaluation, Params, RowParams
from unlearnkit.schema_training import LoRA, NotNegative, Positive, Strict

TINY = "tiny"


class Judge(Strict):
    """`source`: tiny (the kit's own), a folder, or a hub id with its revision."""

    source: str
    revision: str | None

    @model_validator(mode="after")
    def _revision(self):
        if self.source == TINY and self.revision is not None:
            raise ValueError("'revision' belongs to a hub id; otherwise it is null")
        return self


class Judges(Strict):
    """The models that read answers: `encoder` behind cosine similarity, `nli` behind the entailment score.

    Both are the kit's own or none is: numbers of tiny judges are named as theirs.
    """

    encoder: Judge
    nli: Judge

    @model_validator(mode="after")
    def _both(self):
        if (self.encoder.source == TINY) != (self.nli.source == TINY):
            raise ValueError("either both judges are tiny or none is")
        return self

    @property
    def suffix(self) -> str:
        """What ends the name of every number that these judges enter."""
        return "_tiny" if self.encoder.source == TINY else ""


class SplitsData(Data):
    """`forget_splits`: every method unlearns each of them, always from the original model."""

    forget_split: None = None
    forget_splits: Annotated[list[str], Field(min_length=1)]

    @model_validator(mode="after")
    def _splits(self):
        if len(set(self.forget_splits)) < len(self.forget_splits):
            raise ValueError("forget_splits: a split is there twice")
        return self


Note = Annotated[str, Field(pattern=r"^[A-Za-z]")]  # a bare number would come back from a csv as one


def rate_note(learning_rate: float) -> str:
    """What sets a row apart whose learning rate does."""
    return f"lr {learning_rate:g}"


def _what_is_trained(given: dict) -> str | None:
    if given.get("lora"):
        return f"LoRA rank {given['lora'].rank}"
    return rate_note(given["learning_rate"]) if given.get("learning_rate") else None


class NotedRow(RowParams):
    """`lora`, `learning_rate`: others than the table's. `note`: what sets a row apart from the method's own, part of
    its name: "alpha 0.5"; one that is not given says which of the two is another: "LoRA rank 8", "lr 0.0005".
    `forget_splits`: those that have this row; null for all.
    """

    lora: LoRA | None = None
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    note: Note | None = Field(default_factory=_what_is_trained)
    forget_splits: Annotated[list[str], Field(min_length=1)] | None = None

    @property
    def changes(self) -> dict:
        """What the row changes of the table's training."""
        return self.model_dump(include={"lora", "learning_rate"}, exclude_none=True)


class Fictitious(Params):
    """Table 6: invented authors are forgotten, in several fractions."""

    data: SplitsData
    judges: Judges
    rows: list[NotedRow]


class ConvergenceRow(RowParams):
    """`learning_rate`: another one than the table's; part of the row's name."""

    learning_rate: Annotated[float, Field(gt=0)] | None = None

    @property
    def note(self) -> str | None:
        return rate_note(self.learning_rate) if self.learning_rate else None


class Convergence(Params):
    """A study of Table 6, where ME ends up. `at_steps`: the optimiser steps after which every row is measured."""

    at_steps: Annotated[list[NotNegative], Field(min_length=2)]
    rows: list[ConvergenceRow]

    @model_validator(mode="after")
    def _at_steps(self):
        at, paper = self.at_steps, self.unlearn.paper
        if at != sorted(set(at)) or (at[0], at[-1]) != (0, paper.steps if paper else None):
            raise ValueError("at_steps: ascending, from 0 to unlearn.paper.steps")
        return self


class RequestsData(Data):
    """`requests`: how many follow one another, each about two authors. Retain data may come from all other authors."""

    forget_split: None = None
    retain_pool: Literal["all"]
    requests: Annotated[int, Field(ge=2)]


class ContinualRow(RowParams):
    """`note`: as in `NotedRow`. `reference`: of losses that look at one: what the request before left (moving), or the
    original model (fixed). `retain_mix`: fill -> weight, see `data.requests`.
    """

    note: Note | None = None
    reference: Literal["moving", "fixed"] = "moving"
    retain_mix: dict[str, float] = Field({"random": 1.0})


class Continual(Params):
    """Table 7: forget requests follow one another, each starts from what the one before left."""

    data: RequestsData
    judges: Judges
    rows: list[ContinualRow]


class RealWorldData(Strict):
    """`source`: people (the kit's own), local (below UNLEARNKIT_DATA), or a hub id with its revision. `targets`: the
    answers that are trained on: what the original model of this table says (own), or the file's (file).
    """

    benchmark: Literal["real_world"]
    source: str
    revision: str | None
    targets: Literal["own", "file"]

    @model_validator(mode="after")
    def _revision(self):
        if self.source in ("people", "local") and self.revision is not None:
            raise ValueError("'revision' belongs to a hub id; otherwise it is null")
        if (self.source, self.targets) == ("people", "file"):
            raise ValueError("targets: the kit's people come without answers of a model; set it to 'own'")
        return self


class ReleasedModel(BaseModelParams):
    """Nothing is fine-tuned: the original model is the base model as it was released, or as it was pre-trained."""

    finetune: None
    retain_log: None = None


class RealWorldEvaluation(Evaluation):
    """`tasks`: of lm-eval, or of `task_files` (`story`, the kit's own, or a folder) -> the metric, as lm-eval names it:
    "acc", or with its filter "exact_match,flexible-extract". `batch_size`: of the tasks.
    """

    tasks: Annotated[dict[str, str], Field(min_length=1)]
    task_files: str | None
    batch_size: Positive


class RealWorldRow(RowParams):
    """`note`: as in `NotedRow`. `learning_rate`: another one than the table's."""

    note: str | None = None
    learning_rate: Annotated[float, Field(gt=0)] | None = None


class RealWorld(Params):
    """Table 8: people are forgotten whom a model knows from its pre-training."""

    data: RealWorldData
    base_models: Annotated[dict[str, ReleasedModel], Field(min_length=1)]
    judges: Judges
    evaluation: RealWorldEvaluation
    rows: list[RealWorldRow]

    @property
    def third_party(self) -> bool:
        return self.data.source != "people"
