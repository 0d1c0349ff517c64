"""From a parameter file to runs: every default resolved, each run with a key, before anything is trained.

A run's key is a hash of its resolved parameters, its data, the runs it starts from and the recipe version of its kind.
Planning imports no machine-learning library, so that a finished table is recognised within a second.
"""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from unlearnkit import methods, models, params, paths
from unlearnkit.checks import REFERENCE_ROWS, at, check, parameters
from unlearnkit.data import templates, tofu
from unlearnkit.errors import KitError

# Bumped when a change of the code alters a run's numbers on purpose.
RECIPES = {"base_model": 1, "finetuned": 1, "row": 1}

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
class Row:
    """One line of the table, with the run that produces it and the retain model's run that it is measured against."""

    base_model: str
    method: str
    variant: str
    run: str
    retain_run: str
    training: dict | None  # of the unlearning; None in reference rows

    @property
    def name(self) -> str:
        suffix = "" if self.variant == "paper" else f"_{self.variant}"
        return f"{self.base_model}/{self.method}{suffix}"

    @property
    def printed_as(self) -> str:
        if self.method in REFERENCE_ROWS:
            return REFERENCE_ROWS[self.method]
        label = methods.METHODS[self.method].printed_as
        return label if self.variant == "paper" else f"{label}, {self.variant}"


@dataclass
class Plan:
    """All runs of a table, each after the runs it needs, and its rows in the order of the file."""

    params: params.Params
    where: str
    runs: dict[str, Run] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    @property
    def key(self) -> str:
        """What the whole table depends on."""
        return digest([[row.name, row.run, row.retain_run] for row in self.rows])

    def add(self, kind: str, name: str, spec: dict, sets: list[str], needs: tuple[str, ...] = ()) -> Run:
        """Key a run by its spec and the content of the data sets it reads."""
        data = self.params.data
        with at(f"{self.where}: data.source"):
            prints = {name: tofu.fingerprint(data.source, name, data.revision) for name in sets}
        key = digest({"kind": kind, "recipe": RECIPES[kind], "spec": spec, "data": prints})
        run = Run(kind, name, key, spec | {"data_fingerprints": prints}, needs)
        return self.runs.setdefault(key, run)


def digest(content: object) -> str:
    """16 hex digits of a hash of JSON content."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def selection_file(content: params.Params) -> Path:
    """Where `unlearnkit select` writes its choice: beside the parameter file of that profile and table."""
    return paths.ROOT / "params" / content.profile / f"{content.table}.selected.json"


def _data_spec(content: params.Params) -> dict:
    return {"source": content.data.source, "revision": content.data.revision}


class _Family:
    """The models of one base model: pre-trained, original and retain, planned on demand and shared by all tables."""

    def __init__(self, plan: Plan, name: str):
        self.plan, self.name = plan, name
        self.params = plan.params.base_models[name]
        self.shared = {"data": _data_spec(plan.params), "prompt_format": self.params.prompt_format}

    def base(self) -> dict:
        """Where fine-tuning starts: {"run": key} or {"source": ..., "revision": ...}."""
        scratch = self.params.scratch
        if scratch is None:
            source, revision = self.params.source, self.params.revision
            return {"source": source, "revision": revision, "fingerprint": models.fingerprint(source)}
        spec = {
            **self.shared,
            "architecture": scratch.architecture.model_dump(),
            "tokenizer_splits": ["full", scratch.pretrain_split, "real_authors", "world_facts"],
            "split": scratch.pretrain_split,
            "training": scratch.pretrain.model_dump(),
            "seed": self.plan.params.seed,
        }
        sets = sorted({*spec["tokenizer_splits"], spec["split"]})
        return {"run": self.plan.add("base_model", f"{self.name}/base model", spec, sets).key}

    def finetuned(self, split: str, label: str, seed: int) -> dict:
        base = self.base()
        mix = self.params.scratch.finetune_mix if self.params.scratch else None
        splits = [split] + ([mix] if mix else [])
        spec = {
            **self.shared,
            "start": base,
            "splits": splits,
            "training": self.params.finetune.model_dump(),
            "seed": seed,
        }
        needs = (base["run"],) if "run" in base else ()
        return {"run": self.plan.add("finetuned", f"{self.name}/{label} model", spec, splits, needs).key}

    def row(self, start: dict, label: str, forget_split: str, unlearn: dict | None, **changes) -> Run:
        """Evaluate a model, after unlearning it where `unlearn` says how."""
        names = tofu.splits(forget_split)
        sets = [names.forget_perturbed, names.retain_perturbed, "real_authors_perturbed", "world_facts_perturbed"]
        if unlearn:
            sets += [names.forget] + ([names.retain] if "retain" in unlearn["parts"] else [])
        spec = {
            **self.shared,
            "start": start,
            "forget_split": forget_split,
            "unlearn": unlearn,
            "sets": list(EVALUATED_SETS),
            "evaluation": self.plan.params.evaluation.model_dump(),
            **changes,
        }
        if unlearn:
            spec["seed"] = self.plan.params.seed
        if unlearn and "template" in unlearn["parts"]:
            with at(f"{self.plan.where}: data.source"):
                spec["templates_fingerprint"] = templates.fingerprint(self.plan.params.data.source)
        needs = (start["run"],) if "run" in start else ()
        return self.plan.add("row", f"{self.name}/{label}", spec, sets, needs)


def _unlearn_spec(row: params.RowParams, training: dict) -> dict:
    return {
        "method": row.method,
        "variant": row.variant,
        "parameters": parameters(row.method, row.variant, row.parameters),
        "parts": list(methods.variant(row.method, row.variant).parts),
        "training": training,
    }


def _training(content: params.Params, where: str) -> dict:
    """Unlearning's training parameters with the selected learning rate and steps filled in."""
    training = content.unlearn.model_dump()
    selected = training.pop("selected")
    if selected:
        file = selection_file(content)
        if not file.exists():
            raise KitError(
                f"{where}: unlearn.selected is true but {paths.shown(file)} does not exist; "
                f"run: make select TABLE={content.table} PROFILE={content.profile}"
            )
        selection = json.loads(file.read_text(encoding="utf-8"))
        if selection["grid_key"] != make_selection(content, where).key:
            raise KitError(
                f"{where}: {paths.shown(file)} was chosen for other parameters or data; "
                f"run: make select TABLE={content.table} PROFILE={content.profile}"
            )
        chosen = selection["chosen"]
        training |= {"learning_rate": chosen["learning_rate"], "steps": chosen["steps"]}
    return training


def make(content: params.Params, where: str) -> Plan:
    """Plan all rows of a table. KitError: a name that does not exist, a missing selection or data set."""
    check(content, where)
    plan = Plan(content, where)
    forget_split = content.data.forget_split
    names = tofu.splits(forget_split)
    training = _training(content, where)
    for base_model in content.base_models:
        family = _Family(plan, base_model)
        starts = {
            "original": lambda family=family: family.finetuned("full", "original", content.seed),
            "retain": lambda family=family: family.finetuned(names.retain, "retain", content.seed),
            "retain_2": lambda family=family: family.finetuned(names.retain, "second retain", content.seed + 1),
            "base": family.base,
        }
        retain_run = family.row(starts["retain"](), "retain", forget_split, None).key
        for row in content.rows:
            if row.method in starts:
                unlearn, start = None, starts[row.method]()
            else:
                unlearn = _unlearn_spec(row, training)
                start = starts["original"]()
            label = row.method if row.variant == "paper" else f"{row.method}_{row.variant}"
            run = family.row(start, label, forget_split, unlearn)
            plan.rows.append(
                Row(base_model, row.method, row.variant, run.key, retain_run, training if unlearn else None)
            )
    return plan


def make_selection(content: params.Params, where: str) -> Plan:
    """Plan the grid on the validation authors: per method and learning rate one run, sampled at every step count.

    Needs a constant schedule, under which the first k steps of a longer run are the run of k steps.
    """
    check(content, where)
    grid = content.selection
    if grid is None:
        raise KitError(f"{where}: selection is null; there is nothing to select")
    if content.unlearn.schedule != "constant_with_warmup":
        raise KitError(f"{where}: unlearn.schedule: selection over steps needs 'constant_with_warmup'")
    plan = Plan(content, where)
    names = tofu.splits(grid.forget_split)
    sets = ["forget", "retain"]
    evaluation = content.evaluation.model_dump() | {"trajectory_every": None}
    for base_model in content.base_models:
        family = _Family(plan, base_model)
        original = family.finetuned("full", "original", content.seed)
        retain = family.finetuned(names.retain, "validation retain", content.seed)
        changes = {"sets": sets, "evaluation": evaluation}
        references = {
            label: family.row(start, f"validation {label}", grid.forget_split, None, **changes).key
            for label, start in (("original", original), ("retain", retain))
        }
        for label, run in references.items():
            plan.rows.append(Row(base_model, label, "paper", run, references["retain"], None))
        for row in content.rows:
            if row.method in REFERENCE_ROWS:
                continue
            for rate in grid.learning_rates:
                training = content.unlearn.model_dump(exclude={"selected"})
                training |= {"learning_rate": rate, "steps": max(grid.steps), "epochs": None}
                unlearn = _unlearn_spec(row, training)
                label = f"validation {row.method} at {rate:g}"
                run = family.row(
                    original, label, grid.forget_split, unlearn, **changes, sample_steps=sorted(grid.steps)
                )
                plan.rows.append(Row(base_model, row.method, row.variant, run.key, references["retain"], training))
    return plan
