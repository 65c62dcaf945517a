"""What a page plays of a moment: the file itself where browsers play it, else the video or the moment, converted."""

import shutil
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from hbi.search.moments import SegmentLocation
from hbi.video.browser_formats import BrowserFormat
from hbi.web.converted_videos import ConvertedVideos
from hbi.web.index_service import IndexService, with_name
from hbi.web.limits import Limits, RequestError
from hbi.web.video_worker import VideoWorker


@dataclass(frozen=True)
class Source:
    """One of the addresses of which a player takes the first that it can play.

    Attributes:
        address: On this server.
        media_type: By which a browser knows whether it plays it, without asking for it.
        offset_seconds: Its second 0 is this second of the video.
        is_original: Whether it is the file itself.
    """

    address: str
    media_type: str
    offset_seconds: float = 0.0
    is_original: bool = False


class Playback:
    """Videos of one index, as browsers play them; called from several threads.

    Args:
        service: Finds segments.
        limits: Of the server.
    """

    def __init__(self, service: IndexService, limits: Limits) -> None:
        self._service, self._limits = service, limits
        self._converted = ConvertedVideos(limits.max_kept_bytes)
        self._formats = lru_cache(maxsize=256)(self._probe)

    def close(self) -> None:
        """Remove what was converted."""
        self._converted.close()

    def media_type(self, segment_id: str, worker: VideoWorker) -> str:
        """Return what the file of a segment is served as; "" where no browser plays it."""
        return self._format(segment_id, self._service.locate(segment_id), worker).media_type.partition(";")[0]

    def sources(self, segment_id: str, worker: VideoWorker) -> tuple[Source, ...]:
        """Return what can be played of a segment, the best first; the last is the segment alone, converted.

        Raises:
            RequestError: The index has no such segment, or its file is gone.
        """
        location = self._service.locate(segment_id)
        clip = Source(f"/clip/{segment_id}", "video/mp4", location.start_seconds)
        try:
            form = self._format(segment_id, location, worker)
        except RequestError:  # nobody can tell what it is: the segment could be decoded once
            return (clip,)
        original = Source(f"/video/{segment_id}", form.media_type, is_original=True)
        whole = Source(f"/playable/{segment_id}", "video/mp4")
        is_small = self._is_small(form)
        chosen = {
            "every": (original, clip),
            "some": (original, whole, clip) if is_small else (original, clip),
            "none": (whole, clip) if is_small else (clip,),
        }
        return chosen[form.reach]

    def is_original_playable(self, segment_id: str, worker: VideoWorker) -> bool:
        """Return whether every browser plays the file of a segment as it is."""
        return self._format(segment_id, self._service.locate(segment_id), worker).reach == "every"

    def kept_clip(self, segment_id: str) -> BinaryIO | None:
        """Return a segment that has been cut out before, open; None where it has not."""
        self._service.locate(segment_id)
        return self._converted.find(segment_id)

    def kept_whole(self, segment_id: str) -> BinaryIO | None:
        """Return the video of a segment where it has been converted before, open; None where it has not."""
        self._service.locate(segment_id)
        return self._converted.find(_content_of(segment_id))

    def clip(self, segment_id: str, worker: VideoWorker) -> BinaryIO:
        """Return a segment as an open MP4 file; RequestError where it cannot be decoded."""
        location = self._service.locate(segment_id)
        start = location.start_seconds
        end = min(location.end_seconds, start + self._limits.max_cut_seconds)
        return self._converted.find_or_write(segment_id, lambda out: worker.cut(location.path, start, end, out))

    def whole(self, segment_id: str, worker: VideoWorker) -> BinaryIO:
        """Return the video of a segment as an open MP4 file; RequestError where that is too much, or impossible."""
        location = self._service.locate(segment_id)
        return self._converted.find_or_write(_content_of(segment_id), lambda out: worker.convert(location.path, out))

    def convert_upload(self, upload: BinaryIO, name: str, worker: VideoWorker) -> bytes:
        """Return an uploaded clip as an MP4 file; nothing of it stays.

        Args:
            upload: The clip.
            name: How its sender calls it: what is said of it says so.
            worker: Decodes it.

        Raises:
            RequestError: It is no video, longer or larger than allowed, or cannot be converted.
        """
        with tempfile.TemporaryDirectory(prefix="hbi-upload-") as folder:
            clip, out = Path(folder, Path(folder).name), Path(folder, "converted.mp4")  # a name that no message holds
            with clip.open("wb") as file:
                shutil.copyfileobj(upload, file)
            try:
                worker.convert(clip, out, is_bounded=True)
            except RequestError as error:
                raise RequestError(error.status, with_name(str(error), clip, name)) from error
            return out.read_bytes()

    def _is_small(self, form: BrowserFormat) -> bool:
        limits = self._limits
        is_short = 0 < form.stated_seconds <= limits.max_clip_seconds
        return is_short and form.stated_pixels <= limits.max_converted_pixels

    def _format(self, segment_id: str, location: SegmentLocation, worker: VideoWorker) -> BrowserFormat:
        return self._formats(_content_of(segment_id), location.path, worker)

    @staticmethod
    def _probe(_content: str, video: Path, worker: VideoWorker) -> BrowserFormat:
        return worker.browser_format(video)


def _content_of(segment_id: str) -> str:
    """Return the content that a segment is of: the same one lies at several paths, or moves."""
    return segment_id.rpartition("-")[0]
