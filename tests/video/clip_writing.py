"""Small clips for the tests of this room, and the slow, obvious way to read them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Interpolation

HEIGHT, WIDTH = 48, 64


@dataclass(frozen=True)
class Clip:
    """What to write: `suffix` names the container, `pts` the times of the frames in hundredths of a second."""

    suffix: str
    codec: str = "libx264"
    num_frames: int = 60
    frames_per_second: int = 10
    group_size: int = 12
    num_b_frames: int = 0
    pts: Sequence[int] | None = None
    pixel_format: str = "yuv420p"
    options: Mapping[str, str] = field(default_factory=dict)
    container_options: Mapping[str, str] = field(default_factory=dict)
    rotation: int = 0


def picture(number: int) -> np.ndarray:
    """A picture unlike that of any other number: a gray that tells it, and a bar that moves over noise."""
    pixels = np.random.default_rng(number % 3).integers(0, 40, (HEIGHT, WIDTH, 3), np.uint8)
    pixels += np.uint8(20 + number * 2 % 160)
    pixels[:, number % WIDTH :][:, :8] = (230, 20, 20)
    return pixels


def write_clip(path: Path, clip: Clip) -> Path:
    time_base = Fraction(1, 100) if clip.pts is not None else Fraction(1, clip.frames_per_second)
    with av.open(str(path), "w", container_options=dict(clip.container_options)) as container:
        # Without sc_threshold, the noise would make every frame a key frame.
        options = {"sc_threshold": "0" if clip.codec == "libx264" else "1000000000", **clip.options}
        stream = container.add_stream(clip.codec, rate=clip.frames_per_second, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, clip.pixel_format
        stream.codec_context.time_base = time_base
        stream.codec_context.thread_count = 1
        stream.codec_context.gop_size = clip.group_size
        stream.codec_context.max_b_frames = clip.num_b_frames
        if clip.rotation:
            stream.set_display_rotation(clip.rotation)
        for number in range(clip.num_frames):
            frame = av.VideoFrame.from_ndarray(picture(number))
            frame.pts, frame.time_base = (clip.pts[number] if clip.pts is not None else number), time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_sound(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.float32), format="fltp", layout="mono")
        frame.rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def decode_all(path: Path) -> tuple[list[Fraction], list[np.ndarray]]:
    """All frames of a whole file, one after the other: exact seconds as players show, pictures [height, width, 3]."""
    with av.open(str(path)) as container:
        stream = container.streams.best("video")
        frames = list(container.decode(stream))
        if container.format.name == "avi":  # keeps no times of showing: one frame a tick
            ticks = list(range(len(frames)))
        else:
            has_own_zero = container.format.name.startswith(("mov", "matroska"))
            zero = min(0, frames[0].pts) if has_own_zero else frames[0].pts
            ticks = [frame.pts - zero for frame in frames]
        seconds = [tick * stream.time_base for tick in ticks]
        width = round(frames[0].width * (stream.sample_aspect_ratio or 1))
    return seconds, [
        frame.reformat(width, format="rgb24", interpolation=Interpolation.BICUBIC).to_ndarray() for frame in frames
    ]


def frames_on_screen(seconds: list[Fraction], start: float, end: float, num_frames: int) -> list[int]:
    """Numbers of the frames on screen at the middles of equal parts, each once, found by looking at all.

    Exact but for a nanosecond, which forgives that 0.3 is a hair less than 3/10 as a number of the machine.
    """
    numbers = []
    for part in range(num_frames):
        middle = Fraction(start) + (part + Fraction(1, 2)) * (Fraction(end) - Fraction(start)) / num_frames
        begun = [number for number, second in enumerate(seconds) if second <= middle + Fraction(1, 10**9)]
        numbers.append(begun[-1] if begun else 0)
    return list(dict.fromkeys(numbers))


UNEVEN = [12 * number + 9 * (number % 2) + (300 if number > 31 else 0) for number in range(60)]
"""Times of frames, with steps of 3 and 21 and a gap."""
KINDS_OF_CLIPS = {
    "mp4, B-frames": Clip(".mp4", num_b_frames=3),
    "mp4, uneven times": Clip(".mp4", num_b_frames=2, pts=UNEVEN),
    "mkv, begins late": Clip(".mkv", num_b_frames=2, pts=[pts + 500 for pts in UNEVEN]),
    "avi": Clip(".avi", "mpeg4", num_b_frames=2),
}
"""What a reader of frames has to get right, whatever it reads."""
