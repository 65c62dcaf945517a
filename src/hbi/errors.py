"""The one error a person is meant to read: a single line that says what is wrong, where, and what to do."""

from collections.abc import Iterable
from difflib import get_close_matches

MOST_LISTED, MOST_COMPARED = 12, 1000
"""Of the names that a message lists, and of those that a wrong one is compared with."""
MOST_LETTERS = 200
"""Of a wrong name that is compared with others: the time that it takes grows with them."""


class HBIError(Exception):
    """A problem that the person at the keyboard can act on; the command line prints it in one line and exits with 2."""


class Note(UserWarning):
    """A warning that a person is meant to read: the command line prints it as a note, once."""


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return the end of an error message: a question that names the nearest of some names; "" where none is near.

    >>> did_you_mean("num_step", ["batch_size", "num_steps"])
    ": did you mean 'num_steps'?"
    """
    there = list(names)[:MOST_COMPARED] if len(name) <= MOST_LETTERS else []
    close = get_close_matches(name, there, n=1, cutoff=0.5)
    return f": did you mean {close[0]!r}?" if close else ""


def nearest_or_all(name: str, names: Iterable[str]) -> str:
    """Return the end of an error message: the nearest of some names, or the first of all where none is near.

    >>> nearest_or_all("colour", ["text", "video"])
    '; there are: text, video'
    """
    there = list(names)
    if near := did_you_mean(name, there):
        return near
    listed = [each if len(each) <= 40 else f"{each[:40]}…" for each in map(str, there[:MOST_LISTED])]
    return f"; there are: {', '.join(listed) or 'none'}{', …' * (len(there) > MOST_LISTED)}"
