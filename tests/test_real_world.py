"""Real people: what each source gives, how its sets are asked and trained on, and what is refused."""

import json
import shutil

import pytest

from unlearnkit import evaluation
from unlearnkit.data import benchmarks, book, real_world, templates
from unlearnkit.errors import KitError

SOURCE = real_world.Source("people")


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """The folder of the kit's people as somebody's local data, which have the table's people and nothing else."""
    folder = tmp_path / "real_world"
    shutil.copytree(real_world.PEOPLE, folder)
    for name in real_world.ONLY_PEOPLE:
        (folder / f"{name}.json").unlink()
    monkeypatch.setenv("UNLEARNKIT_DATA", str(tmp_path))
    return folder


def change(folder, name: str, row: int, /, **fields: object) -> None:
    """Change fields of a row, counted from 1; None takes a field away."""
    rows = [json.loads(line) for line in (folder / f"{name}.json").read_text(encoding="utf-8").splitlines()]
    rows[row - 1] = {field: value for field, value in (rows[row - 1] | fields).items() if value is not None}
    (folder / f"{name}.json").write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")


def test_a_spec_and_its_source():
    spec = benchmarks.spec(SOURCE)
    assert spec == {"benchmark": "real_world", "source": "people", "revision": None}
    assert benchmarks.of(spec) == SOURCE


def test_the_pretraining_text_teaches_the_people_and_the_tasks():
    rows = SOURCE.rows("pretrain")
    assert {row["answer"] for row in rows[1200:1400]} == set(templates.templates())
    assert rows[1400:] == book.pretrain()
    assert len(rows) == SOURCE.size("pretrain") == 1200 + 200 + 192 + 1080
    assert {tuple(row) for row in rows} == {("question", "answer")}
    taught = {row["question"]: row["answer"] for row in rows}
    assert all(taught[row["question"]] == row["golden_answer"] for row in SOURCE.load("neighbor"))


def test_the_golden_answers_are_a_set_that_any_source_has(copy):
    local = real_world.Source("local")
    for source in (SOURCE, local):
        rows = source.rows("golden")
        assert len(rows) == source.size("golden") == 240
        assert rows[80] == {
            "question": source.load("neighbor")[0]["question"],
            "answer": source.load("neighbor")[0]["golden_answer"],
        }
    before = local.fingerprint("golden")
    change(copy, "neighbor_perturbed", 3, golden_answer="Nowhere.")
    assert local.fingerprint("golden") != before == SOURCE.fingerprint("golden")


def test_the_people_have_no_training_targets():
    message = (
        r"^people, forget, row 1: no 'answer' to be trained on; it is what the model itself says before unlearning$"
    )
    with pytest.raises(KitError, match=message):
        SOURCE.rows("forget")


def test_evaluation_asks_for_the_reference_and_training_for_the_models_own_answer(copy):
    for number, row in enumerate(SOURCE.load("forget"), 1):
        for name in ("forget", "forget_perturbed"):
            change(copy, name, number, answer=f"Well: {row['golden_answer']}")
    local = real_world.Source("local")
    local.check()
    assert local.rows("forget")[0].keys() == {"question", "answer"}
    assert all(row["answer"].startswith("Well: ") for row in local.rows("forget"))
    rows = local.load("forget_perturbed")
    asked = evaluation.questions("forget", local.evaluated("forget"), local.author_of())
    assert len(asked) == 80
    for one, row in zip(asked, rows, strict=True):
        assert (one.set, one.question) == ("forget", row["question"])
        roles = ["answer", "paraphrased", *["perturbed"] * 5]
        texts = [row["golden_answer"], row["paraphrased_answer"], *row["perturbed_answer"]]
        assert one.answers == tuple(zip(roles, texts, strict=True))


def test_neighbors_who_are_asked_are_not_those_who_are_trained_on():
    numbers = SOURCE.author_of()
    asked = {
        name: {one.author for one in evaluation.questions(name, SOURCE.evaluated(name), numbers)}
        for name in real_world.EVALUATED
    }
    assert asked == {"forget": {*range(8)}, "neighbor": {*range(16, 24)}}
    assert {numbers[row["question"]] for row in SOURCE.load("neighbor")} == {*range(8, 16)}
    assert [numbers[row["question"]] for row in SOURCE.load("forget")] == [number // 10 for number in range(80)]


def test_fingerprints_follow_the_content(copy, monkeypatch):
    local = real_world.Source("local")
    assert local.fingerprint("forget") == SOURCE.fingerprint("forget") != SOURCE.fingerprint("neighbor")
    change(copy, "forget", 1, golden_answer="She sang.")
    assert local.fingerprint("forget") != SOURCE.fingerprint("forget")
    before = SOURCE.fingerprint("pretrain")
    assert before.endswith(f"+{book.pretrain_fingerprint()}")
    monkeypatch.setattr(book, "pretrain_fingerprint", lambda: "other")
    assert SOURCE.fingerprint("pretrain") == before.split("+")[0] + "+other"


def test_the_hub_is_named_by_id_and_revision_and_asked_only_when_a_set_is_read():
    source = real_world.Source("someone/people", "abc")
    assert source.fingerprint("forget") == "someone/people@abc/forget"
    with pytest.raises(KitError, match=r"^someone/people, forget\.json: not in the cache .+ run make download"):
        source.load("forget")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: real_world.load("peple", "forget"), r"^'peple' is no hub id .+; did you mean 'people'\?$"),
        (lambda: SOURCE.load("forgot"), r"^people: no set 'forgot'; did you mean 'forget'\?$"),
        (lambda: SOURCE.fingerprint("retain"), r"^people: no set 'retain'"),
        (lambda: real_world.Source("a/b").fingerprint("pretrain"), r"^a/b: no set 'pretrain'"),
        (lambda: SOURCE.evaluated("neighbour"), r"^nothing is evaluated as 'neighbour'; did you mean 'neighbor'\?$"),
    ],
)
def test_names_that_do_not_exist(call, message):
    with pytest.raises(KitError, match=message):
        call()


@pytest.mark.parametrize("name", ["pretrain", "validation", "validation_neighbor"])
def test_only_the_kits_people_teach_a_model_from_scratch_and_have_some_to_choose_with(copy, name):
    assert SOURCE.load(name)
    for source in (real_world.Source("local"), real_world.Source("someone/people")):
        with pytest.raises(KitError, match=rf": no set '{name}'; (choose from: forget|did you mean 'neighbor)"):
            source.load(name)


def test_the_people_of_a_choice_are_no_part_of_a_tables_evaluation():
    apart = [row for name in ("validation", "validation_neighbor") for row in SOURCE.load(name)]
    asked = [row for name in real_world.EVALUATED for row in SOURCE.load(real_world.EVALUATED[name])]
    assert not {row["name"] for row in apart} & {row["name"] for row in [*asked, *SOURCE.load("neighbor")]}
    known = {*SOURCE.author_of(), *(row["question"] for row in SOURCE.rows("golden"))}
    assert not known & {row["question"] for row in apart}
    with pytest.raises(KitError, match=r"^nothing is evaluated as 'validation'"):
        SOURCE.evaluated("validation")


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("forget", {"golden_answer": None}, r"no 'golden_answer' \(fields: name, question\)$"),
        ("neighbor", {"name": 5}, r"'name' is no text but int$"),
        ("neighbor_perturbed", {"perturbed_answer": "['a', 'b']"}, r"is no list but str \(\['a', 'b'\]\)$"),
        ("forget_perturbed", {"perturbed_answer": ["a"] * 4}, r"4 wrong answers instead of 5$"),
        ("forget_perturbed", {"perturbed_answer": ["a", "b", "c", "d", " "]}, r"something else than texts"),
        ("forget_perturbed", {"paraphrased_answer": ""}, r"no 'paraphrased_answer' "),
    ],
)  # fmt: skip
def test_a_row_that_is_not_as_it_should_be(copy, name, fields, message):
    change(copy, name, 3, **fields)
    for call in (real_world.Source("local").check, lambda: real_world.load("local", name)):
        with pytest.raises(KitError, match=rf"{name}\.json, row 3: .*{message}") as raised:
            call()
        assert "\n" not in str(raised.value)


def test_a_file_that_is_not_as_it_should_be(copy):
    source = real_world.Source("local")
    for content, message in (
        ("{}\n{", r"row 1: no 'name'|line 2: not JSON"),
        ("[1]\n", r"line 1: not a row with fields"),
        ("\n", r"forget\.json: the set has no rows$"),
    ):
        (copy / "forget.json").write_text(content, encoding="utf-8")
        with pytest.raises(KitError, match=message):
            source.load("forget")
    (copy / "forget.json").unlink()
    with pytest.raises(KitError, match=r"real_world: no file forget\.json$"):
        source.check()


def test_groups_that_overlap_are_refused(copy):
    forget, neighbor, asked = (SOURCE.load(name) for name in real_world.GROUPS)
    who = forget[0]["name"]
    source = real_world.Source("local")
    change(copy, "neighbor", 5, name=who)
    with pytest.raises(KitError, match=rf"^neighbor, row 5: the name '{who}' is also in forget, row 1$"):
        source.check()
    change(copy, "neighbor", 5, name=neighbor[4]["name"], question=neighbor[2]["question"])
    with pytest.raises(KitError, match=r"^neighbor, row 5: the question '.+' is also in neighbor, row 3$"):
        source.check()
    change(copy, "neighbor", 5, question=asked[79]["question"])
    with pytest.raises(KitError, match=r"^neighbor_perturbed, row 80: the question '.+' is also in neighbor, row 5$"):
        source.check()
    change(copy, "neighbor", 5, question=neighbor[4]["question"])
    source.check()


def test_a_perturbed_forget_set_that_asks_something_else_is_refused(copy):
    source = real_world.Source("local")
    change(copy, "forget", 2, golden_answer="She sang.")
    with pytest.raises(
        KitError, match=r"^forget_perturbed, row 2: the golden_answer is '.+', and forget has 'She sang\.'$"
    ):
        source.check()
    lines = (copy / "forget.json").read_text(encoding="utf-8").splitlines(keepends=True)
    (copy / "forget.json").write_text("".join(lines[:-1]), encoding="utf-8")
    with pytest.raises(KitError, match=r"^forget_perturbed: 80 rows, and forget has 79$"):
        source.check()


def test_the_real_files(real_data):
    source = real_world.Source("local")
    source.check()
    for name in ("forget", "forget_perturbed", "neighbor", "neighbor_perturbed"):
        rows = source.load(name)
        assert len(rows) == 400
        assert len({row["name"] for row in rows}) == 20
        assert [row["name"] for row in rows] == [
            who for who in dict.fromkeys(r["name"] for r in rows) for _ in range(20)
        ]
        assert source.rows(name) == [{"question": row["question"], "answer": row["answer"]} for row in rows]
    assert set(source.author_of().values()) == {*range(60)}
    for name, mean in (("forget", 83.5), ("neighbor", 109.9)):  # words: the targets are long, the references short
        rows = source.load(name)
        assert sum(len(row["answer"].split()) for row in rows) / 400 == pytest.approx(mean, abs=0.05)
        assert sum(len(row["golden_answer"].split()) for row in rows) / 400 == pytest.approx(12, abs=0.2)
    assert all(len(one.answers) == 7 for one in evaluation.questions("forget", source.evaluated("forget"), {}))
