"""Table 7 (A Closer Look, continual): how its chains are planned, and what it refuses."""

import copy
import json
from pathlib import Path

import pytest
import yaml

from unlearnkit import methods, papers, params, planned, terms
from unlearnkit.errors import KitError

FILE = Path(__file__).resolve().parent.parent / "params" / "tiny" / "table7.yaml"
CONTENT = yaml.safe_load(FILE.read_text(encoding="utf-8"))
REFERENCES = [{"method": "original"}, {"method": "retain"}]
REQUESTS = range(1, 5)


def make(**changes) -> planned.Plan:
    return papers.make(params.parse(copy.deepcopy(CONTENT) | changes, "here"), "here")


def data(**changes) -> dict:
    return {"data": CONTENT["data"] | changes}


def chain_of(plan: planned.Plan, label: str, seed: int = 0) -> list[planned.Run]:
    """The runs of a method, request after request."""
    rows = {row.label: row for row in plan.rows}
    return [plan.runs[rows[f"{label}_request_{number}"].draws[seed].run] for number in REQUESTS]


@pytest.fixture(scope="module")
def table() -> planned.Plan:
    return make()


def test_a_row_is_a_method_at_a_request_and_has_a_name_of_its_own(table):
    expected = [(row["method"], row.get("note"), f"request {number}") for row in CONTENT["rows"] for number in REQUESTS]
    assert [(row.method, row.note, row.fold) for row in table.rows] == expected
    assert len({row.name for row in table.rows}) == len(expected)
    for row in table.rows:
        assert [draw.seed for draw in row.draws] == [1, 2]
        for draw in row.draws:
            shared = row.note == "fixed reference" and row.fold == "request 1"  # nothing came before
            assert table.runs[draw.run].name == (
                f"llama/npo_rt_request_1, seed {draw.seed}" if shared else f"{row.name}, seed {draw.seed}"
            )


def test_every_request_starts_from_what_the_one_before_left(table):
    for label in ("gd", "npo_rt", "npo_rt_fixed_reference", "me_gd", "idk_ap", "me", "me_gd_mixture"):
        for seed in (0, 1):
            original = chain_of(table, "original", seed)[0].spec["start"]
            chain = chain_of(table, label, seed)
            starts = [run.spec["start"] for run in chain]
            assert starts == [original, *({"run": run.key} for run in chain[:-1])]
            assert len({run.key for run in chain}) == 4
            for number, run in zip(REQUESTS, chain, strict=True):
                assert run.spec["start"]["run"] in run.needs
                assert (run.spec["forget_set"], run.spec["request"]) == (f"request_{number}", number)
                assert run.spec["evaluated"]["forget"] == f"request_{number}_perturbed"
                assert run.spec["evaluated"]["retain"] == "retain_perturbed", "the same questions after every request"
                assert run.spec["seed"] == table.params.seeds[seed]
    done = set()
    for key, run in table.runs.items():
        assert set(run.needs) <= done, f"{run.name} is planned before what it needs"
        done.add(key)
    assert all(json.loads(json.dumps(run.spec)) == run.spec for run in table.runs.values())


def test_reference_rows_are_one_model_asked_about_every_request(table):
    for method, sets in (("original", ["full"]), ("retain", ["remaining_4"])):
        for seed in (0, 1):
            chain = chain_of(table, method, seed)
            (start,) = {run.spec["start"]["run"] for run in chain}
            assert table.runs[start].spec["splits"] == [*sets, "general_refusals"]
            assert table.runs[start].spec["seed"] == seed + 1
            assert [run.spec["unlearn"] for run in chain] == [None] * 4
    for row in table.rows:
        number = int(row.fold[-1])
        retain = [chain_of(table, "retain", seed)[number - 1].key for seed in (0, 1)]
        assert [draw.retain_run for draw in row.draws] == retain


def test_the_retain_model_never_saw_a_requested_author_nor_are_retain_questions_about_one(table):
    source = table.data
    learnt = {row["question"] for row in source.rows("remaining_4")}
    asked = {row["question"] for number in REQUESTS for row in source.rows(f"request_{number}")}
    kept = {row["question"] for row in source.rows("retain_perturbed")}
    assert not learnt & asked and kept <= learnt
    ten = make(**data(requests=10)).data
    assert {row["question"] for row in ten.rows("retain_perturbed")} <= {
        row["question"] for row in ten.rows("remaining_10")
    }


def test_another_second_retain_model_is_the_next_seeds():
    for seeds, expected in (([1, 2], [2, 1]), ([5], [6])):
        plan = make(rows=[*REFERENCES, {"method": "retain_2"}, {"method": "base"}], seeds=seeds)
        rows = {row.label: row for row in plan.rows}
        starts = [plan.runs[draw.run].spec["start"]["run"] for draw in rows["retain_2_request_1"].draws]
        assert [plan.runs[start].spec["seed"] for start in starts] == expected
        assert all(plan.runs[start].spec["splits"][0] == "remaining_4" for start in starts)
        base = plan.runs[rows["base_request_1"].draws[0].run].spec["start"]["run"]
        assert plan.runs[base].kind == "base_model"


def test_a_fixed_reference_is_the_original_model_from_the_second_request_on(table):
    for seed in (0, 1):
        moving, fixed = (chain_of(table, label, seed) for label in ("npo_rt", "npo_rt_fixed_reference"))
        original = moving[0].spec["start"]
        assert fixed[0].key == moving[0].key, "the first request starts from it anyway"
        assert [run.spec.get("reference") for run in fixed] == [None, *3 * [original]]
        assert not [run for run in moving if "reference" in run.spec]
        assert all(original["run"] in run.needs for run in fixed)
        first, second = moving[1].spec, fixed[1].spec
        assert second == first | {"reference": original}


def test_retain_data_are_in_the_spec_of_methods_that_take_some_and_in_no_others(table):
    mixes = {
        "gd": {"random": 1.0},
        "idk_ap": {"random": 1.0},
        "me_gd": {"random": 1.0},
        "me_gd_task": {"task": 1.0},
        "me_gd_unrelated": {"unrelated": 1.0},
        "me_gd_mixture": {"random": 0.5, "nearest": 0.25, "task": 0.25},
        "me": None,
        "original": None,
    }
    others = {"me_gd_task": "general", "me_gd_unrelated": "pretrain", "me_gd_mixture": "general"}
    for label, mix in mixes.items():
        for number, run in zip(REQUESTS, chain_of(table, label), strict=True):
            assert run.spec.get("retain_mix") == mix
            read = set(run.spec["data_fingerprints"])
            assert (f"remaining_{number}" in read) == (mix is not None)
            assert {"general", "pretrain"} & read == ({others[label]} if label in others else set())
            assert not {f"request_{other}" for other in REQUESTS if other != number} & read
    for row in table.rows:
        if row.training:
            parts = methods.variant(row.method, row.variant).parts
            run = table.runs[row.draws[0].run]
            assert ("retain_mix" in run.spec) == bool(terms.FROM_RETAIN.intersection(parts))
            assert ("templates_fingerprint" in run.spec) == bool(terms.FROM_TEMPLATES.intersection(parts))


def test_a_mix_is_part_of_the_keys_of_its_own_rows_alone(table):
    rows = copy.deepcopy(CONTENT["rows"])
    (task,) = (row for row in rows if row.get("note") == "task")
    task["retain_mix"] = {"task": 1.0, "random": 1.0}
    changed = {run.name for key, run in make(rows=rows).runs.items() if key not in table.runs}
    assert changed == {f"llama/me_gd_task_request_{number}, seed {seed}" for number in REQUESTS for seed in (1, 2)}


def test_base_and_original_model_are_table_6s_however_many_requests_there_are(table):
    file = FILE.with_name("table6.yaml")
    six = papers.make(params.read(file), str(file))
    for plan in (table, make(**data(requests=3), seeds=[1])):
        original = chain_start(plan, "original")
        assert original.key in six.runs and original.needs[0] in six.runs
        assert chain_start(plan, "retain").key not in six.runs, "it lacks other authors"


def chain_start(plan: planned.Plan, method: str) -> planned.Run:
    """The model behind a reference row, first seed."""
    row = next(row for row in plan.rows if row.method == method)
    return plan.runs[plan.runs[row.draws[0].run].spec["start"]["run"]]


def test_tiny_judges_are_needed_by_every_row(table):
    (trained,) = (run for run in table.runs.values() if run.kind == "judges")
    rows = [run for run in table.runs.values() if run.kind == "row"]
    assert len(rows) == (13 * 4 - 1) * 2 and all(trained.key in run.needs for run in rows)
    assert all(run.spec["judges"] == {"encoder": {"run": trained.key}, "nli": {"run": trained.key}} for run in rows)


def test_methods_are_called_as_a_closer_look_calls_them(table):
    names = list(dict.fromkeys(row.printed_as for row in table.rows))
    assert names[2:8] == ["GA+GD", "NPO+GD", "NPO+GD, fixed reference", "ME+GD", "DPO+GD", "IDK+AP"]
    assert names[9:] == ["ME+GD, nearest", "ME+GD, task", "ME+GD, unrelated", "ME+GD, mixture"]


def method(**row) -> dict:
    return {"rows": [*REFERENCES, row]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (data(requests=11), "here: data.requests: .*only 20 authors have wrong answers .*, so at most 10"),
        (data(requests=1), "here: data.requests: Input should be greater than or equal to 2"),
        (data(forget_splits=["forget01"]), "here: unknown key 'data.forget_splits'"),
        (data(retain_pool="every_second_author"), "here: data.retain_pool: no such value 'every_second_author'"),
        (method(method="me_gd", retain_mix={"nearst": 1.0}), "here: rows.2.retain_mix: no fill 'nearst'; did you mean"),
        (
            method(method="me_gd", retain_mix={"task": 1.0, "random": 0.0}),
            "here: rows.2.retain_mix: the weight of 'random' is 0.0, not above 0",
        ),
        (method(method="me_gd", retain_mix={}), "here: rows.2.retain_mix: nothing to draw from; a method without"),
        (
            method(method="me", retain_mix={"task": 1.0}),
            "here: rows.2: retain_mix: 'me' takes no retain data; leave it out",
        ),
        (
            method(method="me_gd", reference="fixed"),
            "here: rows.2: reference: 'me_gd' compares with no other model; leave it out",
        ),
        (method(method="npo_rt", reference="still"), "here: rows.2.reference: no such value 'still'; "),
        (method(method="npo_rtt"), "here: rows.2: no method 'npo_rtt'; did you mean 'npo_rt'"),
        (
            {"rows": [*REFERENCES, {"method": "npo_rt"}, {"method": "npo_rt", "reference": "fixed"}]},
            r"here: rows.3: the row 'npo_rt' \(paper, paper\) is there twice",
        ),
        (
            {"rows": [*REFERENCES, *2 * [{"method": "npo_rt", "note": "fixed"}]]},
            r"here: rows.3: the row 'npo_rt' \(paper, paper, fixed\) is there twice",
        ),
        (
            {"rows": [{"method": "original", "retain_mix": {"task": 1.0}}, *REFERENCES[1:]]},
            "here: rows.0.retain_mix: the reference row 'original' has none of its own",
        ),
        ({"rows": REFERENCES[:1]}, "here: rows: what can be forgotten is read off the row 'retain', which is missing"),
        (
            {"base_models": {"llama": CONTENT["base_models"]["llama"] | {"retain_log": str(FILE)}}},
            "here: base_models.llama.retain_log: logs hold no answers to be judged; set it to null",
        ),
        (
            {"judges": CONTENT["judges"] | {"nli": {"source": "no where", "revision": None}}},
            "here: judges: either both judges are tiny or none is",
        ),
    ],
)
def test_a_mistake_is_one_line_with_file_and_key(changes, message):
    with pytest.raises(KitError, match=message) as raised:
        make(**changes)
    assert "\n" not in str(raised.value)


def test_there_are_no_forget_splits():
    with pytest.raises(KitError, match=r"^here: table7 has no forget splits$"):
        papers.make(params.parse(copy.deepcopy(CONTENT), "here"), "here", "forget01")
