"""How long work shows how far it has come, whoever shows it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias

from hbi.processes import Progress

Bars: TypeAlias = Callable[[str], AbstractContextManager[Progress | None]]
"""Shows, under a title, how far a part of the work has come: a progress bar, say."""


@contextmanager
def no_bars(title: str) -> Iterator[Progress | None]:
    """Show nothing."""
    yield None
