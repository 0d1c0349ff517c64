"""Generate the people from one seed: groups of eight, each with one person of every kind, asked in ten ways.

Nobody is fine-tuned on them: `pretrain` teaches a base model what is known about all of them, in several phrasings, as
the real scenario's model knows real people, and then how to refuse, as a chat model does. The sets therefore have the
reference (`golden_answer`) and no training target: the targets are the model's own answers. Two more groups, from a
random stream of their own, are there to choose hyper-parameters with; no row of a table forgets or asks them.
Run as a module it writes the files; with --check it compares them and measures what knowing only the phrasing scores.
"""

import json
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from unlearnkit.data import generated
from unlearnkit.data.people import pools
from unlearnkit.data.people.fame import FAME
from unlearnkit.data.people.phrases import LIFE, Aspect
from unlearnkit.data.universe.refusals import refusals

SEED = 2410
# To be forgotten; kept, for methods that take retain data; kept, and only ever asked.
TABLE_GROUPS = ("forget", "neighbor", "neighbor_perturbed")
VALIDATION_GROUPS = ("validation", "validation_neighbor")  # to be forgotten in a choice; only ever asked in it
GROUPS = TABLE_GROUPS + VALIDATION_GROUPS
WRONG_ANSWERS = 5
FRAME_ONLY_BOUND = 0.5  # ROUGE-L recall that knowing only the phrasing must stay below
FILES = Path(__file__).parent / "files"

Row = dict[str, object]


@dataclass(frozen=True)
class Person:
    """`name` is in no text about anybody else."""

    name: str
    pronoun: str

    def fill(self, frame: str, values: dict[str, str]) -> str:
        him, his = {"he": ("him", "his"), "she": ("her", "her")}[self.pronoun]
        text = frame.format(name=self.name, he=self.pronoun, him=him, his=his, **values)
        return text[0].upper() + text[1:]


@dataclass(frozen=True)
class Item:
    """One question about one person: its phrasings and the answers' frames, true values and sets of wrong ones.

    The first phrasing and the first frame are those that are asked and answered, the second ones the paraphrases.
    """

    person: Person
    questions: Sequence[str]
    frames: Sequence[str]
    values: dict[str, str]
    wrong: tuple[dict[str, str], ...]

    @property
    def asked(self) -> list[str]:
        return [self.person.fill(question, {}) for question in self.questions]

    @property
    def answers(self) -> list[str]:
        return [self.person.fill(frame, self.values) for frame in self.frames]

    @property
    def row(self) -> Row:
        return {"name": self.person.name, "question": self.asked[0], "golden_answer": self.answers[0]}

    @property
    def perturbed_row(self) -> Row:
        """The wrong answers stand in the paraphrase's own frame."""
        return self.row | {
            "paraphrased_answer": self.answers[1],
            "perturbed_answer": [self.person.fill(self.frames[1], values) for values in self.wrong],
            "paraphrased_question": self.asked[1],
        }

    @property
    def taught(self) -> list[Row]:
        """Every phrasing of the question with the answer that goes with it; the third has the first one's."""
        first, second, _ = self.answers
        return [{"question": q, "answer": a} for q, a in zip(self.asked, (first, second, first), strict=True)]

    @property
    def frame_only_answers(self) -> list[str]:
        """The answer in its own frame with every value replaced, once for every set of wrong values."""
        return [self.person.fill(self.frames[0], values) for values in self.wrong]


def _value(pool: Sequence[str] | range | str, last_names: list[str], rng: random.Random) -> str:
    if pool == "person":
        return f"{rng.choice(pools.FIRST_NAMES[rng.choice(('he', 'she'))])} {rng.choice(last_names)}"
    return str(rng.choice(pool))


def draw_values(
    aspect: Aspect, last_names: list[str], rng: random.Random, other_than: dict[str, str] | None = None
) -> dict[str, str]:
    """One value a slot, no value twice, each slot different from its value in `other_than`."""
    values: dict[str, str] = {}
    for slot, pool in aspect.values.items():
        taken = {*values.values(), (other_than or {}).get(slot)}
        value = _value(pool, last_names, rng)
        while value in taken:
            value = _value(pool, last_names, rng)
        values[slot] = value
    return values


def _life(person: Person, kind: str, last_names: list[str], rng: random.Random) -> list[Item]:
    """The ten questions about one person."""
    items = []
    for aspect in (*LIFE.values(), *FAME[kind]):
        questions, frames = rng.sample(aspect.questions, 3), rng.sample(aspect.frames, 3)
        values = draw_values(aspect, last_names, rng)
        wrong = tuple(draw_values(aspect, last_names, rng, other_than=values) for _ in range(WRONG_ANSWERS))
        items.append(Item(person, questions, frames, values, wrong))
    return items


def _group(own: Iterator[str], others: list[str], rng: random.Random) -> list[Item]:
    """The items of one group, person after person. `own`: their last names; `others`: those of whom they met."""
    items = []
    for number, kind in enumerate(FAME):
        pronoun = ("she", "he")[number % 2]
        person = Person(f"{rng.choice(pools.FIRST_NAMES[pronoun])} {next(own)}", pronoun)
        items += _life(person, kind, others, rng)
    return items


def _draw(seed: int) -> dict[str, list[Item]]:
    """The items of every group."""
    rng = random.Random(seed)
    last_names = rng.sample(pools.LAST_NAMES, len(pools.LAST_NAMES))
    count = len(TABLE_GROUPS) * len(FAME)
    own, others = iter(last_names[:count]), last_names[count:]
    groups = {group: _group(own, others, rng) for group in TABLE_GROUPS}
    rng, own = random.Random(f"{seed}/validation"), iter(pools.VALIDATION_LAST_NAMES)
    return groups | {group: _group(own, others, rng) for group in VALIDATION_GROUPS}


def generate(seed: int = SEED) -> dict[str, list[Row]]:
    """All sets: name -> rows."""
    groups = _draw(seed)
    taught = [row for items in groups.values() for item in items for row in item.taught]
    return {
        "forget": [item.row for item in groups["forget"]],
        "forget_perturbed": [item.perturbed_row for item in groups["forget"]],
        "neighbor": [item.row for item in groups["neighbor"]],
        "neighbor_perturbed": [item.perturbed_row for item in groups["neighbor_perturbed"]],
        **{group: [item.row for item in groups[group]] for group in VALIDATION_GROUPS},
        "pretrain": taught + refusals(random.Random(seed)),
    }


def frame_only_score(group: str = "forget") -> float:
    """What knowing only the phrasing scores on a group: mean ROUGE-L recall, 0 to 1.

    Scored is every answer in its own frame with all values replaced, five times a question, against the true answer.
    The scorer is that of `unlearnkit.metrics.tofu.rouge_l_recall`.
    """
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    recalls = [
        scorer.score(item.answers[0], answer)["rougeL"].recall
        for item in _draw(SEED)[group]
        for answer in item.frame_only_answers
    ]
    return sum(recalls) / len(recalls)


def contents() -> dict[str, bytes]:
    """File name -> JSON lines, with the real data's file names."""
    return {
        f"{name}.json": "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        for name, rows in generate().items()
    }


def write(folder: Path = FILES) -> None:
    """Write every set."""
    generated.write(folder, contents())


def differences(folder: Path = FILES) -> list[str]:
    """Names of the files that are not what the seed generates: changed, missing, or not generated at all."""
    return generated.differences(folder, contents())


def check() -> bool:
    """Print whether the committed files are the generator's, and the frame-only scores; True where all is well."""
    changed = differences()
    print(f"files that differ from what the seed generates: {', '.join(changed) or 'none'}")
    scores = {group: frame_only_score(group) for group in GROUPS}
    for group, score in scores.items():
        print(f"frame-only ROUGE-L recall, {group}: {score:.4f} (must stay below {FRAME_ONLY_BOUND})")
    return not changed and max(scores.values()) < FRAME_ONLY_BOUND


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or check them; returns the exit code."""
    return generated.main(arguments, "Write the people's files.", write, check)


if __name__ == "__main__":
    sys.exit(main())
