"""Packets to frames with their times: those of a plan, and all of them in the order of showing."""

from collections.abc import Iterator
from itertools import chain
from typing import TypeAlias

import av
from av.packet import Packet
from av.video.frame import VideoFrame

from hbi.video.demuxing import Faults
from hbi.video.error import VideoError
from hbi.video.gaps import whole_packets
from hbi.video.opening import OpenVideo, open_video
from hbi.video.packets import PacketPlan
from hbi.video.seeking import Seeker

FrameAt: TypeAlias = tuple[int, VideoFrame]
"""The pts of a decoded frame, and the frame."""

PROGRESSIVE = (0, 1)  # FFmpeg's field orders "unknown" and "progressive"


def planned_frames(video: OpenVideo, plan: PacketPlan, faults: Faults) -> Iterator[FrameAt]:
    """Yield the frames that `plan` wants, decoding them and what they depend on; those that fail do not come.

    H.264 tells which frames no other frame depends on: unless wanted, these are not decoded.

    Args:
        video: The open video.
        plan: Its packets to decode, each with whether its frame is wanted.
        faults: Counts the packets that are broken; it is changed.
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
        if packet is None:
            context.flush_buffers()


def frames_from(video: OpenVideo, target: int, faults: Faults) -> Iterator[FrameAt]:
    """Yield frames in the order of showing, from one on that is shown by `target`, or from the first there is.

    A few frames more than needed may come before. Where damage has destroyed what is shown by `target`, all frames up
    to it are decoded, for one that may still stand there.

    Args:
        video: A video that was just opened.
        target: A pts, in ticks of the video's time base.
        faults: Counts what is broken or missing; it is changed.
    """
    frames = _from_key(video, target, faults)
    first = next(frames, None)
    if first is None or (first[0] > target > video.start_pts):
        with open_video(video.path) as again:
            yield from frames_in_order(again, faults)
        return
    yield first
    yield from frames


def _from_key(video: OpenVideo, target: int, faults: Faults) -> Iterator[FrameAt]:
    seeker = Seeker(video)
    packets = seeker.from_start(faults)
    if video.has_display_times:
        if video.needs_first_packet:
            first_packet = next(packets, None)
            if first_packet is not None:
                _decode(video, first_packet, faults)
                packets = chain([first_packet], packets)
        packets, _ = seeker.from_key(target, packets, faults)
        yield from _in_order(video, packets, faults)
        return
    first = next((frame for packet in packets for frame in _decode(video, packet, faults)), None)
    if first is None or first.dts is None:
        return
    packets = seeker.from_decoding_time(first.dts + target - video.start_pts, faults)
    yield from _in_order(video, packets, faults, first_dts=first.dts)


def first_frame(video: OpenVideo) -> VideoFrame | None:
    """Return the first frame that can be decoded, None where there is none."""
    return next((frame for _, frame in frames_in_order(video, Faults())), None)


def frames_in_order(video: OpenVideo, faults: Faults) -> Iterator[FrameAt]:
    """Yield all frames in the order of showing, with ascending pts."""
    return _in_order(video, video.packets(faults), faults)


class Walk:
    """A walk through all frames of a video, for those that no plan could give."""

    def __init__(self, video: OpenVideo) -> None:
        self.faults = Faults()
        self._frames = frames_in_order(video, self.faults)
        self._before: FrameAt | None = None
        self._after = next(self._frames, None)

    def neighbors(self, target: int) -> tuple[FrameAt | None, FrameAt | None]:
        """Return the last frame at or before `target` and the first one after it; targets ascend from call to call."""
        while self._after is not None and self._after[0] <= target:
            self._before, self._after = self._after, next(self._frames, None)
        return self._before, self._after


def _in_order(
    video: OpenVideo, packets: Iterator[Packet], faults: Faults, *, first_dts: int | None = None
) -> Iterator[FrameAt]:
    """Yield the frames of packets with ascending pts; `first_dts` is the dts of the file's first frame."""
    previous, following = None, video.start_pts  # pts of the frame before, and of the next one if it names none
    for packet in chain(whole_packets(packets, video, faults), [None]):
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
    # Cut off: the decoder would make up the rest, and not always say so. In a transport stream the mark only means that
    # its counter jumped behind the packet, as it does where files are joined.
    if packet is not None and packet.is_corrupt and not video.is_transport_stream:
        faults.num_bad_packets += 1
        return []
    try:
        frames = video.stream.decode(packet)
    except av.error.MemoryError as error:
        raise VideoError(video.path, "the memory does not suffice to decode it", "free some", may_pass=True) from error
    except av.error.FFmpegError:
        faults.num_bad_packets += 1
        return []
    for frame in frames:
        video.budget.spend(frame)
    whole = [frame for frame in frames if not frame.is_corrupt]
    faults.num_bad_packets += len(frames) - len(whole)
    return whole
