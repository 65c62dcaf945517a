"""What the server asks of its index: searches, pictures, clips and explanations. Knows nothing of HTTP."""

import os
import shutil
import tempfile
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlencode

from hbi.errors import HBIError
from hbi.explanation import Explanation
from hbi.matching.matcher import EncodedTexts
from hbi.search import SearchResult, VideoIndex
from hbi.search.frame_fits import judged_words
from hbi.search.hit_moments import HitMoment, hit_moments
from hbi.search.moments import SegmentLocation
from hbi.search.results import Verdict, result_to_dict
from hbi.search.snapshot import Segments
from hbi.web.limits import Limits, RequestError
from hbi.web.search_request import SearchRequest, may_be_segment_id
from hbi.web.video_worker import VideoWorker

PICTURE_HEIGHT = 288
"""Pixels: a card of the results at two pixels a point."""
BEFORE_THE_END = 0.04
"""Seconds: where a segment ends, the picture on screen is the next one's."""


class IndexService:
    """Answers requests from one index; called from several threads."""

    def __init__(self, index: VideoIndex, limits: Limits) -> None:
        self.index, self.limits = index, limits
        # What is remembered is remembered by the segment, which stands for a content: another file may come to lie at
        # the same path. And it is asked for again first whether the index has the segment still, and its file is there.
        self._explained = lru_cache(maxsize=64)(self._explain)
        self._pictured = lru_cache(maxsize=512)(self._decode_picture)  # some 20 KB each

    def search(self, request: SearchRequest) -> SearchResult:
        """Return the moments that fit; RequestError when they are to be like one that the index does not have."""
        options: dict[str, Any] = {"limit": request.limit, "offset": request.offset, "order": request.order}
        options |= {"filters": request.filters, "threshold": request.threshold}
        if not request.like:
            return self.index.search(request.text, **options)
        self._require_segment(request.like)
        return self.index.more_like(request.like, **options)

    def locate(self, segment_id: str) -> SegmentLocation:
        """Return where a segment is; RequestError when the index has none of that key, or its file is gone."""
        location = self._require_segment(segment_id)
        if not (location.is_current and os.access(location.path, os.R_OK)):
            # What is there now was never indexed, and may be anything.
            raise RequestError(410, f"{location.path.name} is gone, or not what it was when it was indexed")
        return location

    def thumbnail(self, segment_id: str) -> bytes:
        """Return a segment's picture, JPEG; RequestError where the index has none of that key."""
        picture = self.index.thumbnail(segment_id) if may_be_segment_id(segment_id) else None
        if picture is None:
            raise RequestError(404, "the index has no such moment")
        return picture

    def picture(self, segment_id: str, at_seconds: float, worker: VideoWorker) -> bytes:
        """Return the picture on screen at a second of a segment, JPEG; a second outside of it is moved into it.

        Raises:
            RequestError: The index has no such segment, its file is gone, or the picture cannot be decoded.
        """
        location = self.locate(segment_id)
        last = max(location.start_seconds, location.end_seconds - BEFORE_THE_END)
        at_seconds = round(min(max(at_seconds, location.start_seconds), last), 3)
        return self._pictured(segment_id, location.path, at_seconds, worker)

    def explain_segment(self, segment_id: str, text: str, worker: VideoWorker) -> Explanation:
        """Return why a segment of the index fits a text."""
        location = self.locate(segment_id)
        return self._explained(segment_id, text, location.path, location.start_seconds, location.end_seconds, worker)

    def moment(self, segment_id: str, text: str) -> HitMoment:
        """Return when a segment of the index, with its neighbors, fits a text best.

        Raises:
            RequestError: The index has no such segment.
        """
        return self._moment(segment_id, text)[0]

    def word_verdicts(self, segment_id: str, text: str) -> dict[tuple[int, int], Verdict]:
        """Return what the index says of every whole word `[start, end)` of a text at one of its segments."""
        span, own, query = self._moment(segment_id, text)
        snapshot = self.index.snapshot()
        frames = snapshot.frame_vectors(own)
        words = judged_words(self.index.codec, query, own, snapshot.references, frames, [span])[0]
        return {(word.start, word.end): word.verdict for word in words}

    def _moment(self, segment_id: str, text: str) -> tuple[HitMoment, Segments, EncodedTexts]:
        self._require_segment(segment_id)
        snapshot = self.index.snapshot()
        own = snapshot.segment(segment_id)
        if own is None:
            raise RequestError(404, "the index has no such moment")
        query = self.index.matcher.encode_texts([text])
        return hit_moments(self.index.codec, snapshot, query.encoding, own)[0], own, query

    def explain_upload(self, upload: BinaryIO, name: str, text: str, worker: VideoWorker) -> Explanation:
        """Return why an uploaded clip fits a text; RequestError when it is no video, or longer or larger than allowed.

        The explanation, and what is said of the clip, has the name that its sender knows.
        """
        settings = self.index.settings
        with tempfile.NamedTemporaryFile(prefix="hbi-upload-") as file:
            shutil.copyfileobj(upload, file)
            file.flush()
            clip = Path(file.name)
            try:
                sample = worker.read_sample(clip, settings.num_frames, settings.picture, is_bounded=True)
                return replace(self.index.explain(clip, text, sample=sample), video=name)
            except RequestError as error:
                raise RequestError(error.status, with_name(str(error), clip, name)) from error
            except HBIError as error:
                raise RequestError(422, with_name(str(error), clip, name)) from error

    def _require_segment(self, segment_id: str) -> SegmentLocation:
        """Return where a segment is, or was; RequestError when the index has none of that key."""
        location = self.index.locate(segment_id) if may_be_segment_id(segment_id) else None
        if location is None:
            raise RequestError(404, "the index has no such moment")
        return location

    @staticmethod
    def _decode_picture(_segment_id: str, video: Path, at_seconds: float, worker: VideoWorker) -> bytes:
        return worker.picture(video, at_seconds, PICTURE_HEIGHT)

    def _explain(
        self, _segment_id: str, text: str, video: Path, start_seconds: float, end_seconds: float, worker: VideoWorker
    ) -> Explanation:
        settings = self.index.settings
        sample = worker.read_sample(
            video, settings.num_frames, settings.picture, start_seconds=start_seconds, end_seconds=end_seconds
        )
        return self.index.explain(video, text, sample=sample)


def search_response(result: SearchResult, text: str) -> dict[str, Any]:
    """Return a result for the API: as `hbi search --json`, with addresses of each hit's pictures, video and reason.

    Args:
        result: What was found.
        text: What was searched for; empty where others like a segment were.
    """
    response = result_to_dict(result)
    for values, hit in zip(response["hits"], result.hits, strict=True):
        values["thumbnail_url"] = f"/thumbnail/{hit.segment_id}"
        values["frame_url"] = f"/frame/{hit.segment_id}?at={hit.best_frame_seconds:.3f}"
        values["video_url"] = f"/video/{hit.segment_id}"
        values["clip_url"] = f"/clip/{hit.segment_id}"
        if text:
            values["explanation_url"] = f"/explanation?{urlencode({'segment': hit.segment_id, 'text': text})}"
    return response


def with_name(message: str, clip: Path, name: str) -> str:
    """Return a message that names an upload as its sender does.

    Args:
        message: What is said of the file.
        clip: Where it lies here: no message may say so.
        name: What its sender calls it.
    """
    message = message.replace(repr(str(clip)), repr(name)).replace(str(clip), name).replace(clip.name, name)
    return message if name in message else f"{name!r}: {message}"
