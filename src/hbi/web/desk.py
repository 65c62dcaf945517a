"""What the server does with a request, apart from HTTP: checks what was asked, asks the index."""

import math
import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlencode

from hbi.errors import HBIError
from hbi.explanation import Explanation
from hbi.search import Filters, SearchResult, VideoIndex
from hbi.search.answers import Located
from hbi.search.record import result_to_dict
from hbi.search.video_index import DEFAULT_THRESHOLD
from hbi.web.decoder import Decoder
from hbi.web.limits import Limits, RefusalError

MAX_HITS = 100
LONGEST_NAME = 120
LONGEST_KEY = 200


@dataclass(frozen=True)
class Question:
    """A search as it was asked, checked."""

    text: str
    limit: int
    threshold: float
    filters: Filters

    @classmethod
    def checked(cls, asked: dict[str, str], limits: Limits) -> "Question":
        """Return the search that some parameters ask for.

        Raises:
            RefusalError: One of them makes no sense; the message names it.
        """
        for name, value in asked.items():
            if name != "q" and len(value) > limits.max_parameter_characters:
                raise RefusalError(
                    422, f"{name[:20]} has {len(value)} characters, at most {limits.max_parameter_characters} are read"
                )
        return cls(
            checked_text(asked.get("q", ""), limits),
            int(_number(asked, "limit", 12, 1, MAX_HITS)),
            _number(asked, "threshold", DEFAULT_THRESHOLD, 0, 1),
            Filters(
                path=asked.get("path") or None,
                after=_day(asked, "after"),
                before=_day(asked, "before"),
                min_seconds=_optional(asked, "min_seconds"),
                max_seconds=_optional(asked, "max_seconds"),
            ),
        )


def checked_text(text: str, limits: Limits) -> str:
    """Return a text without space around it; RefusalError when it is empty or too long."""
    text = " ".join(text.split())
    if not any(character.isalnum() for character in text):
        raise RefusalError(422, "write what is to be seen: there are no words to search for")
    if len(text) > limits.max_query_characters:
        raise RefusalError(422, f"the text has {len(text)} characters, at most {limits.max_query_characters} are read")
    if any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in text):
        raise RefusalError(422, "the text holds characters that are no text")
    return text


def shown_name(told: str) -> str:
    """Return how the name that an upload came with is shown: without folders, and only what can be shown."""
    name = told.replace("\\", "/").rpartition("/")[2][:LONGEST_NAME]
    return "".join(sign for sign in name if sign.isprintable()).strip() or "clip"


class Desk:
    """Answers for one index; called from several threads."""

    def __init__(self, index: VideoIndex, limits: Limits) -> None:
        self.index, self.limits = index, limits
        self._explained = lru_cache(maxsize=64)(self._explain_anew)
        self._cut = lru_cache(maxsize=8)(self._cut_anew)  # a player asks for a clip piece by piece

    def search(self, question: Question) -> SearchResult:
        """Return the moments that fit."""
        return self.index.search(
            question.text, limit=question.limit, filters=question.filters, threshold=question.threshold
        )

    def located(self, segment_id: str) -> Located:
        """Return where a segment is; RefusalError when the index has none of that name, or its file is gone."""
        located = self.index.locate(segment_id) if _is_key(segment_id) else None
        if located is None:
            raise RefusalError(404, "the index has no such moment")
        if not (located.is_current and os.access(located.path, os.R_OK)):
            # What stands there now was never indexed, and may be anything.
            raise RefusalError(410, f"{located.path.name} is gone, or not what it was when it was indexed")
        return located

    def thumbnail(self, segment_id: str) -> bytes:
        """Return a segment's picture, JPEG; RefusalError where the index has none of that name."""
        picture = self.index.thumbnail(segment_id) if _is_key(segment_id) else None
        if picture is None:
            raise RefusalError(404, "the index has no such moment")
        return picture

    # What is remembered is remembered by the segment, which stands for a content: another file may come to lie at the
    # same path. And it is asked for again first whether the index has the segment still, and its file is there.

    def explain_segment(self, segment_id: str, text: str, decoder: Decoder) -> Explanation:
        """Return why a segment of the index fits a text."""
        located = self.located(segment_id)
        return self._explained(segment_id, text, located.path, located.start_seconds, located.end_seconds, decoder)

    def clip(self, segment_id: str, decoder: Decoder) -> bytes:
        """Return a segment as an MP4 file that browsers play."""
        located = self.located(segment_id)
        end_seconds = min(located.end_seconds, located.start_seconds + self.limits.max_cut_seconds)
        return self._cut(segment_id, located.path, located.start_seconds, end_seconds, decoder)

    def explain_upload(self, sent: BinaryIO, name: str, text: str, decoder: Decoder) -> Explanation:
        """Return why an uploaded clip fits a text; RefusalError when it is no video, or longer or larger than allowed.

        What is said of it names it as its sender does.
        """
        settings = self.index.settings
        with tempfile.NamedTemporaryFile(prefix="hbi-upload-") as file:
            shutil.copyfileobj(sent, file)
            file.flush()
            clip = Path(file.name)
            try:
                sample = decoder.sample(clip, settings.num_frames, settings.image_size, is_bounded=True)
                return replace(self.index.explain(clip, text, sample=sample), video=name)
            except RefusalError as error:
                raise RefusalError(error.status, _named(str(error), clip, name)) from error
            except HBIError as error:
                raise RefusalError(422, _named(str(error), clip, name)) from error

    def _explain_anew(
        self, _segment_id: str, text: str, video: Path, start_seconds: float, end_seconds: float, decoder: Decoder
    ) -> Explanation:
        settings = self.index.settings
        sample = decoder.sample(
            video, settings.num_frames, settings.image_size, start_seconds=start_seconds, end_seconds=end_seconds
        )
        return self.index.explain(video, text, sample=sample)

    @staticmethod
    def _cut_anew(_segment_id: str, video: Path, start_seconds: float, end_seconds: float, decoder: Decoder) -> bytes:
        with tempfile.TemporaryDirectory(prefix="hbi-clip-") as folder:
            out = Path(folder, "clip.mp4")
            decoder.cut(video, start_seconds, end_seconds, out)
            return out.read_bytes()


def _is_key(text: str) -> bool:
    """Return whether a text could be the key of a segment: the index is not asked for any other."""
    return len(text) <= LONGEST_KEY and text.isascii() and text.isprintable()


def _named(message: str, clip: Path, name: str) -> str:
    return message.replace(repr(str(clip)), repr(name)).replace(str(clip), name).replace(clip.name, name)


def answer_record(result: SearchResult) -> dict[str, Any]:
    """Return an answer for the API: as `hbi search --json`, with where to get each hit's picture, video and reason."""
    record = result_to_dict(result)
    for values, hit in zip(record["hits"], result.hits, strict=True):
        asked = urlencode({"segment": hit.segment_id, "text": result.query})
        values["thumbnail_url"] = f"/thumbnail/{hit.segment_id}"
        values["video_url"] = f"/video/{hit.segment_id}"
        values["clip_url"] = f"/clip/{hit.segment_id}"
        values["explanation_url"] = f"/explanation?{asked}"
    return record


def _number(asked: dict[str, str], name: str, default: float, low: float, high: float) -> float:
    value = _optional(asked, name)
    if value is None:
        return default
    if not low <= value <= high:
        raise RefusalError(422, f"{name} must be from {low:g} to {high:g}")
    return value


def _optional(asked: dict[str, str], name: str) -> float | None:
    text = asked.get(name, "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise RefusalError(422, f"{name} must be a number, not {text[:20]!r}")
    return value


def _day(asked: dict[str, str], name: str) -> datetime | None:
    text = asked.get(name, "").strip()
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        raise RefusalError(422, f"{name} must be a day like 2026-01-31, not {text[:20]!r}") from None
