"""Utility that is not about the book: word perplexity and zero-shot accuracy, measured by lm-eval in this process.

`tasks` of a table are names in lm-eval's own registry, or files `<name>.yaml` in a folder: the kit's own are in
data/story/tasks and data/guild/tasks. The code that runs is lm-eval's either way.
"""

import contextlib
import hashlib
import io
import logging
import math
from collections.abc import Sequence
from pathlib import Path

from unlearnkit import paths
from unlearnkit.errors import KitError, nearest

KITS = {name: Path(__file__).parent / "data" / name / "tasks" for name in ("story", "guild")}
OWN = KITS["story"]

# TruthfulQA counts twice, so that the mean of FLAT's nine data sets has ten terms.
TASKS = tuple(
    "boolq rte hellaswag winogrande arc_challenge arc_easy openbookqa piqa truthfulqa_mc1 truthfulqa_mc2".split()
)
PERPLEXITY = "wikitext"
TINY_TASKS = tuple(f"tiny_{task}" for task in TASKS)
TINY_PERPLEXITY = "tiny_wikitext"
# What picking an answer at random scores; in the real TruthfulQA it differs from question to question.
CHANCE: dict[str, float] = dict.fromkeys(("boolq", "rte", "winogrande", "piqa"), 1 / 2)
CHANCE |= dict.fromkeys(("hellaswag", "arc_challenge", "arc_easy", "openbookqa"), 1 / 4)
CHANCE |= dict.fromkeys(("mmlu", "wmdp_cyber"), 1 / 4)
CHANCE |= {f"tiny_{task}": chance for task, chance in CHANCE.items()}
CHANCE |= {"tiny_truthfulqa_mc1": 1 / 4, "tiny_truthfulqa_mc2": 2 / 5}


def task_folder(name: str | None) -> Path | None:
    """Where the task files are: `story` or `guild`, the kit's own; another folder, below the project where its path is
    relative; None for lm-eval's. KitError: no folder.
    """
    if name is None or name in KITS:
        return KITS[name] if name else None
    folder = paths.inside(str(Path(name).expanduser()))
    if not folder.is_dir():
        own = ", ".join(f"'{one}'" for one in KITS)
        raise KitError(f"there is no folder '{name}'; name one with task files, {own}, or null for lm-eval's own")
    return folder


def check_files(names: Sequence[str], folder: Path | None) -> None:
    """KitError: a task that has no file in the folder. What the files say is lm-eval's to judge, when they are run."""
    for name in names if folder else ():
        if not (folder / f"{name}.yaml").is_file():
            raise KitError(
                f"{folder}: no task file {name}.yaml{nearest(name, [p.stem for p in folder.glob('*.yaml')])}"
            )


def fingerprint(folder: Path | None) -> str | None:
    """What identifies task files in a run's key: a hash of them; of the kit's own also of their data."""
    if folder is None:
        return None
    content = hashlib.sha256()
    data = folder.parent.glob("files/**/*.json") if folder in KITS.values() else ()
    for file in sorted([*folder.glob("*.*"), *data]):
        if file.suffix in (".yaml", ".py", ".json"):
            content.update(file.name.encode() + b"\0" + file.read_bytes())
    return content.hexdigest()[:16]


def evaluate(
    model, tokenizer, tasks: Sequence[str], perplexity: str, folder: Path | None, batch_size: int
) -> dict[str, object]:
    """`accuracy`: task -> acc (not acc_norm), of so many `questions`; `mean_accuracy` over `tasks` of them;
    `word_perplexity`.

    `perplexity`: the task whose text is read. `folder`: where `<task>.yaml` are; None for lm-eval's own tasks, which it
    may load from the hub. The model is switched to evaluation mode.
    KitError: a task that does not exist or that lm-eval rejects; a task without the metric.
    """
    found = accuracies(model, tokenizer, dict.fromkeys(tasks, "acc"), folder, batch_size)
    with _quietly():
        from lm_eval.models.huggingface import HFLM

        loaded = _load((perplexity,), folder)
        # A text that is read whole gets its opening token from the harness; the tokenizer must not add a second one.
        reader = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=batch_size, add_bos_token=False)
        word_perplexity = _measured(reader, perplexity, loaded[perplexity], "word_perplexity", folder)
    accuracy = found["accuracy"].values()
    return found | {
        "mean_accuracy": math.fsum(accuracy) / len(accuracy),
        "tasks": len(accuracy),
        "word_perplexity": word_perplexity,
    }


def accuracies(model, tokenizer, tasks: dict[str, str], folder: Path | None, batch_size: int) -> dict[str, dict]:
    """`accuracy`: task -> its metric, and of how many `questions`. A task may be a group of lm-eval's, as mmlu is.

    `tasks`: name -> metric, with its filter where that is not "none": "exact_match,flexible-extract".
    KitError: as `evaluate`.
    """
    with _quietly():
        from lm_eval.models.huggingface import HFLM

        loaded = _load(tuple(tasks), folder)
        harness = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=batch_size)
        return {
            "accuracy": {name: _measured(harness, name, loaded[name], tasks[name], folder) for name in tasks},
            "questions": {name: sum(len(one.eval_docs) for one in loaded[name]["tasks"].values()) for name in tasks},
        }


@contextlib.contextmanager
def _quietly():
    """No progress bars and no chatter of the harness."""
    logger = logging.getLogger("lm_eval")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)


def _load(names: tuple[str, ...], folder: Path | None) -> dict:
    """What lm-eval evaluates, by name: a task alone, or a group with its tasks."""
    from lm_eval.tasks import TaskManager

    check_files(names, folder)
    manager = TaskManager(include_path=folder, include_defaults=folder is None)
    loaded: dict[str, dict] = {}
    known = [*manager.all_subtasks, *manager.all_groups]
    for name in names:
        if folder is None and name not in known:
            raise KitError(f"lm-eval has no task '{name}'{nearest(name, known)}")
        try:
            found = manager.load([str(folder / f"{name}.yaml") if folder else name])
        except Exception as error:  # a task file may fail in any way: its syntax, its data, its own functions
            raise KitError(f"{_place(name, folder)}: lm-eval rejects the task: {_reason(error)}") from error
        if name not in (*found["tasks"], *found["groups"]):
            raise KitError(f"{_place(name, folder)}: the file does not say 'task: {name}'")
        for task in found["tasks"].values():
            if task.get_config("num_fewshot") is None:
                task.set_config(key="num_fewshot", value=0)
        loaded[name] = found
    return loaded


def _measured(harness, name: str, tasks: dict, metric: str, folder: Path | None) -> float:
    """One metric of one task, or of one group."""
    from lm_eval import evaluator

    try:
        results = evaluator.evaluate(harness, tasks, bootstrap_iters=0, log_samples=False)["results"]
    except OverflowError:  # a perplexity above the largest number
        return math.inf
    except Exception as error:
        raise KitError(f"{_place(name, folder)}: lm-eval cannot run the task: {_reason(error)}") from error
    found, key = results[name], metric if "," in metric else f"{metric},none"
    if key not in found:
        have = sorted(key.removesuffix(",none") for key in found if "," in key and "_stderr" not in key)
        raise KitError(f"{_place(name, folder)}: the task does not measure '{metric}' (it has: {', '.join(have)})")
    return float(found[key])


def _place(name: str, folder: Path | None) -> str:
    return name if folder is None else f"{folder / name}.yaml"


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
