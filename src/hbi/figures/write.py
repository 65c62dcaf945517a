"""Explanations to files: a page, a figure or a record, by the file's ending."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hbi.errors import HBIError
from hbi.explanation.explanation import Explanation
from hbi.explanation.html.first_view import Verdicts
from hbi.explanation.html.page import render_page
from hbi.figures.figure import View, render_figure
from hbi.figures.video_addresses import VideoAddresses, shown_span
from hbi.files import replacing


class ExplanationWriteError(HBIError):
    """An explanation cannot be written there: the ending stands for no view of it, or the place cannot be used."""


def write_explanation(
    explanation: Explanation,
    out: Path,
    *,
    video: Path | None = None,
    view: View = "words",
    verdicts: Verdicts | None = None,
) -> str | None:
    """Write an explanation as `.html` (page), `.png`, `.svg`, `.pdf` (figure) or `.json` (record), whole or not at all.

    Returns one line where browsers do not play the video of a page as it is, and what became of it; else None.

    Args:
        explanation: What is written.
        out: The file; its ending chooses the form. A missing folder is made.
        video: What a page plays: embedded where it is small, else by a link to where it lies; converted where it has to
            be, see `VideoAddresses`.
        view: What a figure shows: where each whole word matches, a heat map a level, or all levels over the seconds.
        verdicts: What a page says of whole words besides, see `explanation_section`.

    Raises:
        ExplanationWriteError: Another ending (before anything is drawn), or a place that cannot be written.
    """
    require_ending(out, WRITERS)
    choices = _Choices(VideoAddresses(page=out), video, view, verdicts)
    with _replacing(out) as draft:
        WRITERS[out.suffix.lower()](explanation, draft, choices)
    return choices.addresses.note


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
    addresses: VideoAddresses
    video: Path | None
    view: View
    verdicts: Verdicts | None


@contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    try:
        with replacing(out) as draft:
            yield draft
    except OSError as error:
        raise ExplanationWriteError(
            f"Cannot write the explanation to {out}: {error.strerror or error}; choose another place"
        ) from error


def _write_page(explanation: Explanation, path: Path, choices: _Choices) -> None:
    address = choices.addresses.address(choices.video, shown_span(explanation))
    markup = render_page(explanation, address=address, verdicts=choices.verdicts)
    path.write_text(markup, encoding="utf-8", newline="\n")


def _write_figure(explanation: Explanation, path: Path, choices: _Choices) -> None:
    render_figure(explanation, path, levels=choices.view)


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
