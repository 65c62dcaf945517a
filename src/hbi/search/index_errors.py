"""What can go wrong with an index, said in one line, and how the engine's own complaints become such a line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hbi.errors import HBIError


class SearchError(HBIError):
    """An index is missing, damaged, of another model or cannot be written; or a question makes no sense."""


class MissingExtra(SearchError):  # noqa: N818 (it names what is missing)
    """LanceDB is not installed."""


_FULL = ("no space left", "file too large", "os error 28", "os error 27", "quota exceeded")
_PASSING = ("too many open files", "permission denied", "input/output error", "cannot allocate memory", "stale file")
_OF_ENGINE = (OSError, RuntimeError, ValueError, LookupError, TypeError, ArithmeticError)


@contextmanager
def writing(index: Path) -> Iterator[None]:
    """Turn what the engine raises while writing into one line; what was written before stays valid."""
    try:
        yield
    except BaseException as error:
        if not _is_of_engine(error):
            raise
        if any(sign in str(error).lower() for sign in _FULL):
            raise SearchError(
                f"{index}: the disk is full; what was indexed before is kept: free space, then run the same command"
            ) from error
        raise SearchError(
            f"{index} cannot be written ({_first_line(error)}); what was indexed before is kept: see to it that the "
            "folder can be written and is whole, then run the same command"
        ) from error


@contextmanager
def reading(index: Path) -> Iterator[None]:
    """Turn what the engine raises while reading into one line that names the index."""
    try:
        yield
    except BaseException as error:
        if not _is_of_engine(error):
            raise
        if any(sign in str(error).lower() for sign in _PASSING):
            raise SearchError(
                f"{index} cannot be read now ({_first_line(error)}): see who may read it, how many files may be open "
                "(ulimit -n), and whether its disk is well"
            ) from error
        raise SearchError(
            f"{index} is damaged or incomplete ({_first_line(error)}): restore it from a copy, or delete it and run "
            "hbi index again"
        ) from error


def _is_of_engine(error: BaseException) -> bool:
    """Return whether an error comes of what the engine read, or is a panic in it, which may be no `Exception`."""
    is_panic = type(error).__name__ in ("RustPanic", "PanicException")
    return is_panic or (isinstance(error, _OF_ENGINE) and not isinstance(error, HBIError))


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    line = lines[0] if lines else type(error).__name__
    return line if len(line) <= 160 else line[:160] + "…"
