"""Walking forward through a video from target to target, decoding no more than needed."""

from collections.abc import Iterator

import av
from av.packet import Packet
from av.video.frame import VideoFrame

from hbi.video.opening import OpenVideo


class FrameCursor:
    """Gives the frames shown at ascending times of one open video.

    It decodes on from where it is, and seeks only when the next target lies beyond a later key frame.
    """

    def __init__(self, video: OpenVideo) -> None:
        self._video = video
        self._frames = self._decoded()
        self._shown: VideoFrame | None = None
        self._next: VideoFrame | None = None
        self._position: int | None = None
        self.num_bad_packets = 0
        self.is_at_end = False

    def frame_at(self, target_pts: int) -> VideoFrame | None:
        """Return the last frame with pts <= `target_pts`, the very first if none is, or None for no frame at all."""
        key_pts = self._later_key_frame(target_pts)
        if key_pts is not None:
            self._seek(key_pts)
        while not self.is_at_end and (self._next is None or self._next.pts <= target_pts):
            self._shown, self._next = self._next or self._shown, next(self._frames, None)
            self.is_at_end = self._next is None
        return self._shown or self._next

    def _later_key_frame(self, target_pts: int) -> int | None:
        """Return the timestamp of the last key frame up to the target if it lies beyond the current position."""
        stream = self._video.stream
        index = stream.index_entries
        if self._position is None or len(index) < 2:
            return None
        found = index.search_timestamp(target_pts)
        return index[found].timestamp if found >= 0 and index[found].timestamp > self._position else None

    def _seek(self, key_pts: int) -> None:
        self._video.container.seek(key_pts, stream=self._video.stream)
        self._frames = self._decoded()
        self._shown = self._next = None

    def _decoded(self) -> Iterator[VideoFrame]:
        for packet in self._packets():
            if packet.dts is not None:
                self._position = packet.dts
            try:
                yield from packet.decode()
            except av.error.FFmpegError:
                self.num_bad_packets += 1

    def _packets(self) -> Iterator[Packet]:
        try:
            yield from self._video.container.demux(self._video.stream)
        except av.error.FFmpegError:
            self.num_bad_packets += 1
