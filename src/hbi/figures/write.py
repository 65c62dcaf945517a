"""Explanations to files: a page, a figure or a record, by the file's ending."""

import base64
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from hbi.errors import HBIError
from hbi.explanation.explanation import Explanation
from hbi.explanation.html.page import render_page
from hbi.figures.levels_figure import render_figure
from hbi.figures.timeline_figure import render_timeline
from hbi.files import replacing

MP4 = "video/mp4"
MEDIA_TYPES = {".mp4": MP4, ".m4v": MP4, ".mov": MP4, ".webm": "video/webm", ".ogv": "video/ogg"}
"""What browsers play; another file is left out, and the pictures have to do."""

MOST_EMBEDDED_BYTES = 3_000_000
"""Of all videos of one page together (a third more as text)."""

View = Literal["levels", "timeline"]
"""What a figure shows: a heat map a level, or a line a word over the seconds."""


@dataclass
class VideoAddresses:
    """Which videos a page plays, and how it finds them.

    Attributes:
        page: Where the page will lie: a video that is too large to embed is linked to from there.
        bytes_left: How much may still be embedded.
    """

    page: Path | None = None
    bytes_left: int = MOST_EMBEDDED_BYTES

    def address(self, video: Path | None) -> str | None:
        """Return the address of a video: a data URI, a path from the page to it, or None where it cannot be played."""
        media_type = MEDIA_TYPES.get(video.suffix.lower()) if video else None
        if video is None or media_type is None or not video.is_file():
            return None
        size = video.stat().st_size
        if size <= self.bytes_left:
            self.bytes_left -= size
            return f"data:{media_type};base64,{base64.b64encode(video.read_bytes()).decode('ascii')}"
        if self.page is None:
            return None
        return quote(Path(os.path.relpath(video.resolve(), self.page.resolve().parent)).as_posix())


class ExplanationWriteError(HBIError):
    """An explanation cannot be written there: the ending stands for no view of it, or the place cannot be used."""


def write_explanation(explanation: Explanation, out: Path, *, video: Path | None = None, view: View = "levels") -> None:
    """Write an explanation as `.html` (page), `.png`, `.svg`, `.pdf` (figure) or `.json` (record), whole or not at all.

    Args:
        explanation: What is written.
        out: The file; its ending chooses the form. A missing folder is made.
        video: What a page plays: embedded where it is small, else by a link to where it lies.
        view: What a figure shows: a heat map a level, or the timeline.

    Raises:
        ExplanationWriteError: Another ending (before anything is drawn), or a place that cannot be written.
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
        with replacing(out) as draft:
            yield draft
    except OSError as error:
        raise ExplanationWriteError(
            f"Cannot write the explanation to {out}: {error.strerror or error}; choose another place"
        ) from error


def _write_page(explanation: Explanation, path: Path, choices: _Choices) -> None:
    address = VideoAddresses(page=choices.out).address(choices.video)
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
