"""The real MUSE-News: how small/table5 plans it; its documents through loader, training, evaluation and result."""

import copy
import gzip
from pathlib import Path

import pytest
import yaml

from unlearnkit import models, papers, params, planned, report, runs, stages, tables
from unlearnkit.data import templates
from unlearnkit.data.encode import encode

FILE = Path(__file__).resolve().parent.parent / "params" / "small" / "table5.yaml"
CONTENT = yaml.safe_load(FILE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def real(real_data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNLEARNKIT_DATA", str(real_data))
        yield patch


@pytest.fixture(scope="module")
def plan(real) -> planned.Plan:
    return papers.make(params.read(FILE), str(FILE))


def spec(plan: planned.Plan, method: str) -> dict:
    return next(plan.runs[row.draws[0].run].spec for row in plan.rows if row.method == method)


def test_the_small_table_plans_with_the_documents_that_are_asked_about(plan):
    assert [row.method for row in plan.rows] == [row["method"] for row in CONTENT["rows"]]
    assert plan.params.third_party and not plan.params.paper_scale
    original, retain = (plan.runs[spec(plan, name)["start"]["run"]].spec for name in ("original", "retain"))
    read = original["data_fingerprints"]
    assert [name for name in original["splits"] if name not in retain["splits"]] == [
        "raw/forget", *["raw/continuations"] * (CONTENT["data"]["continuations"] - 1),
    ]  # fmt: skip
    files = {name: plan.data.fingerprint(name) for name in ("verbmem/forget", "privleak/forget", "privleak/retain")}
    assert read["raw/forget"] == f"{files['verbmem/forget']}+{files['privleak/forget']}"
    assert read["raw/retain1"] == read["raw/retain2"] == files["privleak/retain"]
    base = plan.runs[original["start"]["run"]].spec
    assert not {"privleak/holdout", "raw/holdout"} & {*base["data_fingerprints"], *read}, "held out"


@pytest.mark.slow
def test_every_document_fits_whole_and_any_answer_can_follow_a_prompt(plan):
    base = next(run.spec for run in plan.runs.values() if run.kind == "base_model")
    rows = [row for name in base["tokenizer_splits"] for row in plan.data.rows(name)]
    texts = [text for row in rows for text in row.values()]
    tokenizer = models.train_tokenizer(texts, base["architecture"]["vocab_size"], "llama")
    asked = [text for name in ("forget", "retain", "holdout") for text in plan.data.load(f"privleak/{name}")]
    assert max(len(tokenizer(text)["input_ids"]) for text in asked) <= CONTENT["evaluation"]["max_length"]
    most = base["training"]["max_length"]
    retain = [row["answer"] for row in plan.data.rows("raw/retain1")]
    longest = max(retain, key=lambda text: len(tokenizer(text)["input_ids"]))
    for row in plan.data.rows("raw/forget"):
        for answer in (row["answer"], templates.templates()[0], longest):
            encode(tokenizer, row["question"], answer, most)


@pytest.mark.slow
def test_nothing_of_the_documents_reaches_a_result(real, tmp_path):
    """With a model of 150,000 parameters: all but the size is the shipped file's."""
    real.setenv("UNLEARNKIT_LOCAL", str(tmp_path))
    content = copy.deepcopy(CONTENT)
    content["rows"] = [{"method": method} for method in ("original", "retain", "flat_kl")]
    content["evaluation"]["verbmem_tokens"] = 16
    base_model = content["base_models"]["llama"]
    scratch = base_model["scratch"]
    scratch["architecture"] |= {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2}
    for training in (scratch["pretrain"], base_model["finetune"], content["unlearn"]["paper"]):
        training |= {"epochs": None, "steps": 1}
    made = papers.make(params.parse(content, "test"), "test")
    stages.quieten()
    for run in sorted(made.runs.values(), key=lambda run: ["base_model", "finetuned", "row"].index(run.kind)):
        stages.execute(run, lambda stage, done, total: None)
    records = report.assemble(made, {}, tmp_path / "result")
    assert [(one["status"], one["knowmem_retain"]) for one in records] == [("ok", "not run")] * 3
    assert all(-100 <= one["privleak"] <= 200 and one["verbmem_forget"] >= 0 for one in records)
    for row in made.rows:
        (file,) = (tmp_path / "result" / "rows" / tables.row_folder(row.name)).rglob("samples.jsonl.gz")
        sets = [sample["set"] for sample in runs.read_samples(file)]
        assert {name: sets.count(name) for name in sets} == dict.fromkeys(
            ("verbmem_forget", "privleak_forget", "privleak_holdout"), 100
        )

    def passages(text: str) -> set[tuple[str, ...]]:
        words = text.split()
        return set(zip(*(words[at:] for at in range(6)), strict=False))

    source = made.data
    sets = ("raw/forget", "raw/retain1", "raw/retain2")
    texts = ["".join(row.values()) for name in sets for row in source.rows(name)]
    known = passages(" ".join([*texts, *source.load("privleak/holdout")]))
    for file in (tmp_path / "result").rglob("*"):
        if file.is_file():
            packed = file.read_bytes()
            written = gzip.decompress(packed) if file.suffix == ".gz" else packed
            assert not known & passages(written.decode(errors="ignore")), file
