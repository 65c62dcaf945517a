"""Holes in a stream of packets, which demuxers pass over in silence, and what depends on what was in them."""

from collections import deque
from collections.abc import Iterator

from av.packet import Packet

from hbi.video.demuxing import Faults
from hbi.video.opening import OpenVideo

LONGEST_STEP = 1.5
"""Of a packet's own length: the next packet of a stream without holes is due before."""
NEAR = 3
"""Packets: a transport stream's counter is found to have jumped a packet or two before the hole in the times."""


class Gaps:
    """Watches packets in the order of decoding for stretches of the file that are destroyed.

    A gap in the times is no hole in itself: a picture may stand for long. It is one where the file shows that something
    is missing: elements that are none (Matroska), or a counter that has jumped (transport streams). `can_tell` is False
    for files of other kinds, in which no holes are looked for.
    """

    def __init__(self, video: OpenVideo) -> None:
        self._video, self._segment = video, video.structure.segment
        self.can_tell = video.is_transport_stream or self._segment is not None
        self._latest: deque[Packet] = deque(maxlen=NEAR)
        self._whole = range(0)  # byte positions between which there is no hole
        self._is_in_hole = False
        self._has_left_hole = False

    def is_lost(self, packet: Packet) -> bool:
        """Return whether the frame of `packet` comes after a hole, and before a key frame, from which all is whole."""
        if self._latest and self._is_hole_before(packet):
            self._is_in_hole = True
        self._latest.append(packet)
        if self._is_in_hole and packet.is_keyframe:
            self._is_in_hole, self._has_left_hole = False, True
        return self._is_in_hole

    def has_just_ended(self) -> bool:
        """Return whether the latest packet is the key frame behind a hole; asked once for each packet."""
        has_left, self._has_left_hole = self._has_left_hole, False
        return has_left

    def is_hole_after(self) -> bool:
        """Return whether the last packet that came is followed by a hole, or lies in one."""
        return self._is_in_hole or (bool(self._latest) and self._is_hole_before(None))

    def _is_hole_before(self, packet: Packet | None) -> bool:
        """Return whether something of the file is destroyed between the latest packet and this one (None: the end)."""
        before = self._latest[-1]
        if self._segment is None:
            return packet is not None and any(each.is_corrupt for each in self._latest) and _is_late(packet, before)
        first, last = before.pos, packet.pos if packet is not None else None
        if first is None or first < 0 or (last is not None and first in self._whole and last in self._whole):
            return False
        is_hole = self._segment.has_hole_between(self._video.path, first, last)
        if not is_hole and last is not None:
            self._whole = self._segment.cluster_at(last)
        return is_hole


def whole_packets(packets: Iterator[Packet], video: OpenVideo, faults: Faults) -> Iterator[Packet]:
    """Yield those of a video's packets that depend on nothing that lay in a hole of the file.

    Args:
        packets: Packets of the video, in the order of decoding.
        video: The open video.
        faults: Counts the holes; it is changed.
    """
    gaps = Gaps(video)
    if not gaps.can_tell:
        yield from packets
        return
    for packet in packets:
        if not gaps.is_lost(packet):
            faults.num_holes += gaps.has_just_ended()
            yield packet
    faults.num_holes += gaps.is_hole_after()


def _is_late(packet: Packet, before: Packet) -> bool:
    if packet.dts is None or before.dts is None or not before.duration:
        return False
    return packet.dts - before.dts > LONGEST_STEP * before.duration
