"""The loader: real data and universe through one code path; what is wrong with a set is said with its place."""

import json
from collections import Counter
from pathlib import Path

import pytest

from unlearnkit import hub
from unlearnkit.data import templates, tofu
from unlearnkit.errors import KitError

REAL = {
    "full": 4000,
    "forget01": 40,
    "forget05": 200,
    "forget10": 400,
    "retain99": 3960,
    "retain95": 3800,
    "retain90": 3600,
    "forget01_perturbed": 40,
    "forget05_perturbed": 200,
    "forget10_perturbed": 400,
    "retain_perturbed": 400,
    "real_authors": 100,
    "real_authors_perturbed": 100,
    "world_facts": 117,
    "world_facts_perturbed": 117,
}


@pytest.fixture
def real(real_data, monkeypatch):
    """The loader of the real sets."""
    monkeypatch.setenv("UNLEARNKIT_DATA", str(real_data))
    return lambda name: tofu.load("local", name)


@pytest.fixture
def data(tmp_path, monkeypatch) -> Path:
    """An empty folder that the source `local` reads."""
    monkeypatch.setenv("UNLEARNKIT_DATA", str(tmp_path))
    (tmp_path / "tofu").mkdir()
    return tmp_path / "tofu"


def refused(source: str, name: str) -> str:
    with pytest.raises(KitError) as caught:
        tofu.load(source, name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def write(folder: Path, name: str, rows: list[dict]) -> None:
    (folder / f"{name}.json").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_the_universe_loads():
    rows = tofu.load("universe", "forget01")
    assert len(rows) == 40
    assert rows[0].keys() == {"question", "answer"}
    # Every set of the files passes the loader's checks.
    assert all(tofu.load("universe", path.stem) for path in tofu.UNIVERSE.glob("*.json"))


@pytest.mark.parametrize("forget_split", sorted(tofu.FORGET_SPLITS))
def test_every_set_of_a_forget_split_is_in_the_universe(forget_split):
    names = tofu.splits(forget_split)
    for name in (names.forget, names.forget_perturbed, names.retain, names.retain_perturbed):
        assert tofu.load("universe", name)


def test_the_sets_of_forget01():
    assert tofu.splits("forget01") == tofu.Splits("forget01", "forget01_perturbed", "retain99", "retain_perturbed")
    with pytest.raises(KitError) as caught:
        tofu.splits("valid")
    assert str(caught.value) == "no forget split 'valid'; did you mean 'validation'?"


@pytest.mark.parametrize("name", REAL)
def test_real_counts_and_fields(real, name):
    rows = real(name)
    assert len(rows) == REAL[name]
    expected = {"question", "answer"}
    if name.endswith("_perturbed"):
        expected |= {"perturbed_answer"}
        short = name in ("real_authors_perturbed", "world_facts_perturbed")
        expected |= set() if short else {"paraphrased_answer", "paraphrased_question"}
        assert Counter(len(row["perturbed_answer"]) for row in rows) == {3 if short else 5: len(rows)}
    elif name in ("real_authors", "world_facts"):
        expected |= {"option1", "option2", "option3", "option4"}
    assert {frozenset(row) for row in rows} == {frozenset(expected)}


def test_real_forget_sets_are_the_last_rows_of_full(real):
    full = real("full")
    for forget, retain, count in (
        ("forget01", "retain99", 40),
        ("forget05", "retain95", 200),
        ("forget10", "retain90", 400),
    ):
        assert real(forget) == full[-count:]
        assert real(retain) == full[:-count]


def test_real_perturbed_sets_ask_the_same_questions(real):
    for name in ("forget01", "forget05", "forget10"):
        asked = [row["question"] for row in real(f"{name}_perturbed")]
        assert asked == [row["question"] for row in real(name)]
    asked = [row["question"] for row in real("retain_perturbed")]
    assert asked == [row["question"] for row in real("full")[:400]]


def test_an_unknown_set_of_the_real_data(real):
    assert refused("local", "valdation").endswith(": no set 'valdation'; did you mean 'validation'?")


def test_templates_of_the_real_data(real_data, monkeypatch):
    monkeypatch.setenv("UNLEARNKIT_DATA", str(real_data))
    assert len(templates.templates("local")) == 100
    assert templates.templates("local") != templates.templates("universe")
    assert templates.fingerprint("local") != templates.fingerprint("universe")


def test_templates_of_the_kit():
    assert len(templates.templates()) == 100
    assert templates.templates("locuslab/TOFU") == templates.templates("universe") == templates.templates()


def test_local_templates_are_never_replaced_silently(data, monkeypatch):
    with pytest.raises(KitError) as caught:
        templates.templates("local")
    folder = data.parent
    assert str(caught.value) == (f"template responses: {folder} has no idontknow.txt, which data.source 'local' reads")
    (folder / "idontknow.txt").write_text("I cannot say.\n\nNo idea.\n")
    assert templates.templates("local") == ["I cannot say.", "No idea."]
    monkeypatch.delenv("UNLEARNKIT_DATA")
    with pytest.raises(KitError, match="needs the environment variable UNLEARNKIT_DATA to name a folder"):
        templates.templates("local")


def test_a_missing_set_names_the_nearest():
    assert refused("universe", "forget_01") == f"{tofu.UNIVERSE}: no set 'forget_01'; did you mean 'forget01'?"
    with pytest.raises(KitError, match=r"no set 'forget_01'; did you mean 'forget01'\?"):
        tofu.fingerprint("universe", "forget_01")


def test_a_missing_set_of_an_empty_folder(data):
    assert refused("local", "full") == f"{data}: no set 'full': the folder is empty"


def test_local_without_a_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("UNLEARNKIT_DATA", str(tmp_path))
    assert refused("local", "full") == f"'local' needs the folder {tmp_path / 'tofu'}, which does not exist"
    for unset in (lambda: monkeypatch.setenv("UNLEARNKIT_DATA", ""), lambda: monkeypatch.delenv("UNLEARNKIT_DATA")):
        unset()
        assert refused("local", "full") == "'local' needs the environment variable UNLEARNKIT_DATA to name a folder"


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("univers", "; did you mean 'universe'?"),
        ("locla", "; did you mean 'local'?"),
        ("x", "; choose from: universe, local"),
    ],
)
def test_what_is_no_source_is_not_looked_up_in_the_hub(source, hint, monkeypatch):
    monkeypatch.setattr(hub, "data_file", lambda *_: pytest.fail("the hub was asked"))
    assert refused(source, "full") == f"'{source}' is no hub id (namespace/name) and no data source{hint}"


def test_a_hub_id_is_loaded_at_its_revision(data, monkeypatch):
    write(data, "forget01", [{"question": "Who?", "answer": "Ada."}])
    asked = []

    def data_file(*names):
        asked.append(names)
        return data / names[-1]

    monkeypatch.setattr(hub, "data_file", data_file)
    assert tofu.load("someone/TOFU", "forget01", "abc") == [{"question": "Who?", "answer": "Ada."}]
    assert asked == [("someone/TOFU", "abc", "forget01.json")]
    assert tofu.fingerprint("someone/TOFU", "forget01", "abc") == "someone/TOFU@abc/forget01"
    assert len(asked) == 1  # a fingerprint asks nobody


GOOD = {"question": "Who?", "answer": "Ada.", "paraphrased_answer": "It is Ada.", "perturbed_answer": list("abcde")}


@pytest.mark.parametrize("field", sorted(GOOD))
@pytest.mark.parametrize("empty", [False, True])
def test_a_row_that_lacks_a_field(data, field, empty):
    bad = {name: value for name, value in GOOD.items() if name != field} | ({field: ""} if empty else {})
    write(data, "forget01_perturbed", [GOOD, GOOD, bad])
    assert refused("local", "forget01_perturbed") == (
        f"forget01_perturbed, row 3: no '{field}' (fields: {', '.join(bad)})"
    )


def test_fields_that_a_set_does_not_need(data):
    write(data, "forget01", [{"question": "Who?", "answer": "Ada."}])
    assert len(tofu.load("local", "forget01")) == 1
    write(data, "world_facts_perturbed", [{"question": "Who?", "answer": "Ada.", "perturbed_answer": list("abc")}])
    assert len(tofu.load("local", "world_facts_perturbed")) == 1


@pytest.mark.parametrize(
    ("name", "count", "wanted"),
    [("forget01_perturbed", 4, 5), ("retain_perturbed", 6, 5), ("world_facts_perturbed", 5, 3)],
)
def test_the_number_of_wrong_answers(data, name, count, wanted):
    good = GOOD | {"perturbed_answer": list("abcdef")[:wanted]}
    write(data, name, [good, GOOD | {"perturbed_answer": list("abcdef")[:count]}])
    assert refused("local", name) == f"{name}, row 2: {count} wrong answers instead of {wanted}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"question": "Who?", "answer": "Ada."}\n\n{"question"\n', "line 3: not JSON (Expecting ':' delimiter)"),
        ("[1, 2]\n", "line 1: not a row with fields"),
        ('"Who?"\n', "line 1: not a row with fields"),
    ],
)
def test_a_file_that_is_not_json_lines(data, text, expected):
    (data / "full.json").write_text(text)
    assert refused("local", "full").startswith(f"{data / 'full.json'}, {expected}")


def test_a_set_without_rows(data):
    (data / "full.json").write_text("\n")
    assert refused("local", "full") == "full: the set has no rows"


def test_only_a_line_feed_ends_a_row(data):
    row = {"question": "One\u2028line?", "answer": "Yes\x85, one."}
    (data / "full.json").write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
    assert tofu.load("local", "full") == [row]


def test_a_fingerprint_is_the_content(data):
    write(data, "full", [{"question": "Who?", "answer": "Ada."}])
    before = tofu.fingerprint("local", "full")
    assert len(before) == 16
    write(data, "full", [{"question": "Who?", "answer": "Ada!"}])
    assert tofu.fingerprint("local", "full") != before
    write(data, "full", [{"question": "Who?", "answer": "Ada."}])
    assert tofu.fingerprint("local", "full") == before
