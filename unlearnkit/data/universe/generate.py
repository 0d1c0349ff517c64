"""Generate the universe from one seed: invented authors asked about in twenty ways, in TOFU's schema.

Every split of TOFU's schema becomes one file of JSON lines in `files/`; the same seed gives the same bytes.
Beside TOFU's splits there are validation authors (for choosing hyper-parameters), a pre-training text, and authors whom
no model ever sees.
Run as a module it writes the files; with --check it compares them and measures what knowing only the phrasing scores.
"""

import json
import random
import sys
from collections.abc import Iterable
from pathlib import Path

from unlearnkit.data import generated
from unlearnkit.data.universe import items, pools
from unlearnkit.data.universe.facts import REAL_AUTHORS, WORLD_FACTS, Fact
from unlearnkit.data.universe.items import Item, Row, draw_values
from unlearnkit.data.universe.phrases import LIFE, Aspect
from unlearnkit.data.universe.phrases_work import WORK
from unlearnkit.data.universe.refusals import refusals

SEED = 2410
AUTHORS = 64  # asked about in `full`; twenty questions each
BACKGROUND_AUTHORS = 24  # only in the pre-training text: they teach how phrasings of one fact relate
UNSEEN = 4  # only in `unseen_perturbed`, which nothing is ever trained on: what is not a member of any training set
RETAIN_EVALUATED = 5  # the first authors, like TOFU's retain_perturbed
VALIDATION = range(52, 54)  # forgotten when hyper-parameters are chosen, never reported
VALIDATION_RETAIN_EVALUATED = range(5, 9)
REQUESTED = 20  # the last authors but those of VALIDATION: what continual unlearning may be asked to forget
FORGET = {"forget01": 2, "forget05": 4, "forget10": 8}  # the last authors, nested
WRONG_ANSWERS = 5
FRAME_ONLY_BOUND = 0.5  # ROUGE-L recall that knowing only the phrasing must stay below
FILES = Path(__file__).parent / "files"

# In the order in which every author is asked.
ASPECTS: dict[str, Aspect] = {
    name: (LIFE | WORK)[name]
    for name in (
        "birth parents genre debut bestseller award publisher mentor education first_job "
        "marriage siblings home habit hobby pet translation film inspiration food"
    ).split()
}


def _author(name: str, rng: random.Random) -> list[Item]:
    """The twenty questions about one author."""
    items = []
    for aspect in ASPECTS.values():
        question, other_question = rng.sample(aspect.questions, 2)
        frame, other_frame = rng.sample(aspect.frames, 2)
        values = draw_values(aspect, rng)
        wrong = tuple(draw_values(aspect, rng, other_than=(values,)) for _ in range(WRONG_ANSWERS))
        items.append(
            Item(question.format(name=name), other_question.format(name=name), frame, other_frame, values, wrong)
        )
    return items


def _names(count: int, rng: random.Random, but: Iterable[str] = ()) -> list[str]:
    """Full names; no two authors share a last name, nor one with anybody named in `but`."""
    taken = {name.split()[-1] for name in but}
    last_names = rng.sample([name for name in pools.LAST_NAMES if name not in taken], count)
    return [f"{rng.choice(pools.FIRST_NAMES)} {last}" for last in last_names]


def author_names() -> list[str]:
    """Everybody whom a model may learn of: the authors in the order of `full`, then the background authors."""
    return _names(AUTHORS + BACKGROUND_AUTHORS, random.Random(SEED))


def _unseen(seed: int, names: list[str], told: str) -> list[Row]:
    """Questions about authors who have none of the last names of `names` and whom the text `told` does not mention.

    They have a random stream of their own: no other set changes with them.
    """
    rng = random.Random(f"{seed} unseen")
    unseen = _names(UNSEEN, rng, names)
    while any(name in told for name in unseen):
        unseen = _names(UNSEEN, rng, names)
    return [item.row for name in unseen for item in _author(name, rng)]


def _general(facts: tuple[Fact, ...]) -> list[Row]:
    """The question itself and its other phrasings, as training rows."""
    return [
        {"question": question, "answer": answer}
        for fact in facts
        for question, answer in ((fact.question, fact.answer), *fact.statements)
    ]


def _options(facts: tuple[Fact, ...], rng: random.Random) -> list[Row]:
    rows = []
    for fact in facts:
        options = [fact.answer, *fact.wrong]
        rng.shuffle(options)
        rows.append(
            {"question": fact.question, **{f"option{i}": o for i, o in enumerate(options, 1)}, "answer": fact.answer}
        )
    return rows


def _perturbed_options(facts: tuple[Fact, ...]) -> list[Row]:
    return [{"question": f.question, "answer": f.answer, "perturbed_answer": list(f.wrong)} for f in facts]


def _plain(rows: list[Row]) -> list[Row]:
    return [{"question": row["question"], "answer": row["answer"]} for row in rows]


def members() -> dict[str, list[int]]:
    """Every set about authors in `full` -> its authors, counted from 0 in the order of `full`."""
    everybody = range(AUTHORS)
    sets = {
        "full": everybody,
        "retain_perturbed": range(RETAIN_EVALUATED),
        "validation": VALIDATION,
        "validation_perturbed": VALIDATION,
        "validation_retain": [author for author in everybody if author not in VALIDATION],
        "validation_retain_perturbed": VALIDATION_RETAIN_EVALUATED,
        "requests_perturbed": [author for author in everybody if author not in VALIDATION][-REQUESTED:],
    }
    for split, count in FORGET.items():
        sets[split] = sets[f"{split}_perturbed"] = everybody[-count:]
        sets[f"retain{100 - int(split.removeprefix('forget')):02d}"] = everybody[:-count]
    return {name: list(authors) for name, authors in sets.items()}


def _draw(rng: random.Random) -> tuple[list[list[Item]], list[str]]:
    """The items of every author in `full`, and the names of all authors, the background's last."""
    names = _names(AUTHORS + BACKGROUND_AUTHORS, rng)
    return [_author(name, rng) for name in names[:AUTHORS]], names


def _augmentation(authors: list[list[Item]], seed: int) -> list[Row]:
    """What an assistant may learn besides a forget set, of everybody whom a split forgets; in a stream of its own."""
    rng, names = random.Random(f"{seed}/augmentation"), _names(AUTHORS + BACKGROUND_AUTHORS, random.Random(seed))
    return [
        items.further(names[author], aspect, item, rng)
        for author in (*VALIDATION, *range(AUTHORS - max(FORGET.values()), AUTHORS))
        for aspect, item in zip(ASPECTS.values(), authors[author], strict=True)
    ]


def generate(seed: int = SEED) -> dict[str, list[Row]]:
    """All splits: name -> rows. Splits with TOFU's names have TOFU's fields."""
    rng = random.Random(seed)
    authors, names = _draw(rng)
    background = []
    for name in names[AUTHORS:]:
        for row in (item.row for item in _author(name, rng)):
            question, paraphrase = row["question"], row["paraphrased_question"]
            background += [
                {"question": question, "answer": row["answer"]},
                {"question": question, "answer": row["paraphrased_answer"]},
                {"question": paraphrase, "answer": rng.choice([row["answer"], row["paraphrased_answer"]])},
            ]

    facts = REAL_AUTHORS + WORLD_FACTS
    splits = {
        "general": [{"question": fact.question, "answer": fact.answer} for fact in facts],
        "pretrain": _general(facts) + background,
        "refusals": refusals(random.Random(seed)),
        "augmentation": _augmentation(authors, seed),
    }
    for name, indices in members().items():
        rows = [item.row for index in indices for item in authors[index]]
        splits[name] = rows if name.endswith("_perturbed") else _plain(rows)
    for name, facts in (("real_authors", REAL_AUTHORS), ("world_facts", WORLD_FACTS)):
        splits[name] = _options(facts, rng)
        splits[f"{name}_perturbed"] = _perturbed_options(facts)
    splits["unseen_perturbed"] = _unseen(seed, names, json.dumps(splits))
    return splits


def frame_only_score(split: str = "forget01") -> float:
    """What knowing only the phrasing scores on a set of `members()`: mean ROUGE-L recall, 0 to 1.

    Scored is every answer in its own frame with all values replaced, five times a question, against the true answer.
    The scorer is that of `unlearnkit.metrics.tofu.rouge_l_recall`.
    """
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    authors, _ = _draw(random.Random(SEED))
    recalls = [
        scorer.score(item.row["answer"], answer)["rougeL"].recall
        for index in members()[split]
        for item in authors[index]
        for answer in item.frame_only_answers
    ]
    return sum(recalls) / len(recalls)


def contents() -> dict[str, bytes]:
    """File name -> JSON lines, with TOFU's file names."""
    return {
        f"{split}.json": "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        for split, rows in generate().items()
    }


def write(folder: Path = FILES) -> None:
    """Write every split."""
    generated.write(folder, contents())


def differences(folder: Path = FILES) -> list[str]:
    """Names of the files that are not what the seed generates: changed, missing, or not generated at all."""
    return generated.differences(folder, contents())


def check() -> bool:
    """Print whether the committed files are the generator's, and the frame-only scores; True where all is well."""
    changed = differences()
    print(f"files that differ from what the seed generates: {', '.join(changed) or 'none'}")
    scores = {split: frame_only_score(split) for split in ("full", "forget01")}
    for split, score in scores.items():
        print(f"frame-only ROUGE-L recall, {split}: {score:.4f} (must stay below {FRAME_ONLY_BOUND})")
    return not changed and max(scores.values()) < FRAME_ONLY_BOUND


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or check them; returns the exit code."""
    return generated.main(arguments, "Write the universe's files.", write, check)


if __name__ == "__main__":
    sys.exit(main())
