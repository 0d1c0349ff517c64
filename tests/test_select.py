"""The selection: its rule by hand, its file, and what of an earlier one stays; the fronts over the same grid."""

import copy
import json

import made_up
import pytest

from unlearnkit import front, grid, params, plan, plots, runs, select, tables
from unlearnkit.errors import KitError
from unlearnkit.metrics.samples import tofu_metrics, validation_metrics


def point(kept: float, p: float, rate: float = 1e-4, steps: int = 5) -> dict:
    """Half of the share that is kept stands for the retain ROUGE-L itself."""
    return {
        "retain_rouge_l_kept": kept,
        "retain_rouge_l_recall": kept / 2,
        "forget_quality_p": p,
        "learning_rate": rate,
        "steps": steps,
    }


# --- the rule -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("points", "best"),
    [
        # Forgets best of those that keep enough; what keeps too little may forget better.
        ([point(0.9, 0.1), point(0.85, 0.5), point(0.79, 0.9), point(1.0, 0.2)], 1),
        # Exactly enough is enough.
        ([point(0.8, 0.9), point(1.0, 0.2)], 0),
        # As good: the one that keeps more, then with fewer steps, then with the smaller learning rate.
        ([point(0.85, 0.5), point(0.9, 0.5)], 1),
        ([point(0.9, 0.5, steps=10), point(0.9, 0.5, steps=5), point(0.9, 0.5, steps=20)], 1),
        ([point(0.9, 0.5, rate=4e-4), point(0.9, 0.5, rate=2e-4), point(0.9, 0.5, rate=8e-4)], 1),
        ([point(0.9, 0.5, rate=1e-4, steps=10), point(0.9, 0.5, rate=8e-4, steps=5)], 1),
    ],
)
def test_the_rule(points, best):
    for order in (points, points[::-1]):
        assert select.choose(order, 0.8) == points[best] | {"collapsed": False}


@pytest.mark.parametrize(
    ("points", "best"),
    [
        ([point(0.3, 0.9), point(0.7, 0.1), point(0.5, 0.5)], 1),  # keeps most, however it forgets
        ([point(0.7, 0.1, steps=10), point(0.7, 0.9, steps=20)], 0),
        ([point(0.7, 0.1, rate=2e-4), point(0.7, 0.9, rate=1e-4)], 1),
    ],
)
def test_where_no_point_keeps_enough_the_method_is_collapsed(points, best):
    for order in (points, points[::-1]):
        assert select.choose(order, 0.8) == points[best] | {"collapsed": True}


def test_a_choice_at_the_edge_of_the_grid_is_marked(micro_params):
    content = micro_params()
    content["selection"] |= {"learning_rates": [1e-4, 4e-4, 2e-4], "steps": [5, 20, 10]}
    edges = params.parse(content, "x").selection
    assert select.at_edge(point(1, 1, rate=2e-4, steps=10), edges) == []
    assert select.at_edge(point(1, 1, rate=4e-4, steps=10), edges) == ["learning_rate"]
    assert select.at_edge(point(1, 1, rate=1e-4, steps=5), edges) == ["learning_rate", "steps"]
    assert select.at_edge(point(1, 1, rate=2e-4, steps=20), edges) == ["steps"]


# --- a selection of finished runs ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def content(micro_params):
    """Two base models, GA, NPO with a parameter of its own, FLAT (KL); a grid of two learning rates and three steps."""
    given = micro_params() | {"profile": "made_up"}
    given["unlearn"]["default"] = "selected"
    given["selection"] |= {"learning_rates": [1e-3, 2e-3], "steps": [4, 1, 2]}
    second = copy.deepcopy(given["base_models"]["llama"])
    second["scratch"]["architecture"]["hidden_size"] = 64
    given["base_models"]["wide"] = second
    given["rows"] = [{"method": method} for method in ("base", "original", "retain", "retain_2", "ga", "flat_kl")]
    given["rows"] += [{"method": "npo", "parameters": {"beta": 0.3}}, {"method": "npo", "setting": "paper"}]
    return params.parse(given, "made up")


# GA keeps too little at any learning rate, NPO at the higher one; FLAT keeps everything.
SAYS = {
    "ga at 0.001": (0.0, 0.3),
    "ga at 0.002": (0.0, 0.1),
    "npo at 0.001": (0.6, 1.0),
    "npo at 0.002": (0.3, 0.3),
    "flat_kl at 0.001": (0.9, 1.0),
    "flat_kl at 0.002": (0.3, 1.0),
}
EVERY = [f"{model}/{method}" for model in ("llama", "wide") for method in ("ga", "flat_kl", "npo")]


def finished(content, purpose: str, folder):
    made = grid.make(content, "made up", purpose)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNLEARNKIT_LOCAL", str(folder))
        made_up.finish(made, {f"{purpose}, {name}": shares for name, shares in (SAYS | REFERENCES).items()})
    return made, folder


REFERENCES = {"original": (1.0, 1.0), "retain": (0.3, 1.0)}


@pytest.fixture(scope="module")
def selecting(content, tmp_path_factory):
    return finished(content, "selection", tmp_path_factory.mktemp("selection"))


@pytest.fixture
def made(selecting, tmp_path, monkeypatch):
    """The finished grid; the selection goes to a folder of the test."""
    monkeypatch.setenv("UNLEARNKIT_LOCAL", str(selecting[1]))
    monkeypatch.setattr(plan, "selection_file", lambda _: tmp_path / "table4.selected.json")
    return selecting[0]


def samples_of(made, base_model: str, label: str, name: str = "samples.jsonl.gz") -> list[dict]:
    run = next(run for run in made.runs.values() if run.name == f"{base_model}/selection, {label}")
    return runs.read_samples(runs.folder(run) / name)


def test_every_point_is_measured_on_its_own_samples(made):
    found = select.points(made, "wide", ["wide/npo", "wide/ga", "llama/npo"])
    labels = [(p["base_model"], p["method"], p["learning_rate"], p["steps"]) for p in found]
    assert labels == [
        ("wide", method, rate, steps) for method in ("ga", "npo") for rate in (1e-3, 2e-3) for steps in (1, 2, 4)
    ]
    retain = samples_of(made, "wide", "retain")
    at_start = validation_metrics(samples_of(made, "wide", "original"), retain)["retain_rouge_l_recall"]
    for p in found:
        label = f"{p['method']} at {p['learning_rate']:g}"
        measured = validation_metrics(samples_of(made, "wide", label, f"samples-{p['steps']}.jsonl.gz"), retain)
        assert {key: p[key] for key in measured} == measured
        assert p["retain_rouge_l_kept"] == measured["retain_rouge_l_recall"] / at_start


def test_the_file_holds_the_rules_choice_for_each_base_model_and_method(made):
    written = select.write(made, EVERY)
    assert written == json.loads(plan.selection_file(made.params).read_text())
    for name in ("llama", "wide"):
        points = select.points(made, name, EVERY)
        assert written["chosen"][name].keys() == {"ga", "npo", "flat_kl"}
        for method, choice in written["chosen"][name].items():
            best = select.choose([p for p in points if p["method"] == method], 0.8)
            assert {key: choice[key] for key in best} == best
            assert choice["n_forget"] == 40
            assert choice["at_edge"] == select.at_edge(best, made.params.selection)
            assert choice["source_hash"] == runs.source_hash()
        assert [p for p in written["points"] if p["base_model"] == name] == sorted(
            points, key=lambda p: (p["method"], p["learning_rate"], p["steps"])
        )
        assert written["chosen"][name]["ga"]["collapsed"] is True
        assert (written["chosen"][name]["npo"]["learning_rate"], written["chosen"][name]["npo"]["collapsed"]) == (
            1e-3,
            False,
        )
        assert written["chosen"][name]["flat_kl"]["learning_rate"] == 2e-3
    assert written["rule"].startswith("one for all methods: of the grid points") and "  " not in written["rule"]


def test_the_table_takes_the_choice_up(made, content):
    written = select.write(made, EVERY)
    table = plan.make(content, "made up")
    for row in table.rows:
        if row.training and row.setting is None:
            choice = written["chosen"][row.base_model][row.method]
            assert (row.training["learning_rate"], row.training["steps"]) == (choice["learning_rate"], choice["steps"])
            assert row.collapsed == (row.method == "ga")


def test_what_was_chosen_for_other_rows_stays(made):
    first = select.write(made, EVERY)
    file = plan.selection_file(made.params)
    marked = copy.deepcopy(first)
    for choices in marked["chosen"].values():
        for choice in choices.values():
            choice["commit"] = "an earlier one"
    runs.write_json(file, marked | {"points": [p | {"earlier": True} for p in marked["points"]]})
    second = select.write(made, ["llama/npo"])
    anew = [
        f"{name}/{method}"
        for name, choices in second["chosen"].items()
        for method, choice in choices.items()
        if choice["commit"] != "an earlier one"
    ]
    assert anew == ["llama/npo"]
    assert {name: choices.keys() for name, choices in second["chosen"].items()} == {
        name: choices.keys() for name, choices in first["chosen"].items()
    }
    assert second["chosen"]["llama"]["npo"] == first["chosen"]["llama"]["npo"]
    assert {f"{p['base_model']}/{p['method']}" for p in second["points"] if "earlier" not in p} == {"llama/npo"}
    assert [{k: v for k, v in p.items() if k != "earlier"} for p in second["points"]] == first["points"]


def test_a_part_of_the_rows_needs_only_their_runs(made, selecting, local):
    """As after `--rows npo --model llama`: the other runs of the grid are not there."""
    for run in made.runs.values():
        if run.name.startswith("llama/") and (run.kind != "row" or "npo" in run.name or "at" not in run.name):
            made_up.finish_run(made, run, (1.0, 1.0) if run.name.endswith("original") else (0.5, 0.9))
    written = select.write(made, ["llama/npo"])
    assert {name: list(choices) for name, choices in written["chosen"].items()} == {"llama": ["npo"]}
    assert len(written["points"]) == 6


def test_runs_of_other_code_are_refused(made, content, local):
    anew = grid.make(content, "made up", "selection")
    made_up.finish(anew)
    run = next(run for run in anew.runs.values() if run.name == "llama/selection, npo at 0.001")
    path = runs.folder(run) / "manifest.json"
    path.write_text(path.read_text().replace(runs.source_hash(), "0" * 16))
    with pytest.raises(KitError) as caught:
        select.write(anew, ["llama/ga", "llama/npo"])
    assert str(caught.value) == (
        "1 runs of the grid were made by other code, e.g. llama/selection, npo at 0.001; run with FRESH=1"
    )
    assert not plan.selection_file(content).exists()
    select.write(anew, ["llama/ga"])  # does not stand on it


def test_an_original_that_says_nothing_is_an_error(content, local):
    made = grid.make(content, "made up", "selection")
    made_up.finish(made, {"selection, original": (0.5, 0.0)})
    with pytest.raises(KitError) as caught:
        select.points(made, "llama", EVERY)
    assert str(caught.value) == ("made up: llama: the original model's retain ROUGE-L is 0; there is nothing to keep")


# --- fronts -------------------------------------------------------------------------------------------------


@pytest.fixture
def drawn(content, tmp_path, monkeypatch):
    """(grid of fronts, result folder) without a selection; figures have tests of their own."""
    made, _ = finished(content, "front", tmp_path)
    monkeypatch.setenv("UNLEARNKIT_LOCAL", str(tmp_path))
    monkeypatch.setattr(plan, "selection_file", lambda _: tmp_path / "table4.selected.json")
    monkeypatch.setattr(plots, "fronts", lambda points, references, base_model, caption: base_model, raising=False)
    monkeypatch.setattr(plots, "save", lambda figure, folder, name: (folder / f"{name}.png").write_text(figure))
    return made


def test_a_front_has_every_point_and_the_reference_rows(drawn):
    target = front.write(drawn, EVERY)
    points, references = front.read(target)
    assert target == front.folder(drawn) and target.name == "table4_front"
    assert len(points) == 2 * 3 * 2 * 3
    for row in references:
        measured = tofu_metrics(
            tables.read_samples(tables.samples_file(_run(drawn, f"{row['base_model']}/front, {row['method']}"))),
            tables.read_samples(tables.samples_file(_run(drawn, f"{row['base_model']}/front, retain"))),
        )
        assert {key: row[key] for key in measured} == measured
    assert [row["method"] for row in references] == ["original", "retain"] * 2
    assert all("model_utility_geometric" in p and p["selected"] is False for p in points)
    for p in points:
        assert p["status"] == ("collapsed" if p["retain_rouge_l_kept"] < 0.5 else "ok")
    assert {p["status"] for p in points} == {"ok", "collapsed"}
    assert {path.name for path in target.glob("*.png")} == {"front_llama.png", "front_wide.png"}
    manifest = json.loads((target / "manifest.json").read_text())
    assert manifest["plan_key"] == drawn.key and len(manifest["files"]) == 4
    assert all(runs.sha256(target / name) == known for name, known in manifest["files"].items())


def _run(made, name: str) -> str:
    return next(run.key for run in made.runs.values() if run.name == name)


def test_a_front_marks_what_was_chosen(drawn):
    chosen = {"llama": {"npo": {"learning_rate": 1e-3, "steps": 2}}}
    plan.selection_file(drawn.params).write_text(json.dumps({"chosen": chosen}))
    points, _ = front.read(front.write(drawn, EVERY))
    marked = [(p["base_model"], p["method"], p["learning_rate"], p["steps"]) for p in points if p["selected"]]
    assert marked == [("llama", "npo", 1e-3, 2)]


def test_a_front_of_some_rows(drawn):
    points, references = front.read(front.write(drawn, ["wide/npo"]))
    assert {(p["base_model"], p["method"]) for p in points} == {("wide", "npo")}
    assert {row["base_model"] for row in references} == {"wide"}
