"""Which frames each position of a video reads: its own, and those around it.

The frames that one token is made of are a tubelet (Arnab et al. 2021, ViViT, arXiv 2103.15691).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from fractions import Fraction

from hbi.video.opening import SLIVER, OpenVideo
from hbi.video.picture_format import PictureFormat
from hbi.video.places import FramePlaces, times_of_frames


class TubeletTargets:
    """The ticks at which the frames of a video's positions are on screen.

    A position stands where `FramePlaces` says. Frame `i` of its `k` is the one on screen
    `(i - k // 2) * tubelet_seconds` later, so that number `k // 2` is the frame of the position itself: the middle one,
    and of an even number the later of the two in the middle. Without seconds they are the frames that follow one
    another in the file. No frame from outside the span is taken; at its ends the outermost one is repeated.

    Args:
        video: The open video.
        picture: Says how many frames a position reads, and how far apart.
    """

    def __init__(self, video: OpenVideo, picture: PictureFormat) -> None:
        self._video = video
        self._size, self._seconds = picture.tubelet_size, picture.tubelet_seconds
        self._places = FramePlaces(video, picture)
        self._times = times_of_frames(video) if self._size > 1 and self._seconds is None else []

    def rows(self, start_seconds: float, end_seconds: float, num_frames: int) -> list[tuple[int, ...]]:
        """Return the ticks of each position's frames.

        Args:
            start_seconds: Where the span begins.
            end_seconds: Where it ends.
            num_frames: Positions in the span, at most.
        """
        places = self._places.of(start_seconds, end_seconds, num_frames)
        if self._size == 1:
            return [(self._video.pts_at(place),) for place in places]
        first = self._video.pts_at(start_seconds)
        last = max(first, self._video.pts_at(Fraction(end_seconds) - 2 * SLIVER))  # before the end, not at it
        if self._seconds is None:
            return [self._neighbors(self._video.pts_at(place), first, last) for place in places]
        step, steps = Fraction(self._seconds), range(-(self._size // 2), (self._size + 1) // 2)
        ticks = ([self._video.pts_at(place + number * step) for number in steps] for place in places)
        return [tuple(min(max(tick, first), last) for tick in row) for row in ticks]

    def _neighbors(self, tick: int, first: int, last: int) -> tuple[int, ...]:
        """Return the ticks at which the frame on screen at a tick begins, and those around it in the file."""
        times = self._times
        if not times:
            return (tick,) * self._size
        least = max(0, bisect_right(times, first) - 1)
        most = max(least, bisect_left(times, last + 1) - 1)
        own = min(max(bisect_right(times, tick) - 1, least), most)
        places = (own + number - self._size // 2 for number in range(self._size))
        return tuple(times[min(max(place, least), most)] for place in places)


def shown_tubelets(rows: Sequence[tuple[int, ...]], shown: Mapping[int, int]) -> list[tuple[int, ...]]:
    """Return for each position, as the pts of decoded frames, what it reads.

    A position whose own frame is lost is none, and positions that show one frame are one. Where another frame of a
    tubelet is lost, the nearest one towards its middle stands for it.

    Args:
        rows: What `TubeletTargets.rows` gave.
        shown: By target, the pts of the frame that was found for it.

    >>> shown_tubelets([(0, 5, 9)], {0: 0, 5: 4})
    [(0, 4, 4)]
    """
    tubelets: dict[int, tuple[int, ...]] = {}
    for row in rows:
        middle = len(row) // 2
        if row[middle] not in shown:
            continue
        found = [shown.get(target) for target in row]
        for places in (range(middle - 1, -1, -1), range(middle + 1, len(row))):
            for place in places:
                if found[place] is None:
                    found[place] = found[place + (1 if place < middle else -1)]
        tubelets.setdefault(shown[row[middle]], tuple(pts for pts in found if pts is not None))
    return [tubelets[pts] for pts in sorted(tubelets)]
