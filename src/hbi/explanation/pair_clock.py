"""Times of two videos in one table: those of the second follow those of the first, and say that they are."""

from collections.abc import Iterable

from hbi.explanation.clock import Clock
from hbi.explanation.explanation import Explanation
from hbi.explanation.groups import Run
from hbi.explanation.wording import listing


class PairClock:
    """The clock of two videos side by side, each with its name."""

    def __init__(self, first: Explanation, second: Explanation, names: tuple[str, str]) -> None:
        self._clocks = (Clock(first), Clock(second))
        self._num_first = len(first.frames)
        self._names = names

    @property
    def unit(self) -> str:
        """What a reader has to know beside the digits."""
        return self._clocks[0].unit

    def short(self, index: int) -> str:
        """When a frame is, without the unit."""
        side, own = self._side(index)
        return self._clocks[side].short(own)

    def label(self, index: int) -> str:
        """In which video a frame is, when, and what it stands for."""
        side, own = self._side(index)
        return f"{self._names[side]}: {self._clocks[side].label(own)}"

    def bracket(self, run: Run) -> str:
        """The stretch of neighbors of one video, short."""
        side, own = self._side(run.start)
        return self._clocks[side].bracket(Run(run.group, own, own + run.length))

    def spans(self, frames: Iterable[int]) -> str:
        """The stretches of each video that some frames stand for."""
        owned: tuple[list[int], list[int]] = ([], [])
        for frame in frames:
            side, own = self._side(frame)
            owned[side].append(own)
        return listing(f"{self._names[side]} {self._clocks[side].spans(own)}" for side, own in enumerate(owned) if own)

    def _side(self, index: int) -> tuple[int, int]:
        return (0, index) if index < self._num_first else (1, index - self._num_first)
