"""A book: where it comes from, how it is cut, what is refused."""

import hashlib

import pytest

from unlearnkit.data import book
from unlearnkit.data.encode import IGNORE, encode
from unlearnkit.data.prompts import prompt_format
from unlearnkit.errors import KitError

TEN = "one two three four five six seven eight nine ten"
CONTINUATION = prompt_format("continuation")


def error(call, *arguments) -> str:
    with pytest.raises(KitError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_of_the_users_is_read_with_its_hash(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_bytes("\ufeffOne  two\n\nthree\tfour \n".encode())
    assert book.load(str(path)) == "One two three four"
    assert book.fingerprint(str(path)) == hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    assert book.fingerprint(str(path)) != book.fingerprint("story")


def test_a_missing_an_empty_and_an_unreadable_book_are_refused(tmp_path):
    assert error(book.load, "no/such.txt") == (
        "data.book: there is no file 'no/such.txt'; the kit ships no copyrighted book: "
        "name a text file that you own, or 'story'"
    )
    assert error(book.fingerprint, "no/such.txt") == error(book.load, "no/such.txt")
    path = tmp_path / "book.txt"
    path.write_text(" \n\n")
    assert error(book.load, str(path)) == f"data.book: {path} is empty"
    path.write_bytes(b"caf\xe9")
    assert error(book.load, str(path)) == f"data.book: {path} is not UTF-8 text (byte 3)"


def test_excerpts_in_words_are_cut_one_behind_the_other_and_the_rest_is_dropped():
    assert book.excerpts(TEN, 3, "words") == ["one two three", "four five six", "seven eight nine"]
    assert book.excerpts(TEN, 5, "words") == ["one two three four five", "six seven eight nine ten"]
    assert book.excerpts(TEN, 3, "words", count=2) == ["one two three", "four five six"]
    assert book.excerpts(TEN, 1, "words", count=5) == ["one", "three", "five", "seven", "nine"]


def test_a_book_that_is_too_short_or_repeats_itself_is_refused():
    assert error(book.excerpts, TEN, 11, "words") == (
        "data.book: the text has 0 excerpts of 11 words, and 1 are asked for"
    )
    assert error(book.excerpts, TEN, 3, "words", None, 4) == (
        "data.book: the text has 3 excerpts of 3 words, and 4 are asked for"
    )
    assert error(book.excerpts, "a b c d a b", 2, "words") == "data.book: excerpts 1 and 3 are the same text"


def tokens(tokenizer, text: str) -> int:
    return len(tokenizer(text, add_special_tokens=False)["input_ids"])


def test_excerpts_and_prompts_in_tokens_are_the_most_whole_words_that_fit(micro_tokenizer):
    text = book.load("story")
    pieces = book.excerpts(text, 64, "tokens", micro_tokenizer, 20)
    rows = book.pairs(pieces, 24, "tokens", micro_tokenizer)
    assert len(pieces) == len(rows) == 20
    for piece, row in zip(pieces, rows, strict=True):
        assert f" {piece} " in f" {text} "
        assert tokens(micro_tokenizer, piece) <= 64
        after = f" {text} ".split(f" {piece} ")[1].split()
        assert not after or tokens(micro_tokenizer, f"{piece} {after[0]}") > 64
        assert f"{row['question']} {row['answer']}" == piece
        assert tokens(micro_tokenizer, row["question"]) <= 24
        assert tokens(micro_tokenizer, f"{row['question']} {row['answer'].split()[0]}") > 24


def test_pairs_in_words():
    assert book.pairs([TEN], 4, "words") == [
        {"question": "one two three four", "answer": "five six seven eight nine ten"}
    ]
    assert error(book.pairs, ["a b c", "a b"], 2, "words") == (
        "data.book: excerpt 2 ends within its prompt of 2 words; cut longer excerpts"
    )


@pytest.mark.parametrize("family", ["llama", "opt", "phi"])
def test_a_document_and_a_pair_of_the_same_excerpt_are_the_same_tokens(micro_tokenizers, family):
    tokenizer = micro_tokenizers[family]
    for piece in book.excerpts(book.load("story"), 48, "words", count=5):
        (pair,) = book.pairs([piece], 24, "words")
        document = book.document(piece)
        whole, part = (encode(tokenizer, CONTINUATION(r["question"]), r["answer"], 500) for r in (document, pair))
        assert whole.input_ids == part.input_ids == [*tokenizer(piece)["input_ids"], tokenizer.eos_token_id]
        first = len(tokenizer(piece.split()[0])["input_ids"])
        assert whole.labels == [IGNORE] * first + whole.input_ids[first:]


def test_a_document_of_one_word_is_refused():
    assert error(book.document, "word") == "a text to be learnt has two words or more: 'word'"


def test_what_is_longer_than_the_window_is_refused(micro_tokenizer):
    rows = book.pairs([TEN], 4, "words")
    prompt = len(micro_tokenizer("one two three four")["input_ids"])
    whole = len(micro_tokenizer(TEN)["input_ids"]) + 1
    book.check_window(rows, micro_tokenizer, whole, whole - prompt)
    assert error(book.check_window, rows, micro_tokenizer, whole, whole - prompt + 1) == (
        f"data.book: the prompt of excerpt 1 has {prompt} tokens, and with {whole - prompt + 1} new ones that is more "
        f"than the model's window of {whole}; cut shorter prompts"
    )
    assert error(book.check_window, rows, micro_tokenizer, whole - 1, 1) == (
        f"data.book: excerpt 1 has {whole} tokens with its end, more than the model's window of {whole - 1}; "
        "cut shorter excerpts"
    )
