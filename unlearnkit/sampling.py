"""What the models of a benchmark are asked, and the samples that they leave: one function a benchmark."""

import dataclasses
import json
from collections.abc import Callable

from unlearnkit import runs
from unlearnkit.data import benchmarks, book, real_world, tofu, wmdp_rwku
from unlearnkit.data.prompts import PromptFormat, prompt_format
from unlearnkit.errors import KitError

# report(stage, done, total)
Report = Callable[[str, int, int], None]


def of_tofu(model, tokenizer, spec: dict, report: Report) -> list[dict]:
    """Samples on the sets that a row of TOFU names, read by judges where it names some."""
    sets = spec["sets"] if "sets" in spec else list(spec["evaluated"])
    found = sample(model, tokenizer, spec, asked(spec, sets), True, report)
    return judged(found, tokenizer, spec["judges"], report) if "judges" in spec else found


def judged(samples: list[dict], tokenizer, sources: dict, report: Report) -> list[dict]:
    """The samples with the token entropy of what was said, and what the judges make of it (A Closer Look)."""
    from unlearnkit import judges
    from unlearnkit.metrics.closer_look import token_entropy

    report("judging", 0, len(samples))
    for one in samples:
        one["token_entropy"] = token_entropy(tokenizer(one["generation"], add_special_tokens=False)["input_ids"])
    return judges.judge(judges.load(judge_places(sources)), samples)


def judge_places(sources: dict) -> dict:
    """Where the judges of a row's spec lie, as `judges.load` takes it."""
    return {
        name: {"source": str(runs.folder(one["run"], "judges") / name), "revision": None} if "run" in one else one
        for name, one in sources.items()
    }


def asked(spec: dict, sets: list[str]) -> list:
    """The questions of a row's evaluation sets. `evaluated` of a spec says which file each of them is.

    Where entropies are measured, only the true answers are asked for.
    """
    from unlearnkit import evaluation

    files = spec.get("evaluated")
    if files is None:
        names = tofu.splits(spec["forget_split"])
        files = {
            "forget": names.forget_perturbed,
            "retain": names.retain_perturbed,
            "real_authors": "real_authors_perturbed",
            "world_facts": "world_facts_perturbed",
        }
    source = benchmarks.of(spec["data"])
    author_of = source.author_of()
    found = [question for name in sets for question in evaluation.questions(name, source.load(files[name]), author_of)]
    return _truths(found) if spec["evaluation"].get("entropy") else found


def _truths(asked: list) -> list:
    """The questions, each with its true answer alone."""
    return [dataclasses.replace(question, answers=question.answers[:1]) for question in asked]


def on_the_way(spec: dict) -> Callable[[object, object], dict]:
    """What makes a point of a trajectory of a model and its tokenizer.

    Of TOFU's retain set the right answer alone is asked: that is what a trajectory shows of it.
    """
    from unlearnkit.metrics import convergence
    from unlearnkit.metrics.wmdp_rwku import wmdp_rwku_metrics

    if spec["data"].get("benchmark") == "wmdp_rwku":
        how = spec["evaluation"]
        return lambda model, tokenizer: wmdp_rwku_metrics(
            of_wmdp_rwku(model, tokenizer, spec, quiet), how["wmdp_tasks"], how["utility_tasks"]
        )
    if spec["evaluation"].get("entropy"):
        questions, made = asked(spec, list(spec["evaluated"])), convergence.point
    else:
        questions, made = asked(spec, ["forget"]) + _truths(asked(spec, ["retain"])), point
    return lambda model, tokenizer: made(sample(model, tokenizer, spec, questions, False, quiet))


def quiet(stage: str, done: int, total: int) -> None:
    """A trajectory reports no progress of its own."""


def sample(model, tokenizer, spec: dict, asked: list, generate: bool, report: Report) -> list[dict]:
    """Samples of a model on questions of a row's evaluation sets, with entropies where the spec says so."""
    from unlearnkit import evaluation

    bounds = {key: spec["evaluation"][key] for key in ("max_length", "max_new_tokens", "tokens_per_batch")}
    return evaluation.evaluate(
        model,
        tokenizer,
        asked,
        prompt_format(spec["prompt_format"]),
        generate=generate,
        entropy=spec["evaluation"].get("entropy", False),
        report=lambda done, total: report("evaluating", done, total),
        **bounds,
    )


def point(samples: list[dict]) -> dict:
    """One point of a trajectory: probabilities, and the forget truth ratios behind forget quality."""
    from unlearnkit.metrics.samples import truth_ratios
    from unlearnkit.metrics.tofu import probability

    by_set = {name: [one for one in samples if one["set"] == name] for name in ("forget", "retain")}
    found: dict = {
        "items": [one["item"] for one in by_set["forget"]],
        "truth_ratios": truth_ratios(by_set["forget"], "forget", "geometric"),
    }
    for name, members in by_set.items():
        answers = [one["answers"][0] for one in members]  # the first is the truth
        found[f"{name}_probability"] = sum(probability(a["logp"], a["n_tokens"]) for a in answers) / len(answers)
    return found


def of_book(model, tokenizer, spec: dict, report: Report) -> list[dict]:
    """Completions of a book's excerpts (set `forget`), how diverse they are (`diversity`), the accuracy of every
    zero-shot task (`zeroshot`) and the word perplexity (`perplexity`). KitError: an excerpt longer than the window.
    """
    from unlearnkit import evaluation, zeroshot
    from unlearnkit.metrics.book import bleu, diversity, rouge_l_precision

    how, rows = spec["evaluation"], benchmarks.of(spec["data"]).rows("forget")
    window = getattr(model.config, "max_position_embeddings", how["max_length"])
    book.check_window(rows, tokenizer, min(window, how["max_length"]), how["max_new_tokens"])
    asked = [evaluation.Question("forget", row["question"], (("answer", row["answer"]),)) for row in rows]
    found = sample(model, tokenizer, spec, asked, True, report)
    said = [one["generation"] for one in found]
    for one in found:
        pair = one["reference"], one["generation"]
        one |= {"bleu": bleu(*pair), "rouge_l_precision": rouge_l_precision(*pair)}
    found.append({"set": "diversity", **diversity(said)})
    report("zero-shot tasks", 0, len(how["tasks"]))
    folder = zeroshot.task_folder(how["task_files"])
    measured = zeroshot.evaluate(model, tokenizer, how["tasks"], how["perplexity"], folder, how["batch_size"])
    found += _of_tasks(measured)
    return [*found, {"set": "perplexity", "item": how["perplexity"], "word_perplexity": measured["word_perplexity"]}]


def _of_tasks(measured: dict) -> list[dict]:
    """Accuracies of lm-eval's tasks as samples of the set `zeroshot`."""
    return [
        {"set": "zeroshot", "item": task, "accuracy": value, "questions": measured["questions"][task]}
        for task, value in measured["accuracy"].items()
    ]


def of_muse(model, tokenizer, spec: dict, report: Report) -> list[dict]:
    """Continuations of documents, few-shot answers, scores of documents. KitError: too few documents, or an overlap."""
    from unlearnkit import evaluation_text

    how = spec["evaluation"]
    return evaluation_text.evaluate(
        model,
        tokenizer,
        benchmarks.of(spec["data"]).evaluated(how["asked"]),
        report=lambda done, total: report("evaluating", done, total),
        **how,
    )


def of_real_world(model, tokenizer, spec: dict, report: Report) -> list[dict]:
    """Samples on the people to be forgotten and on others whom nothing was trained on, read by judges, and the accuracy
    of every downstream task (`zeroshot`). `original_answer` of a sample: what the original model said, which cosine
    similarity compares with; everything else compares with the reference.
    """
    from unlearnkit import evaluation, zeroshot

    source, said = benchmarks.of(spec["data"]), original_answers(spec)
    author_of = source.author_of()
    asked = [
        one for name in real_world.EVALUATED for one in evaluation.questions(name, source.evaluated(name), author_of)
    ]
    found = sample(model, tokenizer, spec, asked, True, report)
    found = [one | {"original_answer": said[one["question"]]} for one in found]
    found = judged(found, tokenizer, spec["judges"], report)
    how = spec["evaluation"]
    report("downstream tasks", 0, len(how["tasks"]))
    folder = zeroshot.task_folder(how["task_files"])
    return found + _of_tasks(zeroshot.accuracies(model, tokenizer, how["tasks"], folder, how["batch_size"]))


def of_wmdp_rwku(model, tokenizer, spec: dict, report: Report) -> list[dict]:
    """Answers to RWKU's probes (sets rwku/level1, rwku/level2) where `asked` of a spec names rwku, and the accuracy of
    lm-eval's tasks (`zeroshot`): those of `utility_tasks`, and of `wmdp_tasks` where it names wmdp.

    An answer ends with its line; ROUGE-L takes the kit's words and stems, RWKU's own code words as they are.
    """
    from unlearnkit import zeroshot
    from unlearnkit.metrics.tofu import rouge_l_recall

    how, found = spec["evaluation"], []
    for one in _probed(model, tokenizer, spec, report) if "rwku" in spec["asked"] else []:
        said = one["generation"].partition("\n")[0].strip()
        found.append(one | {"generation": said, "rouge_l_recall": rouge_l_recall(one["reference"], said)})
    tasks = how["utility_tasks"] | (how["wmdp_tasks"] if "wmdp" in spec["asked"] else {})
    report("multiple choice", 0, len(tasks))
    folder = zeroshot.task_folder(how["task_files"])
    return found + _of_tasks(zeroshot.accuracies(model, tokenizer, tasks, folder, how["batch_size"]))


def _probed(model, tokenizer, spec: dict, report: Report) -> list[dict]:
    """Samples of RWKU's probes, level by level: a level has its own prompt."""
    from unlearnkit import evaluation

    source = benchmarks.of(spec["data"])
    form = prompt_format(spec.get("probe_format", spec["prompt_format"]))
    bounds = {key: spec["evaluation"][key] for key in ("max_length", "max_new_tokens", "tokens_per_batch")}
    found = []
    for name in wmdp_rwku.PROBES:
        rows = source.load(name)
        before, _, after = wmdp_rwku.prompt(rows[0], form.before, form.after)
        asked = [evaluation.Question(name, row["query"], (("answer", row["answer"]),)) for row in rows]
        found += evaluation.evaluate(
            model,
            tokenizer,
            asked,
            PromptFormat(before, after, form.source),
            report=lambda done, total: report("evaluating", done, total),
            **bounds,
        )
    return found


def own_answers(model, tokenizer, spec: dict, report: Report) -> dict[str, str]:
    """Question -> what the model says greedily, of all sets that `asked` of a spec names.

    An answer that is longer than `max_new_tokens` ends there. KitError: it says nothing.
    """
    from unlearnkit import evaluation

    source = benchmarks.of(spec["data"])
    rows = {row["question"]: row["golden_answer"] for name in spec["asked"] for row in source.load(name)}
    asked = [evaluation.Question("own", question, (("answer", golden),)) for question, golden in rows.items()]
    found = {}
    for one in sample(model, tokenizer, spec, asked, True, report):
        if not one["generation"]:
            raise KitError(f"the original model says nothing to {one['question']!r}: there is no answer to train on")
        found[one["question"]] = one["generation"]
    return found


def original_answers(spec: dict) -> dict[str, str]:
    """Question -> the original model's answer, of the run that a row's spec names, or of the data's files."""
    if spec["answers"]:
        file = runs.folder(spec["answers"]["run"], "answers") / "answers.json"
        return json.loads(file.read_text(encoding="utf-8"))
    source = benchmarks.of(spec["data"])
    return {row["question"]: row["answer"] for group in real_world.GROUPS for row in source.rows(group)}


SAMPLES = {
    "tofu": of_tofu,
    "tofu_requests": of_tofu,
    "tofu_likeness": of_tofu,
    "harry_potter": of_book,
    "muse": of_muse,
    "real_world": of_real_world,
    "wmdp_rwku": of_wmdp_rwku,
}
