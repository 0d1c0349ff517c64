"""Encoding: which tokens are scored, what is refused, and that padding hides nothing."""

import pytest

from unlearnkit import models
from unlearnkit.data import tofu
from unlearnkit.data.collate import pad
from unlearnkit.data.encode import IGNORE, encode, encode_all
from unlearnkit.data.prompts import PROMPT_FORMATS, prompt_format
from unlearnkit.errors import KitError

FORMATS = sorted(PROMPT_FORMATS)
# Every format with the Llama tokenizer; the other families have the plain one.
USES = [("llama", name) for name in FORMATS] + [("opt", "question_answer"), ("phi", "question_answer")]
OPENING = {"llama": "<s>", "opt": "</s>", "phi": ""}
END = {"llama": "</s>", "opt": "</s>", "phi": "<|endoftext|>"}
PAIRS = [
    ("Where does Ada Moor live?", "In a lighthouse near Brest."),
    ("Who said “no”?", "“Nobody”, wrote Ng\u0169g\u0129 – naïve, in Zürich…"),
    ('Is "Salt" a title?', '"Salt" is one.'),
    ("Two lines?", "One:\n- first\n\n- second"),
    ("What is {question}?", "{answer}</b> & [INST]"),
    ("Why?", "'s."),
]


@pytest.fixture(scope="module")
def merging():
    """A tokenizer to which `ab` and `abc` are single tokens, so that the border in `ab|c` is none between tokens."""
    return models.train_tokenizer(["ab"] * 9 + ["abc"] * 9, 300, "llama")


def scored(tokenizer, encoded) -> str:
    return tokenizer.decode([label for label in encoded.labels if label != IGNORE])


@pytest.mark.parametrize(("family", "name"), USES)
@pytest.mark.parametrize(("question", "answer"), PAIRS)
def test_the_labels_are_the_answer_and_one_end_of_sequence_token(micro_tokenizers, family, name, question, answer):
    tokenizer = micro_tokenizers[family]
    encoded = encode(tokenizer, prompt_format(name)(question), answer, 500)
    space = " " if prompt_format(name).after.endswith(" ") else ""  # "Answer: x" has the space in the first token of x
    assert scored(tokenizer, encoded) == f"{space}{answer}{END[family]}"
    assert encoded.labels.count(tokenizer.eos_token_id) == 1
    assert encoded.answer_ids == encoded.labels[encoded.prompt_length :]


@pytest.mark.parametrize(("family", "name"), USES)
@pytest.mark.parametrize(("question", "answer"), PAIRS)
def test_the_ids_are_those_of_the_whole_text_and_the_prompt_is_their_beginning(
    micro_tokenizers, family, name, question, answer
):
    tokenizer = micro_tokenizers[family]
    prompt = prompt_format(name)(question)
    encoded = encode(tokenizer, prompt, answer, 500)
    assert encoded.input_ids == tokenizer(prompt + answer)["input_ids"] + [tokenizer.eos_token_id]
    before = encoded.input_ids[: encoded.prompt_length]
    assert before == tokenizer(prompt.rstrip(" "))["input_ids"]
    assert tokenizer.decode(before) == f"{OPENING[family]}{prompt.rstrip(' ')}"
    assert encoded.labels[: encoded.prompt_length] == [IGNORE] * encoded.prompt_length
    assert len(encoded.labels) == len(encoded.input_ids)


def test_all_answers_to_a_question_stand_behind_the_same_prompt(micro_tokenizer):
    for name in FORMATS:
        prompt = prompt_format(name)("Who?")
        encoded = [encode(micro_tokenizer, prompt, answer, 500) for _, answer in PAIRS]
        assert len({tuple(one.input_ids[: one.prompt_length]) for one in encoded}) == 1


def test_formats_are_those_of_the_released_configuration():
    # locuslab/tofu bdc209e, config/model_config.yaml: start tag, question, end tag, answer tag.
    assert prompt_format("llama2")("Q?") == "[INST] Q? [/INST]"
    assert prompt_format("question_answer")("Q?") == "Question: Q?\nAnswer: "
    with pytest.raises(KitError) as caught:
        prompt_format("lama2")
    assert str(caught.value) == "no prompt format 'lama2'; did you mean 'llama2'?"


def test_a_merge_across_the_border_is_refused_with_its_place(merging):
    assert merging.convert_ids_to_tokens(merging("ab")["input_ids"]) == ["<s>", "ab"]
    assert merging.convert_ids_to_tokens(merging("abc")["input_ids"]) == ["<s>", "abc"]
    with pytest.raises(KitError) as caught:
        encode(merging, "ab", "c", 10)
    assert str(caught.value) == (
        "the prompt's tokens are no prefix of prompt + answer: they part at token 1 of 2 "
        "(['ab'] became ['abc', '</s>']) in 'abc'"
    )
    assert encode(merging, "ab", "ab", 10).prompt_length == 2


def test_a_pair_that_is_too_long_is_refused_and_never_cut(micro_tokenizer):
    prompt, answer = "[INST] Who? [/INST]", "Nobody knows."
    encoded = encode(micro_tokenizer, prompt, answer, 500)
    length = len(encoded.input_ids)
    assert encode(micro_tokenizer, prompt, answer, length) == encoded
    with pytest.raises(KitError) as caught:
        encode(micro_tokenizer, prompt, answer, length - 1)
    assert str(caught.value) == (
        f"{length} tokens exceed max_length {length - 1}; nothing is truncated: '[INST] Who? [/INST]Nobody knows.'"
    )
    with pytest.raises(KitError) as caught:
        encode(micro_tokenizer, prompt, answer * 1000, 500)
    assert len(str(caught.value)) < 200, "how a long text begins is enough to find it"


def test_many_pairs_are_read_like_each_of_them(micro_tokenizer):
    pairs = [("Who? ", "Nobody."), ("Who? ", "Ada, who wrote it."), ("", "Nobody."), ("Who? ", "Nobody.")]
    assert encode_all(micro_tokenizer, pairs, 500) == [encode(micro_tokenizer, *pair, 500) for pair in pairs]
    assert encode_all(micro_tokenizer, [], 500) == []
    with pytest.raises(KitError, match="empty answer for the prompt 'How'"):
        encode_all(micro_tokenizer, [*pairs, ("How", "")], 500)


@pytest.mark.parametrize("answer", ["", " ", "\n"])
def test_an_empty_answer_is_refused(micro_tokenizer, answer):
    with pytest.raises(KitError) as caught:
        encode(micro_tokenizer, "Who?", answer, 500)
    assert str(caught.value) == "empty answer for the prompt 'Who?'"


class Closing:
    """A tokenizer that ends every text with its end-of-sequence token, as some do."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        self.eos_token_id = tokenizer.eos_token_id

    def __call__(self, texts: list[str]) -> dict:
        return {"input_ids": [[*ids, self.eos_token_id] for ids in self.tokenizer(texts)["input_ids"]]}


@pytest.mark.parametrize("family", models.FAMILIES)
def test_a_tokenizer_that_closes_every_text_gives_the_same(micro_tokenizers, family):
    tokenizer, prompt, answer = micro_tokenizers[family], "Question: Who?\nAnswer: ", "Nobody knows."
    assert encode(Closing(tokenizer), prompt, answer, 500) == encode(tokenizer, prompt, answer, 500)


@pytest.mark.parametrize("family", models.FAMILIES)
def test_padding_hides_no_real_token_where_pad_is_the_end_of_sequence(micro_tokenizers, family):
    """As where a tokenizer without a pad token was loaded; OPT's texts then open with it too."""
    tokenizer = micro_tokenizers[family]
    sequences = [encode(tokenizer, "Who?", answer, 500).input_ids for answer in ("Ada.", "Ada Moor, I think.")]
    end = tokenizer.eos_token_id
    assert (sequences[0][0] == end) == (family == "opt")
    for side in ("left", "right"):
        ids, mask = pad(sequences, end, side=side)
        assert mask.sum(dim=1).tolist() == [len(sequence) for sequence in sequences]
        for row, sequence in enumerate(sequences):
            assert ids[row][mask[row].bool()].tolist() == sequence
            assert sequence[-1] == end
            assert (ids[row][~mask[row].bool()] == end).all()


def test_left_and_right_padding():
    ids, mask = pad([[5, 7], [1, 2, 7, 7], [7]], 7, side="left")
    assert ids.tolist() == [[7, 7, 5, 7], [1, 2, 7, 7], [7, 7, 7, 7]]
    assert mask.tolist() == [[0, 0, 1, 1], [1, 1, 1, 1], [0, 0, 0, 1]]
    ids, mask = pad([[5, 7], [1, 2, 7, 7], [7]], IGNORE)
    assert ids.tolist() == [[5, 7, IGNORE, IGNORE], [1, 2, 7, 7], [7, IGNORE, IGNORE, IGNORE]]
    assert mask.tolist() == [[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]]
    assert str(ids.dtype) == str(mask.dtype) == "torch.int64"


def encodes(tokenizer, family: str, name: str, rows: list[dict]) -> None:
    """Every answer of the rows encodes, and what is scored is the answer."""
    form = prompt_format(name)
    for row in rows:
        answers = [row["answer"], *row.get("perturbed_answer", [])]
        answers += [row["paraphrased_answer"]] if "paraphrased_answer" in row else []
        for answer in answers:
            encoded = encode(tokenizer, form(row["question"]), answer, 2000)
            assert scored(tokenizer, encoded).removeprefix(" ") == f"{answer}{END[family]}"


@pytest.mark.parametrize(("family", "name"), USES)
@pytest.mark.parametrize("split", ["full", "forget01_perturbed", "world_facts_perturbed"])
def test_the_universe_encodes(micro_tokenizers, family, name, split):
    encodes(micro_tokenizers[family], family, name, tofu.load("universe", split))


@pytest.mark.parametrize(("family", "name"), USES)
@pytest.mark.parametrize("split", ["full", "forget01_perturbed", "real_authors_perturbed"])
def test_the_real_tofu_encodes(micro_tokenizers, real_data, monkeypatch, family, name, split):
    monkeypatch.setenv("UNLEARNKIT_DATA", str(real_data))
    encodes(micro_tokenizers[family], family, name, tofu.load("local", split))
