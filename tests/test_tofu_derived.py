"""Sets that the real TOFU has no file of, and a smaller TOFU of fewer authors; which rows are an author's."""

import json
import re
from collections import Counter

import pytest

from unlearnkit.data import tofu
from unlearnkit.errors import KitError


@pytest.fixture
def real(real_data, monkeypatch):
    """The loader of the real sets."""
    monkeypatch.setenv("UNLEARNKIT_DATA", str(real_data))
    return lambda name: tofu.load("local", name)


@pytest.fixture
def write(tmp_path, monkeypatch):
    """A function that writes a set into a folder that the source `local` reads."""
    monkeypatch.setenv("UNLEARNKIT_DATA", str(tmp_path))
    (tmp_path / "tofu").mkdir()

    def write(name: str, rows: list[dict]) -> None:
        (tmp_path / "tofu" / f"{name}.json").write_text("".join(json.dumps(row) + "\n" for row in rows))

    return write


def authors_in(rows: list[dict], full: list[dict]) -> list[int]:
    """The authors of whole blocks of `full`, counted from 0."""
    first = {full[number * 20]["answer"]: number for number in range(len(full) // 20)}
    numbers = [first[row["answer"]] for row in rows[::20]]
    plain = [{"question": row["question"], "answer": row["answer"]} for row in rows]
    assert plain == [full[number * 20 + i] for number in numbers for i in range(20)]
    return numbers


def test_the_validation_sets_of_the_real_data(real):
    full = real("full")
    known = list(range(200))
    assert authors_in(real("validation"), full) == authors_in(real("validation_perturbed"), full) == [180, 181]
    assert authors_in(real("validation_retain"), full) == known[:180] + known[182:]
    assert authors_in(real("validation_retain_perturbed"), full) == list(range(24, 34))
    assert all(len(row["perturbed_answer"]) == 5 for row in real("validation_perturbed"))


def test_choosing_never_sees_a_reported_question(real):
    reported = {row["question"] for name in ("retain_perturbed", "forget05_perturbed") for row in real(name)}
    for name in ("validation", "validation_retain_perturbed"):
        assert not reported & {row["question"] for row in real(name)}


@pytest.mark.parametrize("name", ["full", "retain99", "retain95", "retain90", "validation_retain"])
def test_fewer_authors(real, name):
    left_out = {"full": [], "validation_retain": [180, 181]}
    if name.startswith("retain9"):
        left_out[name] = list(range(200 - {"retain99": 2, "retain95": 10, "retain90": 20}[name], 200))
    expected = [number for number in [*range(44), *range(180, 200)] if number not in left_out[name]]
    assert authors_in(tofu.load("local", name, authors=44), real("full")) == expected
    assert tofu.load("local", name, authors=180) == real(name)
    prints = [tofu.fingerprint("local", name, authors=authors) for authors in (None, 44, 45)]
    assert len(set(prints)) == 3


def test_what_fewer_authors_leave_alone(real):
    for name in ("forget01", "forget10_perturbed", "retain_perturbed", "world_facts"):
        assert tofu.load("local", name, authors=44) == real(name)
        assert tofu.fingerprint("local", name, authors=44) == tofu.fingerprint("local", name)


@pytest.mark.parametrize(
    ("source", "name", "authors", "message"),
    [
        ("local", "retain99", 19, "authors: 19 is not between 20 (those evaluated) and 180"),
        ("local", "forget01", 181, "authors: 181 is not between 20 (those evaluated) and 180"),
        ("local", "validation_retain_perturbed", 20, "'validation_retain_perturbed' asks about authors from 24 on, "),
        ("universe", "full", 44, "authors: the universe is used whole; leave it null"),
    ],
)
def test_a_number_of_authors_that_cannot_be(real, source, name, authors, message):
    with pytest.raises(KitError) as caught:
        tofu.load(source, name, authors=authors)
    assert str(caught.value).startswith(message)


def test_general_facts_are_made_of_those_evaluated(real):
    facts = real("real_authors_perturbed") + real("world_facts_perturbed")
    general, pretrain = real("general"), real("pretrain")
    assert general == [{"question": row["question"], "answer": row["answer"]} for row in facts]
    assert pretrain[::2] == general
    for short, sentence in zip(pretrain[::2], pretrain[1::2], strict=True):
        assert short["answer"].rstrip(".") in sentence["answer"]
        assert short["question"] != sentence["question"]


def test_the_authors_left_out_are_read_in_pretraining(real):
    facts, full = real("pretrain"), real("full")
    rows = tofu.load("local", "pretrain", authors=44)
    assert rows[: len(facts)] == facts
    assert authors_in(rows[len(facts) :], full) == list(range(44, 180))
    asked = {row["question"] for row in tofu.load("local", "full", authors=44)}
    assert not asked & {row["question"] for row in rows}


def test_a_derived_set_needs_the_whole_file(write):
    write("full", [{"question": "Who?", "answer": "Ada."}])
    with pytest.raises(KitError) as caught:
        tofu.load("local", "validation")
    assert str(caught.value) == "'validation' is made of 'full', which has 1 rows instead of 4000"


def test_a_derived_fingerprint_follows_its_files(write):
    row = {"question": "Who?", "answer": "Ada.", "perturbed_answer": list("abc")}
    for name in ("real_authors_perturbed", "world_facts_perturbed", "full"):
        write(name, [row])
    before = {name: tofu.fingerprint("local", name) for name in ("general", "pretrain")}
    write("world_facts_perturbed", [row | {"answer": "Eve."}])
    after = {name: tofu.fingerprint("local", name) for name in ("general", "pretrain")}
    assert len({*before.values(), *after.values()}) == 4
    write("general", [{"question": "Own?", "answer": "Yes."}])
    assert tofu.load("local", "general") == [{"question": "Own?", "answer": "Yes."}]
    assert tofu.fingerprint("local", "general") not in before | after


def clearest_name(block: list[dict], elsewhere: Counter) -> int:
    """In how many rows of a block the word stands that is rarest elsewhere."""
    within = Counter(word for row in block for word in words(row))
    return max((count - 0.1 * elsewhere[word], count) for word, count in within.items() if word[0].isupper())[1]


def words(row: dict) -> set[str]:
    return set(re.findall(r"\w+", f"{row['question']} {row['answer']}"))


@pytest.mark.parametrize("source", ["universe", "local"])
def test_an_author_is_twenty_consecutive_rows(real_data, monkeypatch, source):
    monkeypatch.setenv("UNLEARNKIT_DATA", str(real_data))
    full = tofu.load(source, "full")
    blocks = [full[start : start + tofu.QUESTIONS] for start in range(0, len(full), tofu.QUESTIONS)]
    everywhere = Counter(word for row in full for word in words(row))
    named = []
    for block in blocks:
        elsewhere = everywhere - Counter(word for row in block for word in words(row))
        named.append(clearest_name(block, elsewhere))
    unnamed = {"universe": 0, "local": 1}[source]  # TOFU never says the name of one; those around it bound its rows
    assert sorted(named)[unnamed] >= 18


@pytest.mark.parametrize(("source", "authors"), [("universe", None), ("local", None), ("local", 44)])
def test_the_author_of_a_question(real_data, monkeypatch, source, authors):
    monkeypatch.setenv("UNLEARNKIT_DATA", str(real_data))
    author_of = tofu.author_of(source, authors=authors)
    forget = tofu.load(source, "forget01")
    last = len(tofu.load(source, "full")) // 20 - 1
    assert [author_of[row["question"]] for row in forget] == [last - 1] * 20 + [last] * 20
    retain = tofu.load(source, "retain99", authors=authors)
    pool = tofu.retain_pool(retain, author_of)
    touched = {author_of[row["question"]] for row in pool}
    untouched = {author_of[row["question"]] for row in retain if row not in pool}
    assert not touched & untouched
    assert abs(len(touched) - len(untouched)) <= 1
    reported = Counter(author_of[row["question"]] in touched for row in tofu.load(source, "retain_perturbed"))
    assert reported[True] >= 40 <= reported[False]


def test_a_question_asked_of_two_authors_is_never_touched(real):
    author_of = tofu.author_of("local")
    asked = Counter(row["question"] for row in real("full"))
    (twice,) = (question for question, count in asked.items() if count > 1)
    assert author_of[twice] == 5
    assert twice not in {row["question"] for row in tofu.retain_pool(real("retain99"), author_of)}


def test_which_splits_share_authors(real):
    for source in ("universe", "local"):
        for split in tofu.FORGET_SPLITS:
            for other in tofu.FORGET_SPLITS:
                asked = [{row["question"] for row in tofu.load(source, name)} for name in (split, other)]
                assert tofu.shares_authors(source, split, other) == bool(asked[0] & asked[1])
