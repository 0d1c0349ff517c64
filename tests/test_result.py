"""A result folder: what lies in it, and that verify finds every number that does not follow; from made-up runs."""

import json
import shutil

import made_up
import pytest

from unlearnkit import params, plan, report, results, runs, tables, verify
from unlearnkit.papers import flat_table4


def test_the_folder_of_three_seeds(three_seeds):
    made, _, result = three_seeds
    for row in made.rows:
        for draw in row.draws:
            folder = result / "rows" / tables.row_folder(row.name) / f"seed-{draw.seed}"
            assert json.loads((folder / "manifest.json").read_text())["key"] == draw.run
            assert runs.read_samples(folder / "samples.jsonl.gz") == runs.read_samples(
                result.parent / "runs" / "row" / draw.run / "samples.jsonl.gz"
            )
    assert len(results.read_rows(result)) == 18
    assert len(results.read_seeds(result)) == 54
    assert len(list((result / "models").iterdir())) == 2 * (1 + 3 + 3)
    folders = results.draw_folders(result)
    assert folders["wide/npo_selected_setting", 2] == result / "rows" / "wide__npo_selected_setting" / "seed-2"
    assert len(folders) == 54
    assert not (result / "metrics.json").exists()


def test_curves_and_distributions_are_of_the_first_seed(three_seeds, tmp_path):
    result = shutil.copytree(three_seeds[2], tmp_path / "result")
    points = [{"step": step, "loss": None, "truth_ratios": [1.0, 2.0], "items": ["a", "b"]} for step in (0, 1)]
    for seed in (1, 2):
        folder = result / "rows" / "llama__npo" / f"seed-{seed}"
        (folder / "trajectory.json").write_text(json.dumps([point | {"seed": seed} for point in points]))
    trajectories = results.read_trajectories(result)
    assert trajectories.keys() == {"llama/npo"}
    assert [(point["step"], point["seed"]) for point in trajectories["llama/npo"]] == [(0, 1), (1, 1)]
    assert all(
        0 <= point["forget_quality_p"] <= 1 and "truth_ratios" not in point for point in trajectories["llama/npo"]
    )
    ratios = results.read_truth_ratios(result)
    assert ratios.keys() == {row.name for row in three_seeds[0].rows}
    assert all(len(values) == 8 for values in ratios.values())


def test_text_of_other_peoples_data_stays_where_it_is(micro_params, tmp_path, tmp_path_factory, monkeypatch):
    """The universe as if it were somebody else's: numbers and ids are copied, no question, reference or generation."""
    from unlearnkit.data import templates, tofu

    (tmp_path / "data").mkdir()
    shutil.copytree(tofu.UNIVERSE, tmp_path / "data" / "tofu")
    (tmp_path / "data" / "idontknow.txt").write_text("\n".join(templates.templates()))
    monkeypatch.setenv("UNLEARNKIT_DATA", str(tmp_path / "data"))
    content = micro_params()
    data = content["data"] | {"source": "local"}
    made = made_up.two_models(micro_params, tmp_path_factory, data=data)
    monkeypatch.setattr(report, "_manifest", lambda made, result: {"files": {}})
    _, _, result = made_up.assembled(made, tmp_path / "local")
    stored = list((result / "rows").rglob("samples.jsonl.gz"))
    assert len(stored) == len(made.rows)
    for path in stored:
        for sample in runs.read_samples(path):
            assert sample.keys() == {"set", "item", "rouge_l_recall", "answers"} | (sample.keys() & {"author"})
            assert all(answer.keys() == {"role", "logp", "n_tokens"} for answer in sample["answers"])
    for path in result.rglob("*"):
        if path.suffix in (".csv", ".md", ".tex", ".json"):
            assert made.data.load("forget01")[0]["question"] not in path.read_text()
    assert verify.problems_of(result) == []


# --- verify -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["one_seed", "three_seeds"])
def test_a_result_as_it_was_written_has_no_problem(which, request):
    assert verify.problems_of(request.getfixturevalue(which)[2]) == []


@pytest.fixture
def result(three_seeds, tmp_path):
    return shutil.copytree(three_seeds[2], tmp_path / "result")


def close(result) -> None:
    """Record the files as they are now: what is left to find are numbers that do not follow."""
    manifest = json.loads((result / "manifest.json").read_text())
    manifest["files"] = {name: runs.sha256(result / name) for name in manifest["files"] if (result / name).exists()}
    runs.write_json(result / "manifest.json", manifest)


def change_csv(path, row: str, key: str, value, seed: int | None = None) -> None:
    found = tables.read_csv(path)
    for record in found:
        if record["row"] == row and seed in (None, record.get("seed")):
            record[key] = value
    tables.write_csv(path, found)


def test_a_changed_file_is_named(result):
    (result / "table.md").write_text("better numbers")
    (result / "rows" / "wide__npo" / "seed-2" / "manifest.json").unlink()
    assert verify.problems_of(result) == [
        "rows/wide__npo/seed-2/manifest.json: missing or changed",
        "table.md: missing or changed",
    ]


def test_a_number_of_a_seed_that_does_not_follow_from_its_samples(result):
    change_csv(result / "seeds.csv", "llama/npo", "forget_quality_clustered_p", 0.75, seed=2)
    change_csv(result / "seeds.csv", "wide/ga", "retain_touched_rouge_l_recall", 0.5, seed=3)
    close(result)
    found = [line for line in verify.problems_of(result) if line.startswith("seeds.csv")]
    assert [line.partition(":")[0] for line in found] == [
        "seeds.csv, row llama/npo, seed 2, forget_quality_clustered_p",
        "seeds.csv, row wide/ga, seed 3, retain_touched_rouge_l_recall",
    ]
    assert found[0].endswith(": 0.75 instead of 0.5")


@pytest.mark.parametrize(
    "key", ["model_utility_geometric", "retain_rouge_l_recall_hi", "seeds", "unlearning_seconds_lo"]
)
def test_a_number_of_the_table_that_does_not_follow_from_its_seeds(result, key):
    change_csv(result / "table.csv", "wide/flat_kl", key, 7)
    close(result)
    (line,) = [line for line in verify.problems_of(result) if line.startswith("table.csv")]
    assert line.startswith(f"table.csv, row wide/flat_kl, {key}: 7 instead of ")


@pytest.mark.parametrize(
    ("row", "doctored", "right"),
    [
        ("llama/ga", "ok", "collapsed"),
        ("llama/npo", "collapsed", "ok"),
        ("wide/npo_selected_setting", "ok", "collapsed"),  # on the validation authors
    ],
)
def test_a_status_that_does_not_follow_from_the_numbers(result, row, doctored, right):
    change_csv(result / "table.csv", row, "status", doctored)
    close(result)
    found = [line for line in verify.problems_of(result) if line.startswith("table.csv")]
    assert found == [f"table.csv, row {row}, status: {doctored} instead of {right}"]


def test_a_status_that_is_the_same_in_both_files_and_does_not_follow(result):
    for name in ("seeds.csv", "table.csv"):
        change_csv(result / name, "llama/ga", "status", "ok")
        change_csv(result / name, "llama/ga", "reason", None)
    close(result)
    found = [line for line in verify.problems_of(result) if ", status: " in line]
    assert found == [
        *(f"seeds.csv, row llama/ga, seed {seed}, status: ok instead of collapsed" for seed in (1, 2, 3)),
        "table.csv, row llama/ga, status: ok instead of collapsed",
    ]


def test_a_verdict_that_does_not_follow_from_the_table(result):
    verdict = json.loads((result / "verdict.json").read_text())
    verdict[0]["ours"] = "holds"
    runs.write_json(result / "verdict.json", verdict)
    close(result)
    assert verify.problems_of(result) == ["verdict.json does not follow from table.csv"]


def test_a_sample_whose_rouge_l_does_not_follow_from_its_answer(result):
    path = result / "rows" / "llama__npo" / "seed-1" / "samples.jsonl.gz"
    samples = runs.read_samples(path)
    samples[0]["generation"] = samples[0]["reference"]
    runs.write_samples(path, samples)
    close(result)
    (line,) = verify.problems_of(result)
    assert line.startswith(f"row llama/npo, seed 1, forget {samples[0]['item']}: ROUGE-L ")


def test_samples_that_are_not_there(result):
    shutil.rmtree(result / "rows" / "llama__npo" / "seed-1")
    shutil.rmtree(result / "rows" / "wide__retain" / "seed-3")
    close(result)
    found = verify.problems_of(result)
    assert found[0] == "seeds.csv, row llama/npo, seed 1: no samples"
    # Without its retain model's samples nothing of that seed can be recomputed.
    wide = [record["row"] for record in results.read_rows(result) if record["base_model"] == "wide"]
    assert found[1:] == [f"seeds.csv, row {name}, seed 3: no samples" for name in wide]


# --- a published log in the retain model's place ------------------------------------------------------------


def test_a_published_log_stands_for_the_retain_model(micro_params, local, monkeypatch):
    """The numbers are those of the retain model whose samples the log holds; verify finds all it needs."""
    monkeypatch.setattr(flat_table4, "figures", lambda result, caption: {})
    content = micro_params() | {"profile": "made_up"}
    trained = plan.make(params.parse(content, "test"), "test")
    made_up.finish(trained)
    retain = next(row for row in trained.rows if row.method == "retain").draws[0].run
    samples = runs.read_samples(runs.folder(retain, "row") / "samples.jsonl.gz")
    log = local / "eval_log_aggregated.json"
    log.write_text(json.dumps(made_up.evaluation_log(samples)))
    content["base_models"]["llama"]["retain_log"] = str(log)
    published = plan.make(params.parse(content, "test"), "test")
    made_up.finish(published)
    expected = {record["row"]: record for record in tables.draws(trained, {})}
    found = {record["row"]: record for record in report.assemble(published, {}, local / "result")}
    for name, record in found.items():
        assert record["status"] == expected[name]["status"]
        for key in ("forget_quality_p", "forget_quality_clustered_p", "forget_rouge_l_gap", "model_utility_geometric"):
            assert record[key] == pytest.approx(expected[name][key]), (name, key)
    runs.write_json(local / "result" / "manifest.json", {"files": {}})
    assert verify.problems_of(local / "result") == []
