"""The videos that a page by itself plays: embedded, linked to, or converted where browsers do not play the file."""

import base64
import os
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from hbi.errors import HBIError
from hbi.explanation.explanation import Explanation
from hbi.files import fitting_name, replacing
from hbi.video import VideoError
from hbi.video.browser_formats import browser_format
from hbi.video.cutting import convert_video, cut_clip

MOST_EMBEDDED_BYTES = 3_000_000
"""Of all videos of one page together (a third more as text)."""

MOST_CONVERTED_SECONDS = 300.0
"""Of all videos that are converted for one page."""

CONVERTED_SIDE = 640
"""Pixels of the longer side of a converted video: a page shows it small."""

_IN_PAGE, _BESIDE, _TOO_LONG, _BROKEN = (
    "converted in the page",
    "converted beside the page",
    "too long to be converted",
    "cannot be converted",
)


def shown_span(explanation: Explanation) -> tuple[float, float]:
    """Return the seconds (start, end) of the video that an explanation is of."""
    return explanation.frames[0].start_seconds, explanation.frames[-1].end_seconds


@dataclass
class VideoAddresses:
    """Which videos a page plays, and how it finds them.

    Attributes:
        page: Where the page will lie: a video that is too large to embed is linked to from there.
        bytes_left: How much may still be embedded.
        seconds_left: How much may still be converted.
    """

    page: Path | None = None
    bytes_left: int = MOST_EMBEDDED_BYTES
    seconds_left: float = MOST_CONVERTED_SECONDS
    _written: dict[tuple[Path, tuple[float, float] | None], str] = field(default_factory=dict)
    _done: Counter[str] = field(default_factory=Counter)

    def address(self, video: Path | None, span: tuple[float, float] | None = None) -> str | None:
        """Return the address of a video: a data URI, a path from the page to it, or None where it cannot be played.

        Of a file that not every browser plays it is that of a converted copy. A copy of a span ends in
        `#offset=<seconds>`: where in the video its second 0 is.

        Args:
            video: The file.
            span: Of it (start, end) in seconds is shown: no more is converted. None: all of it.
        """
        if video is None or not video.is_file():
            return None
        try:
            form = browser_format(video)
            if form.reach != "every":
                converted = self._converted(video, span)
                if converted is not None or form.reach == "none":
                    return converted
        except (HBIError, OSError):  # what cannot be decoded or written costs the page its video, not the explanation
            self._done[_BROKEN] += 1
            return None
        kind = form.media_type.partition(";")[0]
        return self._embedded(video, kind) or self._linked(video)

    @property
    def note(self) -> str | None:
        """One line on the videos that browsers do not play as they are, and what became of them; None without any."""
        if not self._done:
            return None
        if self._done.total() == 1:
            return f"not every browser plays the video as it is: {next(iter(self._done))}"
        parts = ", ".join(f"{count} {what}" for what, count in sorted(self._done.items()))
        return f"not every browser plays {self._done.total()} of the videos as they are: {parts}"

    def _converted(self, video: Path, span: tuple[float, float] | None) -> str | None:
        if (video, span) in self._written:
            return self._written[video, span]
        if span is not None and span[1] - span[0] > self.seconds_left:
            self._done[_TOO_LONG] += 1
            return None
        with tempfile.TemporaryDirectory(prefix="hbi-page-") as folder:
            out = Path(folder, "converted.mp4")
            try:
                if span is None:
                    convert_video(video, self.seconds_left, out, longest_side=CONVERTED_SIDE)
                else:
                    cut_clip(video, *span, out, longest_side=CONVERTED_SIDE)
            except VideoError:
                self._done[_TOO_LONG if span is None else _BROKEN] += 1
                return None
            return self._placed(video, span, out)

    def _placed(self, video: Path, span: tuple[float, float] | None, out: Path) -> str | None:
        self.seconds_left -= browser_format(out).stated_seconds
        offset = f"#offset={span[0]:.3f}" if span is not None and span[0] else ""
        embedded = self._embedded(out, "video/mp4")
        if embedded is not None:
            self._done[_IN_PAGE] += 1
            return embedded + offset
        if self.page is None:
            self._done[_TOO_LONG] += 1
            return None
        number = f"-{len(self._written) + 1}" if self._written else ""  # several of one name lie in different folders
        name = fitting_name(self.page.parent, f"{self.page.stem}-", video.stem, f"{number}.mp4")
        beside = self.page.with_name(name)
        with replacing(beside) as draft:
            draft.write_bytes(out.read_bytes())
        self._done[f"{_BESIDE} as {beside.name}"] += 1
        self._written[video, span] = quote(beside.name) + offset
        return self._written[video, span]

    def _embedded(self, video: Path, kind: str) -> str | None:
        size = video.stat().st_size
        if size > self.bytes_left:
            return None
        self.bytes_left -= size
        return f"data:{kind};base64,{base64.b64encode(video.read_bytes()).decode('ascii')}"

    def _linked(self, video: Path) -> str | None:
        if self.page is None:
            return None
        return quote(Path(os.path.relpath(video.resolve(), self.page.resolve().parent)).as_posix())
