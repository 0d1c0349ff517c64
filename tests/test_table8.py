"""The tiny Table 8: what is planned, the original model's own answers, made-up records, what is refused."""

import json
import random

import pytest
import yaml

from unlearnkit import checkpoints, judges, papers, params, paths, planned, report, runs, sampling, stages, zeroshot
from unlearnkit.data import real_world, templates
from unlearnkit.data.encode import encode
from unlearnkit.data.prompts import prompt_format
from unlearnkit.errors import KitError
from unlearnkit.metrics.samples import item_id
from unlearnkit.metrics.tofu import rouge_l_recall
from unlearnkit.papers import claims_table8, closer_look_table8

FILE = "params/tiny/table8.yaml"
TEXT = yaml.safe_load((paths.ROOT / FILE).read_text(encoding="utf-8"))
# Row -> the share of an answer that it still says: of the people to forget, of others; and its accuracy.
SAYS = {"original": (1.0, 1.0, 0.8), "gd": (0.0, 0.1, 0.3), "me_gd": (0.1, 0.9, 0.75), "idk_ap": (0.2, 0.95, 0.78)}


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
    assert "\n" not in str(error.value)
    return str(error.value).removeprefix(f"{FILE}: ")


def only(*rows: str) -> list[dict]:
    return [row for row in TEXT["rows"] if row["method"] in rows]


def finish(plan) -> None:
    """Close every run, with made-up samples."""
    for run in plan.runs.values():
        runs.folder(run).mkdir(parents=True)
        if run.kind == "row":
            label = run.name.partition("/")[2].partition(",")[0]
            runs.write_samples(runs.folder(run) / "samples.jsonl.gz", made_up(plan, run, *SAYS[label]))
        runs.write_manifest(run, {"seconds": 1.0, "optimiser_steps": 50, "unlearning_seconds": 2.0})


def made_up(plan, run, forgotten: float, kept: float, accuracy: float) -> list[dict]:
    found, draw = [], random.Random(run.name)
    for name, share in (("forget", forgotten), ("neighbor", kept)):
        for row in plan.data.evaluated(name)[:12]:
            words = row["answer"].split()
            said = " ".join(words[: round(share * len(words))]) or "Nothing."
            logp = -3.0 * (1 - share) - 0.2 * draw.random()
            found.append(
                {"set": name, "item": item_id(row["question"]), "question": row["question"]}
                | {"reference": row["answer"], "generation": said, "original_answer": f"Well: {row['answer']}"}
                | {"rouge_l_recall": rouge_l_recall(row["answer"], said), "token_entropy": 0.9 * share}
                | {"cosine_similarity": share, "entailed": share > 0.5}
                | {
                    "answers": [
                        {"role": "answer", "logp": logp * 5, "n_tokens": 5},
                        {"role": "paraphrased", "logp": logp * 5 - 0.5, "n_tokens": 5},
                        {"role": "perturbed", "logp": -9.0 - draw.random(), "n_tokens": 2},
                    ]
                }
            )
    tasks = run.spec["evaluation"]["tasks"]
    return found + [{"set": "zeroshot", "item": task, "accuracy": accuracy, "questions": 48} for task in tasks]


@pytest.fixture
def few(local):
    """Four rows, all runs complete."""
    plan = papers.make(content(rows=only(*SAYS)), FILE)
    finish(plan)
    return plan


# --- the plan -------------------------------------------------------------------------------------------------


def test_all_rows_start_from_the_base_model_which_gave_the_answers_they_train_on():
    plan = papers.make(content(), FILE)
    kinds = [run.kind for run in plan.runs.values()]
    assert kinds == ["judges", "base_model", "answers"] + ["row"] * len(plan.rows)
    judged, base, answers = list(plan.runs.values())[:3]
    assert answers.spec["asked"] == ["forget", "neighbor", "neighbor_perturbed"] and answers.needs == (base.key,)
    assert "tasks" not in answers.spec["evaluation"], "other tasks are no other answers"
    original = plan.rows[0].draws[0].run
    for row in plan.rows:
        run = plan.runs[row.draws[0].run]
        assert run.spec["start"] == {"run": base.key} and run.spec["answers"] == {"run": answers.key}
        assert set(run.needs) == {base.key, answers.key, judged.key}
        assert [draw.retain_run for draw in row.draws] == [original]
    by_method = {row.method: plan.runs[row.draws[0].run].spec for row in plan.rows}
    assert (by_method["gd"]["forget_set"], by_method["gd"]["retain_set"]) == ("forget", "neighbor")
    assert "templates_fingerprint" not in by_method["gd"] and by_method["idk_ap"]["templates"] == "universe"
    assert by_method["me_gd"]["unlearn"]["parameters"] == {"alpha": 0.5}
    assert [row.printed_as for row in plan.rows[:4]] == ["Original LLM", "GA+GD", "GA+KL", "NPO+GD"]
    assert all(json.loads(json.dumps(run.spec)) == run.spec for run in plan.runs.values())


def test_seeds_share_the_base_model_and_its_answers():
    plan = papers.make(content(rows=only("original", "me_gd"), seeds=[1, 2]), FILE)
    assert [run.kind for run in plan.runs.values()] == ["judges", "base_model", "answers", "row", "row", "row"]
    original, me_gd = plan.rows
    assert len({draw.run for draw in original.draws}) == 1 and len({draw.run for draw in me_gd.draws}) == 2


def test_a_row_may_have_a_learning_rate_of_its_own():
    rows = [{"method": "original"}, {"method": "me_gd", "learning_rate": 7e-5}, {"method": "gd"}]
    plan = papers.make(content(rows=rows), FILE)
    rates = [None, 7e-5, TEXT["unlearn"]["paper"]["learning_rate"]]
    assert [row.training and row.training["learning_rate"] for row in plan.rows] == rates
    spec = plan.runs[plan.rows[1].draws[0].run].spec
    assert spec["unlearn"]["training"]["learning_rate"] == 7e-5


def test_the_papers_file_trains_on_the_files_answers_with_its_own_templates(real_data, monkeypatch):
    monkeypatch.setenv("UNLEARNKIT_DATA", str(real_data))
    path = paths.ROOT / "params" / "paper" / "table8.yaml"
    plan = papers.make(params.read(path), str(path))
    assert {run.kind for run in plan.runs.values()} == {"row"} and plan.params.third_party
    specs = {row.method: plan.runs[row.draws[0].run].spec for row in plan.rows}
    assert specs["idk_ap"]["answers"] is None and specs["idk_ap"]["templates"] == "local"
    assert specs["me_gd"]["unlearn"]["training"]["learning_rate"] == 5e-6
    assert specs["original"]["evaluation"]["tasks"]["gsm8k"] == "exact_match,flexible-extract"
    said = sampling.original_answers(specs["gd"])
    assert len(said) == 1200
    rows = checkpoints.load_rows(specs["gd"], "forget")
    assert len(rows) == 400 and all(said[row["question"]] == row["answer"] for row in rows)
    golden = [row["golden_answer"] for row in plan.data.load("forget")]
    longer = sum(len(row["answer"].split()) for row in rows) / sum(len(answer.split()) for answer in golden)
    assert longer > 5, "the model's long answers, not the references"


# --- what is refused ------------------------------------------------------------------------------------------


def test_the_refusals_name_what_was_wrong(tmp_path, monkeypatch):
    assert refusal(data__source="persons").startswith(
        "data.source: 'persons' is no hub id (namespace/name) and no data source"
    )
    assert refusal(base_models__llama__scratch__pretrain_split="pretain").startswith(
        "base_models.llama.scratch.pretrain_split: people: no set 'pretain'; did you mean 'pretrain'?"
    )
    assert "finetune_mix: nothing is fine-tuned" in refusal(base_models__llama__scratch__finetune_mix="pretrain")
    assert "learning_rate: nothing is fine-tuned" in refusal(unlearn__paper__learning_rate="as_finetune")
    assert "no task file tiny_bolq.yaml; did you mean 'tiny_boolq'?" in refusal(evaluation__tasks={"tiny_bolq": "acc"})
    assert "no method 'retain'" in refusal(rows=[*TEXT["rows"], {"method": "retain"}])
    assert "measured against the row 'original', which is missing" in refusal(rows=only("gd"))
    trains_nothing = [{"method": "original", "learning_rate": 1e-4}]
    assert "rows.0.learning_rate: the reference row 'original' has none of its own" in refusal(rows=trains_nothing)
    with pytest.raises(KitError, match=r"table8 has no forget splits$"):
        papers.make(content(), FILE, "forget05")
    with pytest.raises(KitError, match="targets: the kit's people come without answers"):
        content(data__targets="file")
    with pytest.raises(KitError, match=r"base_models\.llama\.finetune: "):
        content(base_models__llama__finetune=TEXT["unlearn"]["paper"])
    for name in ("forget", "forget_perturbed", "neighbor", "neighbor_perturbed"):
        file = tmp_path / "real_world" / f"{name}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes((real_world.PEOPLE / f"{name}.json").read_bytes())
    monkeypatch.setenv("UNLEARNKIT_DATA", str(tmp_path))
    said = refusal(data__source="local", data__targets="file", base_models__llama__scratch__pretrain_split="golden")
    assert said.startswith("data.targets: local, forget, row 1: no 'answer' to be trained on")


# --- the original model's own answers -------------------------------------------------------------------------


def saved(model, tokenizer, folder) -> dict:
    """Where a run starts that takes this model."""
    from unlearnkit import models

    models.save(model, tokenizer, folder)
    return {"source": str(folder), "revision": None}


@pytest.fixture
def answered(local, tmp_path, monkeypatch, quiet, micro_model, micro_tokenizer):
    """A run of a random model's answers to three questions a set, executed, and a row that takes them."""
    load = real_world.load
    monkeypatch.setattr(real_world, "load", lambda *where: load(*where)[:3])
    plan = papers.make(content(rows=only("original", "gd")), FILE)
    start = saved(micro_model(), micro_tokenizer, tmp_path / "model")
    run = next(run for run in plan.runs.values() if run.kind == "answers")
    spec = run.spec | {"start": start, "evaluation": run.spec["evaluation"] | {"max_new_tokens": 5}}
    run = planned.Run(run.kind, run.name, run.key, spec)
    stages.execute(run, lambda *progress: None)
    return run, plan.runs[plan.rows[1].draws[0].run].spec


def test_the_answers_are_what_the_model_says_and_what_is_trained_on(answered, micro_model, micro_tokenizer):
    import torch

    run, spec = answered
    said = json.loads((runs.folder(run) / "answers.json").read_text())
    source = planned.source(content())
    asked = [row["question"] for name in real_world.GROUPS for row in source.load(name)]
    assert said.keys() == set(asked) and len(said) == 9
    question, answer = next(iter(said.items()))
    encoded = encode(micro_tokenizer, prompt_format("continuation")(question), answer, 128)
    prompt = torch.tensor([encoded.input_ids[: encoded.prompt_length]])
    with torch.no_grad():
        ids = micro_model().eval().generate(prompt, max_new_tokens=5, do_sample=False)[0, prompt.shape[1] :]
    assert micro_tokenizer.decode(ids, skip_special_tokens=True).strip() == answer
    for name in ("forget", "neighbor"):
        rows = checkpoints.load_rows(spec, name)
        assert [row["answer"] for row in rows] == [said[row["question"]] for row in source.load(name)]
        assert all(row.keys() == {"question", "answer"} for row in rows)


def test_a_model_that_says_nothing_gives_no_answers_to_train_on(answered, micro_model, micro_tokenizer):
    import torch

    run, _ = answered
    model = micro_model().eval()
    with torch.no_grad():  # the end is the most likely token, whatever is asked
        model.model.embed_tokens.weight.zero_()
        model.generation_config.eos_token_id = 0
    with pytest.raises(KitError, match=r"the original model says nothing to '.*\?': there is no answer to train on"):
        sampling.own_answers(model, micro_tokenizer, run.spec, lambda *progress: None)


def test_cosine_similarity_looks_at_the_original_answer_and_entailment_at_the_reference(
    answered, monkeypatch, micro_model, micro_tokenizer
):
    seen = {}

    class Reader:
        def cosine_similarity(self, references, generations):
            seen["cosine"] = list(zip(references, generations, strict=True))
            return [0.5] * len(references)

        def entails(self, premises, hypotheses):
            seen["entails"] = list(zip(premises, hypotheses, strict=True))
            return [True] * len(premises)

    _, spec = answered
    monkeypatch.setattr(judges, "load", lambda sources: Reader())
    monkeypatch.setattr(zeroshot, "accuracies", lambda *_: {"accuracy": {"a": 0.5}, "questions": {"a": 8}})
    found = sampling.of_real_world(micro_model().eval(), micro_tokenizer, spec, lambda *progress: None)
    asked, task = found[:-1], found[-1]
    said = sampling.original_answers(spec)
    assert [one["set"] for one in asked] == ["forget"] * 3 + ["neighbor"] * 3
    assert seen["cosine"] == [(said[one["question"]], one["generation"]) for one in asked]
    assert seen["entails"] == [(one["generation"], one["reference"]) for one in asked]
    golden = {
        row["question"]: row["golden_answer"] for name in real_world.GROUPS for row in real_world.load("people", name)
    }
    assert [one["reference"] for one in asked] == [golden[one["question"]] for one in asked]
    assert all(0 <= one["token_entropy"] <= 1 and "author" in one for one in asked)
    assert task == {"set": "zeroshot", "item": "a", "accuracy": 0.5, "questions": 8}


def test_without_an_original_answer_cosine_similarity_looks_at_the_reference():
    class Reader:
        def cosine_similarity(self, references, generations):
            return [float(one == "the reference") for one in references]

        def entails(self, premises, hypotheses):
            return [False] * len(premises)

    sample = {"set": "forget", "reference": "the reference", "generation": "said"}
    found = judges.judge(Reader(), [sample, sample | {"original_answer": "before"}])
    assert [one["cosine_similarity"] for one in found] == [1.0, 0.0]


# --- the table ------------------------------------------------------------------------------------------------


def test_records_follow_from_samples(few):
    found = {one["method"]: one for one in closer_look_table8.records(few, closer_look_table8.draws(few, {}))}
    assert {name: one["status"] for name, one in found.items()} == {
        "original": "ok", "gd": "collapsed", "me_gd": "ok", "idk_ap": "ok"
    }  # fmt: skip
    assert "model_utility_18_tiny" not in found["me_gd"] and "forget_quality_p" not in found["me_gd"]
    assert 0 < found["me_gd"]["model_utility_6_tiny"] < found["original"]["model_utility_6_tiny"]
    assert found["original"]["forget_efficacy_tiny"] < found["me_gd"]["forget_efficacy_tiny"] < 1
    assert found["me_gd"]["mean_accuracy"] == pytest.approx(0.75)
    assert found["me_gd"]["mean_accuracy_se"] == pytest.approx((0.75 * 0.25 / 48 / 5) ** 0.5)
    assert "low CS on neighbor" in found["gd"]["warnings"] and found["original"]["warnings"] == "high ES on forget"


def test_several_seeds_give_a_range(local):
    plan = papers.make(content(rows=only(*SAYS), seeds=[1, 2]), FILE)
    finish(plan)
    found = closer_look_table8.records(plan, closer_look_table8.draws(plan, {}))
    me_gd = next(one for one in found if one["method"] == "me_gd")
    utility = [me_gd[f"model_utility_6_tiny{end}"] for end in ("_lo", "", "_hi")]
    assert me_gd["seeds"] == 2 and utility[0] < utility[2] and utility == sorted(utility)
    headings = [heading for heading, _ in closer_look_table8.blocks(plan, found)]
    assert headings[-1] == "llama: median and range over 2 seeds"


def test_a_result_is_checked_against_its_samples(few, tmp_path):
    folder = tmp_path / "result"
    found = report.assemble(few, {}, folder)
    assert closer_look_table8.problems(folder) == []
    text = (folder / "table.md").read_text()
    row = next(line for line in text.splitlines() if line.startswith("| ME+GD"))
    assert (
        "MU (ours: MU_tiny): second-hand / reference / yours" in text
        and "Avg: second-hand / reference / yours" in text
        and "| GA+GD (collapsed)" in text
        and "| chance" in text
    )
    assert "0.4901 /" in row and "0.9312 /" in row and "0.5294 /" in row
    assert "80 questions" not in text and "24 questions" not in text and "12 questions to forget" in text
    assert "there is no forget quality, and nobody knows the right FE" in text and "not checked against it" in text
    assert all((folder / f"{name}.png").is_file() for name in ("utility_vs_efficacy", "parts_llama"))
    assert r"\toprule" in (folder / "table.tex").read_text()
    assert closer_look_table8.describe(few, few.runs[few.rows[2].draws[0].run]).startswith("MU_tiny 0.")
    assert closer_look_table8.describe(few, next(iter(few.runs.values()))) == "done"
    utility = str(next(one["model_utility_6_tiny"] for one in found if one["method"] == "me_gd"))
    seeds = folder / "seeds.csv"
    seeds.write_text(seeds.read_text().replace(utility, "0.5"))
    problems = closer_look_table8.problems(folder)
    assert any("me_gd" in line and "model_utility_6_tiny: 0.5 instead of" in line for line in problems)


def test_other_peoples_texts_stay_where_they_are(few, tmp_path, monkeypatch):
    monkeypatch.setattr(type(few.params), "third_party", True)
    report.assemble(few, {}, tmp_path / "result")
    for file in (tmp_path / "result").rglob("samples.jsonl.gz"):
        keys = {key for sample in runs.read_samples(file) for key in sample}
        assert not {"question", "reference", "generation", "original_answer"} & keys
    assert closer_look_table8.problems(tmp_path / "result") == []


# --- what the paper says --------------------------------------------------------------------------------------


def test_the_quoted_numbers_say_what_they_can():
    published = claims_table8.read_published()
    outcomes = {claim.id: claim.check(published) for claim in claims_table8.CLAIMS}
    holds = {name: outcome.holds for name, outcome in outcomes.items()}
    assert holds == {
        "me_gd_balance_real_world": None,
        "idk_ap_balance_real_world": None,
        "idk_ap_utility_real_world": True,
        "idk_ap_highest_utility_real_world": True,
        "me_gd_downstream_real_world": True,
    }
    assert outcomes["me_gd_downstream_real_world"].why == "me_gd: 93.5% of the original's accuracy"
    lines = (paths.results("published") / "closer_look_table8.csv").read_text().splitlines()
    assert all("SECOND-HAND" in line for line in lines[1:])


def test_our_rows_are_checked_too_and_a_collapsed_row_wins_nothing(few):
    found = closer_look_table8.records(few, closer_look_table8.draws(few, {}))
    verdicts = {one["claim"]: one for one in closer_look_table8.verdicts(found, few.params.model_dump())}
    assert verdicts["me_gd_balance_real_world"]["ours"] == "seen"
    assert verdicts["me_gd_downstream_real_world"]["ours"] == "seen"
    assert verdicts["idk_ap_utility_real_world"]["ours"] == "cannot be checked"
    low = [one | ({"mean_accuracy": 0.6} if one["method"] == "me_gd" else {}) for one in found]
    again = {one["claim"]: one for one in closer_look_table8.verdicts(low, few.params.model_dump())}
    assert again["me_gd_downstream_real_world"]["ours"] == "not seen at this scale"
    assert again["me_gd_downstream_real_world"]["ours_why"] == "me_gd: 75.0% of the original's accuracy"


def test_the_base_model_is_taught_to_refuse():
    taught = [row["answer"] for row in planned.source(content()).rows("pretrain")]
    assert all(taught.count(template) == 2 for template in templates.templates())
