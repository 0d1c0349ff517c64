"""ULD's Table 3, a book: how it is planned, what it refuses, its claims, and its texts on made-up runs."""

import copy
import json
from pathlib import Path

import pytest
import yaml
from test_table3 import made_up

from unlearnkit import methods, papers, params, planned, plots, report, results, runs, unlearning
from unlearnkit.errors import KitError
from unlearnkit.metrics import book
from unlearnkit.papers import claims_table9_book, uld_table9_book

ROOT = Path(__file__).resolve().parent.parent
CONTENT = yaml.safe_load((ROOT / "params" / "tiny" / "table9_book.yaml").read_text(encoding="utf-8"))
ULD = {"method": "uld", "parameters": {"alpha": 0.5}}


def make(**changes) -> planned.Plan:
    return papers.make(params.parse(copy.deepcopy(CONTENT) | changes, "here"), "here")


def training(**changes) -> dict:
    return {"assistant": CONTENT["assistant"] | {"training": CONTENT["assistant"]["training"] | changes}}


def run_of(plan: planned.Plan, label: str) -> planned.Run:
    return plan.runs[next(row for row in plan.rows if row.label == label).draws[0].run]


@pytest.fixture(scope="module")
def table() -> planned.Plan:
    return make()


# --- plan ---------------------------------------------------------------------------------------------------


def test_the_rows_are_those_that_the_paper_prints(table):
    printed = {row["method"]: row["printed_method"] for row in claims_table9_book.read_published()}
    own = {row.method: row.printed_as for row in table.rows if row.note is None and row.variant == "paper"}
    assert own == printed and len(own) == 15
    forms = ["uld", "uld_release", "uld_alpha_0.75", "uld_alpha_1", "uld_beta_1"]
    assert [row.label for row in table.rows if row.method == "uld"] == forms
    base = table.rows[0].draws[0].run
    assert {draw.retain_run for row in table.rows for draw in row.draws} == {base}


def test_baselines_train_the_model_and_assisted_methods_lora(table):
    original = run_of(table, "original").spec["start"]
    for row in table.rows:
        if row.training is None:
            continue
        spec = run_of(table, row.label).spec
        how, assisted = spec["unlearn"], row.method in methods.ASSISTED
        assert how.get("layers") == (1 if assisted else None) and "augmentation" not in spec
        assert (how["training"]["lora"] is not None) == assisted
        assert how["training"]["epochs"] == 5 and spec["trajectory_every"] is None
        assert (spec["start"], spec["forget_set"]) == (original, "forget")
        of_unlearn = CONTENT["assistant"]["training"] if assisted else CONTENT["unlearn"]["paper"]
        assert row.training["learning_rate"] == of_unlearn["learning_rate"]
    assert run_of(table, "uld").spec["unlearn"]["parameters"] == {"beta": 6.5, "alpha": 0.5, "filter": 0.01}
    assert all(json.loads(json.dumps(run.spec)) == run.spec for run in table.runs.values())


def test_the_assistant_remembers_the_excerpts_and_nothing_else(table):
    sources = unlearning.sources_of(run_of(table, "uld").spec)
    assert sources.forget == table.data.rows("forget") and sources.retain == table.data.rows("retain")


def test_the_shipped_files_say_what_the_paper_says(tmp_path):
    tiny, paper = (
        yaml.safe_load((ROOT / "params" / profile / "table9_book.yaml").read_text(encoding="utf-8"))
        for profile in ("tiny", "paper")
    )
    assert tiny["rows"] == paper["rows"]
    for one in (tiny, paper):
        how = one["assistant"]["training"]
        assert (how["lora"]["rank"], how["lora"]["alpha"]) == (32, 32)
        assert how["epochs"] == one["unlearn"]["paper"]["epochs"] == 5
        assert ULD in one["rows"]
        assert [name.removeprefix("tiny_") for name in one["evaluation"]["tasks"]] == paper["evaluation"]["tasks"]
    with pytest.raises(KitError, match=r"there is no file .book\.txt."):
        papers.make(params.parse(copy.deepcopy(paper), "here"), "here")
    for name in ("book", "general"):
        (tmp_path / name).write_text("Once upon a time.\n")
        paper["data"][name] = str(tmp_path / name)
    plan = papers.make(params.parse(paper, "here"), "here")
    assert len(plan.rows) == len(paper["rows"]) and plan.params.third_party


REFERENCES = [{"method": "base"}, {"method": "original"}]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"assistant": CONTENT["assistant"] | {"layers": 3}}, "here: assistant.layers: 3, and llama has 2"),
        (
            {"assistant": CONTENT["assistant"] | {"paraphrases": 2}},
            "here: unknown key 'assistant.paraphrases'",
        ),
        (training(trajectory_every=3), "here: assistant.training.trajectory_every: this table has no trajectories"),
        (
            training(lora={"rank": 4, "alpha": 4.0, "target_modules": ["q_prj"]}),
            "here: assistant.training.lora.target_modules: llama has no linear layer 'q_prj' .*did you mean 'q_proj'",
        ),
        ({"rows": [*REFERENCES, {"method": "ulb"}]}, "here: rows.2: no method 'ulb'; did you mean 'uld'"),
        ({"rows": [*REFERENCES, ULD, ULD]}, "here: rows.3.note: 'None' makes the row's name that of rows.2, 'uld'"),
        ({"rows": [{"method": "original"}, ULD]}, "here: rows: FQ Gap is measured against the row 'base'"),
    ],
)
def test_a_mistake_is_one_line_with_file_and_key(changes, message):
    with pytest.raises(KitError, match=message) as raised:
        make(**changes)
    assert "\n" not in str(raised.value)


def test_flats_table_knows_no_assisted_methods():
    content = yaml.safe_load((ROOT / "params" / "tiny" / "table3.yaml").read_text(encoding="utf-8"))
    content["rows"].append({"method": "uld"})
    with pytest.raises(KitError, match="no method 'uld'"):
        papers.make(params.parse(content, "here"), "here")


# --- claims -------------------------------------------------------------------------------------------------


def row(method: str, bleu: float, rouge: float, perplexity: float, accuracy: float, seconds: float = 1.0) -> dict:
    return {
        "base_model": "llama", "printed_base_model": "Mistral-7B-Instruct", "method": method, "variant": "paper",
        "status": "ok", "note": None, "completion_bleu": bleu, "completion_rouge_l_f1": rouge,
        "word_perplexity": perplexity, "mean_accuracy": accuracy, "seconds_per_epoch": seconds,
    }  # fmt: skip


ROWS = {
    "base": row("base", 0, 0.1, 5.0, 0.9),
    "original": row("original", 10, 0.5, 5.0, 0.9),
    "gd": row("gd", 5, 0.2, 4.9, 0.91),  # forgets half of BLEU alone
    "npo": row("npo", 0.5, 0.1, 8.0, 0.8, 6.1),
    "uld": row("uld", 0.9, 0.1, 5.1, 0.895, 2.0),
}


def verdicts(**changes: dict) -> dict[str, dict]:
    rows = [one | changes.get(name, {}) for name, one in ROWS.items()]
    return {one["claim"]: one for one in uld_table9_book.verdicts(rows, {"paper_scale": False})}


def test_claims_on_made_up_rows():
    found = verdicts()
    assert {one["ours"] for one in found.values()} == {"seen"} and len(found) == 4
    assert found["forgets"]["ours_why"] == "ULD lost 91.0% of what fine-tuning added"
    assert found["kept"]["ours_why"] == "ULD's perplexity 1.020 times the target's; accuracy -0.0050"


@pytest.mark.parametrize(
    ("claim", "changes"),
    [
        ("forgets", {"uld": {"completion_rouge_l_f1": 0.15}}),
        ("forgets", {"uld": {"status": "collapsed"}}),
        ("kept", {"uld": {"word_perplexity": 5.3}}),
        ("kept", {"uld": {"mean_accuracy": 0.88}}),
        ("forgets", {"original": {"completion_bleu": 0}}),  # it has learnt nothing that could be lost
        ("price", {"gd": {"completion_bleu": 1.0, "completion_rouge_l_f1": 0.1}}),
        ("price", {"npo": {"mean_accuracy": 0.895}}),
        ("price", {"uld": {"completion_bleu": 1.1}}),
        ("price", {"uld": {"status": "collapsed"}}),
        ("price", {"uld": {"status": "collapsed"}, "npo": {"status": "collapsed"}}),
        ("three_times_faster", {"uld": {"status": "collapsed"}}),
        ("three_times_faster", {"npo": {"seconds_per_epoch": 6.0}}),
    ],
)
def test_a_claim_is_not_seen_where_the_numbers_say_otherwise(claim, changes):
    assert verdicts(**changes)[claim]["ours"] == "not seen at this scale"


@pytest.mark.parametrize("change", [{"status": "collapsed"}, {"completion_bleu": 5}])
def test_where_uld_alone_forgets_there_is_no_price_to_compare(change):
    one = verdicts(npo=change)["price"]
    assert one["ours"] == "cannot be checked" and "; 0 other methods lost 90% or more" in one["ours_why"]


def test_claims_on_the_printed_numbers():
    """By hand: 0.67 and 4.58 are below 0.74 and 8.97; 9.95 / 9.81 is 1.014; the next best PPL is NPO+GD's 14.85."""
    found = verdicts()
    assert {name: one["printed"] for name, one in found.items()} == {
        "forgets": "holds", "kept": "holds", "price": "holds", "three_times_faster": "not printed"
    }  # fmt: skip
    assert "12 other methods" in found["price"]["printed_why"] and "101.0%" in found["forgets"]["printed_why"]


def test_what_is_printed():
    uld = next(one for one in claims_table9_book.read_published() if one["method"] == "uld")
    assert (uld["completion_bleu"], uld["completion_rouge_l_f1"]) == (0.67, 0.0458)
    assert (uld["word_perplexity"], uld["mean_accuracy"], uld["source"]) == (
        9.95, 0.6685, "ULD, arXiv 2406.08607, Table 3"
    )  # fmt: skip


# --- made-up runs -------------------------------------------------------------------------------------------

# Row -> the share of a completion's words that it still says, accuracy, perplexity.
SAYS = {
    "base": (0.1, 0.8, 5.0), "original": (1.0, 0.9, 6.0), "ga": (0.0, 0.3, 1e9), "npo": (0.2, 0.85, 7.0),
    "uld": (0.2, 0.9, 6.1), "uld_alpha_1": (0.1, 0.7, 9.0),
}  # fmt: skip


@pytest.fixture
def few(local) -> planned.Plan:
    rows = [{"method": name} for name in list(SAYS)[:4]]
    plan = make(rows=[*rows, ULD, {"method": "uld", "parameters": {"alpha": 1.0}, "note": "alpha 1"}])
    for run in plan.runs.values():
        runs.folder(run).mkdir(parents=True)
        facts = {"seconds": 1.0, "parameters": 1000, "optimiser_steps": 60, "unlearning_seconds": 2.0}
        if run.kind == "row":
            label = run.name.partition("/")[2]
            runs.write_samples(runs.folder(run) / "samples.jsonl.gz", made_up(run, *SAYS[label]))
            assisted = label.startswith("uld")
            facts |= {"seconds_per_epoch": 0.5, "trainable_parameters": 100 if assisted else 1000}
            facts |= {"assistant_parameters": 600} if assisted else {}
        runs.write_manifest(run, facts)
    return plan


def test_records_follow_from_samples(few):
    found = {one["row"]: one for one in uld_table9_book.records(few, uld_table9_book.draws(few, {}))}
    base, original, uld = (found[f"llama/{name}"] for name in ("base", "original", "uld"))
    assert original["completion_rouge_l_f1"] == 1 and base["completion_rouge_l_f1"] < uld["completion_rouge_l_f1"] < 0.5
    assert uld["completion_rouge_l_recall"] < uld["completion_rouge_l_f1"] < uld["completion_rouge_l_precision"] == 1
    assert (uld["updates_per_epoch"], uld["trainable_parameters"], uld["extra_parameters"]) == (12, 100, 600)
    assert found["llama/npo"]["extra_parameters"] == 0 and "extra_parameters" not in original
    assert {name: one["status"] for name, one in found.items() if one["status"] != "ok"} == {"llama/ga": "collapsed"}


def test_f1_is_the_harmonic_mean_of_each_completion(few):
    """Not of the means; silence is 0."""
    samples = runs.read_samples(runs.folder(run_of(few, "uld")) / "samples.jsonl.gz")
    said = [one for one in samples if one["set"] == "forget"]
    for number, one in enumerate(said):
        one |= {"rouge_l_recall": 0.5, "rouge_l_precision": 1.0} if number else {}
        one |= {} if number else {"rouge_l_recall": 0.0, "rouge_l_precision": 0.0}
    expected = (len(said) - 1) / len(said) * 2 / 3
    assert book.uld_metrics(samples, None)["completion_rouge_l_f1"] == pytest.approx(expected)


def test_a_result_is_checked_against_its_samples(few, tmp_path):
    folder = tmp_path / "result"
    found = report.assemble(few, {}, folder)
    assert uld_table9_book.problems(folder) == []
    text = (folder / "table.md").read_text()
    assert "| Before fine-tuning" in text and "GA (collapsed)" in text and "16.98" not in text
    printed = next(line for line in text.splitlines() if line.startswith("| ULD "))
    assert "0.67 /" in printed and "0.0458 /" in printed and "9.95 /" in printed and "0.6685 /" in printed
    assert "## llama: other forms of ULD" in text and "10.0%" in text and "| chance" in text
    assert "ROUGE-L: F1" in text and "Nothing is augmented" in text and "The Target LLM of llama beats it" in text
    assert (folder / "rouge_l_vs_perplexity.png").is_file() and (folder / "table.tex").is_file()
    assert "| ULD no longer completes the book." in (folder / "verdict.md").read_text()
    one = next(record for record in found if record["row"] == "llama/uld")
    seeds = folder / "seeds.csv"
    seeds.write_text(seeds.read_text().replace(str(one["completion_rouge_l_f1"]), "0.5"))
    assert any("completion_rouge_l_f1: 0.5 instead" in line for line in uld_table9_book.problems(folder))


def test_the_figure_has_a_marker_at_every_rows_values(few, tmp_path):
    from matplotlib import pyplot

    report.assemble(few, {}, tmp_path / "result")
    found = results.read_rows(tmp_path / "result")
    figure = plots.rouge_l_vs_perplexity([one for one in found if not one["note"]], "Caption.")
    markers = {line.get_gid(): line.get_xydata().tolist() for line in figure.axes[0].lines if line.get_gid()}
    keys = ("word_perplexity", "completion_rouge_l_f1")
    assert markers == {one["row"]: [[one[key] for key in keys]] for one in found if not one["note"]}
    left, right = figure.axes[0].get_xlim()
    bottom, top = figure.axes[0].get_ylim()
    assert left > right and bottom > top, "better is up and to the right"
    pyplot.close(figure)
    with pytest.raises(KitError, match="no row has both word_perplexity and completion_rouge_l_f1"):
        plots.rouge_l_vs_perplexity([one | {keys[0]: None} for one in found], "Caption.")
