"""Explanations to files: a page, a figure or a record, by the file's ending."""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from hbi.errors import HBIError
from hbi.explanation.explanation import Explanation
from hbi.explanation.figure import render_figure
from hbi.explanation.page import render_page


class ExplanationWriteError(HBIError):
    """An explanation cannot be written there: the ending stands for no view of it, or the place cannot be used."""


def write_explanation(explanation: Explanation, out: Path) -> None:
    """Write an explanation as `.html` (page), `.png`, `.svg`, `.pdf` (figure) or `.json` (record).

    A missing folder is made. The file appears whole or not at all: it is written beside and renamed.
    Raises ExplanationWriteError for another ending, before anything is drawn, and for a place that cannot be written.
    """
    write = _WRITERS.get(out.suffix.lower())
    if write is None:
        raise ExplanationWriteError(
            f"Cannot write an explanation to {out}: its ending says no known form; use one of {', '.join(_WRITERS)}"
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=out.parent, prefix=".explanation-") as beside:
            draft = Path(beside, f"draft{out.suffix.lower()}")
            write(explanation, draft)
            os.replace(draft, out)
    except OSError as error:
        raise ExplanationWriteError(
            f"Cannot write the explanation to {out}: {error.strerror or error}; choose another place"
        ) from error


def _write_page(explanation: Explanation, path: Path) -> None:
    path.write_text(render_page(explanation), encoding="utf-8", newline="\n")


def _write_record(explanation: Explanation, path: Path) -> None:
    path.write_text(explanation.to_json(), encoding="utf-8", newline="\n")


_WRITERS: dict[str, Callable[[Explanation, Path], None]] = {
    ".html": _write_page,
    ".png": render_figure,
    ".svg": render_figure,
    ".pdf": render_figure,
    ".json": _write_record,
}
