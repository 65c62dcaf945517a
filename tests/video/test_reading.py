"""Sampling frames from clips written on the spot."""

from pathlib import Path

import av
import numpy as np
import pytest
import torch

from hbi.video import VideoError, read_frames


def write_counting_clip(path: Path, num_frames: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=8)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(num_frames):
            pixels = np.full((48, 64, 3), number * 8, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
        container.mux(stream.encode())


def test_middle_of_each_part_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_counting_clip(path, 24)
    frames = read_frames(path, 4, image_size=32)
    assert frames.pixels.shape == (4, 3, 32, 32)
    assert frames.pixels.dtype == torch.uint8
    assert frames.timestamps_seconds.tolist() == [3 / 8, 9 / 8, 15 / 8, 21 / 8]
    numbers = frames.pixels.float().mean((1, 2, 3)) / 8
    assert numbers.round().tolist() == [3, 9, 15, 21]


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="No such file") as caught:
        read_frames(tmp_path / "none.mp4")
    assert "\n" not in str(caught.value)
