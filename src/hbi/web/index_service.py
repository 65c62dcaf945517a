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
from hbi.search import SearchResult, VideoIndex
from hbi.search.moments import SegmentLocation
from hbi.search.results import result_to_dict
from hbi.web.limits import Limits, RequestError
from hbi.web.search_request import SearchRequest
from hbi.web.video_worker import VideoWorker

LONGEST_SEGMENT_ID = 200


class IndexService:
    """Answers requests from one index; called from several threads."""

    def __init__(self, index: VideoIndex, limits: Limits) -> None:
        self.index, self.limits = index, limits
        # What is remembered is remembered by the segment, which stands for a content: another file may come to lie at
        # the same path. And it is asked for again first whether the index has the segment still, and its file is there.
        self._explained = lru_cache(maxsize=64)(self._explain)
        self._cut = lru_cache(maxsize=8)(self._cut_clip)  # a player asks for a clip piece by piece

    def search(self, request: SearchRequest) -> SearchResult:
        """Return the moments that fit."""
        return self.index.search(
            request.text, limit=request.limit, filters=request.filters, threshold=request.threshold
        )

    def locate(self, segment_id: str) -> SegmentLocation:
        """Return where a segment is; RequestError when the index has none of that key, or its file is gone."""
        location = self.index.locate(segment_id) if _may_be_segment_id(segment_id) else None
        if location is None:
            raise RequestError(404, "the index has no such moment")
        if not (location.is_current and os.access(location.path, os.R_OK)):
            # What is there now was never indexed, and may be anything.
            raise RequestError(410, f"{location.path.name} is gone, or not what it was when it was indexed")
        return location

    def thumbnail(self, segment_id: str) -> bytes:
        """Return a segment's picture, JPEG; RequestError where the index has none of that key."""
        picture = self.index.thumbnail(segment_id) if _may_be_segment_id(segment_id) else None
        if picture is None:
            raise RequestError(404, "the index has no such moment")
        return picture

    def explain_segment(self, segment_id: str, text: str, worker: VideoWorker) -> Explanation:
        """Return why a segment of the index fits a text."""
        location = self.locate(segment_id)
        return self._explained(segment_id, text, location.path, location.start_seconds, location.end_seconds, worker)

    def clip(self, segment_id: str, worker: VideoWorker) -> bytes:
        """Return a segment as an MP4 file that browsers play."""
        location = self.locate(segment_id)
        end_seconds = min(location.end_seconds, location.start_seconds + self.limits.max_cut_seconds)
        return self._cut(segment_id, location.path, location.start_seconds, end_seconds, worker)

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
                raise RequestError(error.status, _with_name(str(error), clip, name)) from error
            except HBIError as error:
                raise RequestError(422, _with_name(str(error), clip, name)) from error

    def _explain(
        self, _segment_id: str, text: str, video: Path, start_seconds: float, end_seconds: float, worker: VideoWorker
    ) -> Explanation:
        settings = self.index.settings
        sample = worker.read_sample(
            video, settings.num_frames, settings.picture, start_seconds=start_seconds, end_seconds=end_seconds
        )
        return self.index.explain(video, text, sample=sample)

    @staticmethod
    def _cut_clip(
        _segment_id: str, video: Path, start_seconds: float, end_seconds: float, worker: VideoWorker
    ) -> bytes:
        with tempfile.TemporaryDirectory(prefix="hbi-clip-") as folder:
            out = Path(folder, "clip.mp4")
            worker.cut(video, start_seconds, end_seconds, out)
            return out.read_bytes()


def search_response(result: SearchResult) -> dict[str, Any]:
    """Return a result for the API: as `hbi search --json`, with addresses of each hit's picture, video and reason."""
    response = result_to_dict(result)
    for values, hit in zip(response["hits"], result.hits, strict=True):
        query = urlencode({"segment": hit.segment_id, "text": result.query})
        values["thumbnail_url"] = f"/thumbnail/{hit.segment_id}"
        values["video_url"] = f"/video/{hit.segment_id}"
        values["clip_url"] = f"/clip/{hit.segment_id}"
        values["explanation_url"] = f"/explanation?{query}"
    return response


def _may_be_segment_id(text: str) -> bool:
    """Return whether a text could be the key of a segment: the index is not asked for any other."""
    return len(text) <= LONGEST_SEGMENT_ID and text.isascii() and text.isprintable()


def _with_name(message: str, clip: Path, name: str) -> str:
    """Return a message that names an upload as its sender does."""
    return message.replace(repr(str(clip)), repr(name)).replace(str(clip), name).replace(clip.name, name)
