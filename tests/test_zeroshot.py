"""lm-eval on a model in memory: its numbers are recomputed by hand, its refusals are one line that names the file."""

import json
import math
import shutil

import pytest
import yaml

from unlearnkit import zeroshot
from unlearnkit.data.story.generate import FILES
from unlearnkit.errors import KitError

SETTINGS = {"folder": zeroshot.OWN, "batch_size": 32}


def rows(name: str) -> list[dict]:
    return [json.loads(line) for line in (FILES / f"{name}.json").read_text(encoding="utf-8").splitlines()]


def logp(model, tokenizer, before: str, after: str) -> float:
    """Sum of the log-probabilities of what `after` adds to the tokens of `before`."""
    import torch

    ids = tokenizer(before + after)["input_ids"]
    start = len(tokenizer(before)["input_ids"])
    with torch.no_grad():
        scores = model(torch.tensor([ids])).logits[0].log_softmax(-1)
    return sum(scores[at - 1, ids[at]].item() for at in range(start, len(ids)))


@pytest.fixture(scope="module")
def model(micro_model):
    return micro_model().eval()


@pytest.fixture
def changed_tasks(tmp_path):
    """A copy of the kit's own task files, to be changed."""
    shutil.copytree(zeroshot.OWN.parent, tmp_path / "story", ignore=shutil.ignore_patterns("*.py[co]", "__pycache__"))
    return tmp_path / "story" / "tasks"


@pytest.fixture(scope="module")
def measured(model, micro_tokenizer):
    return zeroshot.evaluate(model, micro_tokenizer, zeroshot.TINY_TASKS, zeroshot.TINY_PERPLEXITY, **SETTINGS)


def test_nine_tasks_give_ten_numbers(measured):
    assert list(measured["accuracy"]) == list(zeroshot.TINY_TASKS)
    assert measured["tasks"] == len(zeroshot.TASKS) == 10
    assert set(measured["questions"].values()) == {48}
    assert measured["mean_accuracy"] == pytest.approx(sum(measured["accuracy"].values()) / 10)
    assert all(0 <= value <= 1 for value in measured["accuracy"].values())


def test_accuracies_are_those_computed_by_hand(measured, model, micro_tokenizer):
    def best(before: str, choices: list[str]) -> int:
        values = [logp(model, micro_tokenizer, before, f" {choice}") for choice in choices]
        return values.index(max(values))

    def share(hits: list[bool]) -> float:
        return sum(hits) / len(hits)

    easy = share(
        [
            best(f"Question: {row['question']}\nAnswer:", row["choices"]["text"]) == "ABCD".index(row["answerKey"])
            for row in rows("arc_easy")
        ]
    )
    assert measured["accuracy"]["tiny_arc_easy"] == pytest.approx(easy)

    def gap(row: dict) -> bool:
        before, after = row["sentence"].split("_")
        values = [logp(model, micro_tokenizer, before + row[option], after) for option in ("option1", "option2")]
        return values.index(max(values)) == int(row["answer"]) - 1

    assert measured["accuracy"]["tiny_winogrande"] == pytest.approx(share([gap(row) for row in rows("winogrande")]))
    mass = []
    for row in rows("truthfulqa"):
        choices = row["mc2_targets"]["choices"]
        p = [math.exp(logp(model, micro_tokenizer, f"Q: {row['question']}\nA:", f" {c}")) for c in choices]
        mass.append((p[0] + p[1]) / sum(p))
    assert measured["accuracy"]["tiny_truthfulqa_mc2"] == pytest.approx(sum(mass) / len(mass), rel=1e-4)


def test_word_perplexity_is_computed_by_hand_with_one_opening_token(measured, model, micro_tokenizer):
    pages = [row["page"] for row in rows("wikitext")]
    total = sum(logp(model, micro_tokenizer, "", page) for page in pages)
    words = sum(len(page.split()) for page in pages)
    assert measured["word_perplexity"] == pytest.approx(math.exp(-total / words), rel=1e-4)


TASK = """task: mine
custom_dataset: !function mine.load
output_type: multiple_choice
validation_split: validation
doc_to_text: question
doc_to_target: 0
doc_to_choice: ["a", "b"]
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
"""
CODE = """from datasets import Dataset

def load(**_):
    return {"validation": Dataset.from_list([{"question": "Which?"}])}
"""


@pytest.mark.parametrize(
    ("task", "code", "message"),
    [
        ("task: [", CODE, "{file}: lm-eval rejects the task: ParserError: "),
        (TASK.replace("mine\n", "other\n", 1), CODE, "{file}: the file does not say 'task: mine'"),
        (TASK.replace("acc", "acc_norm"), CODE, "{file}: the task does not measure 'acc' (it has: acc_norm)"),
        (TASK.replace("multiple_choice", "guess"), CODE, "{file}: lm-eval rejects the task: ValueError: "),
        (TASK, "load = None.load", "{file}: lm-eval rejects the task: AttributeError: "),
        (TASK.replace(": 0", ": '{{no.such}}'"), CODE, "{file}: lm-eval rejects the task: "),
    ],
)
def test_a_task_that_lm_eval_rejects_is_one_line_with_its_file(tmp_path, model, micro_tokenizer, task, code, message):
    file = tmp_path / "mine.yaml"
    file.write_text(task)
    (tmp_path / "mine.py").write_text(code)
    with pytest.raises(KitError) as caught:
        zeroshot.evaluate(model, micro_tokenizer, ("mine",), "mine", folder=tmp_path, batch_size=4)
    assert str(caught.value).startswith(message.format(file=file))
    assert "\n" not in str(caught.value)


def test_a_task_without_a_file_is_refused_with_the_nearest(model, micro_tokenizer):
    with pytest.raises(KitError) as caught:
        zeroshot.evaluate(model, micro_tokenizer, ("tiny_bolq",), "tiny_wikitext", **SETTINGS)
    assert str(caught.value) == f"{zeroshot.OWN}: no task file tiny_bolq.yaml; did you mean 'tiny_boolq'?"


def test_a_metric_may_have_a_filter(model, measured, micro_tokenizer, changed_tasks):
    text = (changed_tasks / "tiny_arc_easy.yaml").read_text().replace("task: tiny_arc_easy", "task: named")
    filters = "filter_list: [{name: first, filter: [{function: take_first}]}]"
    (changed_tasks / "named.yaml").write_text(f"{text}\n{filters}\n")
    found = zeroshot.accuracies(model, micro_tokenizer, {"named": "acc,first"}, changed_tasks, 32)
    assert found == {"accuracy": {"named": measured["accuracy"]["tiny_arc_easy"]}, "questions": {"named": 48}}
    with pytest.raises(KitError, match=r"named\.yaml: the task does not measure 'f1' \(it has: acc,first\)$"):
        zeroshot.accuracies(model, micro_tokenizer, {"named": "f1"}, changed_tasks, 32)


def test_a_group_of_lm_evals_tasks_is_one_accuracy(model, measured, micro_tokenizer, changed_tasks, monkeypatch):
    """As mmlu is: its registry is played by the kit's own tasks and a group of two of them."""
    from lm_eval import tasks

    group = {"group": "arc", "task": ["tiny_arc_easy", "tiny_arc_challenge"]}
    group["aggregate_metric_list"] = [{"metric": "acc", "weight_by_size": True}]
    (changed_tasks / "arc.yaml").write_text(yaml.safe_dump(group))
    registry = tasks.TaskManager(include_path=changed_tasks, include_defaults=False)
    monkeypatch.setattr(tasks, "TaskManager", lambda **_: registry)
    found = zeroshot.accuracies(model, micro_tokenizer, {"arc": "acc"}, None, 32)
    of_easy, of_hard = (measured["accuracy"][f"tiny_arc_{one}"] for one in ("easy", "challenge"))
    assert found == {"accuracy": {"arc": pytest.approx((of_easy + of_hard) / 2)}, "questions": {"arc": 96}}
    with pytest.raises(KitError, match=r"^lm-eval has no task 'acr'; did you mean 'arc'\?$"):
        zeroshot.accuracies(model, micro_tokenizer, {"acr": "acc"}, None, 32)
