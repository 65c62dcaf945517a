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
    is missing: elements that are none (Matroska), or a counter that has jumped (transport streams).
    """

    def __init__(self) -> None:
        self._latest: deque[Packet] = deque(maxlen=NEAR)
        self._is_in_hole = False
        self._has_left_hole = False

    def is_lost(self, packet: Packet, video: OpenVideo) -> bool:
        """Return whether the frame of `packet` comes after a hole, and before a key frame, from which all is whole."""
        if self._latest and self._is_hole_before(packet, video):
            self._is_in_hole = True
        self._latest.append(packet)
        if self._is_in_hole and packet.is_keyframe:
            self._is_in_hole, self._has_left_hole = False, True
        return self._is_in_hole

    def has_just_ended(self) -> bool:
        """Return whether the latest packet is the key frame behind a hole; asked once for each packet."""
        has_left, self._has_left_hole = self._has_left_hole, False
        return has_left

    def is_hole_after(self, video: OpenVideo) -> bool:
        """Return whether the last packet that came is followed by a hole, or lies in one."""
        return self._is_in_hole or (bool(self._latest) and self._is_hole_before(None, video))

    def _is_hole_before(self, packet: Packet | None, video: OpenVideo) -> bool:
        """Return whether something of the file is destroyed between the latest packet and this one (None: the end)."""
        before = self._latest[-1]
        if video.is_transport_stream:
            return packet is not None and any(each.is_corrupt for each in self._latest) and _is_late(packet, before)
        segment = video.structure.segment
        if segment is None or before.pos is None or before.pos < 0:
            return False
        return segment.has_hole_between(video.path, before.pos, packet.pos if packet is not None else None)


def whole_packets(packets: Iterator[Packet], video: OpenVideo, faults: Faults) -> Iterator[Packet]:
    """Yield those of the packets of `video`, in the order of decoding, that depend on nothing that lay in a hole.

    Holes are counted in `faults`.
    """
    gaps = Gaps()
    for packet in packets:
        if not gaps.is_lost(packet, video):
            faults.num_holes += gaps.has_just_ended()
            yield packet
    faults.num_holes += gaps.is_hole_after(video)


def _is_late(packet: Packet, before: Packet) -> bool:
    if packet.dts is None or before.dts is None or not before.duration:
        return False
    return packet.dts - before.dts > LONGEST_STEP * before.duration
