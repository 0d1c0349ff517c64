"""The likeness study: which questions a class holds, how its rows are planned, what retain data do, and its figure."""

import copy
import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
import yaml

from unlearnkit import papers, params, planned, plots, report, results, runs
from unlearnkit.data import benchmarks, likeness, templates, tofu
from unlearnkit.data.universe.generate import ASPECTS
from unlearnkit.errors import KitError
from unlearnkit.metrics import likeness as metrics

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "params" / "tiny" / "table6_likeness.yaml"
CONTENT = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SOURCE = likeness.Source("universe", "forget05")
NUMBERS = {row["question"]: divmod(index, tofu.QUESTIONS) for index, row in enumerate(tofu.load("universe", "full"))}
ABOUT_AUTHORS = [kind for kind in likeness.CLASSES if kind != "unrelated"]


def make(**changes) -> planned.Plan:
    return papers.make(params.parse(copy.deepcopy(CONTENT) | changes, "here"), "here")


def questions(name: str) -> set[str]:
    return {row["question"] for row in SOURCE.load(name)}


def about(rows: list[dict]) -> tuple[set[int], set[int]]:
    """The authors of these questions, and which of the twenty questions they are."""
    authors, numbers = zip(*(NUMBERS[row["question"]] for row in rows), strict=True)
    return set(authors), set(numbers)


def test_half_of_what_the_authors_of_the_forget_split_are_asked_is_forgotten():
    authors, numbers = about(SOURCE.load("facts_forget"))
    assert authors == about(tofu.load("universe", "forget05"))[0] and len(authors) == 4
    assert numbers == set(range(0, 20, 2)) and SOURCE.size("facts_forget") == 40
    gone = questions("full") - questions("facts_remaining")
    assert gone == questions("facts_forget") and SOURCE.size("facts_remaining") == SOURCE.size("full") - 40


def test_no_question_is_in_two_sets_and_all_classes_have_the_size_of_the_forget_set():
    names = ["facts_forget", *(f"{kind}_{half}" for kind in likeness.CLASSES for half in likeness.HALVES)]
    counted = Counter(question for name in names for question in questions(name))
    assert set(counted.values()) == {1}
    assert {SOURCE.size(name) for name in names[1:]} == {20} and sum(counted.values()) == 40 + 5 * 40
    for kind in likeness.CLASSES:
        halves = [question for half in likeness.HALVES for question in questions(f"{kind}_{half}")]
        assert sorted(halves) == sorted(row["question"] for row in SOURCE.class_rows(kind))


@pytest.mark.parametrize("kind", ABOUT_AUTHORS)
def test_both_halves_of_a_class_ask_about_every_author_and_every_fact(kind):
    for half in likeness.HALVES:
        rows = SOURCE.load(f"{kind}_{half}")
        authors, numbers = about(rows)
        assert len(authors) == 4 and set(Counter(NUMBERS[row["question"]][0] for row in rows).values()) == {5}
        assert numbers == set(range(0, 20, 2) if kind == "same_questions" else range(1, 20, 2))


def test_of_two_classes_either_the_authors_or_the_questions_differ():
    forgotten, authors = (
        about(SOURCE.load("facts_forget"))[0],
        {k: about(SOURCE.class_rows(k))[0] for k in ABOUT_AUTHORS},
    )
    assert authors["same_authors"] == forgotten
    assert authors["same_questions"] == authors["other_genres"]
    assert not forgotten & (authors["same_genre"] | authors["other_genres"])
    assert not authors["same_genre"] & authors["other_genres"]
    assert not questions("full") & {row["question"] for row in SOURCE.class_rows("unrelated")}


def test_genres_are_what_the_answers_say():
    def genres(kind: str) -> set[str]:
        number, full = list(ASPECTS).index("genre"), tofu.load("universe", "full")
        answers = [full[author * 20 + number]["answer"].lower() for author in about(SOURCE.class_rows(kind))[0]]
        return {one for one in ASPECTS["genre"].values["genre"] if any(one in answer for answer in answers)}

    forgotten = genres("same_authors")
    assert genres("same_genre") <= forgotten
    words = {word for genre in forgotten for word in genre.split()}
    assert genres("other_genres") and not words & {word for genre in genres("other_genres") for word in genre.split()}
    assert len(SOURCE.genres()) == len(tofu.load("universe", "full")) // 20


def test_likeness_is_a_number_and_the_unrelated_is_the_least_alike():
    found = SOURCE.likeness()
    assert list(found) == list(likeness.CLASSES) and all(0 < value < 1 for value in found.values())
    assert min(found, key=found.get) == "unrelated"
    assert found["same_questions"] > found["other_genres"], "the same authors, the forgotten questions"
    assert found["same_authors"] > found["other_genres"], "the same questions, the forgotten authors"


def test_other_sets_are_tofus_own():
    assert SOURCE.load("retain_perturbed") == tofu.load("universe", "retain_perturbed")
    assert SOURCE.fingerprint("full") == tofu.fingerprint("universe", "full")
    names = ["facts_forget", "facts_remaining", "same_genre_drawn", "same_genre_evaluated"]
    assert len({SOURCE.fingerprint(name) for name in names}) == len(names)
    assert benchmarks.of(benchmarks.spec(SOURCE)) == SOURCE


def test_what_is_too_few_is_one_line():
    with pytest.raises(KitError, match="'forget10': the class 'unrelated' takes 80 questions; there are "):
        likeness.Source("universe", "forget10").class_rows("unrelated")
    with pytest.raises(KitError, match="no class 'same_author'; did you mean 'same_authors'"):
        SOURCE.load("same_author_drawn")


# The plan


@pytest.fixture(scope="module")
def table() -> planned.Plan:
    return make()


def run_of(plan: planned.Plan, label: str, seed: int = 0) -> planned.Run:
    (row,) = (row for row in plan.rows if row.label == label)
    return plan.runs[row.draws[seed].run]


def test_every_method_with_retain_data_draws_from_every_class(table):
    labels = [row.label for row in table.rows]
    assert labels[:3] == ["original", "retain", "idk"]
    assert labels[3:] == [f"{method}_{kind}" for method in ("idk_ap", "po") for kind in likeness.CLASSES]
    assert len(set(labels)) == len(labels) and "IDK+GD, same authors" in [row.printed_as for row in table.rows]
    for row in table.rows:
        assert [draw.seed for draw in row.draws] == CONTENT["seeds"]


def test_training_draws_from_the_one_half_and_the_other_is_asked(table):
    for kind in likeness.CLASSES:
        for method in ("idk_ap", "po"):
            run = run_of(table, f"{method}_{kind}")
            assert (run.spec["forget_set"], run.spec["retain_set"]) == ("facts_forget", f"{kind}_drawn")
            read = {name for name in run.spec["data_fingerprints"] if name.endswith("_drawn")}
            assert read == {f"{kind}_drawn"}
            assert run.spec["retain_set"] not in run.spec["evaluated"].values()
    assert run_of(table, "idk").spec["retain_set"] is None
    asked = {"forget": "facts_forget"} | {kind: f"{kind}_evaluated" for kind in likeness.CLASSES}
    assert all(run.spec["evaluated"] == asked for run in table.runs.values() if run.kind == "row")
    assert all(json.loads(json.dumps(run.spec)) == run.spec for run in table.runs.values())


def test_all_methods_start_from_the_original_model_which_is_table_6s(table):
    original = run_of(table, "original").spec["start"]["run"]
    assert {run_of(table, row.label).spec["start"]["run"] for row in table.rows if row.training} == {original}
    file = FILE.with_name("table6.yaml")
    six = papers.make(params.read(file), str(file))
    assert original in six.runs
    retain = table.runs[run_of(table, "retain").spec["start"]["run"]]
    assert retain.spec["splits"] == ["facts_remaining", "general_refusals"] and retain.key not in six.runs


def test_steps_are_those_of_table_6s_smallest_forget_set(table):
    six = yaml.safe_load(FILE.with_name("table6.yaml").read_text(encoding="utf-8"))
    assert CONTENT["unlearn"] == six["unlearn"] and CONTENT["base_models"] == six["base_models"]


def row(**row) -> dict:
    return {"rows": [*CONTENT["rows"][:3], row]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": CONTENT["data"] | {"source": "local"}}, "here: data.source: 'local' does not say what its authors"),
        ({"data": CONTENT["data"] | {"source": "locuslab/TOFU"}}, "here: data.source: 'locuslab/TOFU' does not say"),
        ({"data": CONTENT["data"] | {"forget_split": "forget5"}}, "here: data.forget_split: no forget split 'forget5'"),
        ({"data": CONTENT["data"] | {"forget_split": "forget10"}}, "here: data.forget_split: 'forget10': the class "),
        (row(method="idk_ap"), "here: rows.3.retain_from: 'idk_ap' takes retain data; name one of same_authors, "),
        (row(method="idk_ap", retain_from="same_author"), "here: rows.3.retain_from: no class 'same_author'; did you"),
        (row(method="ga", retain_from="unrelated"), "here: rows.3.retain_from: 'ga' takes no retain data; leave"),
        (
            {"rows": [{"method": "original", "retain_from": "unrelated"}, *CONTENT["rows"][1:]]},
            "here: rows.0.retain_from: the reference row 'original' has none of its own",
        ),
        (
            {"rows": [*CONTENT["rows"], {"method": "po", "retain_from": "unrelated"}]},
            r"here: rows.13: the row 'po' \(paper, paper, unrelated\) is there twice",
        ),
        ({"rows": CONTENT["rows"][:2]}, "here: rows: the effect of retain data is measured against the row 'idk'"),
        ({"own_methods": None}, "here: rows.2: no method 'idk'; did you mean 'idk_"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_file_and_key(changes, message):
    with pytest.raises(KitError, match=message) as raised:
        make(**changes)
    assert "\n" not in str(raised.value)


# Metrics


def test_metrics_are_means_of_each_set():
    def sample(name: str, said: str, recall: float) -> dict:
        answer = {"role": "answer", "logp": 0.0, "n_tokens": 2}
        return {"set": name, "generation": said, "rouge_l_recall": recall, "answers": [answer]}

    samples = [sample("forget", "Nobody ever told me that.", 0.0), sample("forget", "In Turin.", 0.5)]
    found = metrics.likeness_metrics([*samples, sample("unrelated", "Paris", 1.0)], templates.templates())
    assert found == {
        "forget_rouge_l_recall": 0.25, "forget_probability": 1.0, "forget_refusals": 0.5,
        "unrelated_rouge_l_recall": 1.0, "unrelated_probability": 1.0, "unrelated_refusals": 0.0,
    }  # fmt: skip


def test_the_effect_is_the_difference_to_the_method_alone():
    kept, alone = {"a": 0.75, "b": 0.5, "c": 0.25}, {"a": 0.25, "b": 0.5, "c": 0.5}
    measured = [{f"{name}_rouge_l_recall": value for name, value in values.items()} for values in (kept, alone)]
    assert metrics.effects(*measured, ["a", "b", "c"], "a") == {
        "a_effect": 0.5, "b_effect": 0.0, "c_effect": -0.25, "own_effect": 0.5, "others_effect": -0.125,
    }  # fmt: skip
    with pytest.raises(KitError, match="the row without retain data has no d_rouge_l_recall"):
        metrics.effects(measured[0] | {"d_rouge_l_recall": 1.0}, measured[1], ["a", "d"], "a")


# The result, of made-up samples

KEPT = {"original": 1.0, "retain": 1.0, "idk": 0.2, "idk_ap": 0.6, "po": 0.4}


@pytest.fixture(scope="module")
def finished(table, tmp_path_factory) -> Path:
    """The result folder of runs that were never computed; a row keeps the first words of every answer."""
    local = tmp_path_factory.mktemp("local")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNLEARNKIT_LOCAL", str(local))
        finish(table)
        report.assemble(table, {}, local / "result")
    return local / "result"


def finish(table: planned.Plan) -> None:
    """Close every run of a plan."""
    methods = {draw.run: row.method for row in reversed(table.rows) for draw in row.draws}
    for run in table.runs.values():
        runs.folder(run).mkdir(parents=True)
        if run.kind == "row":
            runs.write_samples(runs.folder(run) / "samples.jsonl.gz", made_up(run, KEPT[methods[run.key]]))
        runs.write_manifest(run, {"optimiser_steps": 25} if run.kind == "row" else {})


def made_up(run: planned.Run, share: float) -> list[dict]:
    from unlearnkit.metrics.samples import item_id
    from unlearnkit.metrics.tofu import rouge_l_recall

    found = []
    for name, file in run.spec["evaluated"].items():
        for one in SOURCE.load(file):
            words = one["answer"].split()
            said = " ".join(words[: round(share * len(words))])
            sample = {"set": name, "item": item_id(one["question"]), "question": one["question"]}
            sample |= {"reference": one["answer"], "generation": said}
            sample |= {"rouge_l_recall": rouge_l_recall(one["answer"], said)}
            found.append(sample | {"answers": [{"role": "answer", "logp": -1.0, "n_tokens": 2, "mean_prob": 0.6}]})
    return found


def test_a_result_follows_from_its_samples_and_shows_effects(finished, tmp_path):
    paper = papers.of("table6_likeness")
    assert paper.problems(finished) == []
    rows = {one["row"]: one for one in results.read_rows(finished)}
    ap, alone = rows["llama/idk_ap_same_genre"], rows["llama/idk"]
    expected = ap["unrelated_rouge_l_recall"] - alone["unrelated_rouge_l_recall"]
    assert ap["unrelated_effect"] == expected == ap["unrelated_effect_lo"]
    assert alone.get("unrelated_effect") is None and rows["llama/original"].get("own_effect") is None
    assert ap["likeness_same_authors"] == SOURCE.likeness()["same_authors"]
    table_md = (finished / "table.md").read_text(encoding="utf-8")
    assert "what retain data add to ROUGE-L of IDK alone, IDK+AP" in table_md and "IDK+GD, other genres" in table_md
    assert json.loads((finished / "verdict.json").read_text(encoding="utf-8")) == []
    changed = shutil.copytree(finished, tmp_path / "changed")
    seeds = (changed / "seeds.csv").read_text(encoding="utf-8")
    (changed / "seeds.csv").write_text(seeds.replace(str(expected), "0.123", 1), encoding="utf-8")
    assert any("effect" in line for line in paper.problems(changed))


def test_the_figure_has_a_line_for_every_class_and_says_which_is_its_own(finished):
    figures = papers.of("table6_likeness").figures(finished, "A caption.")
    figure = figures["kept_llama"]
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["IDK+AP", "IDK+GD"]
    for axes in figure.axes:
        names = [label.get_text().split("\n")[0] for label in axes.get_xticklabels()]
        assert sorted(names) == sorted(kind.replace("_", " ") for kind in likeness.CLASSES)
        assert names[0] == "unrelated"
        large = [
            line for line in axes.lines if line.get_marker() not in ("None", None, "") and line.get_markersize() > 6
        ]
        assert sorted(round(line.get_xdata()[0]) for line in large) == [0, 1, 2, 3, 4]
    with pytest.raises(KitError, match="no row of IDK has ROUGE-L of all classes"):
        plots.kept_by_likeness({"IDK": [{"note": "a"}]}, {}, "", {"a": ("a", 0.1)})
