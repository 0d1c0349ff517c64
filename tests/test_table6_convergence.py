"""The study of ME's convergence: what is planned and refused, and a result from made-up runs."""

import copy
import json
import math
import shutil
from pathlib import Path

import pytest
import yaml

from unlearnkit import papers, params, plots, report, results, runs
from unlearnkit.data import tofu
from unlearnkit.errors import KitError
from unlearnkit.metrics import convergence
from unlearnkit.metrics.samples import item_id
from unlearnkit.papers import closer_look_convergence as study

FOLDER = Path(__file__).resolve().parent.parent / "params" / "tiny"
CONTENT = yaml.safe_load((FOLDER / "table6_convergence.yaml").read_text(encoding="utf-8"))
AT_STEPS = [0, 4, 8, 32, 40, 64, 100]
REFERENCES = ("original", "retain", "untrained")


def make(split: str | None = None, **changes):
    return papers.make(params.parse(copy.deepcopy(CONTENT) | changes, "here"), "here", split)


def refusal(**changes) -> str:
    with pytest.raises(KitError) as error:
        make(**changes)
    assert "\n" not in str(error.value)
    return str(error.value).removeprefix("here: ")


def paper(**changes) -> dict:
    return {"unlearn": CONTENT["unlearn"] | {"paper": CONTENT["unlearn"]["paper"] | changes}}


# --- the plan -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table():
    return make()


def spec_of(plan, label: str) -> dict:
    (row,) = (row for row in plan.rows if row.label == label)
    return plan.runs[row.draws[0].run].spec


def test_every_method_is_there_at_every_learning_rate_which_its_name_says(table):
    rates = ("0.0003", "0.001", "0.003")
    named = [(method, f"lr {rate}") for method in ("me", "me_gd", "ga") for rate in rates]
    assert [(row.method, row.note) for row in table.rows] == [*((name, None) for name in REFERENCES), *named]
    assert [row.printed_as for row in table.rows[-6:-2]] == [
        "ME+GD, lr 0.0003",
        "ME+GD, lr 0.001",
        "ME+GD, lr 0.003",
        "GA, lr 0.0003",
    ]
    for row in table.rows[3:]:
        spec = spec_of(table, row.label)
        assert f"lr {spec['unlearn']['training']['learning_rate']:g}" == row.note
        assert spec["at_steps"] == CONTENT["at_steps"] and spec["at_steps"][-1] == spec["unlearn"]["training"]["steps"]
        assert spec["start"] == spec_of(table, "original")["start"]
        assert spec["forget_set"] == "forget05" and spec["trajectory_every"] is None
        assert ("retain_pool" in spec) == (row.method == "me_gd")
    assert spec_of(table, "me_gd_lr_0.001")["unlearn"]["parameters"] == {"alpha": 1.0}


def test_models_are_those_of_table_6(table):
    six = papers.make(params.read(FOLDER / "table6.yaml"), "there")
    models = {key for key, run in table.runs.items() if run.kind != "row"}
    assert len(models) == 3 and models <= six.runs.keys()
    assert not {key for key, run in table.runs.items() if run.kind == "row"} & six.runs.keys()


def test_all_rows_answer_the_same_questions_and_members_and_others_are_as_many(table):
    for row in table.rows:
        spec = spec_of(table, row.label)
        assert spec["evaluated"] == {
            "forget": "forget05_perturbed",
            "unseen": tofu.UNSEEN,
            "retain": "retain_perturbed",
        }
        assert spec["evaluation"]["entropy"] is True and tofu.UNSEEN in spec["data_fingerprints"]
    assert table.data.size("forget05") == table.data.size(tofu.UNSEEN) == 80


def test_the_untrained_model_has_the_base_models_shape_and_the_first_seed():
    plan = make(seeds=[5, 2])
    (row,) = (row for row in plan.rows if row.method == "untrained")
    (key,) = {draw.run for draw in row.draws}
    start, base = plan.runs[key].spec["start"], next(run for run in plan.runs.values() if run.kind == "base_model")
    assert start == {"run": base.key, "untrained": 5} and plan.runs[key].needs == (base.key,)
    starts = [run.spec["start"] for run in plan.runs.values() if run.kind == "row" and run.key != key]
    assert not [one for one in starts if "untrained" in one]


def test_other_tables_know_nothing_of_all_this():
    for name in ("table4", "table6", "table7"):
        text = json.dumps([run.spec for run in papers.make(params.read(FOLDER / f"{name}.yaml"), name).runs.values()])
        assert not [word for word in ("at_steps", "entropy", "untrained", "unseen") if word in text]


# --- what is refused ------------------------------------------------------------------------------------------


def test_the_refusals_name_what_was_wrong(monkeypatch, tmp_path):
    for source in ("local", "locuslab/TOFU"):
        monkeypatch.setenv("UNLEARNKIT_DATA", str(tmp_path))
        (tmp_path / "tofu").mkdir(exist_ok=True)
        assert refusal(data=CONTENT["data"] | {"source": source}).startswith(
            f"data.source: '{source}' has no set 'unseen_perturbed', authors whom no model ever saw"
        )
    assert refusal(at_steps=[0, 5, 3, 100]).startswith("at_steps: ascending, from 0 to unlearn.paper.steps")
    assert refusal(at_steps=[1, 100]).startswith("at_steps: ascending")
    assert refusal(at_steps=[0, 50]).startswith("at_steps: ascending")
    assert refusal(**paper(schedule="linear")).startswith("unlearn.paper.schedule: a point after some steps")
    assert "this table has no trajectories" in refusal(**paper(trajectory_every=1))
    rows = CONTENT["rows"]
    assert refusal(rows=[{"method": "original", "learning_rate": 0.1}, *rows[1:]]).startswith(
        "rows.0.learning_rate: the reference row 'original' has none of its own"
    )
    assert refusal(rows=[*rows, {"method": "me", "learning_rate": 0.001}]) == "rows: 'llama/me_lr_0.001' is there twice"
    assert "entropy gaps are compared with the row 'untrained', which is missing" in refusal(rows=rows[:2] + rows[3:])
    assert "no method 'retain_2'; did you mean 'retain'?" in refusal(rows=[*rows, {"method": "retain_2"}])
    with pytest.raises(KitError, match="has one forget split, its own"):
        make("forget10")


# --- from made-up runs to a result ----------------------------------------------------------------------------

# Method -> after its last step: gap and mean log-probability of forget, unseen and retain questions.
ENDS = {
    "original": ((7.0, -0.03), (6.0, -2.0), (7.0, -0.03)),
    "retain": ((6.0, -2.0), (6.0, -2.0), (7.0, -0.03)),
    "untrained": ((0.5, -7.8), (0.5, -7.8), (0.5, -7.8)),
    "me": ((0.1, -9.0), (0.1, -9.0), (0.1, -9.0)),
    "me_gd": ((0.9, -8.0), (5.5, -2.2), (6.8, -0.2)),
    "ga": ((7.3, -60.0), (7.3, -58.0), (7.3, -58.0)),
}


def made_up(plan, method: str, share: float = 1.0) -> list[dict]:
    """Samples that lie so far between the original model's and the method's last ones."""
    numbers, found = plan.data.author_of(), []
    files = ("forget05_perturbed", tofu.UNSEEN, "retain_perturbed")
    for name, file, ends, starts in zip(convergence.SETS, files, ENDS[method], ENDS["original"], strict=True):
        gap, logp = (start + share * (end - start) for start, end in zip(starts, ends, strict=True))
        for number, row in enumerate(plan.data.load(file)):
            own = logp * (1 + (number % 7) / 50)
            answer = {"role": "answer", "logp": 4 * own, "n_tokens": 4, "entropy_gap": gap}
            said = row["answer"] if own > -1 else ""
            found.append(
                {"set": name, "item": item_id(row["question"]), "question": row["question"]}
                | {"author": numbers[row["question"]], "reference": row["answer"], "generation": said}
                | {"rouge_l_recall": float(bool(said)), "answers": [answer]}
            )
    return found


@pytest.fixture(scope="module")
def assembled(tmp_path_factory):
    """(plan, records, result folder) of the shipped table, measured less often, without training."""
    plan, local = make(at_steps=AT_STEPS), tmp_path_factory.mktemp("convergence")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNLEARNKIT_LOCAL", str(local))
        methods = {draw.run: row.method for row in plan.rows for draw in row.draws}
        for key, run in plan.runs.items():
            runs.folder(run).mkdir(parents=True)
            if run.kind == "row":
                runs.write_samples(runs.folder(run) / "samples.jsonl.gz", made_up(plan, methods[key]))
            if run.spec.get("unlearn"):
                speed = {"me": 1.0, "me_gd": 0.5, "ga": 2.0}[methods[key]]
                way = [
                    {"step": step, "loss": None if step == 0 else 1.0}
                    | convergence.point(made_up(plan, methods[key], 1 if step == 100 else min(1, step * speed / 100)))
                    for step in AT_STEPS
                ]
                runs.write_json(runs.folder(run) / "trajectory.json", way)
            runs.write_manifest(run, {"seconds": 1.0, "optimiser_steps": 100, "unlearning_seconds": 2.0})
        return plan, report.assemble(plan, {}, local / "result"), local / "result"


def test_a_result_follows_from_what_is_stored_and_a_changed_one_does_not(assembled, tmp_path):
    _, _, result = assembled
    assert study.problems(result) == []
    copied = tmp_path / "result"
    shutil.copytree(result, copied)
    file = copied / "rows" / "llama__me_lr_0.001" / "seed-1" / "trajectory.json"
    way = json.loads(file.read_text(encoding="utf-8"))
    for change, said in (
        (lambda points: points[3].update(forget_probability=0.001), "step 32: forget_probability does not follow"),
        (lambda points: points[-1].update(forget_entropy_gap=3.0), "its last forget_entropy_gap is 3.0"),
        (lambda points: points.pop(4), "not the steps of parameters.json"),
        (lambda points: [one.update(forget_entropy_gap=0.0) for one in points[:-1]], "steps_to_untrained_gap"),
    ):
        changed = copy.deepcopy(way)
        change(changed)
        runs.write_json(file, changed)
        assert [line for line in study.problems(copied) if said in line and "me_lr_0.001" in line], said


def test_steps_are_read_off_the_way_and_compared_with_gas(assembled):
    by_name = {one["printed_as"]: one for one in assembled[1]}
    me, ga, me_gd = (by_name[f"{name}, lr 0.001"] for name in ("ME", "GA", "ME+GD"))
    # The forget probability falls below 0.01 at a mean log-probability of about -4.6, half of ME's way.
    assert 40 <= me["steps_to_forget_probability_0.01"] <= 64
    assert ga["steps_to_forget_probability_0.01"] < 10 and me["steps_to_untrained_gap"] == 100
    assert ga["steps_to_untrained_gap"] is None and me_gd["steps_to_untrained_gap"] is None
    lines = {line[0].partition(" (")[0]: line[1:] for line in study.steps_taken(assembled[1])}
    for level, cell, own in zip(convergence.LEVELS, lines["ME, lr 0.001"], lines["GA, lr 0.001"], strict=False):
        steps = [one[f"steps_to_forget_probability_{level}"] for one in (me, ga)]
        assert cell == f"{steps[0]} ({steps[0] / steps[1]:.1f} x)" and own == str(steps[1])
    assert lines["ME, lr 0.001"][-1] == "100" and lines["GA, lr 0.001"][-1] == "> 100"
    assert "Original LLM" not in lines


def test_what_the_interval_says_of_members(assembled):
    reads = {one["method"]: study.reading(one) for one in assembled[1]}
    assert reads == {
        "original": "members more likely",
        "retain": "not told apart",
        "untrained": "not told apart",
        "me": "not told apart",
        "me_gd": "members less likely",
        "ga": "members less likely",
    }
    assert {one["method"] for one in assembled[1] if one["status"] == "collapsed"} == {"me", "ga"}


def test_the_caption_says_what_a_gap_of_0_means_and_how_much_there_is_to_trust(assembled):
    plan, found, _ = assembled
    said = " ".join(study.caption(plan, found))
    for words in ("one seed", "a million parameters", f"log K = {math.log(1536):.2f}", "every token is equally likely"):
        assert words in said
    headings = [heading for heading, _ in study.blocks(plan, found)]
    assert len(headings) == len(set(headings)) == 4


def test_the_figure_has_a_column_a_learning_rate_and_draws_what_was_measured(assembled):
    _, _, result = assembled
    rows, folders = results.read_rows(result), results.first_draws(result)
    way = {name: study.points(folder) for name, folder in folders.items()}
    figure = plots.convergence_over_steps(way, rows, "Caption.")
    assert len(figure.axes) == 3 * len(plots.convergence.PANELS)
    assert [axes.get_title(loc="left") for axes in figure.axes[:3]] == [
        f"learning rate {rate}" for rate in ("0.0003", "0.001", "0.003")
    ]
    lines = {line.get_gid(): line for line in figure.axes[1].lines if "/" in (line.get_gid() or "")}
    assert lines.keys() == {f"llama/{name}_lr_0.001" for name in ("me", "me_gd", "ga")}
    drawn = lines["llama/me_lr_0.001"]
    assert [*drawn.get_xdata()] == AT_STEPS
    assert [*drawn.get_ydata()] == [one["forget_entropy_gap"] for one in way["llama/me_lr_0.001"]]
    assert figure.axes[0].get_yscale() == "log" and figure.axes[-1].get_yscale() == "linear"
    assert {path.name for path in result.glob("*.png")} == {"over_steps_llama.png"}
    with pytest.raises(KitError, match="no row has points"):
        plots.convergence_over_steps({}, rows, "Caption.")
