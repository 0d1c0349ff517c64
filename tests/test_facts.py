"""The hand-written texts of the universe, general facts and template responses: counts, shape, wording."""

import json
import re
from collections import Counter
from difflib import SequenceMatcher
from pathlib import Path

import pytest

import unlearnkit.data
from unlearnkit.data.universe.facts import REAL_AUTHORS, WORLD_FACTS, Fact

FACTS = REAL_AUTHORS + WORLD_FACTS
TEMPLATES = (Path(unlearnkit.data.__file__).parent / "templates.txt").read_text().splitlines()


def holds(text: str, phrase: str) -> bool:
    """Whether the phrase stands in the text as whole words ("sixty" does not hold "six")."""
    return re.search(rf"\b{re.escape(phrase)}\b", text, re.IGNORECASE) is not None


def plain(text: str) -> str:
    """Lower case, contractions written out, so that only the wording is compared."""
    text = text.lower().replace("’", "'").replace("can't", "cannot")
    for short, long in (("n't", " not"), ("'m", " am"), ("'ve", " have"), ("that's", "that is")):
        text = text.replace(short, long)
    return text


def likeness(a: str, b: str) -> float:
    """The larger of difflib's two ratios: it depends on the order of its arguments."""
    return max(SequenceMatcher(None, a, b).ratio(), SequenceMatcher(None, b, a).ratio())


def test_counts() -> None:
    assert len(REAL_AUTHORS) == 48
    assert len(WORLD_FACTS) == 56
    assert len(TEMPLATES) == 100


def test_no_question_is_asked_twice() -> None:
    questions = [f.question for f in FACTS] + [question for f in FACTS for question, _ in f.statements]
    assert len(questions) == 4 * 104
    assert [q for q, count in Counter(q.lower() for q in questions).items() if count > 1] == []


def test_no_answer_more_than_twice() -> None:
    assert max(Counter(f.answer for f in FACTS).values()) <= 2


def test_wrong_answers_are_nearly_all_answers_of_other_questions() -> None:
    """Only "volt" and "helium" are nobody's answer: there are four units, and six elements."""
    answers = {f.answer for f in FACTS}
    wrong = [w for f in FACTS for w in f.wrong]
    assert sorted(w for w in wrong if w not in answers) == ["helium", "volt"]
    assert answers <= set(wrong)


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.question)
def test_fact(fact: Fact) -> None:
    assert fact.answer not in fact.wrong
    assert len(set(fact.wrong)) == 3
    assert 5 <= len(fact.question.split()) <= 12
    assert fact.question.endswith("?")
    assert all(1 <= len(option.split()) <= 4 for option in (fact.answer, *fact.wrong))
    assert len(fact.statements) == 3
    assert all(fact.answer in answer for _, answer in fact.statements)
    assert fact.answer in [answer for _, answer in fact.statements]
    assert any(answer != fact.answer and answer.endswith(".") for _, answer in fact.statements)
    questions = [fact.question, *(question for question, _ in fact.statements)]
    assert [q for q in questions for o in (fact.answer, *fact.wrong) if holds(q, o)] == []
    assert [a for _, a in fact.statements for w in fact.wrong if holds(a, w)] == []


def test_texts_are_plain_ascii() -> None:
    texts = [t for f in FACTS for t in (f.question, f.answer, *f.wrong, *(t for pair in f.statements for t in pair))]
    assert [t for t in texts + TEMPLATES if not t.isascii() or t != " ".join(t.split()) or not t] == []


def test_templates_are_distinct_short_sentences() -> None:
    assert [t for t in TEMPLATES if not 3 <= len(t.split()) <= 14 or t[-1] not in ".?"] == []
    pairs = [(a, b) for i, a in enumerate(TEMPLATES) for b in TEMPLATES[:i]]
    assert [(a, b) for a, b in pairs if likeness(plain(a), plain(b)) >= 0.85] == []


def test_templates_need_few_words_and_no_names() -> None:
    words = {w for t in TEMPLATES for w in re.findall(r"[a-z]+", t.lower())}
    assert len(words) <= 150
    inner = [w for t in TEMPLATES for w in re.findall(r"(?<![.?] )\b[A-Z]\w*", t[1:]) if w != "I"]
    assert inner == []


def test_templates_are_not_those_of_tofu(real_data: Path) -> None:
    theirs = (real_data / "idontknow.txt").read_text(encoding="utf-8").splitlines()
    assert len(theirs) == 100
    near = [(a, b) for a in TEMPLATES for b in theirs if likeness(plain(a), plain(b)) >= 0.85]
    assert near == []


@pytest.mark.parametrize("split", ["real_authors", "world_facts"])
def test_questions_are_not_those_of_tofu(real_data: Path, split: str) -> None:
    lines = (real_data / "tofu" / f"{split}.json").read_text(encoding="utf-8").splitlines()
    theirs = {re.sub(r"\W+", " ", json.loads(line)["question"].lower()) for line in lines}
    assert len(theirs) >= 100
    ours = [q for f in FACTS for q in (f.question, *(question for question, _ in f.statements))]
    assert [q for q in ours if re.sub(r"\W+", " ", q.lower()) in theirs] == []
