"""Frames to an H.264 file, written beside and renamed, the same bytes every time."""

import os
from pathlib import Path

import av
import numpy as np

# Coarse luma hides in the grain; coarse chroma would leave bright specks where a shape has been.
ENCODER_OPTIONS = {"preset": "superfast", "crf": "32", "g": "24", "x264-params": "chroma-qp-offset=-8"}
LIMITED_RANGE, BT_601 = 1, 6


def write_video(path: Path, film: np.ndarray, frames_per_second: int) -> None:
    """Write a film (see `draw_film`) to `path`, which no half-written file ever bears."""
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with av.open(str(partial), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=frames_per_second, options=ENCODER_OPTIONS)
        stream.width, stream.height, stream.pix_fmt = film.shape[2], film.shape[1] * 2 // 3, "yuv420p"
        context = stream.codec_context
        context.thread_count = 1  # x264 gives other bytes for other thread counts
        context.color_range, context.colorspace = LIMITED_RANGE, BT_601
        for pts, planes in enumerate(film):
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts = pts
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    os.replace(partial, path)
