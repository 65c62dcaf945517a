"""Pictures come upright, in the right colors, and in the size asked for."""

import struct
from fractions import Fraction
from itertools import product
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from clip_writing import HEIGHT, WIDTH, Clip, write_clip
from hypothesis import given, settings
from hypothesis import strategies as st

from hbi.video import VideoError, probe_video, read_frames
from hbi.video.cutting import cut_clip

RED, GREEN, BLUE, WHITE = (220, 30, 30), (30, 200, 30), (30, 30, 220), (240, 240, 240)
CORNERS = np.zeros((80, 160, 3), np.uint8)
CORNERS[:40, :80], CORNERS[:40, 80:], CORNERS[40:, :80], CORNERS[40:, 80:] = RED, GREEN, BLUE, WHITE


def write_corners(
    path: Path,
    rotation: int = 0,
    pixel_format: str = "yuv444p",
    codec: str = "libx264",
    aspect: Fraction = Fraction(1),
) -> Path:
    """One second of a red, green, blue and white corner."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=4)
        stream.height, stream.width = CORNERS.shape[:2]
        stream.pix_fmt = pixel_format
        if aspect != 1:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation:
            stream.set_display_rotation(rotation)
        for number in range(4):
            frame = av.VideoFrame.from_ndarray(CORNERS)
            frame.pts, frame.time_base = number, Fraction(1, 4)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def corner_colors(picture: torch.Tensor) -> np.ndarray:
    """Colors [2, 2, 3] in the middles of the four quarters of a picture [3, height, width]."""
    _, height, width = picture.shape
    return picture[:, [[height // 4], [3 * height // 4]], [width // 4, 3 * width // 4]].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
def test_rotation_is_honored(suffix: str, rotation: int, tmp_path: Path) -> None:
    path = write_corners(tmp_path / f"clip{suffix}", rotation)
    picture = read_frames(path, 1).pixels[0]
    upright = np.rot90(np.array([[RED, GREEN], [BLUE, WHITE]]), rotation // 90)
    np.testing.assert_allclose(corner_colors(picture), upright, atol=12)
    info = probe_video(path)
    assert (info.height, info.width) == picture.shape[1:] == ((160, 80) if rotation % 180 else (80, 160))
    scaled = read_frames(path, 1, image_size=(20, 40), fit="squash").pixels[0]
    assert scaled.shape == (3, 20, 40)
    np.testing.assert_allclose(corner_colors(scaled), upright, atol=12)


@pytest.mark.parametrize(
    "matrix",
    [(a, b, c, d) for a, b, c, d in product((-1, 0, 1), repeat=4) if abs(a * d - b * c) == 1 and a * b == c * d],
)
def test_all_eight_display_matrices_are_honored(matrix: tuple[int, int, int, int], tmp_path: Path) -> None:
    path, out = write_corners(tmp_path / "clip.mp4"), tmp_path / "cut.mp4"
    set_display_matrix(path, *matrix)
    a, b, c, d = matrix
    upright = np.zeros((2, 2, 3))
    for (row, y), (column, x) in product(enumerate((-1, 1)), repeat=2):  # as the standard says: (x, y) is shown there
        upright[(1 + b * x + d * y) // 2, (1 + a * x + c * y) // 2] = [[RED, GREEN], [BLUE, WHITE]][row][column]
    picture = read_frames(path, 1).pixels[0]
    np.testing.assert_allclose(corner_colors(picture), upright, atol=12)
    info = probe_video(path)
    assert (info.height, info.width) == picture.shape[1:] == ((80, 160) if a else (160, 80))
    cut_clip(path, 0, 1, out)
    assert read_frames(out, 1).pixels[0].shape == picture.shape
    np.testing.assert_allclose(corner_colors(read_frames(out, 1).pixels[0]), upright, atol=14)


def set_display_matrix(path: Path, a: int, b: int, c: int, d: int) -> None:
    content = path.read_bytes()
    place = content.index(struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30), content.index(b"tkhd"))
    matrix = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(content[:place] + matrix + content[place + len(matrix) :])


@pytest.mark.parametrize(
    ("aspect", "rotation", "shape"),
    [
        (Fraction(4, 3), 0, (80, 213)),
        (Fraction(8, 9), 0, (80, 142)),
        (Fraction(2), 90, (320, 80)),
        (Fraction(0), 0, (80, 160)),
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_pixels_become_square(
    suffix: str, aspect: Fraction, rotation: int, shape: tuple[int, int], tmp_path: Path
) -> None:
    path, out = tmp_path / f"clip{suffix}", tmp_path / "cut.mp4"
    write_corners(path, rotation, aspect=aspect)
    picture = read_frames(path, 1).pixels[0]
    assert picture.shape[1:] == shape == (probe_video(path).height, probe_video(path).width)
    cropped = read_frames(path, 1, image_size=40).pixels[0].float()  # a square of the middle: both borders cross it
    assert (cropped[:, :, :18].mean((1, 2)) - cropped[:, :, 22:].mean((1, 2))).abs().max() > 5
    cut_clip(path, 0, 1, out)
    with av.open(str(out)) as container:
        stream = container.streams.video[0]
        assert (stream.height, stream.width) == tuple(2 * round(side / 2) for side in shape)
        assert stream.sample_aspect_ratio in (None, 1)


@pytest.mark.parametrize(
    ("codec", "suffix", "pixel_format"),
    [
        ("libx264", ".mp4", "yuv420p"),
        ("libx264", ".mkv", "yuv420p10le"),
        ("libx264", ".mp4", "yuvj420p"),
        ("mpeg4", ".avi", "yuv420p"),
        ("gif", ".gif", "rgb8"),
        ("ffv1", ".mkv", "bgra"),
        ("mjpeg", ".mov", "yuvj422p"),
    ],
)
def test_colors_survive(codec: str, suffix: str, pixel_format: str, tmp_path: Path) -> None:
    path = write_corners(tmp_path / f"clip{suffix}", pixel_format=pixel_format, codec=codec)
    colors = corner_colors(read_frames(path, 1, image_size=64, fit="squash").pixels[0])
    np.testing.assert_allclose(colors, [[RED, GREEN], [BLUE, WHITE]], atol=48 if codec == "gif" else 14)


def test_crop_keeps_the_middle_and_squash_keeps_all(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    stripes = np.zeros((80, 160, 3), np.uint8)
    stripes[:, :40], stripes[:, 40:120], stripes[:, 120:] = RED, GREEN, BLUE
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=4)
        stream.height, stream.width, stream.pix_fmt = 80, 160, "yuv444p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(stripes)))
        container.mux(stream.encode())
    cropped = read_frames(path, 1, image_size=40).pixels[0, :, 20]
    assert cropped.shape == (3, 40)
    np.testing.assert_allclose(cropped[:, 2:-2].T, [GREEN] * 36, atol=12)
    squashed = read_frames(path, 1, image_size=40, fit="squash").pixels[0, :, 20]
    np.testing.assert_allclose(squashed[:, [3, 20, 36]].T, [RED, GREEN, BLUE], atol=12)
    wide = read_frames(path, 1, image_size=(10, 40)).pixels[0]
    assert wide.shape == (3, 10, 40)
    np.testing.assert_allclose(wide[:, 5, [3, 20, 36]].T, [RED, GREEN, BLUE], atol=14)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("pictures") / "clip.mp4", Clip(".mp4", num_frames=8))


@settings(max_examples=40, deadline=None, database=None)
@given(st.integers(1, 150), st.integers(1, 150), st.sampled_from(["crop", "squash"]))
def test_any_size_is_met(clip: Path, height: int, width: int, fit: str) -> None:
    pixels = read_frames(clip, 2, image_size=(height, width), fit=fit).pixels
    assert pixels.shape == (2, 3, height, width)
    assert pixels.is_contiguous()
    assert pixels.dtype == torch.uint8


def test_own_size_without_image_size(clip: Path) -> None:
    assert read_frames(clip, 2).pixels.shape == (2, 3, HEIGHT, WIDTH)


@pytest.mark.parametrize("image_size", [0, -3, (10, 0)])
def test_no_picture_without_pixels(clip: Path, image_size: int | tuple[int, int]) -> None:
    with pytest.raises(VideoError, match="at least one pixel"):
        read_frames(clip, image_size=image_size)
