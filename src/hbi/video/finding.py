"""Frames for times, whatever state the file is in: by plan first, by walking through for what the plan did not give."""

from collections.abc import Iterator, Sequence

from hbi.video.decoding import FrameAt, frames_on_the_way, planned_frames
from hbi.video.demuxing import Faults
from hbi.video.opening import OpenVideo, open_video
from hbi.video.packets import PacketPlan


class FrameFinder:
    """Finds the frames on screen at `targets` (ascending pts) of one video, and knows afterwards how many it lacks.

    `reach` is how far, in ticks, a frame may lie from its target to stand in for one that damage has destroyed.
    """

    def __init__(self, targets: Sequence[int], reach: float) -> None:
        self.num_lost = 0
        self._targets = targets
        self._reach = reach
        self._faults = Faults()

    @property
    def num_bad_packets(self) -> int:
        """Return how many packets were found broken on the way."""
        return self._faults.num_bad_packets

    def frames(self, video: OpenVideo) -> Iterator[FrameAt]:
        """Yield the frames found; one that is on screen at several targets may come several times."""
        if not video.has_display_times:
            yield from self._walk(video, self._targets)
            return
        plan, found = PacketPlan(video, self._targets, self._faults), set[int]()
        for pts, frame in planned_frames(video, plan, self._faults):
            found.add(pts)
            yield pts, frame
        missing = [target for target in self._targets if plan.shown.get(target) not in found]
        if video.is_cut_short:
            self.num_lost = sum(target not in plan.shown for target in missing)
            missing = [target for target in missing if target in plan.shown]
        if missing:
            self._faults = Faults()
            with open_video(video.path) as again:
                yield from self._walk(again, missing)

    def _walk(self, video: OpenVideo, targets: Sequence[int]) -> Iterator[FrameAt]:
        for target, before, after in frames_on_the_way(video, targets, self._faults):
            chosen = self._choose(target, before, after, video.is_cut_short)
            if chosen is None:
                self.num_lost += 1
            else:
                yield chosen

    def _choose(self, target: int, before: FrameAt | None, after: FrameAt | None, is_cut_short: bool) -> FrameAt | None:
        """Return the neighbor that is on screen at `target`, or stands in for it, or None."""
        on_screen = self._faults.num_bad_packets == 0 and (after is not None or not is_cut_short)
        if on_screen:
            return before or after
        if before is not None and target - before[0] <= max(self._reach, before[1].duration):
            return before
        if after is not None and after[0] - target <= self._reach:
            return after
        return None
