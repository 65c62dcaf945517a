"""Values of a JSON text, strictly: what JSON does not have is refused, and nothing is taken for something else.

A number is no text, True is no number, a text is no list of letters. Needs nothing but the standard library.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, TypeGuard

MOST_LETTERS = 2**28
"""Of a JSON text. What is made of it takes up to thirty times the room; the files of all benchmarks are far smaller."""

MOST_SHOWN = 60


class JSONTextError(ValueError):
    """A text is no JSON, or holds what JSON does not have.

    Attributes:
        line: Where, from 1.
    """

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.line = line


def parse_json(text: str) -> Any:
    """Return what a JSON text holds.

    Python reads more than JSON has: NaN and infinities are refused here, and so is an object that says a key twice, of
    which only the last would be seen.

    Raises:
        JSONTextError: It is no JSON, has one of these, or is too large or too deeply nested to be read.
    """
    if len(text) > MOST_LETTERS:
        raise JSONTextError(f"larger than the {MOST_LETTERS // 2**20} MiB that are read at once")
    try:
        return json.loads(text, parse_constant=_finite, parse_float=_finite, object_pairs_hook=_object)
    except _NotANumberError as error:
        line = 1 + text.count("\n", 0, _place_of(str(error), text))
        raise JSONTextError(f"{error} is no number; write one, or null", line) from error
    except json.JSONDecodeError as error:
        raise JSONTextError(f"not valid JSON ({error.msg})", error.lineno) from error
    except _TwiceError as error:
        line = 1 + text.count("\n", 0, max(0, text.rfind(json.dumps(error.args[0]))))
        raise JSONTextError(f"an object has the key {shown(error.args[0])} twice; keep one", line) from error
    except RecursionError as error:
        raise JSONTextError("lists in lists in lists, too deep to be read") from error
    except MemoryError as error:
        raise JSONTextError("too large for the memory of this machine") from error
    except ValueError as error:  # all that is left
        raise JSONTextError("a whole number of thousands of digits") from error


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a value is a number that a float can hold."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number of hundreds of digits
        return False


def is_whole(value: object) -> bool:
    """Return whether a value is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def why_no_text(text: str) -> str | None:
    r"""Return what a text holds that no text has, None where nothing is wrong: halves of characters, and zero.

    >>> why_no_text("a\ud800")
    '\\ud800 is half a character'
    """
    if found := re.search(r"[\ud800-\udfff]", text):
        return f"{ascii(found[0])[1:-1]} is half a character"
    return "\\x00 is no character" if "\0" in text else None


def shown(value: object) -> str:
    """Return a value as a JSON text has it, for a message, or how it begins.

    >>> shown("a"), shown(True), shown([1, None]), shown("a" * 100)[-3:]
    ('"a"', 'true', '[1, null]', 'aa…')
    """
    text = ""
    for piece in _pieces(value):
        text += piece
        if len(text) > MOST_SHOWN:  # the rest may be endless
            return f"{text[:MOST_SHOWN]}…"
    return text


def _pieces(value: object) -> Iterator[str]:
    """Yield the JSON text of a value piece by piece, each with a letter at least, texts no longer than can be shown."""
    if isinstance(value, dict):
        yield "{"
        for number, (key, part) in enumerate(value.items()):
            yield from _after(number, key)
            yield ": "
            yield from _pieces(part)
        yield "}"
    elif isinstance(value, list | tuple):
        yield "["
        for number, part in enumerate(value):
            yield from _after(number, part)
        yield "]"
    elif isinstance(value, str):
        yield json.dumps(value[: MOST_SHOWN + 1], ensure_ascii=False)
    elif isinstance(value, int) and value.bit_length() > 10_000:  # Python refuses to write it
        yield "a whole number of thousands of digits"
    elif value is None or isinstance(value, int | float):
        yield json.dumps(value)
    else:
        yield f"a {type(value).__name__}"


def _after(number: int, part: object) -> Iterator[str]:
    if number:
        yield ", "
    yield from _pieces(part)


class _NotANumberError(ValueError):
    pass


class _TwiceError(ValueError):
    pass


def _finite(token: str) -> float:
    if not math.isfinite(value := float(token)):
        raise _NotANumberError(token)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _TwiceError(Counter(key for key, _ in pairs).most_common(1)[0][0])
    return found


def _place_of(token: str, text: str) -> int:
    """Return where a number, or what stands for one, is in a JSON text: not within quotation marks."""
    pieces = re.finditer(r'"(?:[^"\\]++|\\.)*+"|[-+.\w]+', text)
    return next((piece.start() for piece in pieces if piece[0] == token), 0)
