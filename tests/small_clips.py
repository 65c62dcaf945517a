"""Clips written on the spot: drifting colors and a square that moves."""

from pathlib import Path

import av
import numpy as np


def write_clip(
    path: Path, *, seconds: float, seed: int = 0, size: int = 32, rate: int = 8, codec: str = "libx264"
) -> Path:
    """A clip whose colors drift, of its own for every seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(seed)
    colors = draw.integers(0, 255, (2, 3))
    count = round(seconds * rate)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width = stream.height = size
        stream.pix_fmt = "yuv420p"
        for number in range(count):
            picture = np.empty((size, size, 3), np.uint8)
            picture[:] = colors[0] + (colors[1] - colors[0]) * number / count
            place = number % (size - 8)
            picture[8:16, place : place + 8] = 255 - picture[0, 0]
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path
