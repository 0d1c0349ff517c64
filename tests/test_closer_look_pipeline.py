"""Tables 6 and 7 and their studies with models of 30,000 parameters, a judge that compares words: runs to check."""

import copy
import json
import math
from pathlib import Path

import pytest
import yaml
from conftest import MICRO, MICRO_VOCABULARY

from unlearnkit import judges, papers, params, planned, report, runs, stages
from unlearnkit.judges import tiny
from unlearnkit.metrics import convergence

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quiet")]

PARAMS = Path(__file__).resolve().parent.parent / "params" / "tiny"


class Words:
    """Judges that look at nothing but which words two texts share."""

    def cosine_similarity(self, references, generations) -> list[float]:
        pairs = [(set(one.split()), set(other.split())) for one, other in zip(references, generations, strict=True)]
        return [len(one & other) / max(1, len(one | other)) for one, other in pairs]

    def entails(self, premises, hypotheses) -> list[bool]:
        return [set(one.split()) >= set(other.split()) for one, other in zip(premises, hypotheses, strict=True)]


@pytest.fixture
def loaded(monkeypatch) -> list[dict]:
    """What judges were loaded from, in place of training and loading any."""
    asked = []

    def train(folder, seed, report) -> dict:
        (folder / "encoder").mkdir(parents=True)
        return {"records": [], "seed": seed}

    monkeypatch.setattr(tiny, "train", train)
    monkeypatch.setattr(judges, "load", lambda sources: asked.append(sources) or Words())
    return asked


def executed(table: str, rows: list[dict], data: dict, **changes) -> planned.Plan:
    content = yaml.safe_load((PARAMS / f"{table}.yaml").read_text(encoding="utf-8")) | changes
    content |= {"rows": rows, "profile": "micro"}
    content["data"] |= data
    base_model = content["base_models"]["llama"]
    base_model["scratch"]["architecture"] = MICRO | {"vocab_size": MICRO_VOCABULARY}
    micro = {"epochs": None, "warmup_steps": 0, "max_length": 256}
    for training in (base_model["scratch"]["pretrain"], base_model["finetune"]):
        training |= micro | {"steps": 20, "batch_size": 8}
    content["unlearn"]["paper"] |= micro | {"steps": 2, "batch_size": 4}
    content["evaluation"] |= {"max_length": 256, "max_new_tokens": 6}
    plan = papers.make(params.parse(copy.deepcopy(content), "here"), "here")
    for run in plan.runs.values():
        stages.execute(run, lambda *_: None)
    return plan


def checked(plan: planned.Plan, result: Path) -> dict[str, dict]:
    """Label -> the record of a row, after the stored result was checked."""
    found = report.assemble(plan, {}, result)
    paper = papers.of(plan.params.table)
    assert paper.problems(result) == []
    assert {one["status"] for one in found} <= {"ok", "collapsed"} and len(found) == len(plan.rows)
    judged = ("forget_cs", "forget_es", "retain_cs", "model_utility_18", "forget_efficacy")
    for one in found:
        assert not {*judged, "forget_te_tiny"} & one.keys()
        assert all(0 <= one[f"{key}_tiny"] <= 1 for key in judged) and 0 <= one["forget_te"] <= 1
        assert {"forget_quality_p", "answers_auc", "warnings"} <= one.keys()
    folder = result / "rows" / f"llama__{plan.rows[0].label}" / f"seed-{plan.params.seeds[0]}"
    first, *rest = runs.read_samples(folder / "samples.jsonl.gz")
    assert Words().cosine_similarity([first["reference"]], [first["generation"]]) == [first["cosine_similarity"]]
    runs.write_samples(folder / "samples.jsonl.gz", [first | {"cosine_similarity": 0.987}, *rest])
    problems = paper.problems(result)
    assert problems and all("_cs_tiny" in line or "efficacy_tiny" in line for line in problems)
    return {row.label: one for row, one in zip(plan.rows, found, strict=True)}


def losses(plan: planned.Plan, label: str) -> dict[str, float]:
    row = next(row for row in plan.rows if row.label == label)
    return runs.manifest(plan.runs[row.draws[0].run])["losses"]


def test_table_6_from_its_runs_to_its_check(loaded, local):
    rows = [{"method": name} for name in ("original", "retain", "me_gd", "idk_ap")]
    rows.append({"method": "me_gd", "parameters": {"alpha": 1.0}, "note": "alpha 1", "forget_splits": ["forget05"]})
    plan = executed("table6", rows, {"forget_splits": ["forget01", "forget05"]})
    (trained,) = (run for run in plan.runs.values() if run.kind == "judges")
    place = {name: {"source": str(runs.folder(trained) / name), "revision": None} for name in ("encoder", "nli")}
    assert loaded == [place] * (2 * 4 + 1)
    found = checked(plan, local / "result")
    assert found["me_gd_forget01"]["n_forget"] == 40 and found["me_gd_forget05"]["n_forget"] == 80
    assert found["me_gd_alpha_1_forget05"]["steps"] == 2
    assert found["me_gd_alpha_1_forget05"]["forget_probability"] != found["me_gd_forget05"]["forget_probability"]
    originals = [found[f"original_{split}"] for split in ("forget01", "forget05")]
    kept = [one["retain_probability"] for one in originals]
    assert kept[0] == pytest.approx(kept[1]), "one model, the same questions"
    assert originals[0]["forget_probability"] != originals[1]["forget_probability"]
    assert found["retain_forget01"]["forget_quality_p"] == found["retain_forget05"]["forget_quality_p"] == 1
    names = {path.name for path in (local / "result").iterdir()}
    assert {"utility_vs_efficacy.png", "parts_llama.png", "table.md", "table.tex", "verdict.md"} <= names


def test_the_study_of_convergence_from_its_runs_to_its_check(local):
    rows = [{"method": name} for name in ("original", "retain", "untrained", "me", "me_gd", "ga")]
    rows.append({"method": "me", "learning_rate": 0.02})
    plan = executed("table6_convergence", rows, {}, at_steps=[0, 1, 2])
    records = report.assemble(plan, {}, local / "result")
    study = papers.of("table6_convergence")
    assert study.problems(local / "result") == []
    found = {row.label: one for row, one in zip(plan.rows, records, strict=True)}
    read, stored = {}, {}
    for row in plan.rows:
        folder = local / "result" / "rows" / f"llama__{row.label}" / "seed-1"
        read[row.label] = convergence.point(runs.read_samples(folder / "samples.jsonl.gz"))
        way = folder / "trajectory.json"
        stored[row.label] = json.loads(way.read_text(encoding="utf-8")) if way.exists() else None
    for label in ("me_lr_0.001", "me_gd_lr_0.001", "ga_lr_0.001", "me_lr_0.02"):
        first, _, last = stored[label]
        assert [one["step"] for one in stored[label]] == [0, 1, 2]
        assert {key: first[key] for key in read["original"]} == read["original"], "where unlearning starts"
        assert {key: last[key] for key in read[label]} == read[label], "the model that is measured at the end"
        assert read[label] != read["original"] and len(last["unseen_mean_logp"]) == 80
    slow, fast = (found[f"me_lr_{rate}"]["forget_entropy_gap"] for rate in ("0.001", "0.02"))
    assert fast < slow < found["original"]["forget_entropy_gap"] < found["ga_lr_0.001"]["forget_entropy_gap"]
    assert found["untrained"]["forget_probability"] < found["original"]["forget_probability"]
    assert [stored[name] for name in ("original", "retain", "untrained")] == [None] * 3
    assert {"over_steps_llama.png", "table.md", "table.tex"} <= {path.name for path in (local / "result").iterdir()}


@pytest.mark.filterwarnings("ignore:.(is_)?gradient_checkpointing. is deprecated")
def test_the_study_of_lora_from_its_runs_to_its_check(loaded, local):
    adapters = {"rank": 2, "alpha": 8.0, "target_modules": ["q_proj", "down_proj"]}
    rows = [{"method": name} for name in ("original", "retain", "me_gd", "idk_ap")]
    rows += [{"method": name, "learning_rate": 5e-3, "lora": adapters} for name in ("me_gd", "idk_ap")]
    plan = executed("table6_lora", rows, {"forget_splits": ["forget01"]}, seeds=[1])
    found = checked(plan, local / "result")
    for method in ("me_gd", "idk_ap"):
        full, few = found[f"{method}_forget01"], found[f"{method}_LoRA_rank_2_forget01"]
        assert full["trainable_share"] == 1 and full["lora_rank"] is None
        assert (few["lora_rank"], few["learning_rate"], few["steps"]) == (2, 5e-3, 2)
        # Two layers: q_proj 32 -> 32, down_proj 64 -> 32.
        assert few["trainable_parameters"] == 2 * 2 * (64 + 96)
        assert few["trainable_share"] == few["trainable_parameters"] / full["trainable_parameters"]
        assert few["forget_probability"] != full["forget_probability"]
    names = {path.name for path in (local / "result").iterdir()}
    assert {"trained_parameters.png", "table.md", "table.tex", "verdict.json"} <= names


def test_table_7_from_its_runs_to_its_check(loaded, local):
    rows = [{"method": name} for name in ("original", "retain", "npo", "npo_kl")]
    rows += [{"method": name, "reference": "fixed", "note": "fixed"} for name in ("npo", "npo_kl")]
    rows.append({"method": "me_gd", "retain_mix": {"nearest": 1.0, "task": 1.0}, "note": "mixture"})
    plan = executed("table7", rows, {"requests": 2}, seeds=[1])
    found = checked(plan, local / "result")
    ln2 = 2 / 0.1 * math.log(2)
    assert losses(plan, "npo_request_1")["1"] == pytest.approx(ln2, rel=1e-4)
    assert losses(plan, "npo_request_2")["1"] == pytest.approx(ln2, rel=1e-4), "it starts at its reference"
    # The original model is where the first request started, not the second.
    assert abs(losses(plan, "npo_fixed_request_2")["1"] - ln2) > 1e-3
    assert losses(plan, "npo_kl_fixed_request_2")["1"] != losses(plan, "npo_kl_request_2")["1"]
    moving, fixed = (found[f"npo{note}_request_1"] for note in ("", "_fixed"))
    assert moving["forget_efficacy_tiny"] == fixed["forget_efficacy_tiny"]
    for label in ("original", "npo", "me_gd_mixture"):
        asked = [items(local / "result", f"{label}_request_{number}") for number in (1, 2)]
        assert [len(one) for one in asked] == [40, 40] and asked[0].isdisjoint(asked[1])
    names = {path.name for path in (local / "result").iterdir()}
    assert {"over_requests.png", "choices_npo.png", "choices_npo_kl.png", "choices_me_gd.png"} <= names


def items(result: Path, label: str) -> set[str]:
    """The forget questions that a row was asked."""
    file = result / "rows" / f"llama__{label}" / "seed-1" / "samples.jsonl.gz"
    return {one["item"] for one in runs.read_samples(file) if one["set"] == "forget"}


def test_the_likeness_study_from_its_runs_to_its_check(local):
    rows = [{"method": name} for name in ("original", "retain", "idk")]
    rows += [{"method": "idk_ap", "retain_from": "same_authors"}, {"method": "po", "retain_from": "unrelated"}]
    plan = executed("table6_likeness", rows, {}, seeds=[1])
    found = {row.label: one for row, one in zip(plan.rows, report.assemble(plan, {}, local / "result"), strict=True)}
    assert papers.of("table6_likeness").problems(local / "result") == []
    assert {one["status"] for one in found.values()} == {"ok"}
    assert [one["steps"] for one in found.values()] == [None, None, 2, 2, 2] and found["idk"]["n_forget"] == 40
    forget = {label: one["forget_probability"] for label, one in found.items()}
    assert len(set(forget.values())) == 5, "every row is a model of its own"
    assert all(-1 <= found[label]["own_effect"] <= 1 for label in ("idk_ap_same_authors", "po_unrelated"))
    assert (local / "result" / "kept_llama.png").is_file()
