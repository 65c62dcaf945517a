"""Frames for times, whatever state the file is in: by plan first, by walking through for what the plan did not give."""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from av.video.frame import VideoFrame

from hbi.video.decoding import FrameAt, Walk, planned_frames
from hbi.video.demuxing import Faults
from hbi.video.opening import OpenVideo, open_video
from hbi.video.packets import PacketPlan


@dataclass(frozen=True)
class FoundFrame:
    """A frame, its pts, and the targets at which it is on screen or for which it stands in."""

    targets: tuple[int, ...]
    pts: int
    frame: VideoFrame


class FrameFinder:
    """Finds the frames on screen at `targets` (ascending pts) of one video.

    `reach` is how far, in ticks, a frame may lie from its target to stand in for one that damage has destroyed.
    `num_lost` counts the targets that were passed without a frame so far, `faults` what was met on the way.
    """

    def __init__(self, targets: Sequence[int], reach: float) -> None:
        self.num_lost = 0
        self._waiting = deque(targets)
        self._reach = reach
        self._faults = Faults()
        self._walk: Walk | None = None

    @property
    def faults(self) -> Faults:
        """What was found broken on the way."""
        again = self._walk.faults if self._walk else Faults()  # a second walk meets what the first one met
        return Faults(
            max(self._faults.num_bad_packets, again.num_bad_packets), max(self._faults.num_holes, again.num_holes)
        )

    def frames(self, video: OpenVideo) -> Iterator[FoundFrame]:
        """Yield the frames found, by ascending targets; one that stands for several targets may come several times."""
        if not video.has_display_times:
            self._walk = Walk(video)
            while self._waiting:
                yield from self._walk_to(self._waiting.popleft(), video.is_cut_short, is_known=True)
            return
        plan = PacketPlan(video, tuple(self._waiting), self._faults)
        with ExitStack() as second_opening:
            for pts, frame in planned_frames(video, plan, self._faults):
                # What is before it in the order of showing has come out before, or is lost.
                yield from self._recover(self._until(pts, plan), plan, video, second_opening)
                targets = self._until(pts + 1, plan)
                if targets:
                    yield FoundFrame(targets, pts, frame)
            rest, self._waiting = tuple(self._waiting), deque()
            yield from self._recover(rest, plan, video, second_opening)

    def _until(self, pts: int, plan: PacketPlan) -> tuple[int, ...]:
        """Take the waiting targets whose frame is shown before `pts`, or is not known, up to the first later one."""
        taken = []
        while self._waiting and plan.shown.get(self._waiting[0], -1 << 63) < pts:
            if self._waiting[0] >= pts and self._waiting[0] not in plan.shown:
                break
            taken.append(self._waiting.popleft())
        return tuple(taken)

    def _recover(
        self, targets: Sequence[int], plan: PacketPlan, video: OpenVideo, second_opening: ExitStack
    ) -> Iterator[FoundFrame]:
        for target in targets:
            is_known = target not in plan.lost
            if is_known and video.is_cut_short and target not in plan.shown:
                self.num_lost += 1
                continue
            if self._walk is None:
                self._walk = Walk(second_opening.enter_context(open_video(video.path)))
            yield from self._walk_to(target, video.is_cut_short, is_known=is_known)

    def _walk_to(self, target: int, is_cut_short: bool, *, is_known: bool) -> Iterator[FoundFrame]:
        assert self._walk is not None
        before, after = self._walk.neighbors(target)
        chosen = self._choose(target, before, after, is_cut_short, is_known=is_known)
        if chosen is None:
            self.num_lost += 1
        else:
            yield FoundFrame((target,), *chosen)

    def _choose(
        self, target: int, before: FrameAt | None, after: FrameAt | None, is_cut_short: bool, *, is_known: bool
    ) -> FrameAt | None:
        """Return the neighbor that is on screen at `target`, or stands in for it, or None.

        `is_known` is False where the file is known to lack what was shown there.
        """
        assert self._walk is not None
        if is_known and self._walk.faults.is_none and (after is not None or not is_cut_short):
            return before or after
        if before is not None and target - before[0] <= max(self._reach, before[1].duration):
            return before
        if after is not None and after[0] - target <= self._reach:
            return after
        return None
