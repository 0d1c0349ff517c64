"""Rescoring TOFU's evaluation logs: small ones written here, and the released ones where they are there."""

import copy
import csv
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from unlearnkit.errors import KitError
from unlearnkit.metrics import tofu
from unlearnkit.metrics.samples import item_id, tofu_metrics
from unlearnkit.rescore import LOG_SETS, log_samples, question_of, rescore

ROOT = Path(__file__).parents[1]
MODEL_UTILITY = {  # geometric, arithmetic
    "llama2-7b_full": (0.6227, 0.5859),
    "llama2-7b_retain99": (0.6207, 0.5812),
    "llama2-7b_retain95": (0.6006, 0.5613),
    "llama2-7b_retain90": (0.6137, 0.5752),
}


def log_set(prompts: list[str], right: float, wrongs: list[float]) -> dict:
    """One set of a log; right and wrongs are length-normalised probabilities, the answer's and options'."""
    count = [str(number) for number in range(len(prompts))]
    return {
        "avg_gt_loss": {item: -math.log(0.8) for item in count},
        "avg_paraphrased_loss": {item: -math.log(right) for item in count},
        "average_perturb_loss": {item: [-math.log(wrong) for wrong in wrongs] for item in count},
        "rougeL_recall": {item: 0.5 for item in count},
        "generated_text": {item: [prompt, "generated", "answer"] for item, prompt in zip(count, prompts, strict=True)},
    }


def small_log(forget_right: float = 0.5, forget_questions: str = "ab") -> dict:
    def prompts(letters):
        return [f"[INST] {letter}? [/INST]" for letter in letters]

    return {
        "eval_log.json": log_set(prompts("rs"), 0.5, [0.2, 0.05]),
        "eval_log_forget.json": log_set(prompts(forget_questions), forget_right, [0.25, 0.25]),
        "eval_real_author_wo_options.json": log_set(prompts("p"), 0.8, [0.1, 0.05, 0.05]),
        "eval_real_world_wo_options.json": log_set(prompts("w"), 0.8, [0.2, 0.1, 0.1]),
    }


@pytest.fixture
def write(tmp_path):
    def write_log(log: object, name: str = "log.json") -> Path:
        path = tmp_path / name
        path.write_text(log if isinstance(log, str) else json.dumps(log), encoding="utf-8")
        return path

    return write_log


def test_small_log(write):
    metrics = rescore(write(small_log()))
    parts = {
        **dict.fromkeys([f"{name}_rouge_l_recall" for name in ("retain", "real_authors", "world_facts")], 0.5),
        "retain_probability": 0.8,
        "real_authors_probability": 0.8,
        "world_facts_probability": 0.8 / 1.2,
        "retain_truth_ratio": 1 - 0.1 / 0.5,
        "real_authors_truth_ratio": 1 - 0.00025 ** (1 / 3) / 0.8,
        "world_facts_truth_ratio": 1 - 0.002 ** (1 / 3) / 0.8,
    }
    assert {part: metrics[part] for part in parts} == pytest.approx(parts)
    assert metrics["model_utility_geometric"] == pytest.approx(9 / sum(1 / value for value in parts.values()))
    assert metrics["retain_truth_ratio_arithmetic"] == pytest.approx(1 - 0.125 / 0.5)
    assert "forget_quality_p" not in metrics


def test_small_log_against_a_retain_log(write):
    retain = small_log(forget_right=0.3, forget_questions="ba")
    metrics = rescore(write(small_log()), write(retain, "retain.json"))
    assert metrics["forget_quality_p"] == pytest.approx(1 / 3)
    assert [metrics[f"forget_quality_{key}"] for key in ("d", "k", "lcm", "n", "m")] == [1.0, 2, 2, 2, 2]


def test_other_questions_under_the_same_numbers_are_refused(write):
    retain = write(small_log(forget_questions="cde"), "retain.json")
    with pytest.raises(KitError) as error:
        rescore(write(small_log()), retain)
    assert "share 0 of 2 and 3 forget questions" in str(error.value)
    assert "every log counts its own questions from 0" in str(error.value)
    assert "log.json" in str(error.value) and "retain.json" in str(error.value)
    assert "\n" not in str(error.value)


def test_lists_in_place_of_dicts_give_the_same(write):
    older = {
        name: {field: list(values.values()) for field, values in fields.items()} for name, fields in small_log().items()
    }
    assert rescore(write(older, "older.json")) == rescore(write(small_log()))


@pytest.mark.parametrize(
    "prompt",
    [
        "[INST] Who wrote it? [/INST]",
        "[INST] Who wrote it? [/INST] ",
        "Question: Who wrote it?\n",
        "Question: Who wrote it?\nAnswer: ",
        "Question: Who wrote it?\nAnswer:",
    ],
)
def test_question_is_cut_out_of_both_prompt_formats(prompt):
    assert question_of(prompt) == "Who wrote it?"


def test_question_of_no_known_format():
    assert question_of("Who wrote it?") is None
    assert question_of("[INST]  [/INST]") is None


def test_same_question_in_two_formats_is_the_same_item(write):
    other = small_log()
    for text in other["eval_log_forget.json"]["generated_text"].values():
        text[0] = f"Question: {question_of(text[0])}\n"
    assert rescore(write(small_log()), write(other, "phi.json"))["forget_quality_p"] == 1.0


def test_files_that_are_no_log(write, tmp_path):
    cases = [
        (tmp_path / "absent.json", "absent.json: no such file"),
        (tmp_path, "cannot be read"),
        (write("{not json"), "log.json: not JSON"),
        (write("[1, 2]", "list.json"), "list.json: not a TOFU evaluation log: a list"),
        (write(small_log()["eval_log.json"], "one.json"), "name eval_log_aggregated.json"),
    ]
    for path, message in cases:
        with pytest.raises(KitError) as error:
            rescore(path)
        assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("name", LOG_SETS.values())
def test_missing_set_is_named(write, name):
    log = small_log()
    del log[name]
    with pytest.raises(KitError, match=f"log.json: set '{name}' is missing; the file has: eval_"):
        rescore(write(log))


@pytest.mark.parametrize("name", LOG_SETS.values())
@pytest.mark.parametrize("field", log_set(["q"], 0.5, [0.1]))
def test_item_missing_in_one_field_is_named(write, name, field):
    log = small_log()
    del log[name][field]["0"]
    log[name]["gt_loss"] = {"0": 1.0} | dict.fromkeys(log[name]["avg_gt_loss"], 1.0)
    with pytest.raises(KitError, match=f"log.json: set '{name}': item 0 is missing in field '{field}'"):
        rescore(write(log))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("avg_gt_loss", None, "item 1: field 'avg_gt_loss' holds None"),
        ("avg_paraphrased_loss", math.nan, "item 1: field 'avg_paraphrased_loss' holds nan"),
        ("average_perturb_loss", [], "item 1: field 'average_perturb_loss' is not a list"),
        ("average_perturb_loss", [1.0, "x"], "item 1: field 'average_perturb_loss' holds 'x'"),
        ("rougeL_recall", 2.0, "item 1: field 'rougeL_recall' is 2.0"),
        ("generated_text", ["no tags", "", ""], "item 1: no question in field 'generated_text'"),
        ("generated_text", [], "item 1: no question in field 'generated_text'"),
    ],
)
def test_bad_value_is_named(write, field, value, message):
    log = copy.deepcopy(small_log())
    log["eval_log_forget.json"][field]["1"] = value
    with pytest.raises(KitError) as error:
        rescore(write(log))
    assert f"log.json: set 'eval_log_forget.json': {message}" in str(error.value)


def test_missing_field_is_named(write):
    log = small_log()
    del log["eval_log.json"]["average_perturb_loss"]
    with pytest.raises(KitError, match=r"set 'eval_log\.json': field 'average_perturb_loss' is missing"):
        rescore(write(log))


def test_a_log_as_samples_of_the_sets_that_it_has(write):
    log = small_log(forget_right=0.3)
    assert [sample["set"] for sample in log_samples(write(log))] == [
        "retain", "retain", "forget", "forget", "real_authors", "world_facts",
    ]  # fmt: skip
    del log["eval_log.json"], log["eval_real_world_wo_options.json"]
    samples = log_samples(write(log))
    assert [sample["set"] for sample in samples] == ["forget", "forget", "real_authors"]
    assert samples[0] == {
        "set": "forget",
        "item": item_id("a?"),
        "rouge_l_recall": 0.5,
        "answers": [
            {"role": role, "logp": pytest.approx(math.log(probability)), "n_tokens": 1}
            for role, probability in (("answer", 0.8), ("paraphrased", 0.3), ("perturbed", 0.25), ("perturbed", 0.25))
        ],
    }


@pytest.mark.parametrize(
    ("log", "message"),
    [
        ({"other": {}}, "log.json: set 'eval_log.json' is missing; the file has: other"),
        (small_log()["eval_log.json"], "name eval_log_aggregated.json"),
        (small_log() | {"eval_log_forget.json": {}}, "set 'eval_log_forget.json': field 'avg_gt_loss' is missing"),
    ],
)
def test_a_log_that_gives_no_samples(write, log, message):
    with pytest.raises(KitError) as error:
        log_samples(write(log))
    assert message in str(error.value) and "\n" not in str(error.value)


def test_rescore_imports_nothing_heavy(write):
    code = (
        "import sys; from unlearnkit.rescore import rescore; rescore(sys.argv[1], sys.argv[1]);"
        "heavy = ('torch', 'pandas', 'scipy', 'numpy', 'rouge_score');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, write(small_log())], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


# the released logs


def released(real_data: Path, name: str) -> Path:
    return real_data / "tofu_eval_logs" / name / "eval_log_aggregated.json"


@pytest.mark.parametrize("name", MODEL_UTILITY)
def test_released_logs_give_the_known_numbers(real_data, name):
    metrics = rescore(released(real_data, name))
    utility = metrics["model_utility_geometric"], metrics["model_utility_arithmetic"]
    assert tuple(round(value, 4) for value in utility) == MODEL_UTILITY[name]
    with (ROOT / "results/published/tofu_eval_logs.csv").open(newline="", encoding="utf-8") as file:
        known = next(row for row in csv.DictReader(file) if row["log"] == name)
    keys = [key for key in known if key in metrics]
    assert len(keys) == 18
    assert {key: round(metrics[key], 4) for key in keys} == {key: float(known[key]) for key in keys}


def test_released_full_against_retain90(real_data):
    metrics = rescore(*(released(real_data, f"llama2-7b_{run}") for run in ("full", "retain90")))
    assert f"{metrics['forget_quality_p']:.4e}" == "1.8341e-21"
    assert [metrics[f"forget_quality_{key}"] for key in ("k", "lcm", "n", "m")] == [119, 300, 300, 300]
    assert metrics["forget_quality_d"] == 119 / 300
    assert metrics["forget_quality_method"] == "exact"


@pytest.mark.parametrize("retain", ["llama2-7b_retain90", "llama2-7b_full"])
def test_a_released_log_stands_for_the_retain_model(real_data, retain):
    samples, of_retain_model = (log_samples(released(real_data, name)) for name in ("llama2-7b_full", retain))
    scores = rescore(released(real_data, "llama2-7b_full"), released(real_data, retain))
    assert len(of_retain_model) == 300 + 300 + 100 + 117
    assert tofu_metrics(samples, of_retain_model) == scores
    assert scores["forget_quality_p"] == (1.0 if retain == "llama2-7b_full" else pytest.approx(1.8341e-21, rel=1e-4))


@pytest.mark.parametrize(
    ("run", "retain", "shared"),
    [
        ("full", "retain99", "share 0 of 300 and 40 forget questions"),
        ("retain90", "retain95", "share 100 of 300 and 200"),
    ],
)
def test_released_logs_of_different_questions_are_refused(real_data, run, retain, shared):
    with pytest.raises(KitError, match=shared):
        rescore(*(released(real_data, f"llama2-7b_{name}") for name in (run, retain)))


def test_released_log_has_our_rouge_and_truth_ratio(real_data):
    fields = json.loads(released(real_data, "llama2-7b_retain99").read_text(encoding="utf-8"))["eval_log_forget.json"]
    for item, (_, generation, reference) in fields["generated_text"].items():
        assert tofu.rouge_l_recall(reference, generation) == pytest.approx(fields["rougeL_recall"][item])
        ratio = tofu.truth_ratio(
            fields["avg_paraphrased_loss"][item], fields["average_perturb_loss"][item], mean="geometric"
        )
        assert ratio == pytest.approx(fields["truth_ratio"][item], rel=1e-5)


def test_released_questions_are_those_of_the_data(real_data):
    fields = json.loads(released(real_data, "llama2-7b_retain99").read_text(encoding="utf-8"))["eval_log_forget.json"]
    logged = {item_id(question_of(texts[0])) for texts in fields["generated_text"].values()}
    lines = (real_data / "tofu" / "forget01.json").read_text(encoding="utf-8").splitlines()
    assert logged == {item_id(json.loads(line)["question"]) for line in lines}
