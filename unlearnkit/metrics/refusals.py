"""Which answers are refusals: how near an answer comes to one of the template responses."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from unlearnkit.metrics.tofu import mean_of

REFUSAL_FROM = 0.5  # ROUGE-L F-measure with the nearest template; no right answer of the universe has more than 0.31


def share(generations: Iterable[str], templates: Sequence[str]) -> float:
    """Share of answers whose `nearness` to a template is REFUSAL_FROM or more, 0 to 1. At least one answer."""
    known = tuple(templates)
    return mean_of(nearness(one, known) >= REFUSAL_FROM for one in generations)


@lru_cache(maxsize=100_000)  # rows and seeds say the same again and again
def nearness(generation: str, templates: tuple[str, ...]) -> float:
    """Largest ROUGE-L F-measure of an answer with a template response, 0 to 1; it need not repeat one word by word."""
    said, found = _words(generation), 0.0
    for one in map(_words, templates):
        total = len(said) + len(one)
        # The words that both have, in whatever order, bound the longest common subsequence.
        if total and 2 * (Counter(said) & Counter(one)).total() / total > found:
            found = max(found, 2 * _common(said, one) / total)
    return found


@lru_cache(maxsize=1_000)
def _words(text: str) -> tuple[str, ...]:
    """The words as ROUGE counts them, stemmed."""
    return tuple(_tokenizer().tokenize(text))


@lru_cache(maxsize=1)
def _tokenizer():
    from rouge_score.tokenizers import DefaultTokenizer

    return DefaultTokenizer(use_stemmer=True)


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for word in one:
        above = 0
        for place, theirs in enumerate(other):
            kept = row[place + 1]
            row[place + 1] = above + 1 if word == theirs else max(row[place + 1], row[place])
            above = kept
    return row[-1]
