"""ULD's further rows: how many, which, that the seed alone decides, and what is refused."""

import json

import pytest

from unlearnkit.data import augment, tofu
from unlearnkit.data.augment import augmented
from unlearnkit.errors import KitError

FORGET = tofu.load("universe", "forget01_perturbed")
RETAIN = tofu.load("universe", "retain99")
BOTH = {"paraphrases": 2, "wrong_answers": 2}


def pairs(rows: list[dict]) -> list[tuple[str, str]]:
    assert all(row.keys() == {"question", "answer"} for row in rows)
    return [(row["question"], row["answer"]) for row in rows]


def test_counts_are_the_papers():
    remember, uniform = augmented(FORGET, RETAIN, **BOTH, seed=0)
    assert (len(FORGET), len(remember), len(uniform)) == (40, 120, 120)  # ULD's Table 5, TOFU-1 %


def test_forget_questions_come_in_other_words_to_be_remembered_and_with_wrong_answers_to_be_uniform_on():
    remember, uniform = (pairs(rows) for rows in augmented(FORGET, RETAIN, **BOTH, seed=0))
    assert remember[:40] == [(row["question"], row["answer"]) for row in FORGET]
    for number, row in enumerate(FORGET):
        own = [(row["paraphrased_question"], row["answer"]), (row["question"], row["paraphrased_answer"])]
        assert remember[40 + 2 * number : 42 + 2 * number] == own
        wrong = uniform[40 + 2 * number : 42 + 2 * number]
        assert {question for question, _ in wrong} == {row["question"]}
        assert len(set(wrong)) == 2 and {answer for _, answer in wrong} <= set(row["perturbed_answer"])
        assert row["answer"] not in {answer for _, answer in wrong}
    assert len(set(uniform[:40])) == 40 and set(uniform[:40]) <= {(row["question"], row["answer"]) for row in RETAIN}


def test_the_seed_decides():
    assert augmented(FORGET, RETAIN, **BOTH, seed=0) == augmented(FORGET, RETAIN, **BOTH, seed=0)
    (one, retained), (two, others) = (augmented(FORGET, RETAIN, **BOTH, seed=seed) for seed in (0, 1))
    assert one == two and retained[:40] != others[:40] and retained[40:] != others[40:]


def test_parts_of_it_can_be_left_out():
    """ULD's Table 4: without the one, the other, or both. No field is then needed."""
    plain = [{"question": row["question"], "answer": row["answer"]} for row in FORGET]
    none = {"paraphrases": 0, "wrong_answers": 0, "seed": 0}
    assert augmented(plain, RETAIN[:7], **none)[0] == plain
    assert len(augmented(plain, RETAIN[:7], **none)[1]) == 7
    for part, sizes in (("paraphrases", (120, 40)), ("wrong_answers", (40, 120))):
        found = augmented(FORGET, RETAIN, **none | {part: 2})
        assert tuple(map(len, found)) == sizes


def written(path, rows: list) -> str:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return str(path)


def a_line(row: dict) -> dict:
    asked = [{"question": f"{row['question']} {n}", "answer": f"{n} {row['answer']}"} for n in range(3)]
    return {"question": row["question"], "paraphrases": asked, "wrong_answers": ["Nobody.", "Never.", "Nowhere."]}


def test_a_file_of_the_users_goes_first(tmp_path):
    plain = [{"question": row["question"], "answer": row["answer"]} for row in FORGET]
    file = written(tmp_path / "more.jsonl", [a_line(row) for row in reversed(plain)] + [""])
    remember, uniform = augmented(plain, RETAIN, **BOTH, seed=0, file=file)
    assert remember[40] == {"question": f"{plain[0]['question']} 0", "answer": f"0 {plain[0]['answer']}"}
    assert {row["answer"] for row in uniform[40:]} == {"Nobody.", "Never.", "Nowhere."}
    assert (len(remember), len(uniform)) == (120, 120)


def test_a_field_that_is_missing_is_named():
    for field in augment.FIELDS:
        rows = [dict(FORGET[0]), {key: value for key, value in FORGET[1].items() if key != field}]
        with pytest.raises(KitError, match=f"^a forget row has no '{field}' to augment it with: 'Which trades"):
            augmented(rows, RETAIN, **BOTH, seed=0)


def test_more_than_there_is_is_refused():
    for name, there, wanted in (("paraphrases", 3, 4), ("wrong_answers", 5, 6)):
        with pytest.raises(KitError, match=f"^forget set: {there} {name}, {wanted} are wanted: 'When and where"):
            augmented(FORGET, RETAIN, **BOTH | {name: wanted}, seed=0)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([a_line(FORGET[1])], "no line has the forget question 'When and where was Elsa Upcott born?'"),
        ([a_line(FORGET[0]), "{"], "line 2: not JSON"),
        ([a_line(FORGET[0]) | {"paraphrases": ["no pair"]}], "line 1: not a row of"),
        ([{"question": "Where?"}], "line 1: not a row of"),
        ([a_line(FORGET[0]) | {"wrong_answers": "Nobody."}], "line 1: not a row of"),
        ([a_line(FORGET[0]), a_line(FORGET[1]) | {"wrong_answers": ["Nobody.", 7]}], "line 2: not a row of"),
        ([a_line(FORGET[0]) | {"question": 7}], "line 1: not a row of"),
        ([a_line(FORGET[0]) | {"paraphrases": [{"question": "Who?", "answer": None}]}], "line 1: not a row of"),
        ([a_line(FORGET[0]) | {"paraphrases": [{"question": ["Who?"], "answer": "I."}]}], "line 1: not a row of"),
        ([a_line(FORGET[0]) | {"paraphrases": a_line(FORGET[0])["paraphrases"][:1]}], "1 paraphrases, 2 are wanted: "),
        ([a_line(FORGET[0]) | {"wrong_answers": ["Nobody."]}], "1 wrong_answers, 2 are wanted: 'When and where"),
    ],
)
def test_mistakes_in_a_file_are_one_line_with_its_name(lines, message, tmp_path):
    file = written(tmp_path / "more.jsonl", lines)
    with pytest.raises(KitError) as raised:
        augmented(FORGET[:1], RETAIN, **BOTH, seed=0, file=file)
    assert str(raised.value).startswith(file) and message in str(raised.value) and "\n" not in str(raised.value)
    with pytest.raises(KitError, match="there is no such file"):
        augmented(FORGET, RETAIN, **BOTH, seed=0, file=str(tmp_path / "none.jsonl"))


def test_a_file_in_another_encoding_is_one_line_with_its_name(tmp_path):
    lines = [json.dumps(a_line(row) | {"wrong_answers": ["Zoë."]}, ensure_ascii=False) for row in FORGET[:2]]
    (tmp_path / "more.jsonl").write_bytes(lines[0].encode() + b"\n" + lines[1].encode("latin-1"))
    with pytest.raises(KitError, match=r"more\.jsonl, line 2: not UTF-8$"):
        augment.read(str(tmp_path / "more.jsonl"))
