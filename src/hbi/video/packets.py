"""The packets worth decoding: those of the frames wanted and of the frames that these depend on.

A packet holds one coded frame. Packets come in the order of decoding, frames are shown in the order of their pts, and
which frame is on screen at a time follows from the pts alone. So one can tell before decoding which packets are wanted,
when it is time to jump to a later key frame, and when nothing more is needed.
"""

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterator, Sequence

import av
from av.packet import Packet

from hbi.video.demuxing import Faults, demux
from hbi.video.opening import OpenVideo

# The codecs reorder at most 16 frames, so that the frame shown after a given one is among the 32 packets around it.
LOOK_AHEAD = 32


class PacketPlan:
    """The packets to decode for frames shown at `targets` (ascending pts), in order, each with whether it is wanted.

    After iteration, `shown` tells for every target the pts of the frame on screen at it, except for those beyond the
    end of a file that was cut short. A None among the packets asks to drain the decoder: the next packet lies
    elsewhere, or there is none.
    """

    def __init__(self, video: OpenVideo, targets: Sequence[int], faults: Faults) -> None:
        self.shown: dict[int, int] = {}
        self._video = video
        self._faults = faults
        self._waiting = list(targets)
        self._is_at_start = True
        # The first packet of an H.264 file tells which x264 wrote it. Those before build 151 coded 4:4:4 otherwise than
        # the standard says, which FFmpeg makes up for only if it knows.
        self._decoder_needs_first_packet = "4:4:4" in str(video.stream.codec_context.profile)
        self._reorder_ticks = 0
        self._passed_key = video.start_pts  # where the last key frame that was decoded or jumped to lies in the index
        self._incoming = demux(video.container, video.stream, faults)
        self._window: deque[Packet] = deque()
        self._known_pts: list[int] = []
        if "matroska" in video.container.format.name:
            self._seek(video.start_pts)  # Matroska reads its index at the first seek
        self._fill_window()

    def __iter__(self) -> Iterator[tuple[Packet | None, bool]]:
        """Yield (packet, whether its frame is wanted)."""
        while self._waiting:
            key = self._later_key_frame(self._waiting[0])
            if key is not None:
                if self._decoder_needs_first_packet and self._window:
                    yield self._window[0], False
                self._decoder_needs_first_packet = False
                yield None, False
                self._jump(key, self._waiting[0])
            if not self._window:
                break
            packet = self._window.popleft()
            self._fill_window()
            if packet.is_keyframe:
                self._passed_key = max(time for time in (self._passed_key, packet.pts, packet.dts) if time is not None)
            self._decoder_needs_first_packet = False
            yield packet, self._claim(packet)
        yield None, False

    def _fill_window(self) -> None:
        while len(self._window) < LOOK_AHEAD:
            packet = next(self._incoming, None)
            if packet is None:
                return
            self._window.append(packet)
            if packet.pts is not None and not packet.is_discard:
                insort(self._known_pts, packet.pts)
            if packet.is_keyframe and packet.pts is not None and packet.dts is not None:
                self._reorder_ticks = max(self._reorder_ticks, packet.pts - packet.dts)

    def _claim(self, packet: Packet) -> bool:
        """Note the waiting targets at which the frame of `packet` is on screen; return whether there are any."""
        pts = packet.pts
        if pts is None or packet.is_discard:
            return False
        following = bisect_right(self._known_pts, pts)
        is_first = self._is_at_start and self._known_pts[0] == pts
        first = 0 if is_first else bisect_left(self._waiting, pts)
        last = len(self._waiting)
        if following < len(self._known_pts):
            last = bisect_left(self._waiting, self._known_pts[following])
        elif self._video.is_cut_short:  # what followed is lost; otherwise the last frame stays on screen
            last = bisect_left(self._waiting, pts + max(1, packet.duration or 0))
        for target in self._waiting[first:last]:
            self.shown[target] = pts
        del self._waiting[first:last]
        return first < last

    def _later_key_frame(self, target: int) -> int | None:
        """Return where in the index the last key frame shown by `target` lies, None if it is not ahead of us."""
        index = self._video.stream.index_entries
        # MP4 lists key frames by the time of decoding, which is earlier than that of showing: by how much, the key
        # frames seen so far tell.
        number = index.search_timestamp(target - self._reorder_ticks)
        if number < 0:
            return None
        timestamp = index[number].timestamp
        return timestamp if timestamp > self._passed_key else None

    def _jump(self, key: int, target: int) -> None:
        """Go to the key frame at `key` in the index, or the nearest one that is shown by `target`."""
        index = self._video.stream.index_entries
        self._passed_key = key
        timestamp = target
        while (number := index.search_timestamp(timestamp)) >= 0:
            self._seek(timestamp)
            first = self._window[0] if self._window else None
            if first is not None and first.is_keyframe and first.pts is not None and first.pts <= target:
                self._is_at_start = False
                return
            timestamp = index[number].timestamp - 1
        self._seek(self._video.start_pts)
        self._is_at_start = True

    def _seek(self, timestamp: int) -> None:
        """Start anew from the last key frame at or before `timestamp`; where that is impossible, no packets follow."""
        try:
            self._video.container.seek(timestamp, stream=self._video.stream)
            self._incoming = demux(self._video.container, self._video.stream, self._faults)
        except av.error.FFmpegError:
            self._incoming = iter(())
        self._window.clear()
        self._known_pts.clear()
        self._fill_window()
