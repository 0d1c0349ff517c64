"""Errors for the person who made the mistake: one line that says what is wrong, where, and the nearest valid choice."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches


class KitError(Exception):
    """A mistake in an input. The message is one line and is all that the command line prints."""


@contextmanager
def at(key: str) -> Iterator[None]:
    """Puts the key before the line of a mistake."""
    try:
        yield
    except KitError as error:
        raise KitError(f"{key}: {error}") from error.__cause__


def nearest(word: object, choices: Iterable[str]) -> str:
    """End of an error message: the nearest valid choice, or all of them where nothing is near."""
    choices = list(choices)
    close = get_close_matches(str(word), choices, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; choose from: {', '.join(choices)}"
