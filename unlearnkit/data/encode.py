"""Text to token ids: the only place that makes a mask.

A sequence is prompt + answer + one end-of-sequence token. Its labels are the answer's ids and that token; every prompt
position carries IGNORE. Nothing is ever truncated, and the prompt's ids must be a prefix of the whole's ids.
A space at the prompt's end belongs to the answer's first token, as vocabularies hold it ("Answer:", " Yes").
"""

from dataclasses import dataclass

from unlearnkit.errors import KitError

IGNORE = -100


@dataclass(frozen=True)
class Encoded:
    """`input_ids` and `labels`, equally long lists of ints; `prompt_length` tokens come before the answer."""

    input_ids: list[int]
    labels: list[int]
    prompt_length: int

    @property
    def answer_ids(self) -> list[int]:
        """The answer's ids and the end-of-sequence token."""
        return self.input_ids[self.prompt_length :]


def encode(tokenizer, prompt: str, answer: str, max_length: int) -> Encoded:
    """Encode one pair: `encode_all` of it alone."""
    return encode_all(tokenizer, [(prompt, answer)], max_length)[0]


def encode_all(tokenizer, pairs: list[tuple[str, str]], max_length: int) -> list[Encoded]:
    """Encode pairs of prompt and answer, and mask every prompt. One call of the tokenizer reads all texts.

    `max_length` counts tokens of prompt, answer and end-of-sequence token together.
    KitError: the prompt's ids are not a prefix of the pair's ids (a merge across the border would shift every label);
    the pair is longer than `max_length`; the answer is empty.
    """
    for prompt, answer in pairs:
        if not answer.strip():
            raise KitError(f"empty answer for the prompt {prompt!r}")
    texts = list(dict.fromkeys(text for prompt, answer in pairs for text in (prompt.rstrip(" "), prompt + answer)))
    ids = dict(zip(texts, tokenizer(texts)["input_ids"] if texts else [], strict=True))
    return [_masked(tokenizer, prompt, answer, ids, max_length) for prompt, answer in pairs]


def _masked(tokenizer, prompt: str, answer: str, ids_of: dict[str, list[int]], max_length: int) -> Encoded:
    prompt_ids, ids = ids_of[prompt.rstrip(" ")], ids_of[prompt + answer]
    if prompt_ids and prompt_ids[-1] == tokenizer.eos_token_id:  # some tokenizers close every text
        prompt_ids = prompt_ids[:-1]
    if ids[-1] != tokenizer.eos_token_id:
        ids = [*ids, tokenizer.eos_token_id]
    length = len(prompt_ids)
    if ids[:length] != prompt_ids:
        at = next((i for i, (a, b) in enumerate(zip(prompt_ids, ids, strict=False)) if a != b), length)
        raise KitError(
            f"the prompt's tokens are no prefix of prompt + answer: they part at token {at} of {length} "
            f"({tokenizer.convert_ids_to_tokens(prompt_ids)[at:]} became "
            f"{tokenizer.convert_ids_to_tokens(ids)[at : length + 1]}) in {prompt + answer!r}"
        )
    if len(ids) > max_length:
        begins = (prompt + answer)[:100]
        raise KitError(f"{len(ids)} tokens exceed max_length {max_length}; nothing is truncated: {begins!r}")
    return Encoded(input_ids=ids, labels=[IGNORE] * length + ids[length:], prompt_length=length)
