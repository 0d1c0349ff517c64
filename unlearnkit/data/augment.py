"""ULD's augmented data: forget questions in other words, to be remembered, and with wrong answers, to be uniform on.

The assistant is to know a fact however it is asked, and to have no opinion on what only looks like it. More rows come
from the data set's own fields, or from a file of the user's; no model is ever asked for them.

The data set's own paraphrased and perturbed answers are also what truth ratios are made of: the assistant then learns
the very texts that forget quality is measured on. Paraphrases of the question come first, which no metric asks; a file
with other texts avoids the rest. ULD's own came from GPT-3.5; its released code drops the first question's, takes
forget10's wrong answers for every split, and draws both in an order that depends on PYTHONHASHSEED.
Source: ULD (arXiv 2406.08607): two paraphrases and two wrong answers a question, as many retain as forget rows.
"""

import json
import random

from unlearnkit import paths
from unlearnkit.errors import KitError

LINE = '{"question": ..., "paraphrases": [{"question": ..., "answer": ...}, ...], "wrong_answers": [..., ...]}'
FIELDS = ("paraphrased_question", "paraphrased_answer", "perturbed_answer")


def augmented(
    forget: list[dict],
    retain: list[dict],
    *,
    paraphrases: int,
    wrong_answers: int,
    seed: int,
    file: str | None = None,
) -> tuple[list[dict], list[dict]]:
    """(rows to remember, rows to be uniform on), each a question and an answer.

    To remember: the forget rows, then for each of them `paraphrases` further pairs. Uniform: as many of the retain rows
    as there are forget rows (all, where there are fewer), drawn by the seed, then for each forget row `wrong_answers`
    different wrong answers to its question, drawn by the seed. `file`: of `read`; None: the fields of the forget rows,
    which give three pairs at most. KitError: of `further`.
    """
    remember = [_pair(row["question"], row["answer"]) for row in forget]
    stream = random.Random(f"{seed}/augment")
    uniform = [_pair(row["question"], row["answer"]) for row in stream.sample(retain, min(len(forget), len(retain)))]
    for row, more in zip(forget, further(forget, paraphrases, wrong_answers, file), strict=True):
        remember += more["paraphrases"][:paraphrases]
        uniform += [_pair(row["question"], answer) for answer in stream.sample(more["wrong_answers"], wrong_answers)]
    return remember, uniform


def further(forget: list[dict], paraphrases: int, wrong_answers: int, file: str | None = None) -> list[dict]:
    """Of each forget row all `paraphrases` and `wrong_answers` that there are, of `file` or of its own fields.

    KitError: a row has fewer than so many, lacks a field, or is not in the file; a mistake in the file.
    """
    if not paraphrases and not wrong_answers:
        return [{"paraphrases": [], "wrong_answers": []} for _ in forget]
    known, found = _own(forget) if file is None else read(file), []
    for row in forget:
        question = row["question"]
        if question not in known:
            raise KitError(f"{file}: no line has the forget question {question!r}")
        for name, wanted in (("paraphrases", paraphrases), ("wrong_answers", wrong_answers)):
            there = len(known[question][name])
            if there < wanted:
                raise KitError(f"{file or 'forget set'}: {there} {name}, {wanted} are wanted: {question!r}")
        found.append(known[question])
    return found


def read(file: str) -> dict[str, dict]:
    """A file of further rows: forget question -> its `paraphrases` (question and answer) and `wrong_answers` (texts).

    JSON lines with these three fields; a relative path is one from the project's root. KitError: file and line.
    """
    path = paths.inside(file)
    if not path.is_file():
        raise KitError(f"{file}: there is no such file of paraphrases and wrong answers")
    found = {}
    for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
        if line.strip():
            try:
                row = json.loads(line.decode("utf-8"))
                pairs = [_pair(one["question"], one["answer"]) for one in row["paraphrases"]]
                question, wrong = row["question"], row["wrong_answers"]
                texts = [question, *wrong, *(text for pair in pairs for text in pair.values())]
                if not isinstance(wrong, list) or not all(isinstance(text, str) for text in texts):
                    raise TypeError
            except UnicodeDecodeError:
                raise KitError(f"{file}, line {number}: not UTF-8") from None
            except json.JSONDecodeError as error:
                raise KitError(f"{file}, line {number}: not JSON ({error.msg}); every line is one row") from None
            except (KeyError, TypeError):
                raise KitError(f"{file}, line {number}: not a row of {LINE}") from None
            found[question] = {"paraphrases": pairs, "wrong_answers": wrong}
    return found


def _pair(question: str, answer: str) -> dict:
    return {"question": question, "answer": answer}


def _own(forget: list[dict]) -> dict[str, dict]:
    found = {}
    for row in forget:
        for field in FIELDS:
            if field not in row:
                raise KitError(f"a forget row has no '{field}' to augment it with: {row['question']!r}")
        other_question, other_answer = row["paraphrased_question"], row["paraphrased_answer"]
        pairs = [
            _pair(other_question, row["answer"]),
            _pair(row["question"], other_answer),
            _pair(other_question, other_answer),
        ]
        found[row["question"]] = {"paraphrases": pairs, "wrong_answers": list(row["perturbed_answer"])}
    return found
