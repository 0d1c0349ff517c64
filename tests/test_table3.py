"""The tiny Table 3: what is planned, its records from made-up samples, what a stored result must follow from."""

import gzip
import hashlib
import json
from types import SimpleNamespace

import pytest
import yaml

from unlearnkit import papers, params, paths, planned, plots, report, results, runs, sampling, zeroshot
from unlearnkit.data import benchmarks
from unlearnkit.data import book as books
from unlearnkit.errors import KitError
from unlearnkit.metrics import book
from unlearnkit.metrics.tofu import rouge_l_recall
from unlearnkit.papers import flat_table3

FILE = "params/tiny/table3.yaml"
TEXT = yaml.safe_load((paths.ROOT / FILE).read_text(encoding="utf-8"))
# Row -> the share of a completion's words that it still says, accuracy, perplexity.
SAYS = {"base": (0.1, 0.8, 5.0), "original": (1.0, 0.9, 6.0), "ga": (0.0, 0.3, 1e9), "flat_kl": (0.2, 0.85, 7.0)}


def content(**changes):
    """The tiny parameters, changed at dotted keys."""
    copy = json.loads(json.dumps(TEXT))
    for key, value in changes.items():
        *path, last = key.split("__")
        at = copy
        for part in path:
            at = at[part]
        at[last] = value
    return params.parse(copy, FILE)


def refusal(**changes) -> str:
    with pytest.raises(KitError) as error:
        papers.make(content(**changes), FILE)
    return str(error.value)


def finish(plan) -> None:
    """Close every run, with made-up samples."""
    for run in plan.runs.values():
        runs.folder(run).mkdir(parents=True)
        if run.kind == "row":
            samples = made_up(run, *SAYS[run.name.partition("/")[2].partition(",")[0]])
            runs.write_samples(runs.folder(run) / "samples.jsonl.gz", samples)
        runs.write_manifest(run, {"seconds": 1.0, "optimiser_steps": 18, "unlearning_seconds": 2.0})


def made_up(run, share: float, accuracy: float, perplexity: float) -> list[dict]:
    found = []
    for number, row in enumerate(benchmarks.of(run.spec["data"]).rows("forget")[:8]):
        words = row["answer"].split()
        said = " ".join(words[: round(share * len(words))])
        scores = {"bleu": book.bleu(row["answer"], said), "rouge_l_recall": rouge_l_recall(row["answer"], said)}
        scores["rouge_l_precision"] = book.rouge_l_precision(row["answer"], said)
        sample = {"set": "forget", "item": str(number), "question": row["question"], "reference": row["answer"]}
        found.append(sample | {"generation": said} | scores)
    how = run.spec["evaluation"]
    found.append({"set": "diversity", **book.diversity([one["generation"] for one in found])})
    found += [{"set": "zeroshot", "item": task, "accuracy": accuracy, "questions": 48} for task in how["tasks"]]
    return [*found, {"set": "perplexity", "item": how["perplexity"], "word_perplexity": perplexity}]


@pytest.fixture
def few(local):
    """Four rows, all runs complete."""
    plan = papers.make(content(rows=[{"method": name} for name in SAYS]), FILE)
    finish(plan)
    return plan


# --- the plan -------------------------------------------------------------------------------------------------


def test_every_row_is_measured_against_the_base_model_which_never_saw_the_book():
    plan = papers.make(content(), FILE)
    rows = {row.method: row for row in plan.rows}
    assert (rows["base"].printed_as, rows["original"].printed_as) == ("Retained LLM", "Original LLM")
    base = rows["base"].draws[0].run
    assert {draw.retain_run for row in plan.rows for draw in row.draws} == {base}
    assert "book" not in [name for run in plan.behind([base]) for name in run.spec["data_fingerprints"]]
    spec = plan.runs[rows["gd"].draws[0].run].spec
    assert (spec["forget_set"], spec["retain_set"]) == ("forget", "retain")
    assert spec["data_fingerprints"].keys() == {"forget", "retain"}
    alone = plan.runs[rows["flat_kl"].draws[0].run].spec
    assert alone["data_fingerprints"].keys() == {"forget"} and "templates_fingerprint" in alone
    rates = {row.training["learning_rate"] for row in plan.rows if row.training}
    assert len(rates) == 1, "one learning rate for all methods"
    assert all(json.loads(json.dumps(run.spec)) == run.spec for run in plan.runs.values())


def test_the_rows_are_those_that_the_paper_prints():
    printed = results.tables.read_csv(paths.results("published") / "flat_table3.csv")
    assert {row.method for row in papers.make(content(), FILE).rows} == {row["method"] for row in printed}


def test_the_source_gives_the_book_whole_and_cut():
    source = planned.source(content())
    whole, pairs = source.rows("book"), source.rows("forget")
    assert (len(whole), len(pairs)) == (1200, 120)
    for document, pair in zip(whole, pairs, strict=False):
        assert " ".join(document.values()) == " ".join(pair.values()), "the same excerpt"
        assert len(pair["question"].split()) == 19 and len(" ".join(pair.values()).split()) == 48
    story = books.load("story")
    assert all(" ".join(pair.values()) in story for pair in pairs)
    known = {" ".join(row.values()) for row in source.rows("pretrain")}
    assert {" ".join(row.values()) for row in source.rows("retain")} < known
    assert not known.intersection(" ".join(pair.values()) for pair in pairs)


def test_another_book_is_other_runs_and_its_text_is_never_copied(tmp_path):
    file = tmp_path / "mine.txt"
    file.write_text(" ".join(f"word{number}" for number in range(48 * 120)))
    first = papers.make(content(data__book=str(file)), FILE)
    assert first.params.third_party and not content().third_party
    file.write_text(file.read_text().replace("word7 ", "seven "))
    second = papers.make(content(data__book=str(file)), FILE)
    assert not {run.key for run in first.runs.values() if run.kind == "row"} & set(second.runs)


def test_tokens_are_counted_by_the_named_tokenizer(tmp_path, micro_tokenizer):
    micro_tokenizer.save_pretrained(tmp_path)
    changes = {"data__unit": "tokens", "data__tokenizer": str(tmp_path), "data__count": 5}
    rows = planned.source(content(**changes)).rows("forget")
    lengths = [len(micro_tokenizer(row["question"], add_special_tokens=False)["input_ids"]) for row in rows]
    assert len(rows) == 5 and max(lengths) <= 19 and min(lengths) > 10


# --- what is refused ------------------------------------------------------------------------------------------


def test_the_refusals_name_what_was_wrong():
    missing = refusal(data__book="nowhere.txt")
    assert missing.startswith(f"{FILE}: data.book: there is no file 'nowhere.txt'; the kit ships no copyrighted book")
    assert "data.general: there is no file 'c4.txt'" in refusal(data__general="c4.txt")
    assert "prompt_length: a prompt is shorter" in _invalid(data__prompt_length=48)
    assert "'tokenizer' belongs to 'unit: tokens'" in _invalid(data__unit="tokens")
    assert "no task file tiny_bolq.yaml; did you mean 'tiny_boolq'?" in refusal(evaluation__tasks=["tiny_bolq"])
    assert "there is no folder 'nowhere'" in refusal(evaluation__task_files="nowhere")
    only = [{"method": "original"}]
    assert "FQ Gap is measured against the row 'base', which is missing" in refusal(rows=only)
    assert "no method 'retain'" in refusal(rows=[*TEXT["rows"], {"method": "retain"}])
    assert "this table has no trajectories" in refusal(unlearn__paper__trajectory_every=2)


def test_a_book_that_gives_no_excerpts_is_refused_before_anything_is_trained(tmp_path):
    file = tmp_path / "mine.txt"
    for content, reason in (
        (b" \n", f"data.book: {file} is empty"),
        (b"caf\xe9", f"data.book: {file} is not UTF-8 text (byte 3)"),
        (b"One two three.", "data.book: the text has 0 excerpts of 48 words, and 120 are asked for"),
    ):
        file.write_bytes(content)
        assert refusal(data__book=str(file)) == f"{FILE}: {reason}"
    file.write_text("")
    tokens = {"data__unit": "tokens", "data__tokenizer": "facebook/opt-2.7b"}
    assert refusal(data__book=str(file), **tokens) == f"{FILE}: data.book: {file} is empty"
    file.write_text("Two words.\n\nOne\n")
    assert refusal(data__general=str(file)) == (
        f"{FILE}: data.general: {file}, line 3: a document has two words or more"
    )


def test_a_prompt_longer_than_the_window_is_refused_before_anything_is_trained():
    assert refusal(evaluation__max_length=66) == (
        f"{FILE}: data.prompt_length: a prompt of 19 words and 48 new tokens are more than evaluation.max_length, 66"
    )
    assert refusal(evaluation__max_length=257) == (
        f"{FILE}: evaluation.max_length: 257 tokens are more than the model's window, "
        "base_models.llama.scratch.architecture.max_position_embeddings: 256"
    )


def _invalid(**changes) -> str:
    with pytest.raises(KitError) as error:
        content(**changes)
    return str(error.value)


@pytest.mark.parametrize(("max_length", "window"), [(70, 256), (128, 70)])
def test_a_prompt_whose_tokens_exceed_the_window_is_refused_before_anything_is_asked(
    micro_tokenizer, max_length, window
):
    plan = papers.make(content(evaluation__max_length=max_length), FILE)
    spec = plan.runs[plan.rows[0].draws[0].run].spec
    model = SimpleNamespace(config=SimpleNamespace(max_position_embeddings=window))
    with pytest.raises(KitError, match=r"the prompt of excerpt 1 has .* more than the model's window of 70; cut"):
        sampling.of_book(model, micro_tokenizer, spec, lambda *_: None)


def test_what_the_base_model_cannot_be_asked_costs_no_unlearning():
    plan = papers.make(content(), FILE)
    base = plan.rows[0].draws[0].run
    assert plan.rows[0].method == "base" and not {base}.intersection(plan.runs[base].needs)
    assert all(base in plan.runs[draw.run].needs for row in plan.rows[1:] for draw in row.draws)
    trained = [run for run in plan.runs.values() if run.kind == "finetuned"]
    assert trained and all(base not in run.needs for run in trained)


def test_a_task_file_that_lm_eval_rejects_is_one_line_with_its_name(tmp_path):
    (tmp_path / "broken.yaml").write_text("task: broken\noutput_type: no such type\n")
    with pytest.raises(KitError, match=r"broken\.yaml: lm-eval rejects the task") as error:
        zeroshot.evaluate(None, None, ["broken"], "broken", tmp_path, 1)
    assert "\n" not in str(error.value)


def test_the_papers_file_plans_once_the_user_has_put_a_book_there(tmp_path):
    path = paths.ROOT / "params" / "paper" / "table3.yaml"
    made = yaml.safe_load(path.read_text(encoding="utf-8"))
    with pytest.raises(KitError, match=r"there is no file .book\.txt."):
        papers.make(params.parse(made, str(path)), str(path))
    for name in ("book", "general"):
        (tmp_path / name).write_text("Once upon a time.\n")
        made["data"][name] = str(tmp_path / name)
    plan = papers.make(params.parse(made, str(path)), str(path))
    assert len(plan.rows) == 14 and {run.kind for run in plan.runs.values()} == {"finetuned", "row"}
    assert plan.params.third_party and plan.params.paper_scale
    assert [row.method for row in plan.rows] == [row["method"] for row in TEXT["rows"]]


def test_the_papers_file_also_takes_the_releases_form(tmp_path):
    """What its comment says: words in place of tokens."""
    path = paths.ROOT / "params" / "paper" / "table3.yaml"
    text = path.read_text(encoding="utf-8")
    assert "unit: words, tokenizer: null, excerpt_length: 378." in text
    made = yaml.safe_load(text)
    made["data"] |= {"unit": "words", "tokenizer": None, "excerpt_length": 378}
    for name, words in (("book", 300 * 378), ("general", 10)):
        (tmp_path / name).write_text(" ".join(f"word{number}" for number in range(words)))
        made["data"][name] = str(tmp_path / name)
    rows = papers.make(params.parse(made, str(path)), str(path)).data.rows("forget")
    assert len(rows) == 300 and {len(row["question"].split()) for row in rows} == {200}


# --- the records ----------------------------------------------------------------------------------------------


def test_records_follow_from_samples(few):
    drawn = flat_table3.draws(few, {})
    found = {record["method"]: record for record in flat_table3.records(few, drawn)}
    base, original, kl = (found[name] for name in ("base", "original", "flat_kl"))
    assert base["fq_gap"] == 0 and original["completion_bleu"] == pytest.approx(100)
    assert original["fq_gap_bleu"] == pytest.approx(100 - base["completion_bleu"])
    assert original["fq_gap"] == original["fq_gap_bleu"] + original["fq_gap_rouge_l"]
    assert original["fq_gap_rouge_l"] < 1 < original["fq_gap_bleu"]
    # It says the first fifth of every completion, word by word, and stops.
    assert kl["completion_rouge_l_precision"] == 1 and kl["completion_rouge_l_recall"] < 0.3
    assert kl["mean_accuracy_se"] == pytest.approx((0.85 * 0.15 / 48 / 10) ** 0.5)
    assert kl["fq_gap"] < original["fq_gap"] and kl["mean_accuracy"] == pytest.approx(0.85)
    assert {name: record["status"] for name, record in found.items()} == {
        "base": "ok", "original": "ok", "ga": "collapsed", "flat_kl": "ok"
    }  # fmt: skip
    assert found["ga"]["distinct_1"] == 0, "it says nothing"


def test_several_seeds_share_the_base_model_and_give_a_range(local):
    plan = papers.make(content(rows=[{"method": name} for name in SAYS], seeds=[1, 2]), FILE)
    finish(plan)
    kl = flat_table3.records(plan, flat_table3.draws(plan, {}))[3]
    assert kl["seeds"] == 2 and kl["fq_gap_lo"] <= kl["fq_gap"] <= kl["fq_gap_hi"]
    assert len({draw.run for draw in plan.rows[0].draws}) == 1 and len({draw.run for draw in plan.rows[3].draws}) == 2


def test_an_infinite_or_missing_perplexity_is_a_collapse():
    common = {"base_model": "llama", "seed": 1, "status": "ok", "reason": None}
    drawn = [common | {"method": "original", "word_perplexity": 6.0}]
    drawn += [common | {"method": "ga", "word_perplexity": value} for value in (60.0, 61.0, float("inf"), float("nan"))]
    judged = [one["status"] for one in flat_table3.mark_collapsed(drawn)]
    assert judged == ["ok", "ok", "collapsed", "collapsed", "collapsed"]


def test_a_result_is_checked_against_its_samples(few, tmp_path):
    folder = tmp_path / "result"
    found = report.assemble(few, {}, folder)
    assert flat_table3.problems(folder) == []
    text = (folder / "table.md").read_text()
    assert "| Retained LLM" in text and "GA (collapsed)" in text and "1.1e+71" in text, "paper and ours side by side"
    assert "BLEU runs from 0 to 100" in text and "| chance" in text and "ten terms" in text
    assert "which never read the book; its FQ Gap is 0" in text and "(200); its paper says 200 tokens" in text
    shares = next(line for line in text.split("of which BLEU's")[1].splitlines() if line.startswith("| Original LLM"))
    # Made up: 0.9 on every task, of which the lowest chance is 1/4 and the highest 1/2.
    assert f"writes {found[0]['completion_words']:.1f} words a completion" in text
    assert "The Original LLM of llama beats it by 0.15 on 10 of 10 tasks" in text
    bleu, gap, scaled = (found[1][key] for key in ("fq_gap_bleu", "fq_gap", "fq_gap_one_scale"))
    assert f" {bleu / gap:.1%} " in shares and f" {scaled:.3f} " in shares and bleu / gap > 0.9
    assert json.loads((folder / "verdict.json").read_text())[0]["printed"] == "holds"
    assert "| FLAT is among the two nearest" in (folder / "verdict.md").read_text()
    assert all((folder / f"{name}.png").is_file() for name in ("fq_gap_vs_accuracy", "completions"))
    assert r"\toprule" in (folder / "table.tex").read_text()
    assert flat_table3.describe(few, few.runs[few.rows[1].draws[0].run]).startswith("FQ Gap ")
    gap = str(next(record["fq_gap"] for record in found if record["method"] == "flat_kl"))
    seeds = folder / "seeds.csv"
    seeds.write_text(seeds.read_text().replace(gap, "0.5"))
    assert any("flat_kl" in line and "fq_gap: 0.5 instead of" in line for line in flat_table3.problems(folder))


def test_figures_have_a_marker_at_every_rows_values(few):
    from matplotlib import pyplot

    found = flat_table3.records(few, flat_table3.draws(few, {}))
    for draw, keys in (
        (plots.fq_gap_vs_accuracy, ("mean_accuracy", "fq_gap")),
        (plots.completions, ("completion_words", "completion_rouge_l_precision")),
    ):
        figure = draw(found, "Caption.")
        markers = {line.get_gid(): line.get_xydata().tolist() for line in figure.axes[0].lines if line.get_gid()}
        expected = {record["row"]: [[record[key] for key in keys]] for record in found}
        assert {row: markers[row] for row in expected} == expected
        pyplot.close(figure)
        with pytest.raises(KitError, match=f"no row has both {keys[0]} and {keys[1]}"):
            draw([record | {keys[0]: None} for record in found], "Caption.")


def test_the_caption_says_on_which_tasks_there_is_an_accuracy_to_lose():
    record = {"base_model": "llama", "method": "original", "printed_as": "Original LLM", "mean_accuracy": 0.65}
    record |= {"accuracy_tiny_boolq": 0.64, "accuracy_tiny_piqa": 0.66, "accuracy_boolq": None}
    (said,) = flat_table3.above_chance([record, record | {"method": "ga"}])
    assert "on 1 of 2 tasks" in said and said.endswith("(not on boolq).")


def test_a_changed_completion_is_noticed(few, tmp_path):
    report.assemble(few, {}, tmp_path / "result")
    file = tmp_path / "result" / "rows" / "llama__flat_kl" / "seed-1" / "samples.jsonl.gz"
    samples = runs.read_samples(file)
    samples[0]["generation"] = samples[0]["reference"]
    runs.write_samples(file, samples)
    problems = " ".join(flat_table3.problems(tmp_path / "result"))
    assert "BLEU or ROUGE-L does not follow" in problems and "distinct_1" in problems


def test_a_users_book_leaves_numbers_its_name_and_its_hash(local, tmp_path):
    file = tmp_path / "mine.txt"
    file.write_text(books.load("story"))
    plan = papers.make(content(rows=[{"method": name} for name in SAYS], data__book=str(file)), FILE)
    finish(plan)
    report.assemble(plan, {}, tmp_path / "result")
    row = tmp_path / "result" / "rows" / "llama__original" / "seed-1"
    stored = runs.read_samples(row / "samples.jsonl.gz")
    assert not {"question", "reference", "generation"} & {key for sample in stored for key in sample}
    manifest = json.loads((row / "manifest.json").read_text())
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    assert manifest["spec"]["data"]["source"] == "mine.txt"
    assert manifest["spec"]["data_fingerprints"]["forget"] == digest
    assert json.loads((tmp_path / "result" / "parameters.json").read_text())["data"]["book"] == "mine.txt"
    assert f"the user's book mine.txt (sha256 {digest}...)" in (tmp_path / "result" / "table.md").read_text()
    lines = [" ".join(pair["answer"].split()[:6]) for pair in plan.data.rows("forget")]
    for path in (tmp_path / "result").rglob("*.*"):
        if path.is_file() and path.suffix not in (".png", ".pdf"):
            whole = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            found = " ".join(whole.decode().split())
            assert str(tmp_path) not in found and not any(line in found for line in lines), path
    assert flat_table3.problems(tmp_path / "result") == []


def test_chance_is_that_of_the_tasks_answers():
    def rows(name: str) -> list[dict]:
        file = books.STORY.with_name(f"{name}.json")
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]

    for task in ("arc_challenge", "arc_easy", "openbookqa"):
        assert {1 / len(row["choices"]["text"]) for row in rows(task)} == {zeroshot.CHANCE[f"tiny_{task}"]}
    assert {1 / len(row["choices"]) for row in rows("hellaswag")} == {zeroshot.CHANCE["tiny_hellaswag"]}
    answers = [row["mc2_targets"]["labels"] for row in rows("truthfulqa")]
    assert {sum(labels) / len(labels) for labels in answers} == {zeroshot.CHANCE["tiny_truthfulqa_mc2"]}
    assert {1 / len(row["mc1_targets"]["choices"]) for row in rows("truthfulqa")} == {
        zeroshot.CHANCE["tiny_truthfulqa_mc1"]
    }
    assert zeroshot.CHANCE.keys() >= set(TEXT["evaluation"]["tasks"])
