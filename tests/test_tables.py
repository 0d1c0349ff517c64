"""From finished runs to draws, records, text and a result folder, and back from its samples; nothing is trained."""

import csv
import dataclasses
from math import exp

import made_up
import pytest

from unlearnkit import params, plan, runs, tables
from unlearnkit.errors import KitError
from unlearnkit.metrics import clustered
from unlearnkit.metrics.samples import tofu_metrics

ROWS = ("base", "original", "retain", "retain_2", "ga", "npo", "flat_kl")


def planned(micro_params, seeds=(1,), **changes):
    content = micro_params() | {"seeds": list(seeds), "profile": "made_up"} | changes
    return plan.make(params.parse(content, "made up"), "made up")


@pytest.fixture(scope="module")
def one(micro_params, tmp_path_factory):
    """A plan with one seed, finished, and the folder with its runs."""
    return _finished(planned(micro_params), tmp_path_factory.mktemp("one"))


@pytest.fixture(scope="module")
def three(micro_params, tmp_path_factory):
    """A plan with three seeds, finished: GA collapses with two of them, NPO with one."""
    says = {"ga, seed 3": (0.0, 0.9), "npo, seed 2": (0.2, 0.1)}
    return _finished(planned(micro_params, seeds=(1, 2, 3)), tmp_path_factory.mktemp("three"), says)


def _finished(made, folder, says=None):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNLEARNKIT_LOCAL", str(folder))
        made_up.finish(made, says)
    return made, folder


@pytest.fixture
def with_one(one, monkeypatch):
    monkeypatch.setenv("UNLEARNKIT_LOCAL", str(one[1]))
    return one[0]


@pytest.fixture
def with_three(three, monkeypatch):
    monkeypatch.setenv("UNLEARNKIT_LOCAL", str(three[1]))
    return three[0]


def by_method(found: list[dict]) -> dict[str, dict]:
    return {record["method"]: record for record in found}


def samples_of(made, method: str, seed: int = 1) -> list[dict]:
    row = next(row for row in made.rows if row.method == method)
    draw = next(draw for draw in row.draws if draw.seed == seed)
    return runs.read_samples(runs.folder(draw.run, "row") / "samples.jsonl.gz")


# --- draws --------------------------------------------------------------------------------------------------


def test_a_draw_has_the_metrics_of_its_samples(with_one):
    found = by_method(tables.draws(with_one, {}))
    assert tuple(found) == ROWS
    for method, record in found.items():
        metrics = tofu_metrics(samples_of(with_one, method), samples_of(with_one, "retain"))
        assert {key: record[key] for key in metrics} == metrics
        assert (record["row"], record["seed"], record["n_forget"]) == (f"llama/{method}", 1, 8)
        assert record["printed_base_model"] == "Llama2-7B"
    assert found["npo"] | {"steps": 3, "learning_rate": 1e-3, "unlearning_seconds": 1.5} == found["npo"]
    assert found["original"] | {"steps": None, "learning_rate": None, "unlearning_seconds": None} == found["original"]


def test_forget_quality_by_author_is_of_the_same_questions(with_one, monkeypatch):
    """The retain model's samples in another order: each question still meets its own, and its author."""
    npo, retain = samples_of(with_one, "npo"), samples_of(with_one, "retain")
    stored = by_method(tables.draws(with_one, {}))["npo"]
    given, quality = [], clustered.forget_quality
    monkeypatch.setattr(clustered, "forget_quality", lambda *lists: given.append(lists) or quality(*lists))
    again = tables.metrics(npo, retain[::-1], "all")
    assert {key: stored[key] for key in again} == again
    gold = {sample["item"]: _ratio(sample) for sample in _forget(retain)}
    for found, expected in zip(
        given[0],
        zip(*((_ratio(one), gold[one["item"]], one["author"]) for one in _forget(npo)), strict=True),
        strict=True,
    ):
        assert list(found) == pytest.approx(list(expected))
    assert again["forget_authors"] == 2 and again["forget_quality_clustered_floor"] == 0.5
    assert again["forget_quality_clustered_p"] == quality(*given[0]).p


def _forget(samples: list[dict]) -> list[dict]:
    return [sample for sample in samples if sample["set"] == "forget"]


def _ratio(sample: dict) -> float:
    nll = {"paraphrased": [], "perturbed": [], "answer": []}
    for answer in sample["answers"]:
        nll[answer["role"]].append(-answer["logp"] / answer["n_tokens"])
    return exp(nll["paraphrased"][0] - sum(nll["perturbed"]) / len(nll["perturbed"]))


def test_retain_rouge_is_split_where_training_may_touch_some_authors_only(with_one):
    npo, retain = samples_of(with_one, "npo"), samples_of(with_one, "retain")
    split = tables.metrics(npo, retain, "every_second_author")
    values = {
        name: [s["rouge_l_recall"] for s in npo if s["set"] == "retain" and s["author"] % 2 == parity]
        for name, parity in (("touched", 0), ("untouched", 1))
    }
    for name, members in values.items():
        assert len(members) >= 2
        assert split[f"retain_{name}_rouge_l_recall"] == pytest.approx(sum(members) / len(members))
    whole = tables.metrics(npo, retain, "all")
    assert set(split) - set(whole) == {"retain_touched_rouge_l_recall", "retain_untouched_rouge_l_recall"}


def test_each_seed_is_measured_against_its_own_models(with_three):
    drawn = tables.draws(with_three, {})
    assert [(one["method"], one["seed"]) for one in drawn] == [(method, seed) for method in ROWS for seed in (1, 2, 3)]
    retain = {seed: samples_of(with_three, "retain", seed) for seed in (1, 2, 3)}
    for one in drawn:
        again = tofu_metrics(samples_of(with_three, one["method"], one["seed"]), retain[one["seed"]])
        assert {key: one[key] for key in again} == again
    for one in drawn:
        if one["method"] == "retain":
            assert (one["forget_quality_p"], one["forget_rouge_l_gap"]) == (1.0, 0.0)


def test_a_draw_collapses_below_half_of_its_own_originals_retain_rouge(micro_params, local):
    made = planned(micro_params, seeds=(1, 2))
    # Seed 2's original knows little, so that the same row keeps more than half of it.
    made_up.finish(made, {"original, seed 2": (0.5, 0.3), "npo, seed 1": (0.4, 0.3), "npo, seed 2": (0.4, 0.3)})
    status = {(one["method"], one["seed"]): one["status"] for one in tables.draws(made, {})}
    assert (status["npo", 1], status["npo", 2]) == ("collapsed", "ok")
    assert status["base", 1] == "ok", "the base model has nothing to keep"
    assert all(status["original", seed] == "ok" for seed in (1, 2))


def test_exactly_half_is_not_collapsed(with_one, monkeypatch):
    found = by_method(tables.draws(with_one, {}))
    half = found["npo"]["retain_rouge_l_recall"] / found["original"]["retain_rouge_l_recall"]
    monkeypatch.setattr(tables, "COLLAPSED_BELOW", half)
    assert by_method(tables.draws(with_one, {}))["npo"]["status"] == "ok"
    monkeypatch.setattr(tables, "COLLAPSED_BELOW", half * 1.001)
    again = by_method(tables.draws(with_one, {}))["npo"]
    assert again["status"] == "collapsed" and again["reason"].startswith("retain ROUGE-L below 0.")


def test_rows_without_a_result_say_why(micro_params, local):
    made = planned(micro_params)
    by_name = {run.name: run for run in made.runs.values()}
    for name, run in by_name.items():
        if name not in ("llama/npo", "llama/flat_kl"):
            made_up.finish_run(made, run)
    found = by_method(tables.draws(made, {by_name["llama/npo"].key: "out of memory"}))
    assert (found["npo"]["status"], found["npo"]["reason"]) == ("failed", "out of memory")
    assert (found["flat_kl"]["status"], found["flat_kl"]["reason"]) == ("missing", None)
    assert "forget_quality_p" not in found["npo"]
    assert found["retain_2"]["status"] == "ok"


def test_before_the_retain_model_is_there_nothing_is_measured_against_it(micro_params, local):
    made = planned(micro_params)
    for run in made.runs.values():
        if run.name != "llama/retain":
            made_up.finish_run(made, run)
    npo = by_method(tables.draws(made, {}))["npo"]
    assert npo["status"] == "ok" and "model_utility_geometric" in npo
    assert not [key for key in npo if key.startswith("forget_quality") or key == "forget_rouge_l_gap"]


@pytest.mark.parametrize("behind", ["llama/npo", "llama/original model", "llama/base model"])
def test_a_row_is_stale_where_any_run_behind_it_was_made_by_other_code(behind, micro_params, local):
    made = planned(micro_params)
    made_up.finish(made)
    run = next(run for run in made.runs.values() if run.name == behind)
    path = runs.folder(run) / "manifest.json"
    path.write_text(path.read_text().replace(runs.source_hash(), "0" * 16))
    status = {record["method"]: record["status"] for record in tables.draws(made, {})}
    expected = {"llama/npo": {"npo"}, "llama/original model": {"original", "ga", "npo", "flat_kl"}}
    assert {method for method, word in status.items() if word == "stale"} == expected.get(behind, set(ROWS))


# --- records ------------------------------------------------------------------------------------------------


def test_with_one_seed_a_record_is_its_draw(with_one):
    drawn = tables.draws(with_one, {})
    for record, draw in zip(tables.records(with_one, drawn), drawn, strict=True):
        assert record == {key: value for key, value in draw.items() if key != "seed"} | {"seeds": 1}


def test_with_several_seeds_the_median_was_observed_and_the_range_stands_beside_it(with_three):
    drawn = tables.draws(with_three, {})
    for record in tables.records(with_three, drawn):
        assert record["seeds"] == 3 and "seed" not in record
        mine = [one for one in drawn if one["row"] == record["row"]]
        for key in ("forget_quality_p", "model_utility_geometric", "retain_rouge_l_recall", "forget_rouge_l_gap"):
            values = sorted(one[key] for one in mine)
            assert [record[f"{key}_lo"], record[key], record[f"{key}_hi"]] == values
        for key in ("learning_rate", "steps", "n_forget", "forget_quality_n", "forget_quality_lcm"):
            assert record[key] == mine[0][key] and f"{key}_lo" not in record


def draw(seed: int, status: str = "ok", **changes) -> dict:
    return (
        {
            "row": "llama/npo",
            "method": "npo",
            "seed": seed,
            "status": status,
            "reason": None if status == "ok" else f"{status} for a reason",
            "learning_rate": 1e-3,
        }
        | ({"p": float(seed), "part": "a"} if status not in ("failed", "missing") else {})
        | changes
    )


def test_of_an_even_number_of_seeds_the_lower_middle_one():
    record = tables.record_of([draw(4), draw(1), draw(3), draw(2)])
    assert (record["p"], record["p_lo"], record["p_hi"]) == (2.0, 1.0, 4.0)
    assert tables.record_of([draw(5), draw(2)])["p"] == 2.0


def test_text_and_missing_values_have_no_median():
    record = tables.record_of([draw(1, part="b", q=None), draw(2, q=None), draw(3, q=None)])
    assert (record["part"], record["q"]) == ("a", None)
    assert not {"part_lo", "q_lo"} & record.keys()


@pytest.mark.parametrize(
    ("statuses", "expected", "reason"),
    [
        ("ok ok ok", "ok", None),
        ("ok collapsed ok", "ok", "1 of 3 seeds: collapsed for a reason"),
        ("collapsed collapsed ok", "collapsed", "2 of 3 seeds: collapsed for a reason"),
        ("collapsed ok", "ok", "1 of 2 seeds: collapsed for a reason"),
        ("ok stale collapsed", "stale", "1 of 3 seeds: stale for a reason"),
        ("stale missing ok", "missing", "1 of 3 seeds: missing for a reason"),
        ("missing failed stale", "failed", "1 of 3 seeds: failed for a reason"),
    ],
)
def test_the_worst_status_counts_and_most_must_collapse(statuses, expected, reason):
    record = tables.record_of([draw(seed, status) for seed, status in enumerate(statuses.split(), 1)])
    assert (record["status"], record["reason"]) == (expected, reason)
    assert ("p" in record) == (expected not in ("failed", "missing"))


def test_collapsed_rows_of_three_seeds(with_three):
    found = by_method(tables.records(with_three, tables.draws(with_three, {})))
    assert found["ga"]["status"] == "collapsed" and found["ga"]["reason"].startswith("2 of 3 seeds: retain ROUGE-L")
    assert found["npo"]["status"] == "ok" and found["npo"]["reason"].startswith("1 of 3 seeds: retain ROUGE-L")
    assert (found["flat_kl"]["status"], found["flat_kl"]["reason"]) == ("ok", None)


def test_a_row_whose_selection_collapsed_is_collapsed(with_one):
    rows = [dataclasses.replace(row, collapsed=row.method in ("npo", "ga")) for row in with_one.rows]
    made = dataclasses.replace(with_one, rows=rows)
    drawn = tables.draws(made, {})
    found = by_method(tables.records(made, drawn))
    for method in ("ga", "npo"):
        assert found[method]["status"] == "collapsed"
        assert found[method]["reason"] == "on the validation authors no point of the grid kept enough"
    assert found["flat_kl"]["status"] == "ok"
    missing = [one | {"status": "missing"} if one["method"] == "npo" else one for one in drawn]
    assert by_method(tables.records(made, missing))["npo"]["status"] == "missing"


# --- files --------------------------------------------------------------------------------------------------


def test_a_table_survives_being_written(with_three, tmp_path):
    drawn = tables.draws(with_three, {})
    for found in (drawn, tables.records(with_three, drawn)):
        tables.write_csv(tmp_path / "t.csv", found)
        again = tables.read_csv(tmp_path / "t.csv")
        assert len(again) == len(found)
        for record, other in zip(found, again, strict=True):
            assert {key: other[key] for key in record} == record
            assert all(other[key] is None for key in other.keys() - record.keys())
    with (tmp_path / "t.csv").open() as stream:
        columns = next(csv.reader(stream))
    leading = [key for key in tables.LEADING if key not in ("seed", "fold", "note")]  # of draws, of other tables
    assert columns[: len(leading)] == leading


def test_a_table_that_is_not_there_is_empty(tmp_path):
    assert tables.read_csv(tmp_path / "no.csv") == []


def test_rows_have_folders_of_their_own():
    names = ["llama/flat_kl", "llama/flat_kl_release", "llama/flat_kl_paper_setting", "llama/original model, seed 2"]
    folders = [tables.row_folder(name) for name in names]
    assert len(set(folders)) == 4
    assert not any(set(folder) & set("/ ,") for folder in folders)


def test_an_unknown_row_is_named(with_one):
    tables.check_rows(with_one, ["npo", "retain_2"])
    with pytest.raises(KitError) as caught:
        tables.check_rows(with_one, ["npo", "flat_k"])
    assert str(caught.value) == "made up: no row 'flat_k'; did you mean 'flat_kl'?"
