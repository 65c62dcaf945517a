"""One growing time axis for files whose clock jumps: parts joined with `cat`, cells of a DVD, a recorder's restart.

Every packet of such a file is looked at once, without decoding. Where the times of a stream fall back, or leap ahead of
all streams, another part of the file begins, whose times are moved to follow on what came before. Where in the file a
packet lies (its byte position) tells which part it belongs to.
"""

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition

from hbi.video.container import has_display_times, open_container, picture_stream
from hbi.video.demuxing import Faults, demux

FALL_SECONDS = Fraction(3, 10)
"""Times that fall back by more are another part's; muxers let the packets of a stream overlap by less."""
REORDER_SECONDS = 10
"""A picture is shown so soon after it is decoded; a time of showing that is farther off is damaged."""
LEAP_SECONDS = 60
"""Times that leap ahead by more, of every stream, are another part's; slide shows stand still for less."""
NEAR_SECONDS = 10
"""The streams of a part begin within so much of each other."""


@dataclass
class Clock:
    """Where the parts of a file begin, and how many seconds their times are moved by.

    `begins` has, for each stream, the byte positions at which its parts begin, and `moves` how far each is moved; both
    have one entry for a file whose clock never jumps.
    """

    begins: dict[int, list[int]] = field(default_factory=dict)
    moves: dict[int, list[Fraction]] = field(default_factory=dict)
    _last_position: dict[int, int] = field(default_factory=dict)

    @property
    def is_steady(self) -> bool:
        """Whether no time is moved."""
        return all(move == 0 for moves in self.moves.values() for move in moves)

    def again(self) -> "Clock":
        """Return the same clock for another walk through the file."""
        return Clock(self.begins, self.moves)

    def set(self, packet: Packet) -> Packet:
        """Return the packet with its times moved to the growing axis; packets of a stream come as they lie."""
        stream = packet.stream.index
        if stream not in self.begins:
            return packet
        if packet.pos is not None and packet.pos >= 0:  # a packet cut from a larger one lies where that one does
            self._last_position[stream] = packet.pos
        part = bisect_right(self.begins[stream], self._last_position.get(stream, 0)) - 1
        move = round(self.moves[stream][max(part, 0)] / packet.time_base)
        if not _is_sound(packet):
            packet.pts = None
        if move:
            packet.pts = None if packet.pts is None else packet.pts + move
            packet.dts = None if packet.dts is None else packet.dts + move
        return packet


@dataclass(frozen=True)
class Survey:
    """What all packets of a file tell.

    Attributes:
        clock: Its growing time axis, on which all that follows is.
        start_seconds: When the first picture or sound begins; None where no packet has a time.
        first_pts, end_pts: When the pictures begin and end; in AVI, whose times are those of decoding, by these.
        key_pts: When the key frames are shown, ascending.
    """

    clock: Clock
    start_seconds: Fraction | None
    first_pts: int | None
    end_pts: int | None
    key_pts: tuple[int, ...]


def survey(path: Path) -> Survey:
    """Return what all packets of the file at `path` tell; asked again for the same bytes, it remembers.

    Raises:
        VideoError: There is no video.
    """
    status = path.stat()
    return _survey(path, status.st_size, status.st_mtime_ns)


def last_end(path: Path) -> Fraction | None:
    """Return when the last picture ends by the packets from the last key frame on, in seconds on the clock of the file.

    None where no packet has a time.
    """
    status = path.stat()
    return _last_end(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _last_end(path: Path, _size: int, _modified_ns: int) -> Fraction | None:
    with open_container(path) as container:
        stream = picture_stream(path, container)
        with suppress(FFmpegError):  # where there is no going there, all packets are looked at
            container.seek(1 << 60, stream=stream)
        ends = (
            (packet.pts + (packet.duration or 0)) * packet.time_base
            for packet in demux(container, stream, Faults())
            if packet.pts is not None
        )
        return max(ends, default=None)


@lru_cache(maxsize=32)
def _survey(path: Path, _size: int, _modified_ns: int) -> Survey:
    parts, start = _Parts(), None
    first, end, keys = None, None, set()
    with open_container(path) as container:
        picture = picture_stream(path, container).index
        are_times_shown = has_display_times(container)
        for packet, following in _with_following(filter(_is_film, demux(container, None, Faults()))):
            move = parts.move_of(packet, following)
            is_shown = packet.dts is None or (packet.pts is not None and are_times_shown and _is_sound(packet))
            pts = ((packet.pts if is_shown else packet.dts) or 0) + round(move / packet.time_base)
            start = pts * packet.time_base if start is None else min(start, pts * packet.time_base)
            if packet.stream.index == picture and not packet.is_discard:
                first = pts if first is None else min(first, pts)
                end = max(end or pts, pts + (packet.duration or 0))
                keys |= {pts} if packet.is_keyframe else set()
    return Survey(parts.clock, start, first, end, tuple(sorted(keys)))


def _is_film(packet: Packet) -> bool:
    """Return whether a packet is of pictures or sound, and has a time."""
    is_film = packet.stream.type in ("video", "audio") and not packet.stream.disposition & Disposition.attached_pic
    return is_film and not (packet.pts is None and packet.dts is None)


def _is_sound(packet: Packet) -> bool:
    """Return whether the two times of a packet can be true together."""
    if packet.pts is None or packet.dts is None:
        return True
    return abs(packet.pts - packet.dts) * packet.time_base <= REORDER_SECONDS


def _with_following(packets: Iterator[Packet]) -> Iterator[tuple[Packet, Packet | None]]:
    """Yield packets, each with the next one of its stream."""
    waiting: dict[int, Packet] = {}
    for packet in packets:
        before = waiting.get(packet.stream.index)
        waiting[packet.stream.index] = packet
        if before is not None:
            yield before, packet
    for packet in waiting.values():
        yield packet, None


@dataclass
class _Part:
    """A part of a file: its times as they stand in it, in seconds, and how far they are moved."""

    move: Fraction
    first: Fraction
    end: Fraction


class _Parts:
    """Finds the parts of a file while its packets go by."""

    def __init__(self) -> None:
        self.clock = Clock()
        self._parts: list[_Part] = []
        self._part_of: dict[int, int] = {}  # by stream: where it is now, and until when
        self._ends: dict[int, Fraction] = {}

    def move_of(self, packet: Packet, following: Packet | None) -> Fraction:
        """Return how many seconds the times of a packet are moved by, which `following` comes after in its stream."""
        stream = packet.stream.index
        if packet.dts is None:  # the times of showing go up and down: they tell nothing of jumps
            return self._parts[self._part_of[stream]].move if stream in self._part_of else Fraction(0)
        time, length = packet.dts * packet.time_base, (packet.duration or 0) * packet.time_base
        if self._is_alone(stream, time, following):
            move = self._parts[self._part_of.pop(stream)].move + self._ends[stream] - time
            self._begin(packet, move)
            self._ends[stream] += length
            return move
        number = self._number(packet, time)
        part = self._parts[number]
        if number != self._part_of.get(stream):
            self._part_of[stream] = number
            self._begin(packet, part.move)
        self._ends[stream] = time + length
        shown = time if packet.pts is None or not _is_sound(packet) else packet.pts * packet.time_base
        part.end = max(part.end, shown + length)
        return part.move

    def _begin(self, packet: Packet, move: Fraction) -> None:
        self.clock.begins.setdefault(packet.stream.index, []).append(packet.pos or 0)
        self.clock.moves.setdefault(packet.stream.index, []).append(move)

    def _is_alone(self, stream: int, time: Fraction, following: Packet | None) -> bool:
        """Return whether a time is out of line with what came before in its stream, where the next is in line again."""
        if stream not in self._part_of or following is None or following.dts is None:
            return False
        end, after = self._ends[stream], following.dts * following.time_base
        is_off = time < end - FALL_SECONDS or (time > end + FALL_SECONDS and after < time - FALL_SECONDS)
        return is_off and end - FALL_SECONDS <= after <= end + LEAP_SECONDS and abs(after - end) < abs(time - end)

    def _number(self, packet: Packet, time: Fraction) -> int:
        """Return the number of the part that a packet belongs to; a new one is added."""
        stream = packet.stream.index
        now = self._part_of.get(stream)
        if now is not None:
            has_fallen = time < self._ends[stream] - FALL_SECONDS
            has_leapt = time > max(self._ends[stream], self._parts[now].end) + LEAP_SECONDS
            if not has_fallen and not has_leapt:
                return now
        for number in range(len(self._parts) - 1, -1 if now is None else now, -1):  # another stream is there already
            if self._parts[number].first - NEAR_SECONDS <= time <= self._parts[number].end + LEAP_SECONDS:
                return number
        if not self._parts:
            self._parts.append(_Part(Fraction(0), time, time))
        elif now is not None:
            last = self._parts[-1]
            first = packet.pts * packet.time_base if packet.pts is not None and _is_sound(packet) else time
            self._parts.append(_Part(last.move + last.end - first, time, time))
        return len(self._parts) - 1
