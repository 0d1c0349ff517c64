"""MUSE's sets: what each source gives, the few-shot prompt and its cuts, and what is refused."""

import json
import shutil

import pytest

from unlearnkit.data import muse
from unlearnkit.data.encode import encode
from unlearnkit.errors import KitError

EXAMPLES = [{"question": "Who?", "answer": "Ada"}, {"question": "Where?", "answer": "In Brest"}]


@pytest.fixture
def copy_of_news(tmp_path, monkeypatch):
    """The folder of the kit's news as somebody's local data."""
    folder = tmp_path / "muse_news"
    shutil.copytree(muse.NEWS, folder)
    monkeypatch.setenv("UNLEARNKIT_DATA", str(tmp_path))
    return folder


def write(folder, name: str, rows: object) -> None:
    (folder / f"{name}.json").write_text(json.dumps(rows), encoding="utf-8")


def test_few_shot_prompt():
    assert muse.few_shot(EXAMPLES, "When?") == (
        "Question: Who?\nAnswer: Ada\n\nQuestion: Where?\nAnswer: In Brest\n\nQuestion: When?\nAnswer: "
    )
    assert muse.few_shot([], "When?") == "Question: When?\nAnswer: "


@pytest.mark.parametrize(
    ("generation", "answer"),
    [
        ("Brest", "Brest"),
        ("Brest\n\nQuestion: Who?", "Brest"),
        ("Brest\nQuestion", "Brest"),
        ("Brest Question: Who?", "Brest "),
        ("Brest\nAnswer: no", "Brest\nAnswer: no"),  # a single line end is no mark
        ("\n\nBrest", ""),
        ("Question marks", "Question marks"),
    ],
)
def test_an_answer_ends_where_the_next_question_begins(generation, answer):
    assert muse.cut(generation) == answer


def test_every_set_of_the_news_loads():
    source = muse.Source("news")
    for name, fields in muse.FIELDS.items():
        rows = source.load(name)
        assert all(isinstance(row, str) if not fields else row.keys() == set(fields) for row in rows), name
    assert source.evaluated().keys() == set(muse.read_for(muse.ASKED))


def test_local_names_are_found_and_fingerprints_follow_the_content(copy_of_news):
    source = muse.Source("local")
    (copy_of_news / "knowmem" / "retain_qa.json").rename(copy_of_news / "knowmem" / "retain2_qa.json")
    assert source.load("knowmem/retain_qa") == muse.load("news", "knowmem/retain_qa")
    assert source.fingerprint("knowmem/retain_qa") == muse.fingerprint("news", "knowmem/retain_qa")
    before = source.fingerprint("raw/forget")
    write(copy_of_news, "raw/forget", ["A text."])
    assert source.load("raw/forget") == ["A text."]
    assert source.fingerprint("raw/forget") != before


def test_the_hub_is_named_by_id_and_revision_and_asked_only_when_a_set_is_read():
    source = muse.Source("muse-bench/MUSE-Books", "abc")
    assert source.fingerprint("raw/forget") == "muse-bench/MUSE-Books@abc/raw/forget"
    with pytest.raises(KitError, match=r"^muse-bench/MUSE-Books: not in the cache .+ run make download") as raised:
        source.load("raw/forget")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("prompt", "gt"), [("one two", "three"), ("one\n", "\ntwo"), ("one two ", ", three"), ("£", "5")]
)
def test_any_answer_can_follow_a_prompt_of_verbmem(prompt, gt, micro_tokenizer):
    row = muse.continued({"prompt": prompt, "gt": gt})
    read = micro_tokenizer(prompt.rstrip(" "))["input_ids"]
    for answer in (row["answer"], "I don't know."):
        encoded = encode(micro_tokenizer, row["question"], answer, 99)
        assert encoded.input_ids[: encoded.prompt_length] == read, "what an evaluation gives the model"
        assert micro_tokenizer.decode(encoded.answer_ids, skip_special_tokens=True) == f" {answer}"


def test_what_is_asked_stands_for_the_raw_sets(copy_of_news):
    source, raw = muse.Source("local", train_on="asked"), muse.Source("local")
    rows = {name: [row["answer"] for row in source.rows(name)] for name in muse.STAND_INS}
    asked = muse.load("news", "verbmem/forget")
    assert [row["question"] for row in source.rows("raw/forget")][: len(asked)] == [
        f"{one['prompt']} " for one in asked
    ]
    assert rows["raw/forget"] == [one["gt"] for one in asked] + muse.load("news", "privleak/forget")
    retain = muse.load("news", "privleak/retain")
    assert (rows["raw/retain1"], rows["raw/retain2"]) == (retain[::2], retain[1::2])
    assert source.rows("pretrain") == raw.rows("pretrain")

    shutil.rmtree(copy_of_news / "raw")  # nothing of it is read
    assert [row["answer"] for row in source.rows("raw/forget")] == rows["raw/forget"]
    before = {name: source.fingerprint(name) for name in (*muse.STAND_INS, "verbmem/forget")}
    write(copy_of_news, "verbmem/forget", [{"prompt": "A", "gt": "text."}])
    changed = {name for name, was in before.items() if source.fingerprint(name) != was}
    assert changed == {"raw/forget", "raw/continuations", "verbmem/forget"}
    with pytest.raises(KitError, match="no set 'raw/forget'"):
        raw.fingerprint("raw/forget")


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        ("raw/forget", [], "local, raw/forget: not a list of entries, or an empty one"),
        ("raw/forget", {"text": "A"}, "local, raw/forget: not a list of entries"),
        ("raw/forget", ["A", " "], "local, raw/forget, entry 2: no 'text'"),
        ("verbmem/forget", [{"prompt": "A", "gt": "B"}, {"prompt": "A"}], "local, verbmem/forget, entry 2: no 'gt'"),
        ("knowmem/forget_qa", ["A"], "local, knowmem/forget_qa, entry 1: no 'question'"),
    ],
)
def test_an_entry_that_is_not_one_is_named(copy_of_news, name, rows, message):
    write(copy_of_news, name, rows)
    with pytest.raises(KitError) as raised:
        muse.load("local", name)
    assert str(raised.value).startswith(message)


def test_unknown_sets_and_sources_are_refused(copy_of_news, monkeypatch):
    with pytest.raises(KitError, match="no set 'raw/forgot'; did you mean 'raw/forget'"):
        muse.load("news", "raw/forgot")
    with pytest.raises(KitError, match=r"'newz' is no hub id .* did you mean 'news'"):
        muse.load("newz", "raw/forget")
    (copy_of_news / "raw" / "forget.json").write_text('["A",\n"B"')
    with pytest.raises(KitError, match=r"forget\.json, line 2: not JSON"):
        muse.load("local", "raw/forget")
    (copy_of_news / "raw" / "forget.json").unlink()
    with pytest.raises(KitError, match="no set 'raw/forget'; did you mean"):
        muse.load("local", "raw/forget")
    monkeypatch.setenv("UNLEARNKIT_DATA", str(copy_of_news))
    with pytest.raises(KitError, match=r"'local' needs the folder .*muse_news, which does not exist"):
        muse.load("local", "raw/forget")
    monkeypatch.delenv("UNLEARNKIT_DATA")
    with pytest.raises(KitError, match="'local' needs the environment variable UNLEARNKIT_DATA"):
        muse.load("local", "raw/forget")


def test_held_out_documents_must_not_be_forgotten_ones(copy_of_news):
    holdout, forget = (muse.load("news", f"privleak/{name}") for name in ("holdout", "forget"))
    write(copy_of_news, "privleak/holdout", [*holdout[:-1], f"  {forget[2].upper()}\n"])
    with pytest.raises(
        KitError, match="privleak/holdout, document 100 is privleak/forget, document 3: held-out"
    ) as raised:
        muse.Source("local").evaluated()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["forget", "holdout"])
def test_an_auc_of_few_documents_is_refused(copy_of_news, name):
    write(copy_of_news, f"privleak/{name}", muse.load("news", f"privleak/{name}")[:99])
    with pytest.raises(KitError, match=f"privleak/{name}: 99 documents; the AUC needs at least 100 of each kind"):
        muse.Source("local").evaluated()


def test_the_real_news(real_data, monkeypatch):
    monkeypatch.setenv("UNLEARNKIT_DATA", str(real_data))
    source = muse.Source("local")
    sets = source.evaluated()
    scored = [name for names in muse.ASKED.values() for name in names]
    assert {name: len(sets[name]) for name in scored} == dict.fromkeys(scored, 100)
    assert len(sets["knowmem/forget_qa_icl"]) == len(sets["knowmem/retain_qa_icl"]) == 10
    prompt = muse.few_shot(sets["knowmem/forget_qa_icl"], sets["knowmem/forget_qa"][0]["question"])
    assert prompt.count("Question: ") == prompt.count("\nAnswer: ") == 11
    with pytest.raises(KitError, match="no set 'raw/forget'"):  # the copy has what is evaluated only
        source.load("raw/forget")


def test_the_real_documents_that_are_asked_about(real_data, monkeypatch):
    """Forget, retain and held-out documents share no passage of a hundred words, shorter ones that many pages have."""
    monkeypatch.setenv("UNLEARNKIT_DATA", str(real_data))
    source = muse.Source("local", train_on="asked")
    names = ("raw/forget", "raw/retain1", "raw/retain2")
    forget, *retain = (["".join(row.values()) for row in source.rows(name)] for name in names)
    assert [len(texts) for texts in (forget, *retain)] == [200, 50, 50]
    assert source.rows("raw/continuations") == source.rows("raw/forget")[:100]
    assert 1400 < max(len(text.split()) for text in forget) < 1500

    def passages(texts: list[str]) -> set[tuple[str, ...]]:
        words = [text.split() for text in texts]
        return {tuple(one[start : start + 100]) for one in words for start in range(len(one) - 99)}

    sides = [passages(forget), passages(retain[0] + retain[1]), passages(source.load("privleak/holdout"))]
    assert not any(sides[i] & sides[j] for i, j in ((0, 1), (0, 2), (1, 2)))
    # A quarter of the texts to be continued overlaps documents that PrivLeak asks about: those are learnt twice.
    asked = passages(forget[100:])
    assert sum(bool(passages([text]) & asked) for text in forget[:100]) == 25
