"""The frames on screen at given times: by plan where the file allows it, by walking through where it does not."""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TypeAlias

import av
from av.packet import Packet
from av.video.frame import VideoFrame

from hbi.video.demuxing import Faults, demux
from hbi.video.opening import OpenVideo
from hbi.video.packets import PacketPlan

FrameAt: TypeAlias = tuple[int, VideoFrame]
"""The pts of a decoded frame, and the frame."""

Neighbors: TypeAlias = tuple[int, FrameAt | None, FrameAt | None]
"""A target, the last frame at or before it, and the first one after it."""

PROGRESSIVE = (0, 1)  # FFmpeg's field orders "unknown" and "progressive"


def planned_frames(video: OpenVideo, plan: PacketPlan, faults: Faults) -> Iterator[FrameAt]:
    """Yield the frames that `plan` wants, decoding them and what they depend on; those that fail do not come.

    H.264 tells which frames no other frame depends on: unless wanted, these are not decoded.
    """
    context = video.stream.codec_context
    can_skip = context.name == "h264" and context.field_order in PROGRESSIVE
    wanted = set()
    for packet, is_wanted in plan:
        if packet is not None and is_wanted:
            wanted.add(packet.pts)
        if can_skip:
            context.skip_frame = "DEFAULT" if is_wanted else "NONREF"
        for frame in _decode(video, packet, faults):
            if frame.pts is not None and frame.pts in wanted:
                yield frame.pts, frame


def frames_on_the_way(video: OpenVideo, targets: Sequence[int], faults: Faults) -> Iterator[Neighbors]:
    """Yield for each of `targets` (ascending pts) its neighbors, decoding every frame up to the last target."""
    waiting = deque(targets)
    before: FrameAt | None = None
    for after in _all_frames(video, faults):
        while waiting and after[0] > waiting[0]:
            yield waiting.popleft(), before, after
        if not waiting:
            return
        before = after
    for target in waiting:
        yield target, before, None


def first_frame(video: OpenVideo) -> VideoFrame | None:
    """Return the first frame that can be decoded, None where there is none."""
    return next((frame for _, frame in _all_frames(video, Faults())), None)


def _all_frames(video: OpenVideo, faults: Faults) -> Iterator[FrameAt]:
    """Yield all frames in the order of showing, with ascending pts."""
    packets: Iterator[Packet | None] = chain(demux(video.container, video.stream, faults), [None])
    first_dts: int | None = None
    previous, following = None, video.start_pts  # pts of the frame before, and of the next one if it names none
    for packet in packets:
        for frame in _decode(video, packet, faults):
            pts = frame.pts if video.has_display_times else None
            if pts is None and frame.dts is not None:
                first_dts = frame.dts if first_dts is None else first_dts
                pts = video.start_pts + frame.dts - first_dts
            if pts is None or (previous is not None and pts <= previous):
                pts = following
            previous, following = pts, pts + max(1, frame.duration)
            yield pts, frame


def _decode(video: OpenVideo, packet: Packet | None, faults: Faults) -> list[VideoFrame]:
    """Return the frames that come out when `packet` goes in, or at the end (None); none from a broken packet."""
    if packet is not None and packet.is_corrupt:  # cut off: the decoder would make up the rest, and not always say so
        faults.num_bad_packets += 1
        return []
    try:
        frames = video.stream.decode(packet)
    except av.error.FFmpegError:
        faults.num_bad_packets += 1
        return []
    whole = [frame for frame in frames if not frame.is_corrupt]
    faults.num_bad_packets += len(frames) - len(whole)
    return whole
