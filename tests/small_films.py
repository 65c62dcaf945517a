"""Films whose pictures and sound tell the time: bright and loud in odd seconds, dark and silent in even ones.

And what is heard and seen in a film, told back as the times at which it becomes bright or loud.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np

RATE, SIDE = 10, 64
DARK, BRIGHT = 40, 200


@dataclass(frozen=True)
class Film:
    """What to write. Seconds are on the axis of the file; pictures and sound reach from their start to `end`.

    `picture_seconds` are the times of the pictures where they are not evenly spaced; `sound` names a codec, or None.
    """

    suffix: str = ".mp4"
    codec: str = "libx264"
    picture_start: float = 0.0
    end: float = 8.0
    picture_seconds: Sequence[float] | None = None
    sound: str | None = "aac"
    sound_start: float = 0.0
    sound_rate: int = 48_000
    layout: str = "stereo"
    num_tracks: int = 1
    num_b_frames: int = 2
    group_size: int = 12
    format: str | None = None


def is_on(seconds: float) -> bool:
    return int(seconds + 1e-6) % 2 == 1


def write_film(path: Path, film: Film) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format=film.format) as container:
        pictures = container.add_stream(film.codec, rate=25 if film.codec == "mpeg2video" else RATE)
        pictures.width = pictures.height = SIDE
        pictures.pix_fmt = "yuv420p"
        context = pictures.codec_context
        context.max_b_frames, context.gop_size, context.thread_count = film.num_b_frames, film.group_size, 1
        tracks = [
            container.add_stream(film.sound, rate=film.sound_rate, layout=film.layout, bit_rate=128_000)
            for _ in range(film.num_tracks if film.sound else 0)
        ]
        timed = [(seconds, None, frame) for seconds, frame in _pictures(film, pictures)]
        for track in tracks:
            timed += [(seconds, track, frame) for seconds, frame in _sounds(film, track)]
        for _, track, frame in sorted(timed, key=lambda item: item[0]):
            container.mux((track or pictures).encode(frame))
        for stream in (pictures, *tracks):
            container.mux(stream.encode())
    return path


def _pictures(film: Film, stream):
    if film.picture_seconds is not None:
        times, base = list(film.picture_seconds), Fraction(1, 1000)
        stream.codec_context.time_base = base
    else:
        rate = stream.codec_context.framerate
        count = round((film.end - film.picture_start) * rate)
        times, base = [film.picture_start + number / float(rate) for number in range(count)], 1 / rate
    for seconds in times:
        pixels = np.full((SIDE, SIDE, 3), BRIGHT if is_on(seconds) else DARK, np.uint8)
        pixels[:8, : 1 + int(seconds * 7) % SIDE] = 90  # no two pictures alike
        frame = av.VideoFrame.from_ndarray(pixels)
        frame.pts, frame.time_base = round(seconds / base), base
        yield seconds, frame


def _sounds(film: Film, track):
    size = track.codec_context.frame_size or 1024
    number_of_channels = len(av.AudioLayout(film.layout).channels)
    kind = track.codec_context.format.name
    for first in range(round(film.sound_start * film.sound_rate), round(film.end * film.sound_rate), size):
        times = (first + np.arange(size)) / film.sound_rate
        loud = (np.floor(times + 1e-6) % 2 == 1) * np.sin(2 * np.pi * 440 * times) * 0.5
        samples = np.tile(loud.astype(np.float32), (number_of_channels, 1))
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=film.layout)
        frame.sample_rate, frame.pts, frame.time_base = film.sound_rate, first, Fraction(1, film.sound_rate)
        if kind != "fltp":
            (frame,) = av.AudioResampler(kind, film.layout, film.sound_rate).resample(frame)
            frame.pts, frame.time_base = first, Fraction(1, film.sound_rate)
        yield first / film.sound_rate, frame


def seen(path: Path) -> list[tuple[float, bool]]:
    """When each picture of a file begins, and whether it is bright."""
    with av.open(str(path)) as container:
        return [(frame.time, frame.to_ndarray(format="gray").mean() > 110) for frame in container.decode(video=0)]


def heard(path: Path) -> tuple[np.ndarray, int]:
    """The loudness of a file's first track in each hundredth of a second, and in which of them it begins."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    rate = frames[0].sample_rate
    samples = np.concatenate([np.atleast_2d(frame.to_ndarray())[0] for frame in frames]).astype(float)
    step = rate // 100
    blocks = samples[: len(samples) // step * step].reshape(-1, step)
    return np.sqrt((blocks**2).mean(1)), round(frames[0].time * 100)


def picture_changes(path: Path) -> list[tuple[float, bool]]:
    """When pictures turn bright (True) or dark (False)."""
    states = seen(path)
    return [(at, now) for (_, before), (at, now) in pairwise(states) if now != before]


def sound_changes(path: Path) -> list[tuple[float, bool]]:
    """When sound becomes loud (True) or silent (False)."""
    loudness, first = heard(path)
    loud = loudness > loudness.max() / 4
    places = np.flatnonzero(loud[1:] != loud[:-1]) + 1
    return [((place + first) / 100, bool(loud[place])) for place in places]
