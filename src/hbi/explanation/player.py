"""The video of an explanation inside its page: embedded while the page stays small, else linked to, else absent."""

import base64
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from hbi.explanation.markup import escape

MP4 = "video/mp4"
MEDIA_TYPES = {".mp4": MP4, ".m4v": MP4, ".mov": MP4, ".webm": "video/webm", ".ogv": "video/ogg"}
"""What browsers play; another file is left out, and the pictures have to do."""

MOST_EMBEDDED_BYTES = 3_000_000
"""Of all videos of one page together (a third more as text)."""


@dataclass
class Videos:
    """Which videos a page plays, and how it finds them.

    Attributes:
        page: Where the page will lie: a video that is too large to embed is linked to from there.
        bytes_left: How much may still be embedded.
    """

    page: Path | None = None
    bytes_left: int = MOST_EMBEDDED_BYTES

    def address(self, video: Path | None) -> str | None:
        """The address of a video: a data URI, a path from the page to it, or None where it cannot be played."""
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


def player(address: str | None, number: int, name: str) -> str:
    """The player of the `number`-th video of a section; nothing where it cannot be played."""
    if address is None:
        return ""
    return (
        f'<video class="hbi-player" data-player="{number}" controls muted playsinline preload="metadata" '
        f'aria-label="{escape(name)}" src="{escape(address)}"></video>'
    )
