"""The packets worth decoding: those of the frames wanted and of the frames that these depend on.

A packet holds one coded frame. Packets come in the order of decoding, frames are shown in the order of their pts, and
which frame is on screen at a time follows from the pts alone. So one can tell before decoding which packets are wanted,
when it is time to go on from a later key frame, and when nothing more is needed.
"""

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain

from av.packet import Packet

from hbi.video.demuxing import Faults
from hbi.video.gaps import Gaps
from hbi.video.opening import OpenVideo
from hbi.video.seeking import LOOK_AHEAD, Seeker


class PacketPlan:
    """The packets to decode for frames shown at `targets` (ascending pts), in order, each with whether it is wanted.

    While it is iterated, `shown` comes to tell for every target the pts of the frame on screen at it, except for those
    beyond the end of a file that was cut short, and those in holes of the file, which come to be in `lost`. A None
    among the packets asks to drain the decoder: the next packet lies elsewhere, or there is none.
    """

    def __init__(self, video: OpenVideo, targets: Sequence[int], faults: Faults) -> None:
        self.shown: dict[int, int] = {}
        self.lost: set[int] = set()
        self._video = video
        self._faults = faults
        self._waiting = list(targets)
        self._is_at_start = True
        self._decoder_needs_first_packet = video.needs_first_packet
        self._seeker = Seeker(video)
        self._passed_key = video.start_pts  # where the last key frame that was decoded or jumped to lies in the index
        self._gaps = Gaps(self._video)
        self._hole_ends: set[int] = set()  # pts of the key frames that come after holes
        self._is_end_lost = False
        self._window: deque[Packet] = deque()
        self._known_pts: list[int] = []
        self._incoming = self._seeker.from_start(faults)
        self._fill_window()

    def __iter__(self) -> Iterator[tuple[Packet | None, bool]]:
        """Yield (packet, whether its frame is wanted)."""
        while self._waiting:
            key = self._seeker.last_key(self._waiting[0])
            if key is not None and key > self._passed_key:
                if self._decoder_needs_first_packet and self._window:
                    yield self._window[0], False
                self._decoder_needs_first_packet = False
                yield None, False
                self._jump(key)
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
                self._is_end_lost = self._is_end_lost or self._gaps.is_hole_after()
                return
            if self._gaps.can_tell and self._is_lost(packet):
                continue
            self._window.append(packet)
            if packet.pts is not None and not packet.is_discard:
                insort(self._known_pts, packet.pts)
            self._seeker.learn(packet)

    def _is_lost(self, packet: Packet) -> bool:
        """Return whether `packet` depends on what a hole has swallowed; note the key frame with which that ends."""
        is_lost = self._gaps.is_lost(packet)
        if self._gaps.has_just_ended() and packet.pts is not None:
            self._hole_ends.add(packet.pts)
        return is_lost

    def _claim(self, packet: Packet) -> bool:
        """Note the waiting targets at which the frame of `packet` is on screen; return whether there are any."""
        pts = packet.pts
        if pts is None or packet.is_discard:
            return False
        place = bisect_right(self._known_pts, pts)
        following = self._known_pts[place] if place < len(self._known_pts) else None
        ends = pts + max(1, packet.duration or 0)
        is_hole = following in self._hole_ends or (following is None and self._is_end_lost)
        until = following
        if is_hole or (following is None and self._video.is_cut_short):
            until = ends  # what followed is lost; otherwise the last frame stays on screen
        is_first = self._is_at_start and self._known_pts[0] == pts
        # Frames come in the order of decoding: earlier targets may still wait for theirs.
        first = 0 if is_first else bisect_left(self._waiting, pts)
        last = len(self._waiting) if until is None else bisect_left(self._waiting, until)
        for target in self._waiting[first:last]:
            self.shown[target] = pts
        del self._waiting[first:last]
        if is_hole:
            self._lose(ends, following)
        return first < last

    def _lose(self, first: int, following: int | None) -> None:
        """Give up the targets from `first` up to the frame that comes after a hole."""
        self._faults.num_holes += 1
        begin = bisect_left(self._waiting, first)
        end = len(self._waiting) if following is None else bisect_left(self._waiting, following)
        self.lost |= set(self._waiting[begin:end])
        del self._waiting[begin:end]

    def _jump(self, key: int) -> None:
        """Go to the key frame at `key`, or the nearest one that is shown by the first target that waits."""
        self._passed_key = key
        ahead = chain(list(self._window), self._incoming)
        self._window.clear()
        self._known_pts.clear()
        self._gaps = Gaps(self._video)
        self._incoming, self._is_at_start = self._seeker.from_key(self._waiting[0], ahead, self._faults)
        self._fill_window()
