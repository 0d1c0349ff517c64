"""What a plan consists of: runs with their keys, rows with their draws, and the models of one base model.

A run's key is a hash of its resolved parameters, its data, the runs it starts from and the recipe version of its kind.
Planning imports no machine-learning library, so that a finished table is recognised within a second.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from unlearnkit import hub, methods, models, paths, schema, terms
from unlearnkit.checks import parameters
from unlearnkit.data import benchmarks, book, likeness, muse, real_world, requests, templates, tofu, wmdp_rwku
from unlearnkit.errors import at

# Bumped when a change of the code alters a run's numbers on purpose.
RECIPES = {"base_model": 2, "finetuned": 1, "row": 2, "divergences": 1, "needs": 1, "judges": 1, "answers": 1}

EVALUATED_SETS = ("forget", "retain", "real_authors", "world_facts")


@dataclass(frozen=True)
class Run:
    """One unit of work. `spec` is all that executing it takes (JSON); `needs` are the keys of runs it starts from."""

    kind: str
    name: str
    key: str
    spec: dict
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Draw:
    """One seed of a row: its run, and the retain model's run that it is measured against.

    Where a published log stands for the retain model, `retain_run` is None, and so is the `run` of the row retain.
    """

    seed: int
    run: str | None
    retain_run: str | None


@dataclass(frozen=True)
class Row:
    """One line of the table: what it is, how it is trained, and one draw for each seed."""

    base_model: str
    method: str
    printed_as: str
    draws: tuple[Draw, ...]
    variant: str = "paper"
    setting: str | None = None  # None where it is the table's default, and in reference rows
    training: dict | None = None  # of the unlearning; None in reference rows
    collapsed: bool = False  # on the validation authors no point of the grid kept enough
    fold: str | None = None  # the forget set, where a table has several: scal/forget_2, forget05, request 2
    note: str | None = None  # what sets the row apart from the method's own: "alpha 0.5"

    @property
    def label(self) -> str:
        suffix = "" if self.variant == "paper" else f"_{self.variant}"
        suffix += f"_{self.setting}_setting" if self.setting else ""
        suffix += f"_{self.note.replace(' ', '_')}" if self.note else ""
        return f"{self.method}{suffix}" + (
            f"_{self.fold.replace('/forget', '').replace(' ', '_')}" if self.fold else ""
        )

    @property
    def name(self) -> str:
        return f"{self.base_model}/{self.label}"


@dataclass
class Plan:
    """All runs of a table, each after the runs it needs, and its rows in the order of the file.

    `split`: the forget split, where it is another than the parameter file's. `purpose`: "table" or "grid".
    """

    params: schema.Params
    where: str
    split: str | None = None
    purpose: str = "table"
    runs: dict[str, Run] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    @property
    def key(self) -> str:
        """What the whole table depends on."""
        rows = [[row.name, draw.seed, draw.run, draw.retain_run] for row in self.rows for draw in row.draws]
        return digest(rows or sorted(self.runs))

    @property
    def result_name(self) -> str:
        """The name of the table's result folder."""
        return self.params.table + (f"_{self.split}" if self.split else "")

    @property
    def data(self) -> benchmarks.Source:
        return source(self.params)

    def behind(self, keys: Iterable[str]) -> list[Run]:
        """The runs of these keys and all runs that they stand on, each after those it needs."""
        found, todo = set(), list(keys)
        while todo:
            key = todo.pop()
            if key not in found:
                found.add(key)
                todo += self.runs[key].needs
        return [run for run in self.runs.values() if run.key in found]

    def add(self, kind: str, name: str, spec: dict, sets: list[str], needs: tuple[str, ...] = ()) -> Run:
        """Key a run by its spec and the content of the data sets it reads."""
        with at(f"{self.where}: data.source"):
            data = self.data if sets else None
            prints = {name: data.fingerprint(name) for name in sets}
        key = digest({"kind": kind, "recipe": RECIPES[kind], "spec": spec, "data": prints})
        run = Run(kind, name, key, spec | {"data_fingerprints": prints}, needs)
        return self.runs.setdefault(key, run)


def digest(content: object) -> str:
    """16 hex digits of a hash of JSON content."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def source(content: schema.Params) -> benchmarks.Source:
    """Where a table's data come from."""
    data = content.data
    if data.benchmark == "harry_potter":
        own = data.model_dump(exclude={"benchmark", "book"})
        revision = hub.revision("model", data.tokenizer, None) if data.tokenizer else None
        return book.Source(source=data.book, **own, tokenizer_revision=revision)
    if data.benchmark == "muse":
        revision = hub.revision("dataset", data.source, data.revision)
        return muse.Source(data.source, revision, data.piece_words, data.train_on)
    if data.benchmark == "wmdp_rwku":
        pinned = {
            f"{name}_revision": hub.revision("dataset", getattr(data, name), getattr(data, f"{name}_revision"))
            for name in ("wmdp", "rwku")
        }
        return wmdp_rwku.Source(**data.model_dump(exclude={"benchmark"}) | pinned)
    if data.benchmark == "tofu_likeness":
        return likeness.Source(data.source, data.forget_split)
    revision = hub.revision("dataset", data.source, data.revision)
    if data.benchmark == "real_world":
        return real_world.Source(data.source, revision)
    if hasattr(data, "requests"):
        return requests.Source(data.source, revision, data.retain_authors, data.requests)
    return tofu.Source(data.source, revision, data.retain_authors)


class Models:
    """The models of one base model: pre-trained, original and retain, planned on demand and shared by all tables."""

    def __init__(self, plan: Plan, name: str):
        self.plan, self.name = plan, name
        self.params = plan.params.base_models[name]
        self.shared = {"data": benchmarks.spec(plan.data), "prompt_format": self.params.prompt_format}

    def base(self) -> dict:
        """Where fine-tuning starts: {"run": key} or {"source": ..., "revision": ...}. One for all seeds."""
        scratch = self.params.scratch
        if scratch is None:
            start = self.params.source
            revision = hub.revision("model", start, self.params.revision)
            return {"source": start, "revision": revision, "fingerprint": models.fingerprint(start)}
        spec = {
            **self.shared,
            "architecture": scratch.architecture.model_dump(),
            "tokenizer_splits": self.read_by_tokenizer(scratch.pretrain_split),
            "split": scratch.pretrain_split,
            "training": scratch.pretrain.model_dump(),
            "seed": self.plan.params.seeds[0],
        }
        sets = sorted({*spec["tokenizer_splits"], spec["split"]})
        return {"run": self.plan.add("base_model", f"{self.name}/base model", spec, sets).key}

    def read_by_tokenizer(self, pretrain_split: str) -> list[str]:
        """The sets that a tokenizer from scratch is trained on."""
        return ["full", pretrain_split, "real_authors", "world_facts"]

    def finetuned(self, sets: list[str], label: str, seed: int, **changes) -> dict:
        """A model that has learnt these sets, and the general text that goes with all of them."""
        base = self.base()
        mix = self.params.scratch.finetune_mix if self.params.scratch else None
        splits = sets + ([mix] if mix else [])
        spec = {
            **self.shared,
            "start": base,
            "splits": splits,
            "training": self.params.finetune.model_dump(),
            "seed": seed,
        }
        return self.trained(spec | changes, label, seed)

    def reinforced(self, start: dict, sets: list[str], training: dict, seed: int) -> dict:
        """A model that has learnt these sets once more."""
        spec = {**self.shared, "start": start, "splits": sets, "training": training, "seed": seed}
        return self.trained(spec, "reinforced", seed)

    def trained(self, spec: dict, label: str, seed: int) -> dict:
        """A fine-tuned model as its spec says."""
        needs = (spec["start"]["run"],) if "run" in spec["start"] else ()
        name = f"{self.name}/{label} model{self.of_seed(seed)}"
        return {"run": self.plan.add("finetuned", name, spec, spec["splits"], needs).key}

    def of_seed(self, seed: int) -> str:
        """What tells the runs of several seeds apart in their names."""
        return f", seed {seed}" if len(self.plan.params.seeds) > 1 else ""

    def original(self, seed: int) -> dict:
        return self.finetuned(["full"], "original", seed)

    def retain(self, forget_split: str, seed: int, label: str = "retain") -> dict:
        return self.finetuned([tofu.splits(forget_split).retain], label, seed)

    def row(
        self, start: dict, label: str, forget_split: str, unlearn: dict | None = None, seed: int = 0, **changes
    ) -> str:
        """The key of a run that evaluates a model, after unlearning it where `unlearn` says how."""
        names = tofu.splits(forget_split)
        sets = [names.forget_perturbed, names.retain_perturbed, "real_authors_perturbed", "world_facts_perturbed"]
        sets.append("full")  # says which author a question is about
        spec = {
            **self.shared,
            "start": start,
            "forget_split": forget_split,
            "unlearn": unlearn,
            "sets": list(EVALUATED_SETS),
            "evaluation": self.plan.params.evaluation.model_dump(),
        }
        if unlearn:
            training = dict(unlearn["training"])
            spec["trajectory_every"] = training.pop("trajectory_every")
            spec["unlearn"] = unlearn | {"training": training}
            spec["seed"] = seed
            sets.append(names.forget)
            if terms.FROM_RETAIN.intersection(unlearn["parts"]):
                sets.append(names.retain)
                spec["retain_pool"] = self.plan.params.data.retain_pool
            if terms.FROM_TEMPLATES.intersection(unlearn["parts"]):
                with at(f"{self.plan.where}: data.source"):
                    spec["templates_fingerprint"] = templates.fingerprint(self.plan.params.data.source)
        judges = changes.get("judges", {}).values()
        needs = tuple(dict.fromkeys(one["run"] for one in (start, *judges) if "run" in one))
        return self.plan.add("row", f"{self.name}/{label}", spec | changes, sets, needs).key

    def unlearning(self, unlearn: dict, seed: int, forget_set: str, retain_set: str) -> tuple[dict, list[str]]:
        """What unlearning a set of the source adds to a run's spec, and the sets that it reads.

        Nothing is measured on the way, and the templates are the kit's own.
        """
        training = {key: value for key, value in unlearn["training"].items() if key != "trajectory_every"}
        spec = {"unlearn": unlearn | {"training": training}, "seed": seed, "trajectory_every": None}
        spec |= {"forget_set": forget_set, "retain_set": retain_set, "templates": "universe"}
        if terms.FROM_TEMPLATES.intersection(unlearn["parts"]):
            spec["templates_fingerprint"] = templates.fingerprint()
        takes_retain = bool(terms.FROM_RETAIN.intersection(unlearn["parts"]))
        return spec, [forget_set, *([retain_set] if takes_retain else [])]

    def training(self, setting: str) -> dict:
        """The training parameters of a setting; learning rate and steps still null where a selection decides."""
        training = getattr(self.plan.params.unlearn, setting).model_dump()
        if training["learning_rate"] == "as_finetune":
            training["learning_rate"] = self.params.finetune.learning_rate
        return training

    def training_of(self, row: schema.RowParams) -> dict:
        """How a row of a table in the papers' setting is trained: an assistant's training where its method has one."""
        if row.method in methods.ASSISTED:
            return self.plan.params.assistant.training.model_dump()
        return self.training("paper")


def unlearn_spec(content: schema.Params, row: schema.RowParams, training: dict) -> dict:
    """How a row unlearns: everything that `procedure.unlearn` takes, JSON."""
    chosen = methods.variant(row.method, row.variant, content.own_methods)
    own = None if row.method in methods.METHODS | methods.ASSISTED else content.own_methods
    assisted = {"layers": content.assistant.layers} if row.method in methods.ASSISTED else {}
    return {
        "method": row.method,
        "variant": row.variant,
        "parameters": parameters(row.method, row.variant, row.parameters, content.own_methods),
        "parts": list(chosen.parts),
        "training": training,
        "own_methods": own,
        "own_methods_fingerprint": digest(paths.inside(own).read_text(encoding="utf-8")) if own else None,
        **assisted,
    }
