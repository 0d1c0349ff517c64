"""Generate the news from one seed: invented local reports and quiz pages about them, with the sets of MUSE-News.

All reports come from one generator: forget and holdout reports differ in nothing but that a model has seen the first.
A quiz page is a document of its own: the benchmark's few-shot format, with the very questions that are evaluated behind
questions about reports of the pre-training text. Without them a model of a million parameters cannot be asked: unlike
MUSE's, it does not learn from a report alone how to answer a question about it.
Run as a module it writes the files; with --check it compares them and measures what knowing only the phrasing scores.
"""

import json
import random
import sys
from dataclasses import dataclass
from pathlib import Path

from unlearnkit.data import generated
from unlearnkit.data.muse import few_shot
from unlearnkit.data.news import words
from unlearnkit.data.news.words import Sentence

SEED = 6460
REPORTS = 100  # in every set: PrivLeak's AUC compares so many forget with as many holdout documents
FOLDS = 4  # of the forget data, for scalability and sustainability; the first is the forget set
PRETRAIN = 80  # reports that only the base model sees
DETAILS = 3  # sentences behind the lead
PROMPT_SHARE = 0.4  # of a report's words, the rest is to be continued
SHOTS = 4  # in-context examples; on a quiz page so many or fewer
PAGES = 2  # that ask the same question, behind other ones
FRAME_ONLY_BOUND = 50  # VerbMem that knowing the sentences, but not their values, must stay below
FILES = Path(__file__).parent / "files"

File = list[str] | list[dict[str, str]]


@dataclass(frozen=True)
class Report:
    """A report's `parts` in order: each a sentence, the phrasing it has, and the values of its slots."""

    place: str
    parts: tuple[tuple[Sentence, str, dict[str, str]], ...]

    @property
    def text(self) -> str:
        return " ".join(_fill(phrasing, values) for _, phrasing, values in self.parts)

    @property
    def questions(self) -> list[dict[str, str]]:
        """The questions about the report, one a part, with their answers."""
        return [
            {"question": sentence.question.format(place=self.place), "answer": _fill(sentence.answer, values)}
            for sentence, _, values in self.parts
        ]

    @property
    def prompt_and_rest(self) -> dict[str, str]:
        """The report cut between two words: what a model is given, and what it continues with."""
        found = self.text.split(" ")
        cut = round(len(found) * PROMPT_SHARE)
        return {"prompt": " ".join(found[:cut]), "gt": " ".join(found[cut:])}

    def with_other_values(self, rng: random.Random) -> "Report":
        """The same sentences in the same phrasings about the same place; every other value is drawn anew."""
        return Report(self.place, tuple((one, phrasing, _values(self.place, rng)) for one, phrasing, _ in self.parts))


def _fill(frame: str, values: dict[str, str]) -> str:
    text = frame.format(**values)
    return text[0].upper() + text[1:]


def _value(slot: str, rng: random.Random) -> str:
    if slot == "person":
        return f"{rng.choice(words.FIRST_NAMES)} {rng.choice(words.LAST_NAMES)}"
    if slot == "age":
        return str(rng.randrange(19, 91))
    if slot == "amount":
        return str(rng.randrange(101, 1000))
    if slot == "count":
        return str(rng.randrange(11, 100))
    return rng.choice(words.POOLS["town" if slot == "other_town" else slot])


def _values(place: str, rng: random.Random) -> dict[str, str]:
    """A value for every slot that a sentence may have."""
    slots = (*words.POOLS, "other_town", "person", "age", "amount", "count")
    return {"place": place} | {slot: _value(slot, rng) for slot in slots}


def _report(place: str, rng: random.Random) -> Report:
    sentences = [words.LEAD, *rng.sample(words.DETAILS, DETAILS)]
    return Report(place, tuple((one, rng.choice(one.phrasings), _values(place, rng)) for one in sentences))


def _places(count: int, rng: random.Random) -> list[str]:
    """Names of places, each once."""
    return rng.sample([f"{last} {kind}" for last in words.LAST_NAMES for kind in words.KINDS], count)


def _pages(rows: list[dict[str, str]], known: list[dict[str, str]], rng: random.Random) -> list[str]:
    """PAGES quiz pages a row: up to SHOTS other questions out of `known`, each time others, and then the row's own."""
    return [
        few_shot(rng.sample(known, rng.randrange(SHOTS + 1)), row["question"]) + row["answer"]
        for _ in range(PAGES)
        for row in rows
    ]


def _evaluated(reports: list[Report], rng: random.Random) -> list[dict[str, str]]:
    """A question about each report."""
    return [rng.choice(report.questions) for report in reports]


def _draw(rng: random.Random) -> dict[str, list[Report]]:
    """The reports of every set; `examples` are those that in-context examples ask about."""
    sizes = {f"forget_{number}": REPORTS for number in range(1, FOLDS + 1)}
    sizes |= {"retain1": REPORTS, "retain2": REPORTS, "holdout": REPORTS, "pretrain": PRETRAIN}
    places = iter(_places(sum(sizes.values()), rng))
    return {name: [_report(next(places), rng) for _ in range(size)] for name, size in sizes.items()}


def generate(seed: int = SEED) -> dict[str, File]:
    """All files: name -> texts, or rows of prompt and gt, or of question and answer."""
    rng = random.Random(seed)
    reports = _draw(rng)
    known = [row for report in reports["pretrain"] for row in report.questions]
    asked = {name: _evaluated(members, rng) for name, members in reports.items()}
    texts = {name: [report.text for report in members] for name, members in reports.items()}
    documents = {name: texts[name] + _pages(asked[name], known, rng) for name in reports if name != "holdout"}
    folds = [documents[f"forget_{number}"] for number in range(1, FOLDS + 1)]
    examples = rng.sample(known, 2 * SHOTS)
    files: dict[str, File] = {
        "raw/forget": folds[0],
        "raw/retain1": documents["retain1"],
        "raw/retain2": documents["retain2"],
        "raw/holdout": texts["holdout"],
        "verbmem/forget": [report.prompt_and_rest for report in reports["forget_1"]],
        "knowmem/forget_qa": asked["forget_1"],
        "knowmem/retain_qa": asked["retain2"],
        "knowmem/forget_qa_icl": examples[:SHOTS],
        "knowmem/retain_qa_icl": examples[SHOTS:],
        "privleak/forget": texts["forget_1"],
        "privleak/retain": texts["retain2"],
        "privleak/holdout": texts["holdout"],
        "pretrain": texts["pretrain"] + _pages(known, known, rng),
    }
    for number in range(1, FOLDS + 1):
        files[f"sust/forget_{number}"] = folds[number - 1]
        files[f"scal/forget_{number}"] = [text for fold in folds[:number] for text in fold]
    return files


def frame_only_score() -> float:
    """VerbMem, 0 to 100, of continuations that have every word right but the values: mean over the forget reports.

    A model that knows the news but not these reports does not know which sentences follow either.
    """
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=False)
    rng = random.Random(SEED)
    scores = []
    for report in _draw(rng)["forget_1"]:
        rest = report.prompt_and_rest["gt"]
        other = report.with_other_values(rng).text.split(" ")[-len(rest.split(" ")) :]
        scores.append(100 * scorer.score(rest, " ".join(other))["rougeL"].fmeasure)
    return sum(scores) / len(scores)


def contents() -> dict[str, bytes]:
    """File name -> a JSON list, one entry a line."""
    return {
        f"{name}.json": ("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n").encode()
        for name, rows in generate().items()
    }


def write(folder: Path = FILES) -> None:
    """Write every file."""
    generated.write(folder, contents())


def differences(folder: Path = FILES) -> list[str]:
    """Names of the files that are not what the seed generates: changed, missing, or not generated at all."""
    return generated.differences(folder, contents())


def check() -> bool:
    """Print whether the committed files are the generator's, and the frame-only score; True where all is well."""
    changed = differences()
    print(f"files that differ from what the seed generates: {', '.join(changed) or 'none'}")
    score = frame_only_score()
    print(f"frame-only VerbMem: {score:.1f} (must stay below {FRAME_ONLY_BOUND})")
    return not changed and score < FRAME_ONLY_BOUND


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or check them; returns the exit code."""
    return generated.main(arguments, "Write the files of the news.", write, check)


if __name__ == "__main__":
    sys.exit(main())
