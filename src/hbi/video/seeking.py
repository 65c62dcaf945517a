"""From where in a file to decode: the last key frame that is shown by a time."""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import chain, dropwhile

import av
from av.packet import Packet

from hbi.video.demuxing import Faults
from hbi.video.opening import OpenVideo

# The codecs reorder at most 16 frames, so that the frame shown after a given one is among the 32 packets around it.
LOOK_AHEAD = 32
MOST_TRIES = 32
"""Key frames to go back over; a list of them that is wrong so often is wrong."""


class Seeker:
    """Finds the packets of a video from its start, or from the last key frame that is shown by a time."""

    def __init__(self, video: OpenVideo) -> None:
        self._video = video
        self._reorder_ticks = 0
        self._asked_last: tuple[int, int | None] | None = None

    def learn(self, packet: Packet) -> None:
        """Note how much earlier than shown a key frame is decoded."""
        # MP4 lists key frames by the time of decoding, which is earlier than that of showing: by how much, the key
        # frames seen so far tell.
        if packet.is_keyframe and packet.pts is not None and packet.dts is not None:
            self._reorder_ticks = max(self._reorder_ticks, packet.pts - packet.dts)

    def last_key(self, target: int) -> int | None:
        """Return where in the index the last key frame shown by `target` lies, None if there is none."""
        if self._video.survey is not None:
            place = bisect_right(self._video.survey.key_pts, target) - 1
            return self._video.survey.key_pts[place] if place >= 0 else None
        timestamp = target - self._reorder_ticks
        # Asked at every packet: FFmpeg looks back entry by entry, which takes long where key frames are few.
        if self._asked_last is None or self._asked_last[0] != timestamp:
            index = self._video.stream.index_entries
            number = index.search_timestamp(timestamp)
            self._asked_last = timestamp, index[number].timestamp if number >= 0 else None
        return self._asked_last[1]

    def from_start(self, faults: Faults) -> Iterator[Packet]:
        """Return the packets of a video that was just opened."""
        if "matroska" in self._video.container.format.name and self._video.survey is None:
            return self._from(self._video.start_pts, faults)  # Matroska reads its index at the first seek
        return self._video.packets(faults)

    def from_key(self, target: int, ahead: Iterator[Packet], faults: Faults) -> tuple[Iterator[Packet], bool]:
        """Return the packets from the last key frame shown by `target`, and whether they are those from the start.

        Where a file has no list of key frames, or its clock jumps, there is no way but to read on over the packets
        ahead: what counts is that they are not decoded.

        Args:
            target: A pts, in ticks of the video's time base.
            ahead: The packets that would come next.
            faults: Counts what is broken or missing; it is changed.
        """
        if self._video.survey is not None:
            key = self.last_key(target)
            if key is None:
                return ahead, True
            return dropwhile(lambda packet: not (packet.is_keyframe and packet.pts == key), ahead), False
        index, timestamp = self._video.stream.index_entries, target
        for _ in range(MOST_TRIES):
            number = index.search_timestamp(timestamp)
            if number < 0:
                break
            packets = self._from(timestamp, faults)
            first = next(packets, None)
            if first is not None and first.is_keyframe and first.pts is not None and first.pts <= target:
                return chain([first], packets), False
            timestamp = index[number].timestamp - 1
        return self._from(self._video.start_pts, faults), True

    def from_decoding_time(self, dts: int, faults: Faults) -> Iterator[Packet]:
        """Return the packets from a key frame on that is decoded early enough for what is shown at `dts`."""
        return self._from(max(0, dts - LOOK_AHEAD), faults)

    def _from(self, timestamp: int, faults: Faults) -> Iterator[Packet]:
        """Return the packets from the last key frame at or before a time; none where that is impossible."""
        try:
            self._video.container.seek(timestamp, stream=self._video.stream)
        except av.error.FFmpegError:
            return iter(())
        return self._video.packets(faults)
