"""The sound of a moment: one track, in stereo at 48,000 samples a second, on the time axis of the pictures."""

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from numpy.typing import NDArray

from hbi.video.container import keep_only, open_container
from hbi.video.demuxing import Faults, demux
from hbi.video.opening import OpenVideo

RATE = 48_000
LAYOUT = "stereo"
FRAME_SAMPLES = 1024  # what AAC takes at a time
JITTER_SAMPLES = RATE // 25
"""A piece that is off by less follows on the one before; by more, there is a gap to fill or a surplus to drop."""
SEEK_MARGIN_SECONDS = 1

Samples = NDArray[np.float32]


def sound_frames(video: OpenVideo, start_seconds: float, end_seconds: float) -> Iterator[AudioFrame]:
    """Yield the sound of a moment, its pts counted in samples from the moment's start; none where there is no sound.

    The track is the one that FFmpeg holds for the best, or the first one that can be decoded. What is missing in it is
    silence.

    Args:
        video: The open video.
        start_seconds: Where the moment begins, on the axis that players show.
        end_seconds: Where it ends.
    """
    number = pts = 0
    rest = np.zeros((2, 0), np.float32)
    for piece in _gapless(video, start_seconds, end_seconds):
        rest = np.concatenate([rest, piece], axis=1)
        while rest.shape[1] >= FRAME_SAMPLES:
            yield _frame(rest[:, :FRAME_SAMPLES], pts)
            rest, number = rest[:, FRAME_SAMPLES:], number + 1
            pts = number * FRAME_SAMPLES
    if rest.shape[1]:
        yield _frame(rest, pts)


def _frame(samples: Samples, pts: int) -> AudioFrame:
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=LAYOUT)
    frame.sample_rate, frame.pts, frame.time_base = RATE, pts, Fraction(1, RATE)
    return frame


def _gapless(video: OpenVideo, start_seconds: float, end_seconds: float) -> Iterator[Samples]:
    """Yield pieces [channel, sample] that follow on each other from the moment's start; all is silent before the first.

    The times of pieces decide where they belong: sound that begins late begins late here.
    """
    reached, most = 0, round((end_seconds - start_seconds) * RATE)
    for seconds, samples in _pieces(video, start_seconds, end_seconds):
        place = round((seconds - start_seconds) * RATE)
        if abs(place - reached) <= JITTER_SAMPLES and reached:
            place = reached
        samples = samples[:, max(0, reached - place) : max(0, most - place)]
        if samples.shape[1]:
            yield np.zeros((2, max(0, place - reached)), np.float32)
            yield samples
            reached = max(place, reached) + samples.shape[1]


def _pieces(video: OpenVideo, start_seconds: float, end_seconds: float) -> Iterator[tuple[float, Samples]]:
    """Yield pieces of sound in order, each with its time, that cover a moment and may begin before it."""
    with open_container(video.path) as container:
        stream = _track(container)
        if stream is None:
            return
        keep_only(container, stream.index)
        resamplers: dict[tuple[str, str, int], AudioResampler] = {}
        following = Fraction(0)
        for packet in _packets(video, container, stream, start_seconds):
            for frame in _decoded(stream, packet):
                time = following if frame.pts is None else frame.pts * (frame.time_base or Fraction(1))
                following = time + Fraction(frame.samples, frame.sample_rate)
                seconds = float(time - video.zero)
                if seconds >= end_seconds:
                    return
                if float(following - video.zero) <= start_seconds:
                    continue
                kind = (frame.format.name, frame.layout.name, frame.sample_rate)
                if kind not in resamplers:  # what a track is may change on the way
                    resamplers = {kind: AudioResampler("fltp", LAYOUT, RATE)}
                yield seconds, _resampled(resamplers[kind], frame)


def _track(container: InputContainer) -> AudioStream | None:
    """Return the track to hear; None where no track can be decoded."""
    best = container.streams.best("audio")
    tracks = [track for track in (best, *container.streams.audio) if isinstance(track, AudioStream)]
    return next((track for track in tracks if track.codec_context is not None), None)


def _packets(
    video: OpenVideo, container: InputContainer, stream: AudioStream, start_seconds: float
) -> Iterator[Packet]:
    """Yield the packets of a track from a little before a time on, or from the start where one cannot go there."""
    if video.survey is not None:  # nothing tells where in the file a time lies
        yield from demux(container, stream, Faults(), video.survey.clock.again())
        return
    wanted = Fraction(start_seconds) + video.zero
    target = wanted - SEEK_MARGIN_SECONDS
    if target > 0:
        try:
            container.seek(int(target / (stream.time_base or 1)), stream=stream)
        except av.error.FFmpegError:
            container.seek(0)
    packets = demux(container, stream, Faults())
    first = next(packets, None)
    if first is not None and first.pts is not None and first.pts * first.time_base > wanted:
        container.seek(0)  # it went too far, or the sound begins later anyway
        yield from demux(container, stream, Faults())
    elif first is not None:
        yield first
        yield from packets


def _decoded(stream: AudioStream, packet: Packet) -> list[AudioFrame]:
    try:
        return [frame for frame in stream.decode(packet) if frame.samples]
    except av.error.FFmpegError:
        return []  # a broken packet costs its piece, which is silent, not the sound


def _resampled(resampler: AudioResampler, frame: AudioFrame) -> Samples:
    frame.pts = None  # only the samples are wanted: their time is known
    pieces = [each.to_ndarray() for each in resampler.resample(frame)]
    return np.concatenate(pieces, axis=1) if pieces else np.zeros((2, 0), np.float32)
