"""Pickles of dictionaries, lists and texts, from people one need not trust: nothing else is read, no code is run.

What a pickle asks for is looked through before any of it is done. A tuple within tuples as a key, or a list that is
fetched again and again, would make a few bytes take for ever; neither stands in a file of captions.
"""

import io
import pickle
import pickletools
from typing import Any

MOST_BYTES = 2**26
"""Of a pickle; the largest of captions has a tenth of it."""

MOST_REPEATED_LETTERS, MOST_REPEATED_FOR_A_BYTE = 2**20, 32
"""Of texts that are written once and fetched again, all together, in any file and for each byte of a larger one."""

TEXTS = {"STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"}
LISTS = {"EMPTY_LIST", "LIST", "APPEND", "APPENDS"}
DICTIONARIES = {"EMPTY_DICT", "DICT", "SETITEM", "SETITEMS"}
PUTS, GETS = {"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"}, {"GET", "BINGET", "LONG_BINGET"}
PLAIN = TEXTS | LISTS | DICTIONARIES | PUTS | GETS | {"PROTO", "FRAME", "MARK", "STOP"}


class PickleError(ValueError):
    """A pickle is broken, too large, or holds more than dictionaries, lists and texts."""


def parse_pickle(content: bytes) -> Any:
    """Return what a pickle of dictionaries, lists and texts holds; no list or dictionary of it stands in two places.

    Texts that Python 2 wrote are read as UTF-8.

    Raises:
        PickleError: It is broken, too large, or holds anything else.
    """
    if len(content) > MOST_BYTES:
        raise PickleError(f"larger than the {MOST_BYTES // 2**20} MiB that are read of a pickle")
    try:
        _require_plain(content)
        return _PlainUnpickler(io.BytesIO(content), encoding="utf-8").load()
    except PickleError:
        raise
    except MemoryError as error:
        raise PickleError("too large for the memory of this machine") from error
    except Exception as error:  # a broken pickle may raise anything, and cite itself at any length
        raise PickleError(f"not a readable pickle ({str(error)[:100]}); fetch it again") from error


class _PlainUnpickler(pickle.Unpickler):
    """The second lock: `_require_plain` lets nothing through that gets here."""

    def find_class(self, module: str, name: str) -> Any:
        raise PickleError(f"a pickle that asks for {module[:100]}.{name[:100]}")


def _require_plain(content: bytes) -> None:
    """Refuse what is not plain, and what would take more time or room than in proportion to the bytes there are."""
    memo: dict[int, int | None] = {}  # letters of the texts, None for lists and dictionaries
    letters: int | None = None  # of the text on top
    left = max(MOST_REPEATED_LETTERS, MOST_REPEATED_FOR_A_BYTE * len(content))
    for code, argument, place in pickletools.genops(content):
        if code.name not in PLAIN:
            raise PickleError(
                f"a pickle with more than dictionaries, lists and texts ({code.name} at byte {place}): write it anew "
                "with these alone"
            )
        if code.name in PUTS:
            number = len(memo) if code.name == "MEMOIZE" else int(argument or 0)
            if number > len(content):  # Python would make room for as many
                raise PickleError(f"a pickle of {len(content)} bytes with an entry {number}: damaged; fetch it again")
            memo[number] = letters
        elif code.name in GETS:
            letters = memo.get(int(argument or 0))
            if letters is None:
                raise PickleError(f"a pickle with a list or dictionary in two places (byte {place}): write each out")
            left -= letters
            if left < 0:
                raise PickleError(f"a pickle that repeats long texts too often (byte {place}): write each out")
        elif code.name != "FRAME":  # which may stand between a long text and its number
            letters = len(argument or "") if code.name in TEXTS else None
