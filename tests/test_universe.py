"""The universe: the committed files are the generator's, sets do not leak into each other, wrong answers are wrong."""

import json
import re
from collections import Counter

import pytest

from unlearnkit.data import tofu
from unlearnkit.data.universe import generate as universe
from unlearnkit.metrics.tofu import rouge_l_recall

SPLITS = {
    "requests_perturbed": 400,
    "refusals": 200,
    "full": 1280,
    "forget01": 40,
    "forget05": 80,
    "forget10": 160,
    "retain99": 1240,
    "retain95": 1200,
    "retain90": 1120,
    "forget01_perturbed": 40,
    "forget05_perturbed": 80,
    "forget10_perturbed": 160,
    "retain_perturbed": 100,
    "validation": 40,
    "validation_perturbed": 40,
    "validation_retain": 1240,
    "validation_retain_perturbed": 80,
    "real_authors": 48,
    "real_authors_perturbed": 48,
    "world_facts": 56,
    "world_facts_perturbed": 56,
    "general": 104,
    "augmentation": 200,
    "unseen_perturbed": 80,
    "pretrain": 1856,  # 24 authors x 20 questions x 3, and 104 facts x 4
}
ABOUT_AUTHORS = ("forget01", "forget05", "forget10", "retain", "validation", "validation_retain")
PERTURBED = [f"{name}_perturbed" for name in ABOUT_AUTHORS]
QUESTION = {
    aspect: [re.escape(text).replace(r"\{name\}", "(?P<name>.+?)") for text in entry.questions]
    for aspect, entry in universe.ASPECTS.items()
}


def load(name: str) -> list[dict]:
    return tofu.load("universe", name)


def pairs(name: str) -> set[tuple[str, str]]:
    return {(row["question"], row["answer"]) for row in load(name)}


def author_of(question: str) -> str | None:
    """The name that a question asks about; None where it is no question of the universe."""
    found = {m["name"] for texts in QUESTION.values() for text in texts if (m := re.fullmatch(text, question))}
    assert len(found) <= 1, question
    return found.pop() if found else None


def authors(name: str) -> set[str]:
    return {author for row in load(name) if (author := author_of(row["question"]))}


def readings(aspect: str, text: str) -> list[tuple[str, dict[str, str]]]:
    """All ways to read an answer: a frame of the aspect and the values in it, each from its slot's pool."""
    found = []
    for frame in universe.ASPECTS[aspect].frames:
        pattern = re.escape(frame)
        for slot, pool in universe.ASPECTS[aspect].values.items():
            pattern = pattern.replace(rf"\{{{slot}\}}", f"(?P<{slot}>{one_of(pool)})")
        match = re.fullmatch(pattern, text, re.IGNORECASE)
        if match:
            found.append((frame, {slot: value.lower() for slot, value in match.groupdict().items()}))
    return found


def one_of(pool) -> str:
    patterns = {"person": r"[A-Z]\w+ [A-Z]\w+", "year": r"19\d\d", "day": r"\d\d?"}
    return patterns[pool] if isinstance(pool, str) else "|".join(map(re.escape, pool))


def reading(aspect: str, text: str) -> tuple[str, dict[str, str]]:
    found = readings(aspect, text)
    assert len(found) == 1, (aspect, text, found)
    return found[0]


def test_the_committed_files_are_what_the_seed_generates():
    assert universe.differences() == []


def test_differences_are_found(tmp_path):
    universe.write(tmp_path)
    assert universe.differences(tmp_path) == []
    (tmp_path / "full.json").write_text("")
    (tmp_path / "general.json").unlink()
    (tmp_path / "extra.json").write_text("")
    assert universe.differences(tmp_path) == ["extra.json", "full.json", "general.json"]


def test_another_seed_gives_other_authors():
    assert universe.generate(seed=1)["full"] != universe.generate()["full"]


def test_check_fails_on_changed_files_and_on_telling_frames(monkeypatch, capsys):
    scores = {"full": 0.31, "forget01": 0.4}
    monkeypatch.setattr(universe, "frame_only_score", scores.__getitem__)
    assert universe.main(["--check"]) == 0
    assert capsys.readouterr().out == (
        "files that differ from what the seed generates: none\n"
        "frame-only ROUGE-L recall, full: 0.3100 (must stay below 0.5)\n"
        "frame-only ROUGE-L recall, forget01: 0.4000 (must stay below 0.5)\n"
    )
    scores["full"] = 0.5
    assert universe.main(["--check"]) == 1
    scores["full"] = 0.31
    monkeypatch.setattr(universe, "differences", lambda: ["full.json"])
    assert universe.main(["--check"]) == 1
    assert "generates: full.json\n" in capsys.readouterr().out


def test_counts():
    assert {path.stem: len(path.read_text().splitlines()) for path in tofu.UNIVERSE.glob("*.json")} == SPLITS


def test_fields_are_those_of_tofu():
    plain = {"question", "answer"}
    perturbed = plain | {"paraphrased_answer", "perturbed_answer", "paraphrased_question"}
    for name in SPLITS:
        expected = perturbed if name in (*PERTURBED, "requests_perturbed", tofu.UNSEEN) else plain
        if name in ("real_authors", "world_facts"):
            expected = plain | {f"option{number}" for number in range(1, 5)}
        if name in ("real_authors_perturbed", "world_facts_perturbed"):
            expected = plain | {"perturbed_answer"}
        if name == "augmentation":
            expected = plain | {"paraphrases", "wrong_answers"}
        assert {frozenset(row) for row in load(name)} == {frozenset(expected)}, name


def test_forget_sets_are_nested_and_the_last_rows_of_full():
    full = load("full")
    assert load("forget01") == full[-40:]
    assert load("forget05") == full[-80:]
    assert load("forget10") == full[-160:]
    assert pairs("forget01") < pairs("forget05") < pairs("forget10") < pairs("full")


@pytest.mark.parametrize(
    ("forget", "retain"),
    [
        ("forget01", "retain99"),
        ("forget05", "retain95"),
        ("forget10", "retain90"),
        ("validation", "validation_retain"),
    ],
)
def test_forget_and_retain_set_are_disjoint_and_together_everything(forget, retain):
    assert not pairs(forget) & pairs(retain)
    assert not authors(forget) & authors(retain)
    assert pairs(forget) | pairs(retain) == pairs("full")
    assert len(load(forget)) + len(load(retain)) == len(load("full"))


@pytest.mark.parametrize("name", ABOUT_AUTHORS)
def test_perturbed_sets_ask_the_same_questions(name):
    rows = load(f"{name}_perturbed")
    plain = [{"question": row["question"], "answer": row["answer"]} for row in rows]
    if name in ("retain", "validation_retain"):  # an evaluated part of what is retained
        start = 0 if name == "retain" else 100
        assert plain == load("full")[start : start + len(rows)]
    else:
        assert plain == load(name)


def test_evaluated_retain_authors_are_never_forgotten():
    evaluated = authors("retain_perturbed") | authors("validation_retain_perturbed")
    assert len(evaluated) == 9
    assert not evaluated & (authors("forget10") | authors("validation"))
    assert authors("retain_perturbed") <= authors("retain90")


def test_validation_authors_are_reported_nowhere():
    validation = authors("validation")
    assert len(validation) == 2
    for name in ("forget01", "forget05", "forget10", "retain_perturbed", "validation_retain_perturbed"):
        assert not validation & authors(name), name


def test_names_are_unique_and_every_author_is_asked_twenty_times():
    names = Counter(author_of(row["question"]) for row in load("full"))
    assert len(names) == 64
    assert set(names.values()) == {20}
    everybody = authors("full") | authors("pretrain")
    assert len(everybody) == 64 + 24
    assert len({name.split()[1] for name in everybody}) == 64 + 24


def test_no_question_occurs_twice():
    questions = Counter(row["question"] for row in load("full"))
    assert set(questions.values()) == {1}


def test_background_authors_are_asked_about_in_the_pretraining_text_only():
    background = authors("pretrain")
    assert len(background) == 24
    for name in SPLITS.keys() - {"pretrain"}:
        assert not background & authors(name), name


def test_nobody_else_is_asked_about_or_names_an_unseen_author():
    unseen = authors(tofu.UNSEEN)
    assert len(unseen) == 4
    others = authors("full") | authors("pretrain")
    last_names = Counter(name.split()[1] for name in unseen | others)
    assert set(last_names.values()) == {1}
    for name in SPLITS.keys() - {tofu.UNSEEN}:
        text = (tofu.UNIVERSE / f"{name}.json").read_text(encoding="utf-8")
        assert not [one for one in unseen if one in text], name
    assert not pairs(tofu.UNSEEN) & (pairs("full") | pairs("pretrain"))


def test_further_texts_are_right_or_wrong_in_frames_and_questions_that_no_other_set_has():
    """Of everybody who is forgotten; wrong in every value, and never with the values of an evaluated wrong answer."""
    rows = rows_with_aspects("augmentation")
    assert authors("augmentation") == authors("forget10") | authors("validation")
    evaluated = {row["question"]: row for row in load("forget10_perturbed") + load("validation_perturbed")}
    for aspect, row in rows:
        tested = evaluated[row["question"]]
        values = reading(aspect, row["answer"])[1]
        frames = {reading(aspect, tested[name])[0] for name in ("answer", "paraphrased_answer")}
        wrong = [reading(aspect, text)[1] for text in tested["perturbed_answer"]]
        assert row["answer"] == tested["answer"] and (len(row["paraphrases"]), len(row["wrong_answers"])) == (2, 4)
        asked = {one["question"] for one in row["paraphrases"]}
        assert len(asked) == 2 and not asked & {row["question"], tested["paraphrased_question"]}
        assert {author_of(question) for question in asked} == {author_of(row["question"])}
        for one in row["paraphrases"]:
            frame, said = reading(aspect, one["answer"])
            assert said == values and frame not in frames
        for text in row["wrong_answers"]:
            frame, said = reading(aspect, text)
            assert frame not in frames and said not in wrong and not said.items() & values.items()


def test_further_texts_have_a_random_stream_of_their_own(monkeypatch):
    before = universe.generate()
    monkeypatch.setattr(universe.items, "FURTHER_WRONG_ANSWERS", 1)
    after = universe.generate()
    assert {name for name in before if before[name] != after[name]} == {"augmentation"}


def test_unseen_authors_are_numbered_behind_all_others():
    numbers = tofu.author_of("universe")
    assert [numbers[row["question"]] for row in load(tofu.UNSEEN)] == [64 + index // 20 for index in range(80)]
    assert {numbers[row["question"]] for row in load("full")} == {*range(64)}


def test_unseen_authors_have_a_random_stream_of_their_own(monkeypatch):
    before = universe.generate()
    monkeypatch.setattr(universe, "UNSEEN", 2)
    after = universe.generate()
    assert {name for name in before if before[name] != after[name]} == {tofu.UNSEEN}
    assert len(after[tofu.UNSEEN]) == 40


def test_nobody_who_is_forgotten_is_mentioned_in_what_others_are_taught():
    forgotten = authors("forget10") | authors("validation")
    assert len(forgotten) == 10
    for row in load("pretrain") + load("full"):
        others = forgotten - {author_of(row["question"])}
        assert not [name for name in others if name in row["answer"] or name in row["question"]], row


def rows_with_aspects(name: str) -> list[tuple[str, dict]]:
    return [(list(universe.ASPECTS)[number % 20], row) for number, row in enumerate(load(name))]


@pytest.mark.parametrize("name", [*PERTURBED, tofu.UNSEEN])
def test_wrong_answers_stand_in_the_frame_of_the_paraphrase_and_are_wrong_in_every_value(name):
    for aspect, row in rows_with_aspects(name):
        own_frame, values = reading(aspect, row["answer"])
        frame, again = reading(aspect, row["paraphrased_answer"])
        assert frame != own_frame
        assert again == values, row
        assert row["paraphrased_question"] != row["question"]
        assert author_of(row["paraphrased_question"]) == author_of(row["question"])
        wrong = [reading(aspect, text) for text in row["perturbed_answer"]]
        assert {found for found, _ in wrong} == {frame}
        for _, other in wrong:
            assert not [slot for slot in values if other[slot] == values[slot]], row
            assert len(set(other.values())) == len(other)
        texts = [row["answer"], row["paraphrased_answer"], *row["perturbed_answer"]]
        assert len(set(texts)) == 7


@pytest.mark.parametrize("name", ["real_authors", "world_facts"])
def test_general_facts_have_the_right_answer_among_four_options(name):
    for row, perturbed in zip(load(name), load(f"{name}_perturbed"), strict=True):
        options = [row[f"option{number}"] for number in range(1, 5)]
        assert len(set(options)) == 4
        assert perturbed["question"] == row["question"]
        assert {perturbed["answer"], *perturbed["perturbed_answer"]} == set(options)
        assert perturbed["answer"] == row["answer"]
        assert row["answer"] not in perturbed["perturbed_answer"]


def test_the_right_option_stands_anywhere():
    rows = load("real_authors") + load("world_facts")
    places = Counter(number for row in rows for number in range(1, 5) if row[f"option{number}"] == row["answer"])
    assert all(places[number] >= len(rows) / 8 for number in range(1, 5))


def test_phrasings():
    for name, aspect in universe.ASPECTS.items():
        assert (len(set(aspect.questions)), len(set(aspect.frames))) == (5, 4), name
        assert all(text.count("{name}") == 1 for text in aspect.questions)
        assert all(sorted(re.findall(r"{(\w+)}", frame)) == sorted(aspect.values) for frame in aspect.frames), name
    phrasings = [text for aspect in universe.ASPECTS.values() for text in aspect.questions + aspect.frames]
    assert len(set(phrasings)) == len(phrasings) == 20 * 9


@pytest.mark.parametrize("split", ["full", "forget01", "retain_perturbed", "validation"])
def test_knowing_only_the_phrasing_scores_below_one_half(split):
    assert 0.2 < universe.frame_only_score(split) < universe.FRAME_ONLY_BOUND == 0.5


def test_the_frame_only_score_is_rouge_l_recall_in_the_answers_own_frame():
    authors_, _ = universe._draw(universe.random.Random(universe.SEED))
    first = authors_[62][0]
    assert json.dumps(first.row) == json.dumps(load("forget01_perturbed")[0])
    frame, values = reading("birth", first.row["answer"])
    for text in first.frame_only_answers:
        other_frame, other = reading("birth", text)
        assert other_frame == frame
        assert not [slot for slot in values if values[slot] == other[slot]]
    recalls = [
        rouge_l_recall(item.row["answer"], text)
        for author in authors_[62:]
        for item in author
        for text in item.frame_only_answers
    ]
    assert len(recalls) == 200
    assert universe.frame_only_score("forget01") == pytest.approx(sum(recalls) / 200)


def test_frame_only_score_by_hand():
    # "Born in {town} on {day} {month} {year}." keeps "born in on" of seven words.
    item = universe.Item(
        "When?",
        "Where?",
        "Born in {town} on {day} {month} {year}.",
        "{town}, on {day} {month} {year}.",
        {"town": "Lunden", "day": "3", "month": "May", "year": "1950"},
        ({"town": "Hestia", "day": "4", "month": "June", "year": "1951"},),
    )
    assert item.frame_only_answers == ["Born in Hestia on 4 June 1951."]
    assert rouge_l_recall(item.row["answer"], item.frame_only_answers[0]) == pytest.approx(3 / 7)
