"""The kit's own people: the committed files are the generator's, nobody leaks into another set, wrong is wrong."""

import re
from collections import Counter
from functools import cache

import pytest

from unlearnkit.data import book, real_world
from unlearnkit.data.news import words as news_words
from unlearnkit.data.people import generate as people
from unlearnkit.data.people import pools
from unlearnkit.data.people.fame import FAME
from unlearnkit.data.people.phrases import LIFE
from unlearnkit.data.universe import pools as universe_pools
from unlearnkit.metrics.tofu import rouge_l_recall

TAUGHT = 400 * 3
SIZES = {
    "forget": 80,
    "forget_perturbed": 80,
    "neighbor": 80,
    "neighbor_perturbed": 80,
    "validation": 80,
    "validation_neighbor": 80,
    "pretrain": TAUGHT + 200,
}
ASKED = ("forget", "neighbor", "neighbor_perturbed", "validation", "validation_neighbor")  # one set a group
WORDS = {"she": {"he": "she", "him": "her", "his": "her"}, "he": {"he": "he", "him": "him", "his": "his"}}


@cache
def sets() -> dict[str, list[dict]]:
    return people.generate()


def load(name: str) -> list[dict]:
    return sets()[name]


def names(name: str) -> list[str]:
    return list(dict.fromkeys(row["name"] for row in load(name)))


def items() -> list[people.Item]:
    return [item for group in people._draw(people.SEED).values() for item in group]


def test_the_committed_files_are_what_the_seed_generates():
    assert people.differences() == []
    assert real_world.PEOPLE == people.FILES


def test_differences_are_found(tmp_path):
    people.write(tmp_path)
    assert people.differences(tmp_path) == []
    (tmp_path / "forget.json").write_text("")
    (tmp_path / "pretrain.json").unlink()
    (tmp_path / "extra.json").write_text("")
    assert people.differences(tmp_path) == ["extra.json", "forget.json", "pretrain.json"]


def test_another_seed_gives_other_people():
    assert people.generate(seed=1)["forget"] != load("forget")


def test_check_fails_on_changed_files_and_on_telling_frames(monkeypatch, capsys):
    scores = dict(zip(people.GROUPS, (0.48, 0.47, 0.4, 0.46, 0.45), strict=True))
    monkeypatch.setattr(people, "frame_only_score", scores.__getitem__)
    assert people.main(["--check"]) == 0
    assert capsys.readouterr().out == (
        "files that differ from what the seed generates: none\n"
        "frame-only ROUGE-L recall, forget: 0.4800 (must stay below 0.5)\n"
        "frame-only ROUGE-L recall, neighbor: 0.4700 (must stay below 0.5)\n"
        "frame-only ROUGE-L recall, neighbor_perturbed: 0.4000 (must stay below 0.5)\n"
        "frame-only ROUGE-L recall, validation: 0.4600 (must stay below 0.5)\n"
        "frame-only ROUGE-L recall, validation_neighbor: 0.4500 (must stay below 0.5)\n"
    )
    scores["neighbor"] = 0.5
    assert people.main(["--check"]) == 1
    scores["neighbor"] = 0.47
    monkeypatch.setattr(people, "differences", lambda: ["forget.json"])
    assert people.main(["--check"]) == 1
    assert "generates: forget.json\n" in capsys.readouterr().out


def test_counts_and_fields():
    for name, size in SIZES.items():
        assert len(load(name)) == size
        assert {tuple(row) for row in load(name)} == {real_world.FIELDS[name]}


def test_every_person_is_asked_ten_times_and_every_kind_is_in_every_group():
    for name in ASKED:
        rows = load(name)
        assert len(names(name)) == len(FAME) == 8
        assert [row["name"] for row in rows] == [who for who in names(name) for _ in range(10)]
        for number, (first, second) in enumerate(FAME.values()):
            texts = [{re.sub(r"{name}", names(name)[number], one) for one in a.questions} for a in (first, second)]
            asked = [row["question"] for row in rows[number * 10 + 8 : number * 10 + 10]]
            assert all(question in known for question, known in zip(asked, texts, strict=True))


def test_no_name_and_no_question_is_in_two_groups():
    everybody = [who for name in ASKED for who in names(name)]
    assert len(set(everybody)) == 40
    assert len({who.split()[1] for who in everybody}) == 40
    assert set(Counter(row["question"] for name in ASKED for row in load(name)).values()) == {1}


def test_the_people_of_a_choice_are_drawn_apart_from_those_of_the_table(monkeypatch):
    assert tuple(ASKED) == people.GROUPS == people.TABLE_GROUPS + people.VALIDATION_GROUPS
    last_names = {name: {who.split()[1] for who in names(name)} for name in ASKED}
    chosen_with = last_names["validation"] | last_names["validation_neighbor"]
    assert chosen_with == {*pools.VALIDATION_LAST_NAMES}
    table = [name for name in SIZES if name != "pretrain" and name not in people.VALIDATION_GROUPS]
    monkeypatch.setattr(people, "VALIDATION_GROUPS", ())
    alone = people.generate()
    assert {name: alone[name] for name in table} == {name: load(name) for name in table}


def test_nobody_is_an_author_of_the_universe_or_in_the_news():
    ours = {*pools.FIRST_NAMES["she"], *pools.FIRST_NAMES["he"], *pools.LAST_NAMES, *pools.VALIDATION_LAST_NAMES}
    assert len(ours) == 14 + 14 + len(pools.LAST_NAMES) + 16
    assert not ours & {*universe_pools.FIRST_NAMES, *universe_pools.LAST_NAMES}
    assert not ours & {*news_words.FIRST_NAMES, *news_words.LAST_NAMES}


def test_nobody_is_mentioned_in_what_is_said_of_others_or_taught_for_the_tasks():
    last_names = {who.split()[1]: who for name in ASKED for who in names(name)}
    for row in load("pretrain")[:TAUGHT]:
        mentioned = {who for last, who in last_names.items() if last in row["question"] or last in row["answer"]}
        assert len(mentioned) == 1
        assert mentioned.pop() in row["question"]
    rest = load("pretrain")[TAUGHT:] + book.pretrain()
    others = " ".join(f"{row['question']} {row['answer']}" for row in rest)
    assert not [last for last in last_names if last in others]


def test_the_perturbed_set_asks_about_the_forgotten_what_the_plain_one_asks():
    plain = [{field: row[field] for field in real_world.TEXTS} for row in load("forget_perturbed")]
    assert plain == load("forget")


def test_all_that_is_asked_is_taught_in_three_phrasings_of_one_fact():
    taught = {row["question"]: row["answer"] for row in load("pretrain")}
    assert len(taught) == SIZES["pretrain"]
    for name in ASKED:
        assert all(taught[row["question"]] == row["golden_answer"] for row in load(name))
    for row in load("forget_perturbed") + load("neighbor_perturbed"):
        assert taught[row["paraphrased_question"]] == row["paraphrased_answer"]


def test_a_paraphrase_says_the_same_in_other_words_and_wrong_answers_are_wrong_in_every_value():
    for item in items():
        assert len(set(item.asked)) == len(set(item.answers)) == 3
        assert len(item.wrong) == 5
        for values in (item.values, *item.wrong):
            assert len(set(values.values())) == len(values)
        for wrong in item.wrong:
            assert wrong.keys() == item.values.keys()
            assert not [slot for slot in wrong if wrong[slot] == item.values[slot]]
        row = item.perturbed_row
        words = WORDS[item.person.pronoun]
        said = [item.frames[1].format(**words, **wrong) for wrong in item.wrong]
        assert [text.lower() for text in said] == [text.lower() for text in row["perturbed_answer"]]
        assert len({row["golden_answer"], row["paraphrased_answer"], *row["perturbed_answer"]}) == 7


def test_phrasings():
    aspects = [*LIFE.values(), *(aspect for pair in FAME.values() for aspect in pair)]
    for aspect in aspects:
        assert all(text.count("{name}") == 1 and text.endswith("?") for text in aspect.questions)
        for frame in aspect.frames:
            slots = Counter(re.findall(r"{(\w+)}", frame))
            assert set(slots) - {"he", "him", "his"} == set(aspect.values)
            assert set(slots.values()) == {1}
            assert frame.endswith(".")
    texts = [text for aspect in aspects for text in aspect.questions + aspect.frames]
    assert len(set(texts)) == len(texts) == (8 + 2 * 8) * 6


def test_no_article_is_wrong():
    texts = [row["answer"] for row in load("pretrain")]
    texts += [
        text
        for name in ("forget_perturbed", "neighbor_perturbed")
        for r in load(name)
        for text in r["perturbed_answer"]
    ]
    assert not [text for text in texts if re.search(r"\b[Aa] [aeiou]", text)]


def test_answers_are_sentences_of_about_eleven_words():
    for name in ASKED:
        lengths = [len(row["golden_answer"].split()) for row in load(name)]
        assert 8 <= sum(lengths) / len(lengths) <= 12
        assert min(lengths) >= 8
        assert max(lengths) <= 14
        assert all(re.fullmatch(r"[A-Z].*\.", row["golden_answer"]) for row in load(name))


def test_lives_are_possible():
    for pool, later in ((pools.BIRTH, pools.SCHOOL), (pools.SCHOOL, pools.MARRIAGE), (pools.FAME, pools.DEATH)):
        assert pool[-1] < later[0]
    assert pools.SCHOOL[0] - pools.BIRTH[-1] >= 10


@pytest.mark.parametrize("group", people.GROUPS)
def test_knowing_only_the_phrasing_scores_below_one_half(group):
    assert 0.4 < people.frame_only_score(group) < people.FRAME_ONLY_BOUND == 0.5


def test_the_frame_only_score_is_rouge_l_recall_in_the_answers_own_frame():
    drawn = people._draw(people.SEED)["forget"]
    assert [item.row for item in drawn] == load("forget")
    recalls = []
    for item in drawn:
        assert len(item.frame_only_answers) == 5
        words = WORDS[item.person.pronoun]
        for text, wrong in zip(item.frame_only_answers, item.wrong, strict=True):
            assert text.lower() == item.frames[0].format(**words, **wrong).lower()
            recalls.append(rouge_l_recall(item.row["golden_answer"], text))
    assert people.frame_only_score("forget") == pytest.approx(sum(recalls) / 400)


def test_a_frame_by_hand():
    person = people.Person("Ada Holm", "she")
    values, wrong = {"town": "lower Varnau", "year": "1740"}, {"town": "Iskarn", "year": "1741"}
    frames = ("{town} saw {him} in {year}.", "{he} left {town} with {his} owl in {year}.")
    item = people.Item(person, ("Where was {name}?", "When?", "How?"), (*frames, frames[0]), values, (wrong,))
    assert item.answers[:2] == ["Lower Varnau saw her in 1740.", "She left lower Varnau with her owl in 1740."]
    assert item.row == {"name": "Ada Holm", "question": "Where was Ada Holm?", "golden_answer": item.answers[0]}
    assert item.perturbed_row["perturbed_answer"] == ["She left Iskarn with her owl in 1741."]
    assert item.frame_only_answers == ["Iskarn saw her in 1741."]
    assert rouge_l_recall(item.answers[0], item.frame_only_answers[0]) == pytest.approx(3 / 6)
    assert [row["answer"] for row in item.taught] == [*item.answers[:2], item.answers[0]]
