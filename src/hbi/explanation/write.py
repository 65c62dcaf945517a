"""Explanations to files: a page, a figure or a record, by the file's ending."""

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from hbi.errors import HBIError
from hbi.explanation.explanation import Explanation
from hbi.explanation.figure import render_figure
from hbi.explanation.page import render_page
from hbi.explanation.player import Videos
from hbi.explanation.timeline_figure import render_timeline

View = Literal["levels", "timeline"]
"""What a figure shows: a map a level, or a line a word over the seconds."""


class ExplanationWriteError(HBIError):
    """An explanation cannot be written there: the ending stands for no view of it, or the place cannot be used."""


def write_explanation(explanation: Explanation, out: Path, *, video: Path | None = None, view: View = "levels") -> None:
    """Write an explanation as `.html` (page), `.png`, `.svg`, `.pdf` (figure) or `.json` (record).

    A page plays `video`: embedded where it is small, else by a link to where it lies. `view` chooses the figure: a map
    a level, or the timeline. A missing folder is made. The file appears whole or not at all: it is written beside and
    renamed. Raises ExplanationWriteError for another ending, before anything is drawn, and for a place that cannot be
    written.
    """
    require_ending(out, WRITERS)
    with _replacing(out) as draft:
        WRITERS[out.suffix.lower()](explanation, draft, _Choices(out, video, view))


def write_page(markup: str, out: Path) -> None:
    """Write a page of several explanations, whole or not at all; raises ExplanationWriteError."""
    require_ending(out, (".html",))
    with _replacing(out) as draft:
        draft.write_text(markup, encoding="utf-8", newline="\n")


def require_ending(out: Path, endings: Collection[str]) -> None:
    """Raise ExplanationWriteError unless the file has one of these endings."""
    if out.suffix.lower() not in endings:
        raise ExplanationWriteError(
            f"Cannot write an explanation to {out}: its ending says no known form; use one of {', '.join(endings)}"
        )


@dataclass(frozen=True)
class _Choices:
    out: Path
    video: Path | None
    view: View


@contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=out.parent, prefix=".explanation-") as beside:
            draft = Path(beside, f"draft{out.suffix.lower()}")
            yield draft
            os.replace(draft, out)
    except OSError as error:
        raise ExplanationWriteError(
            f"Cannot write the explanation to {out}: {error.strerror or error}; choose another place"
        ) from error


def _write_page(explanation: Explanation, path: Path, choices: _Choices) -> None:
    address = Videos(page=choices.out).address(choices.video)
    path.write_text(render_page(explanation, address=address), encoding="utf-8", newline="\n")


def _write_figure(explanation: Explanation, path: Path, choices: _Choices) -> None:
    (render_timeline if choices.view == "timeline" else render_figure)(explanation, path)


def _write_record(explanation: Explanation, path: Path, choices: _Choices) -> None:
    path.write_text(explanation.to_json(), encoding="utf-8", newline="\n")


WRITERS: dict[str, Callable[[Explanation, Path, _Choices], None]] = {
    ".html": _write_page,
    ".png": _write_figure,
    ".svg": _write_figure,
    ".pdf": _write_figure,
    ".json": _write_record,
}
"""By the ending of the file."""
