"""Where in a span of a video its frames are taken: at the middles of equal parts, or as by the released loader."""

from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from hbi.video.container import ANOTHER_FILE
from hbi.video.demuxing import Faults
from hbi.video.error import VideoError
from hbi.video.opening import OpenVideo, open_video
from hbi.video.picture_format import PictureFormat


def middles(start_seconds: float, end_seconds: float, count: int) -> list[Fraction]:
    """Return the middles of `count` equal parts of a span, exactly.

    Args:
        start_seconds: Where the span begins.
        end_seconds: Where it ends.
        count: Number of parts.

    >>> middles(0.0, 3.0, 2)
    [Fraction(3, 4), Fraction(9, 4)]
    """
    start, length = Fraction(start_seconds), Fraction(end_seconds) - Fraction(start_seconds)
    return [start + Fraction(2 * number + 1, 2 * count) * length for number in range(count)]


def one_a_second(first: int, last: int, frames_per_second: float, most: int) -> list[int]:
    """Return the numbers of the frames that the authors' released loader takes of a span.

    From the first frame on every n-th, n being the rate of frames, rounded; where these are more than `most`, as many
    of them, evenly, from the first to the last.

    Differs: a rate below half a frame a second is an error there; here every frame is taken.

    Args:
        first: The frame on screen where the span begins.
        last: The frame on screen where it ends; it may be taken.
        frames_per_second: The average rate of the file.
        most: Frames that the network sees.

    >>> one_a_second(0, 100, 25.0, 12), one_a_second(0, 100, 25.0, 3)
    ([0, 25, 50, 75, 100], [0, 50, 100])
    """
    every = range(first, last + 1, max(1, round(frames_per_second)))
    if len(every) <= most:
        return list(every)
    return [every[place] for place in np.linspace(0, len(every) - 1, num=most, dtype=int)]


class FramePlaces:
    """Where in spans of a video the frames are that a network is given.

    Args:
        video: The open video.
        picture: Says whose way of choosing frames it is.
    """

    def __init__(self, video: OpenVideo, picture: PictureFormat) -> None:
        self._video = video
        self._times = times_of_frames(video) if picture.released_loader else None

    def of(self, start_seconds: float, end_seconds: float, num_frames: int) -> list[Fraction]:
        """Return the seconds of a span at which frames are taken, ascending.

        Args:
            start_seconds: Where the span begins.
            end_seconds: Where it ends.
            num_frames: How many; of a short span the released loader takes fewer.

        Raises:
            VideoError: Frames are to be counted, and no packet of the file has a time.
        """
        if self._times is None:
            return middles(start_seconds, end_seconds, num_frames)
        if not self._times:
            raise VideoError(self._video.path, "no packet of it has a time, so frames cannot be counted", ANOTHER_FILE)
        first, last = (self._number_at(seconds) for seconds in (start_seconds, end_seconds))
        numbers = one_a_second(first, last, self._frames_per_second(), num_frames)
        return [self._times[number] * self._video.time_base - self._video.zero for number in numbers]

    def _number_at(self, seconds: float) -> int:
        """Return the number of the frame on screen."""
        assert self._times
        return max(0, bisect_right(self._times, self._video.pts_at(seconds)) - 1)

    def _frames_per_second(self) -> float:
        rate = self._video.stream.average_rate
        if rate:
            return float(rate)
        assert self._times
        return len(self._times) / max(self._video.duration_seconds, 1e-9)


def times_of_frames(video: OpenVideo) -> list[int]:
    """Return when the frames of a video are shown, in ticks, ascending, by its packets: none is decoded."""
    is_shown = video.has_display_times
    with open_video(video.path) as again:
        packets = (packet for packet in again.packets(Faults()) if not packet.is_discard)
        found = {time for packet in packets if (time := packet.pts if is_shown else packet.dts) is not None}
    times = sorted(found)
    return times if is_shown else [video.start_pts + time - times[0] for time in times]


def expected_places(
    start_seconds: float, end_seconds: float, count: int, *, num_frames: int, picture: PictureFormat
) -> Sequence[float]:
    """Return when the frames of a span are shown, as far as that is known without the file.

    Of a span where the released loader left frames out, they may be a second off: whether the video goes on at its end,
    and so has a frame there, only the file tells.

    Args:
        start_seconds: Where the span begins.
        end_seconds: Where it ends.
        count: Frames that there are of it.
        num_frames: Frames that were asked for.
        picture: How they were chosen.

    >>> expected_places(4.0, 10.5, 7, num_frames=12, picture=PictureFormat.released(224))
    [4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]
    """
    if not picture.released_loader:
        return [float(place) for place in middles(start_seconds, end_seconds, count)]
    seconds = one_a_second(0, int(end_seconds - start_seconds), 1.0, num_frames)
    if len(seconds) != count:  # the video ends there, it has few frames, or some could not be decoded
        return [start_seconds + number * (end_seconds - start_seconds) / count for number in range(count)]
    return [start_seconds + second for second in seconds]
