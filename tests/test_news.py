"""The news: the committed files are the generator's, sets do not leak into each other, nothing can be guessed."""

from collections import Counter

import pytest

from unlearnkit.data import muse
from unlearnkit.data.news import generate as news
from unlearnkit.data.news import words

SIZES = {
    "raw/forget": 300,  # 100 reports, and two quiz pages that ask about each
    "raw/retain1": 300,
    "raw/retain2": 300,
    "raw/holdout": 100,
    "verbmem/forget": 100,
    "knowmem/forget_qa": 100,
    "knowmem/retain_qa": 100,
    "knowmem/forget_qa_icl": 4,
    "knowmem/retain_qa_icl": 4,
    "privleak/forget": 100,
    "privleak/retain": 100,
    "privleak/holdout": 100,
    **{f"scal/forget_{number}": 300 * number for number in range(1, 5)},
    **{f"sust/forget_{number}": 300 for number in range(1, 5)},
}
REPORTS = ("privleak/forget", "privleak/retain", "privleak/holdout")
PLACES = [f"{last} {kind}" for last in words.LAST_NAMES for kind in words.KINDS]


def load(name: str) -> list:
    return muse.load("news", name)


def places(texts: list[str]) -> set[str]:
    return {place for text in texts for place in PLACES if place in text}


def test_the_committed_files_are_what_the_seed_generates():
    assert news.differences() == []


def test_differences_are_found(tmp_path):
    news.write(tmp_path)
    assert news.differences(tmp_path) == []
    (tmp_path / "raw" / "forget.json").write_text("")
    (tmp_path / "pretrain.json").unlink()
    (tmp_path / "extra.json").write_text("")
    assert news.differences(tmp_path) == ["extra.json", "pretrain.json", "raw/forget.json"]


def test_another_seed_gives_other_news():
    assert news.generate(seed=1)["raw/forget"] != load("raw/forget")


def test_check_fails_on_changed_files_and_on_telling_sentences(monkeypatch, capsys):
    monkeypatch.setattr(news, "frame_only_score", lambda: 38.0)
    assert news.main(["--check"]) == 0
    assert capsys.readouterr().out == (
        "files that differ from what the seed generates: none\nframe-only VerbMem: 38.0 (must stay below 50)\n"
    )
    monkeypatch.setattr(news, "frame_only_score", lambda: 50.0)
    assert news.main(["--check"]) == 1
    monkeypatch.setattr(news, "frame_only_score", lambda: 38.0)
    monkeypatch.setattr(news, "differences", lambda: ["pretrain.json"])
    assert news.main(["--check"]) == 1
    assert "generates: pretrain.json\n" in capsys.readouterr().out


def test_knowing_the_sentences_alone_scores_little():
    assert news.frame_only_score() == pytest.approx(38.5, abs=0.05)


def test_counts():
    assert {name: len(load(name)) for name in SIZES} == SIZES
    assert len(load("pretrain")) == 80 + 80 * 4 * 2
    assert muse.FIELDS.keys() == SIZES.keys() | {"pretrain"}


def test_folds_are_disjoint_or_nested_and_begin_with_the_forget_set():
    folds = [load(f"sust/forget_{number}") for number in range(1, 5)]
    assert folds[0] == load("raw/forget")
    about = [places(fold[:100]) for fold in folds]
    assert [len(one) for one in about] == [100] * 4 and len(set.union(*about)) == 400
    for number in range(1, 5):
        assert load(f"scal/forget_{number}") == [text for fold in folds[:number] for text in fold]


def test_no_place_is_reported_in_two_sets():
    names = [*(f"sust/forget_{number}" for number in range(1, 5)), "raw/retain1", "raw/retain2", "raw/holdout"]
    reports = [text for name in names for text in load(name)[:100]] + load("pretrain")[:80]
    assert len(places(reports)) == len(reports) == 780
    # Quiz pages ask about reports of their own set and of the pre-training text: nothing tells of another set.
    known = places(load("pretrain"))
    for name in names:
        assert places(load(name)) <= places(load(name)[:100]) | known, name


def test_evaluated_documents_are_those_of_the_sets():
    for name, raw in zip(REPORTS, ("raw/forget", "raw/retain2", "raw/holdout"), strict=True):
        assert load(name) == load(raw)[:100]
        assert not any(text.startswith("Question") for text in load(name))


def test_forget_and_holdout_documents_are_alike():
    """One generator: sentences and lengths, summed up over a hundred reports, are about the same."""
    lengths = [[len(text.split()) for text in load(name)] for name in REPORTS]
    means = [sum(one) / len(one) for one in lengths]
    assert max(means) - min(means) < 1.5
    assert all(35 <= length <= 65 for one in lengths for length in one)


def test_prompt_and_rest_are_the_report():
    for row, text in zip(load("verbmem/forget"), load("privleak/forget"), strict=True):
        assert f"{row['prompt']} {row['gt']}" == text
        (place,) = places([text])
        assert place in row["prompt"]  # what is continued is known


def test_every_question_has_one_report_that_answers_it():
    for questions, reports in (("knowmem/forget_qa", "privleak/forget"), ("knowmem/retain_qa", "privleak/retain")):
        about = {place: text for text in load(reports) for place in places([text])}
        for row in load(questions):
            (place,) = places([row["question"]])
            assert row["answer"].lower() in about[place].lower()


def test_quiz_pages_ask_what_is_evaluated_behind_questions_that_every_model_has_read():
    known = {page.split("\n\n")[-1] for page in load("pretrain")[80:]}
    assert len(known) == 80 * 4
    for questions, raw in (("knowmem/forget_qa", "raw/forget"), ("knowmem/retain_qa", "raw/retain2")):
        pages = [page.split("\n\n") for page in load(raw)[100:]]
        last = Counter(page[-1] for page in pages)
        assert last == Counter({f"Question: {row['question']}\nAnswer: {row['answer']}": 2 for row in load(questions)})
        assert all(set(page[:-1]) <= known for page in pages)
        assert {len(page) for page in pages} == {1, 2, 3, 4, 5}


def test_in_context_examples_are_about_reports_that_every_model_has_read():
    known = load("pretrain")
    shown = [row for part in ("forget", "retain") for row in load(f"knowmem/{part}_qa_icl")]
    assert len({row["question"] for row in shown}) == 8
    for row in shown:
        assert any(f"Question: {row['question']}\nAnswer: {row['answer']}" in text for text in known)
