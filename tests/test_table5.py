"""Table 5 of FLAT: how it is planned, and what its records, marks and texts say of made-up samples."""

import copy
from pathlib import Path

import pytest
import yaml
from conftest import MICRO, MICRO_VOCABULARY

from unlearnkit import methods, papers, params, planned, report, results, runs, stages
from unlearnkit.data import benchmarks, muse
from unlearnkit.errors import KitError
from unlearnkit.papers import flat_table5

FILE = Path(__file__).resolve().parent.parent / "params" / "tiny" / "table5.yaml"
CONTENT = yaml.safe_load(FILE.read_text(encoding="utf-8"))


def make(**changes) -> planned.Plan:
    return papers.make(params.parse(copy.deepcopy(CONTENT) | changes, "here"), "here")


def run_of(plan: planned.Plan, method: str) -> planned.Run:
    return next(plan.runs[row.draws[0].run] for row in plan.rows if row.method == method)


def data(**changes) -> dict:
    return CONTENT["data"] | changes


def asked(*names: str) -> dict:
    return {"evaluation": CONTENT["evaluation"] | {"asked": list(names)}}


def test_the_rows_of_the_paper_are_planned_in_its_order():
    printed = [one["method"] for one in results.tables.read_csv(FILE.parents[2] / "results/published/flat_table5.csv")]
    plan = make()
    own = ("retain_2", "whp_generic")
    of_paper = [row for row in plan.rows if row.variant == "paper" and row.fold is None and row.method not in own]
    assert [row.method for row in of_paper] == printed
    assert all(draw.retain_run == run_of(plan, "retain").key for row in plan.rows for draw in row.draws)


def test_original_and_retain_models_differ_by_the_forget_set_alone():
    plan = make()
    original, retain, second = (
        plan.runs[run_of(plan, name).spec["start"]["run"]].spec for name in ("original", "retain", "retain_2")
    )
    assert set(original["splits"]) - set(retain["splits"]) == {"raw/forget"}
    assert original | {"splits": 0, "data_fingerprints": 0} == retain | {"splits": 0, "data_fingerprints": 0}
    assert retain | {"seed": 2} == second


def test_combined_rows_need_a_model_that_learnt_the_forget_set_once_more():
    plan = make()
    for method, alpha in (("task_vector", 0.5), ("whp", 2.0)):
        run = run_of(plan, method)
        reinforced = plan.runs[run.spec["combine"]["reinforced"]]
        assert run.spec["combine"] == {"rule": method, "alpha": alpha, "reinforced": reinforced.key}
        assert run.needs == (run.spec["start"]["run"], reinforced.key) and run.spec["unlearn"] is None
        assert reinforced.kind == "finetuned" and reinforced.spec["splits"] == ["raw/forget"]
        assert reinforced.spec["start"] == run.spec["start"] == run_of(plan, "original").spec["start"]
    assert not methods.ARITHMETIC.keys() & methods.METHODS.keys()


def test_a_row_reads_the_retain_data_only_if_its_method_takes_them():
    plan = make()
    for row in plan.rows:
        if row.training and row.fold is None and row.method not in methods.ARITHMETIC:
            run = plan.runs[row.draws[0].run]
            takes = bool({"retain", "mismatch"}.intersection(run.spec["unlearn"]["parts"]))
            assert ("raw/retain1" in run.spec["data_fingerprints"]) == takes
            assert "raw/forget" in run.spec["data_fingerprints"]
            assert "raw/retain2" not in run.spec["data_fingerprints"], "questions are about it: nothing trains on it"


def test_curves_go_on_from_the_methods_own_row_all_at_once_and_one_after_another():
    plan = make()
    folds = [f"{kind}/forget_{number}" for kind in ("scal", "sust") for number in (2, 3, 4)]
    assert [(row.method, row.fold) for row in plan.rows if row.fold] == [
        (method, fold) for method in CONTENT["curves"] for fold in folds
    ]
    runs = {row.label: plan.runs[row.draws[0].run] for row in plan.rows}
    assert runs["ga"].spec["forget_set"] == "raw/forget" and "ga_scal_1" not in runs and "ga_sust_1" not in runs
    for number in (2, 3, 4):
        at_once, in_turn = runs[f"ga_scal_{number}"], runs[f"ga_sust_{number}"]
        before = runs["ga" if number == 2 else f"ga_sust_{number - 1}"]
        assert at_once.spec["start"] == runs["ga"].spec["start"]
        assert in_turn.spec["start"] == {"run": before.key} and in_turn.needs == (before.key,)
        for run, kind in ((at_once, "scal"), (in_turn, "sust")):
            assert run.spec["forget_set"] == f"{kind}/forget_{number}"
            assert run.spec["evaluation"]["asked"] == ["verbmem", "knowmem_retain"]
            changes = {"forget_set", "start", "evaluation", "data_fingerprints"}
            assert {k: v for k, v in run.spec.items() if k not in changes} == {
                k: v for k, v in runs["ga"].spec.items() if k not in changes
            }


def test_what_curves_forget_has_been_learnt_and_only_then():
    later = {"sust/forget_2", "sust/forget_3", "sust/forget_4"}
    learnt, bases = {}, set()
    for curves in (CONTENT["curves"], None):
        plan = make(curves=curves)
        models = [plan.runs[run_of(plan, method).spec["start"]["run"]] for method in ("original", "retain")]
        learnt[bool(curves)] = [set(model.spec["splits"]) for model in models]
        bases |= {model.spec["start"]["run"] for model in models}
    assert [one - other for one, other in zip(learnt[True], learnt[False], strict=True)] == [later, later]
    assert not any(later & one for one in learnt[False]) and len(bases) == 1
    assert not [row for row in plan.rows if row.fold]


def test_only_what_is_asked_is_read():
    plan = make(evaluation=CONTENT["evaluation"] | {"asked": ["privleak", "verbmem"]}, curves=None)
    run = run_of(plan, "retain")
    assert run.spec["evaluation"]["asked"] == ["verbmem", "privleak"]
    assert run.spec["data_fingerprints"].keys() == {"verbmem/forget", *muse.ASKED["privleak"]}
    assert muse.Source("news").evaluated(["verbmem"]).keys() == {"verbmem/forget"}


def test_documents_are_rows_without_a_question_in_pieces_where_a_length_is_given():
    source = planned.source(params.parse(copy.deepcopy(CONTENT), "here"))
    assert benchmarks.of(benchmarks.spec(source)) == source
    rows, texts = source.rows("raw/forget"), source.load("raw/forget")
    assert rows == [{"question": "", "answer": text} for text in texts]
    pieces = [row["answer"].split() for row in muse.Source("news", piece_words=20).rows("raw/forget")]
    assert max(map(len, pieces)) == 20 and len(pieces) > len(texts)
    assert [word for piece in pieces for word in piece] == [word for text in texts for word in text.split()]
    with pytest.raises(KitError, match="no texts to be trained on"):
        source.rows("knowmem/forget_qa")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": data(source="newz")}, "data.source: 'newz' is no hub id .* did you mean 'news'"),
        ({"data": data(train_on="ask")}, "data.train_on: no such value 'ask'; did you mean 'asked'"),
        ({"data": data(revision="main")}, "'revision' belongs to a hub id"),
        ({"rows": CONTENT["rows"][1:]}, "rows: collapse is measured against the row 'original'"),
        ({"rows": [*CONTENT["rows"], {"method": "npoo"}]}, "rows.19: no method 'npoo'; did you mean 'npo'"),
        ({"rows": [*CONTENT["rows"][:3], {"method": "whp"}]}, "rows.3: the row 'whp' has exactly one parameter: alpha"),
        ({"rows": [*CONTENT["rows"][:3], {"method": "whp", "variant": "release"}]}, "'whp' has neither variants"),
        ({"rows": [*CONTENT["rows"], CONTENT["rows"][-1]]}, "the row 'whp_generic' .* is there twice"),
        ({"evaluation": CONTENT["evaluation"] | {"max_new_tokens": 3}}, "evaluation.*max_new_tokens"),
        (asked("verbmen"), "evaluation.asked: 'verbmen' is nothing to ask; did you mean 'verbmem'"),
        (asked("verbmem", "verbmem"), "evaluation.asked: 'verbmem' is there twice"),
        (asked("verbmem"), "curves: they show KnowMem on retain, so evaluation.asked must have 'knowmem_retain'"),
        ({"curves": ["gaa"]}, "curves: 'gaa' is no row that trains; did you mean 'ga'"),
        ({"curves": ["whp"]}, "curves: 'whp' is no row that trains"),
        ({"curves": ["ga", "ga"]}, "curves: 'ga' is there twice"),
    ],
)
def test_a_mistake_is_one_line(changes, message):
    with pytest.raises(KitError, match=message) as raised:
        make(**changes)
    assert "\n" not in str(raised.value)


def test_held_out_documents_that_are_forgotten_are_refused_at_planning(monkeypatch):
    load = muse.load
    monkeypatch.setattr(
        muse, "load", lambda source, name, *more: load(source, name.replace("holdout", "forget"), *more)
    )
    with pytest.raises(KitError, match=r"data.source: privleak/holdout, document 1 is privleak/forget, document 1"):
        make()


def samples(verbmem: float, forget: float, retain: float, forget_score: float) -> list[dict]:
    """Two answers a set, and two documents that a model likes as much as it likes held-out ones, or less."""
    found = []
    for name, value in (("verbmem_forget", verbmem), ("knowmem_forget", forget), ("knowmem_retain", retain)):
        found += [{"set": name, "item": str(i), "rouge_l_f1": value} for i in range(2)]
    for name, score in (("privleak_forget", forget_score), ("privleak_holdout", -3.0)):
        found += [{"set": name, "item": str(i), "n_tokens": 9, "min_40_logp": score} for i in range(2)]
    return found


def drawn(method: str, *values: float) -> dict:
    record = {"row": f"m/{method}", "base_model": "m", "method": method, "seed": 1, "status": "ok", "reason": None}
    return record | flat_table5.measure(samples(*values), samples(0.2, 0.3, 0.6, -3.0))


def test_metrics_and_intervals_of_a_draw():
    found = drawn("original", 0.9, 0.8, 0.7, -1.0)
    assert [found[key] for key, _, _ in flat_table5.PRINTED] == pytest.approx([90, 80, 70, -100])
    assert (found["verbmem_forget_ci_lo"], found["privleak_auc"], found["n_forget"]) == (pytest.approx(90), 0, 2)
    assert drawn("retain", 0.2, 0.3, 0.6, -3.0)["privleak"] == 0
    assert "privleak" not in flat_table5.measure(samples(0.2, 0.3, 0.6, -3.0), None)


def test_collapse_and_marks_are_judged_against_original_and_retain_model():
    made = flat_table5.mark_collapsed(
        [
            drawn("original", 0.9, 0.8, 0.8, -1.0),
            drawn("retain", 0.2, 0.3, 0.6, -3.0),
            drawn("ga", 0.1, 0.0, 0.39, -3.0),
            drawn("npo", 0.1, 0.3, 0.40, -3.0),
            drawn("kl", 0.3, 0.1, 0.0, -3.0),
        ]
    )
    assert [one["status"] for one in made] == ["ok", "ok", "collapsed", "ok", "collapsed"]
    marked = {one["method"]: one for one in flat_table5.with_marks(made)}
    keys = [f"meets_{key}" for key in flat_table5.MARKED]
    assert not any(key in marked[name] for key in keys for name in ("original", "retain"))
    assert [[marked[name][key] for key in keys] for name in ("ga", "npo", "kl")] == [
        [True, True, True],
        [True, False, True],
        [False, True, False],
    ]


def without(one: dict, *sets: str) -> dict:
    """The same draw, of a model that was not asked these sets."""
    kept = [sample for sample in samples(0.1, 0.1, 0.1, -4.0) if sample["set"] not in sets]
    return one | flat_table5.measure(kept, samples(0.2, 0.3, 0.6, -3.0))


def result_of(folder: Path, plan: planned.Plan, found: list[dict]) -> tuple[str, list[str], dict]:
    """The text of all small tables, the caption, and the figures of a table with these records."""
    results.tables.write_csv(folder / "table.csv", found)
    back = results.read_rows(folder)
    blocks = flat_table5.blocks(plan, back)
    return str(blocks), flat_table5.caption(plan, back), flat_table5.figures(folder, "caption")


def rows_of(made: list[dict], plan: planned.Plan) -> list[dict]:
    """Made-up draws as records of a table."""
    printed = {row.method: row.printed_as for row in plan.rows if row.fold is None}
    of_row = {"variant": "paper", "setting": None, "base_model": "llama", "printed_base_model": "Llama2-7B"}
    return flat_table5.with_marks([one | of_row | {"printed_as": printed[one["method"]]} for one in made])


def test_what_is_not_asked_is_not_run_in_every_cell(tmp_path):
    plan = make(**asked("verbmem", "privleak"), curves=None, profile="mine")  # tiny has a reference beside it
    left_out = ("knowmem_forget", "knowmem_retain")
    made = [without(drawn(method, 0, 0, 0, -3.0), *left_out) for method in ("original", "retain", "ga")]
    made[1]["verbmem_forget"] = 20.0
    assert [one["status"] for one in flat_table5.mark_collapsed(made)] == ["ok"] * 3
    found = rows_of(made, plan)
    assert [found[2][f"{key}{end}"] for key in left_out for end in ("", "_ci_lo", "_ci_hi")] == ["not run"] * 6
    assert [found[2][f"meets_{key}"] for key in flat_table5.MARKED] == [True, "not run", "not run"]
    text, caption, figures = result_of(tmp_path, plan, found)
    assert "['GA', '    0.0 /    10.0', '    0.0 / not run', '    0.0 / not run'" in text
    assert "['GA', '10.0 [10.0, 10.0]', 'not run', 'not run'" in text
    assert "['GA', 'yes / yes', 'yes / not run', 'NO / not run']" in text
    assert any("cannot be judged" in line for line in caption) and figures.keys() == {"privleak"}
    assert "not run" in flat_table5.latex(plan, found)
    only = [without(one, "verbmem_forget", "privleak_forget", "privleak_holdout", "knowmem_forget") for one in made]
    assert only[2]["privleak"] == only[2]["privleak_auc"] == "not run" and only[2]["n_forget"] is None


def test_points_of_curves_stand_in_their_figure_and_not_in_the_table(tmp_path):
    plan = make(curves=["ga"])
    made = [
        drawn("original", 0.9, 0.8, 0.7, -1.0),
        drawn("retain", 0.2, 0.3, 0.6, -3.0),
        drawn("ga", 0.3, 0.3, 0.5, -3),
    ]
    for kind, kept in (("scal", (0.4, 0.36, 0.3)), ("sust", (0.5, 0.45, 0.4))):
        for number, value in zip((2, 3, 4), kept, strict=True):
            made.append(drawn("ga", 0.1, 0.3, value, -3.0) | {"fold": f"{kind}/forget_{number}"})
    found = rows_of(flat_table5.mark_collapsed(made), plan)
    assert [one["status"] for one in found] == ["ok"] * 5 + ["collapsed"] + ["ok"] * 3
    assert [("meets_knowmem_retain" in one) for one in found] == [False, False, True] + [False] * 6
    text, caption, figures = result_of(tmp_path, plan, found)
    assert (
        "['GA, scalability: all at once', '70.0 (90.0)', '50.0 (30.0)', '40.0 (10.0)', '36.0 (10.0)', '30.0 (" in text
    )
    assert "['GA, sustainability: one after another', '70.0 (90.0)', '50.0 (30.0)', '50.0 (10.0)', '45.0 (" in text
    assert text.count("'GA'") == 4 and any(line.startswith("More forget sets") for line in caption)
    assert any("would score VerbMem_f 38.5" in line for line in caption)
    assert figures.keys() == {"forgotten_vs_kept", "privleak", "curves"}
    assert [entry.get_text() for entry in figures["curves"].legends[0].get_texts()] == ["GA"]
    lines = [
        [line.get_ydata().tolist() for line in axes.lines if len(line.get_ydata()) > 1]
        for axes in figures["curves"].axes
    ]
    assert lines == [[pytest.approx([70, 50, 40, 36, 30])], [pytest.approx([70, 50, 50, 45, 40])]]


@pytest.mark.slow
def test_a_table_of_micro_models_from_its_runs_to_its_check(tmp_path, local):
    content = copy.deepcopy(CONTENT)
    base_model = content["base_models"]["llama"]
    base_model["scratch"]["architecture"] = MICRO | {"vocab_size": MICRO_VOCABULARY, "max_position_embeddings": 512}
    learnt = (base_model["scratch"]["pretrain"], base_model["finetune"], content["reinforce"])
    for training in (*learnt, content["unlearn"]["paper"]):
        training |= {"epochs": None, "steps": 2, "batch_size": 4, "warmup_steps": 0}
    content["evaluation"] |= {"verbmem_tokens": 4, "knowmem_tokens": 3}
    content["rows"] = [row for row in content["rows"] if row["method"] in ("original", "retain", "kl", "whp")]
    plan = papers.make(params.parse(content | {"curves": ["kl"]}, "here"), "here")
    for run in plan.runs.values():
        stages.execute(run, lambda *_: None)
    found = report.assemble(plan, {}, tmp_path / "result")
    assert [one["status"] == "stale" for one in found] == [False] * (5 + 6)  # KL in two forms, six points of curves
    second, third = (plan.runs[row.draws[0].run] for row in plan.rows if row.fold in ("sust/forget_2", "sust/forget_3"))
    files = [runs.folder(run) / "checkpoint" / "model.safetensors" for run in (second, third)]
    assert files[0].read_bytes() != files[1].read_bytes() and third.needs == (second.key,)
    assert {path.stem for path in (tmp_path / "result").glob("*.png")} == {"curves", "forgotten_vs_kept", "privleak"}
    assert flat_table5.problems(tmp_path / "result") == []
    file = tmp_path / "result" / "rows" / "llama__kl_sust_3" / "seed-1" / "samples.jsonl.gz"
    changed = runs.read_samples(file)
    changed[0] |= {"generation": changed[0]["reference"]}
    runs.write_samples(file, changed)
    (problem,) = flat_table5.problems(tmp_path / "result")
    assert problem.startswith("row llama/kl_sust_3, seed 1, verbmem_forget ") and "does not follow" in problem
