"""Times of a video as people write them."""

from collections.abc import Iterable
from itertools import pairwise

from hbi.explanation.explanation import Explanation
from hbi.explanation.groups import Run
from hbi.explanation.wording import listing


class Clock:
    """Times of one video in one form: `3.1 s` below a minute, `1:03` above, finer where its frames lie closer."""

    def __init__(self, explanation: Explanation) -> None:
        self._frames = explanation.frames
        self._has_minutes = explanation.duration_seconds >= 60
        gaps = [later.timestamp_seconds - frame.timestamp_seconds for frame, later in pairwise(explanation.frames)]
        finest = 3
        coarsest = 0 if self._has_minutes else 1
        self._decimals = next((n for n in range(coarsest, finest) if min(gaps, default=1.0) >= 0.1**n), finest)

    def digits(self, seconds: float) -> str:
        """A time without its unit."""
        if not self._has_minutes:
            return f"{seconds:.{self._decimals}f}"
        rounded = round(seconds, self._decimals)
        minutes, rest = divmod(rounded, 60)
        hours, minutes = divmod(int(minutes), 60)
        width = 2 + (self._decimals + 1 if self._decimals else 0)
        tail = f"{rest:0{width}.{self._decimals}f}"
        return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"

    @property
    def unit(self) -> str:
        """What a reader has to know beside the digits."""
        return "min:s" if self._has_minutes else "s"

    def time(self, seconds: float) -> str:
        """A time with its unit."""
        return self.digits(seconds) if self._has_minutes else f"{self.digits(seconds)}\N{NO-BREAK SPACE}s"

    def short(self, index: int) -> str:
        """When a frame is, without the unit."""
        return self.digits(self._frames[index].timestamp_seconds)

    def label(self, index: int) -> str:
        """When a frame is and what it stands for."""
        return f"Frame at {self.time(self._frames[index].timestamp_seconds)}, for {self.spans([index])}"

    def bracket(self, run: Run) -> str:
        """The stretch of neighbouring frames, short: `2.5–4.2`."""
        start, end = self._frames[run.start].start_seconds, self._frames[run.stop - 1].end_seconds
        return f"{self.digits(start)}–{self.digits(end)}"

    def spans(self, frames: Iterable[int]) -> str:
        """The stretches of the video that some frames stand for: `0.0 s to 1.2 s and 4.0 s to 5.5 s`."""
        members = sorted(frames)
        breaks = [i for i in range(len(members)) if i == 0 or members[i] != members[i - 1] + 1]
        stretches = [members[start:stop] for start, stop in zip(breaks, [*breaks[1:], len(members)], strict=True)]
        return listing(
            f"{self.time(self._frames[stretch[0]].start_seconds)} to {self.time(self._frames[stretch[-1]].end_seconds)}"
            for stretch in stretches
        )
