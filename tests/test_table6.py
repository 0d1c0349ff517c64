"""Table 6 (A Closer Look, fictitious): how it is planned, and what it refuses."""

import copy
import json
from pathlib import Path

import pytest
import yaml

from unlearnkit import methods, papers, params, planned, results
from unlearnkit.errors import KitError

FILE = Path(__file__).resolve().parent.parent / "params" / "tiny" / "table6.yaml"
CONTENT = yaml.safe_load(FILE.read_text(encoding="utf-8"))
PUBLISHED = FILE.parents[2] / "results" / "published" / "closer_look_table6.csv"
SPLITS = ["forget01", "forget05", "forget10"]
TINY = {"source": "tiny", "revision": None}
HUB = {"source": "someone/encoder", "revision": "abc"}


def make(split: str | None = None, **changes) -> planned.Plan:
    return papers.make(params.parse(copy.deepcopy(CONTENT) | changes, "here"), "here", split)


def data(**changes) -> dict:
    return {"data": CONTENT["data"] | changes}


def row_of(plan: planned.Plan, label: str) -> planned.Row:
    return next(row for row in plan.rows if row.label == label)


def run_of(plan: planned.Plan, label: str) -> planned.Run:
    return plan.runs[row_of(plan, label).draws[0].run]


def start_of(plan: planned.Plan, label: str) -> planned.Run:
    return plan.runs[run_of(plan, label).spec["start"]["run"]]


@pytest.fixture(scope="module")
def table() -> planned.Plan:
    return make()


def noted(row: dict) -> str | None:
    return f"lr {row['learning_rate']:g}" if "learning_rate" in row else None


def test_every_method_unlearns_every_split_and_rows_with_splits_of_their_own_those(table):
    expected = [
        (row["method"], row.get("variant", "paper"), row.get("note") or noted(row), split)
        for split in SPLITS
        for row in CONTENT["rows"]
        if split in row.get("forget_splits", SPLITS)
    ]
    assert [(row.method, row.variant, row.note, row.fold) for row in table.rows] == expected
    assert len({row.name for row in table.rows}) == len(expected) == 3 * 13 + 10
    assert len({draw.run for row in table.rows for draw in row.draws}) == len(expected), "no run stands for two rows"
    assert all(table.runs[draw.run].name == row.name for row in table.rows for draw in row.draws)
    assert run_of(table, "me_gd_alpha_1_forget05").spec["unlearn"]["parameters"] == {"alpha": 1.0}
    assert "me_gd_alpha_1_forget01" not in {row.label for row in table.rows}


def test_every_split_is_forgotten_and_measured_against_its_own_retain_model(table):
    for row in table.rows:
        (draw,) = row.draws
        run, retain = table.runs[draw.run], table.runs[draw.retain_run]
        assert run.spec["forget_split"] == retain.spec["forget_split"] == row.fold
        assert retain is run_of(table, f"retain_{row.fold}")
        learnt = table.runs[retain.spec["start"]["run"]].spec["splits"]
        assert learnt == [planned.tofu.splits(row.fold).retain, "general_refusals"]
        if row.method not in ("retain", "retain_2"):
            assert run.spec["start"] == run_of(table, "original_forget01").spec["start"], "always the original model"


def test_the_second_retain_model_differs_in_its_seed_only(table):
    for split in SPLITS:
        retain, second = (start_of(table, f"{name}_{split}").spec for name in ("retain", "retain_2"))
        assert retain | {"seed": 2} == second


def test_several_seeds_have_models_of_their_own_and_take_the_next_ones_retain_model():
    plan = make(seeds=[1, 2])
    for row in plan.rows:
        assert [draw.seed for draw in row.draws] == [1, 2]
        seeds = [plan.runs[plan.runs[draw.run].spec["start"]["run"]].spec["seed"] for draw in row.draws]
        assert seeds == ([2, 1] if row.method == "retain_2" else [1, 2])
        if row.training:
            assert [plan.runs[draw.run].spec["seed"] for draw in row.draws] == [1, 2]
    assert [run.spec["seed"] for run in plan.runs.values() if run.kind == "judges"] == [1], "the same judges for all"


def test_tiny_judges_are_one_run_that_every_row_needs(table):
    (trained,) = (run for run in table.runs.values() if run.kind == "judges")
    rows = [run for run in table.runs.values() if run.kind == "row"]
    assert len(rows) == 49
    for run in rows:
        assert trained.key in run.needs
        assert run.spec["judges"] == {"encoder": {"run": trained.key}, "nli": {"run": trained.key}}
    assert not [run.name for run in table.runs.values() if run.kind != "row" and trained.key in run.needs]
    assert all(json.loads(json.dumps(run.spec)) == run.spec for run in table.runs.values())


def test_other_judges_are_part_of_a_rows_key_and_a_folder_counts_by_its_content(tmp_path, table):
    (tmp_path / "config.json").write_text("{}")
    judged = {"judges": {"encoder": HUB, "nli": {"source": str(tmp_path), "revision": None}}}
    before = make(**judged)
    assert not [run for run in before.runs.values() if run.kind == "judges"]
    spec = run_of(before, "me_gd_forget01").spec["judges"]
    assert spec["encoder"] == HUB | {"fingerprint": None} and spec["nli"]["source"] == str(tmp_path)
    assert make(**judged).key == before.key
    (tmp_path / "config.json").write_text("{ }")
    after = make(**judged)
    changed = {run.kind for key, run in after.runs.items() if key not in before.runs}
    assert changed == {"row"} and after.key != before.key
    assert {run.kind for key, run in before.runs.items() if key not in table.runs} == {"row"}, "models are the same"


def test_methods_are_called_as_a_closer_look_calls_them(table):
    printed = {row["method"]: row["printed_method"] for row in results.tables.read_csv(PUBLISHED)}
    names = {row.method: row.printed_as for row in table.rows if row.variant == "paper" and row.note is None}
    assert names.items() >= printed.items()
    assert names | {"kl": "GA+KL", "po": "IDK+GD", "idk_kl": "IDK+KL", "npo_kl": "NPO+KL"} == names
    assert row_of(table, "me_gd_release_forget05").printed_as == "ME+GD, release"
    assert row_of(table, "me_gd_alpha_1_forget05").printed_as == "ME+GD, alpha 1"
    rows = [*CONTENT["rows"], {"method": "gd", "note": "twice"}, {"method": "kl", "variant": "release"}]
    plan = make(rows=rows)
    assert row_of(plan, "gd_twice_forget01").printed_as == "GA+GD, twice"
    assert row_of(plan, "kl_release_forget01").printed_as == "GA+KL, release"


def test_a_method_reads_the_retain_set_of_its_split_only_if_it_takes_retain_data(table):
    plan = make(rows=[*CONTENT["rows"], {"method": "me"}])
    for row in plan.rows:
        if row.training:
            read = plan.runs[row.draws[0].run].spec["data_fingerprints"]
            takes = bool({"retain", "retain_template"}.intersection(methods.variant(row.method, row.variant).parts))
            assert (planned.tofu.splits(row.fold).retain in read) == takes == (row.method != "me")
            assert row.fold in read and not {f"{other}_perturbed" for other in SPLITS if other != row.fold} & set(read)


def test_one_split_alone_plans_the_same_runs_as_all_of_them(table):
    for split in SPLITS:
        alone = make(split)
        assert alone.split == split and alone.result_name == f"table6_{split}"
        assert [row.name for row in alone.rows] == [row.name for row in table.rows if row.fold == split]
        assert {draw.run for row in alone.rows for draw in row.draws} <= table.runs.keys()
        assert {row.fold for row in alone.rows} == {split}
    own = [row for row in CONTENT["rows"] if "forget_splits" not in row]
    same = make("forget05", **data(forget_splits=["forget05"]), rows=own)
    assert same.split is None and same.result_name == "table6", "the file's own split is the table itself"


REFERENCES = CONTENT["rows"][:3]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            data(forget_splits=["forget1"]),
            "here: data.forget_splits.0: no forget split 'forget1'; did you mean 'forget",
        ),
        (data(forget_splits=["forget01", "forget01"]), "here: data: forget_splits: a split is there twice"),
        (data(forget_splits=[]), "here: data.forget_splits: List should have at least 1 item"),
        (data(forget_split="forget01"), "here: data.forget_split: "),
        ({"judges": {"encoder": TINY, "nli": HUB}}, "here: judges: either both judges are tiny or none is"),
        (
            {"judges": {"encoder": TINY | {"revision": "a"}, "nli": TINY}},
            "here: judges.encoder: 'revision' belongs to a hub id",
        ),
        (
            {"judges": {"encoder": HUB, "nli": HUB | {"source": "no where"}}},
            "here: judges.nli.source: 'no where' is neither a folder nor a hub id",
        ),
        ({"judges": {"encoder": TINY}}, "here: missing key 'judges.nli'"),
        ({"rows": [*REFERENCES, {"method": "me_dg"}]}, "here: rows.3: no method 'me_dg'; did you mean 'me_gd'"),
        ({"rows": CONTENT["rows"][1:]}, "here: rows: what a method keeps is measured against the row 'original'"),
        ({"rows": [CONTENT["rows"][0]]}, "here: rows: forget quality and the classifier's AUC .* the row 'retain'"),
        ({"rows": [*REFERENCES, {"method": "gd"}, {"method": "gd"}]}, r"rows.4: the row 'gd' \(.*\) is there twice"),
        (
            {"rows": [*REFERENCES, *2 * [{"method": "gd", "note": "alpha 1"}]]},
            r"rows.4: the row 'gd' \(paper, paper, alpha 1\) is there twice",
        ),
        (
            {"rows": [*REFERENCES, {"method": "me_gd"}, {"method": "me", "note": "gd"}]},
            "here: rows.4.note: 'gd' makes the row's name that of rows.3, 'me_gd'",
        ),
        (
            {"rows": [*REFERENCES, {"method": "me_gd", "variant": "answer"}, {"method": "me_gd", "note": "answer"}]},
            "here: rows.4.note: 'answer' makes the row's name that of rows.3, 'me_gd_answer'",
        ),
        ({"rows": [*REFERENCES, {"method": "gd", "note": ""}]}, "here: rows.3.note: String should match pattern"),
        ({"rows": [*REFERENCES, {"method": "gd", "note": "0.5"}]}, "here: rows.3.note: String should match pattern"),
        (
            {"rows": [{"method": "original", "note": "again"}, *REFERENCES]},
            "here: rows.0.note: the reference row 'original' has none of its own",
        ),
        (
            {"rows": [{"method": "original", "forget_splits": ["forget01"]}, REFERENCES[1]]},
            "here: rows.0.forget_splits: the reference row 'original' has none of its own",
        ),
        (
            {"rows": [*REFERENCES, {"method": "gd", "forget_splits": ["forget15"]}]},
            "here: rows.3.forget_splits: 'forget15' is none of data.forget_splits; did you mean 'forget",
        ),
        (
            {
                "rows": [*REFERENCES, {"method": "gd", "forget_splits": ["forget10"]}],
                **data(forget_splits=["forget01"]),
            },
            "here: rows.3.forget_splits: 'forget10' is none of data.forget_splits; did you mean 'forget01'",
        ),
        (
            {"rows": [*REFERENCES, {"method": "me_gd", "parameters": {"beta": 1.0}}]},
            r"here: rows.3: method 'me_gd' \(paper\) has no parameter 'beta'; choose from: alpha",
        ),
        ({"rows": [*REFERENCES, {"method": "me_gd", "retain_mix": {}}]}, "here: unknown key 'rows.3.retain_mix'"),
        (
            {"unlearn": CONTENT["unlearn"] | {"paper": CONTENT["unlearn"]["paper"] | {"trajectory_every": 2}}},
            "here: unlearn.paper.trajectory_every: this table has no trajectories",
        ),
        (
            {"base_models": {"llama": CONTENT["base_models"]["llama"] | {"retain_log": str(FILE)}}},
            "here: base_models.llama.retain_log: logs hold no answers to be judged; set it to null",
        ),
    ],
)
def test_a_mistake_is_one_line_with_file_and_key(changes, message):
    with pytest.raises(KitError, match=message) as raised:
        make(**changes)
    assert "\n" not in str(raised.value)


def test_a_split_that_there_is_not_is_one_line():
    with pytest.raises(KitError, match=r"^here: split: no forget split 'forget15'; did you mean 'forget"):
        make("forget15")
