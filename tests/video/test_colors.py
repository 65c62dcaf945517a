"""Colors come as an ordinary screen shows them, however they are coded: matrix, range, gamut, dynamic range."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from hbi.video import read_frames
from hbi.video.colors import pq_coded, pq_light
from hbi.video.cutting import cut_clip

COLORS = np.array(
    [[191, 0, 0], [0, 191, 0], [0, 0, 191], [191, 191, 0], [40, 40, 40], [120, 120, 120], [191, 191, 191]]
)
SIDE = 64
BT2020_OF_BT709 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])  # BT.2087
UNSPECIFIED = 2


def bars(colors: np.ndarray, height: int = SIDE) -> np.ndarray:
    return np.repeat(np.repeat(colors[None], height, 0), SIDE, 1)


def write(path: Path, pixels: np.ndarray, pixel_format: str, codec: str = "libx264", **marks: int) -> Path:
    """One second of a picture of 8 or 16 bits; `marks` are what the file says of its colors, and so what they are."""
    matrix, range_ = marks.get("colorspace", UNSPECIFIED), marks.get("color_range", int(ColorRange.MPEG))
    with av.open(str(path), "w") as container:
        options = (
            {"crf": "4"} if codec == "libx264" else {"x265-params": "log-level=none:crf=4:pools=none:frame-threads=1"}
        )
        stream = container.add_stream(codec, rate=2, options=options if codec.startswith("libx26") else {})
        stream.height, stream.width = pixels.shape[:2]
        stream.pix_fmt = pixel_format
        for name, value in marks.items():
            if name != "written_as":
                setattr(stream.codec_context, name, value)
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24" if pixels.dtype == np.uint8 else "rgb48le")
        frame = frame.reformat(
            format=pixel_format,
            dst_colorspace=marks.get("written_as", matrix if matrix != UNSPECIFIED else int(Colorspace.ITU601)),
            dst_color_range=range_,
        )
        for number in range(2):
            frame.pts, frame.time_base = number, Fraction(1, 2)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def colors_of(path: Path) -> np.ndarray:
    picture = read_frames(path, 1).pixels[0]
    width = picture.shape[2] // len(COLORS)
    middles = [number * width + width // 2 for number in range(len(COLORS))]
    return picture[:, picture.shape[1] // 2, middles].T.numpy().astype(int)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p", "yuv420p10le"])
@pytest.mark.parametrize("color_range", [ColorRange.MPEG, ColorRange.JPEG])
@pytest.mark.parametrize("matrix", [Colorspace.ITU601, Colorspace.ITU709])
def test_matrix_and_range_are_believed(matrix, color_range, pixel_format: str, tmp_path: Path) -> None:
    marks = {"colorspace": int(matrix), "color_range": int(color_range)}
    path = write(tmp_path / "clip.mp4", bars(COLORS.astype(np.uint8)), pixel_format, **marks)
    np.testing.assert_allclose(colors_of(path), COLORS, atol=5)


@pytest.mark.parametrize(
    ("height", "guess"), [(SIDE, Colorspace.ITU601), (576, Colorspace.ITU601), (720, Colorspace.ITU709)]
)
def test_a_matrix_that_is_not_named_is_guessed_as_players_do(height: int, guess, tmp_path: Path) -> None:
    pixels = bars(COLORS.astype(np.uint8), height)
    path = write(tmp_path / "clip.mp4", pixels, "yuv444p", colorspace=UNSPECIFIED, written_as=int(guess))
    np.testing.assert_allclose(colors_of(path), COLORS, atol=5)


def pq(light: np.ndarray) -> np.ndarray:
    """Light relative to white, at 203 cd/m²."""
    power = (light * 203 / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def hlg(light: np.ndarray) -> np.ndarray:
    """Light relative to white, taken for that of the scene: white is 75 % of the signal."""
    scene = light * 0.265
    high = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), high)


CURVES = {
    "PQ": (pq, ColorTrc.SMPTE2084),
    "HLG": (hlg, ColorTrc.ARIB_STD_B67),
    "SDR": (lambda x: x ** (1 / 2.4), ColorTrc.BT2020_10),
}
FILES = [("libx264", ".mp4", "yuv420p10le"), ("libx265", ".mkv", "yuv420p10le"), ("ffv1", ".mkv", "yuv444p10le")]


def wide(path: Path, light: np.ndarray, curve: str, codec: str = "ffv1", pixel_format: str = "yuv444p10le") -> Path:
    """Write light of BT.709, relative to white, as BT.2020."""
    function, transfer = CURVES[curve]
    coded = np.clip(function(light @ BT2020_OF_BT709.T), 0, 1)
    marks = {"colorspace": int(Colorspace.BT2020), "color_trc": int(transfer)}
    marks |= {"color_primaries": int(ColorPrimaries.BT2020), "color_range": int(ColorRange.MPEG)}
    return write(path, bars(np.rint(coded * 65_535).astype(np.uint16)), pixel_format, codec, **marks)


@pytest.mark.parametrize(("codec", "suffix", "pixel_format"), FILES)
@pytest.mark.parametrize("curve", CURVES)
def test_wide_gamut_and_range_show_as_on_an_ordinary_screen(
    curve: str, codec: str, suffix: str, pixel_format: str, tmp_path: Path
) -> None:
    path, out = tmp_path / f"clip{suffix}", tmp_path / "cut.mp4"
    wide(path, (COLORS / 255) ** 2.4, curve, codec, pixel_format)
    np.testing.assert_allclose(colors_of(path), COLORS, atol=26)
    np.testing.assert_allclose(colors_of(path)[4:], COLORS[4:], atol=9)  # grays
    cut_clip(path, 0, 1, out)
    np.testing.assert_allclose(colors_of(out), colors_of(path), atol=9)
    with av.open(str(out)) as container:
        frame = next(container.decode(video=0))
    assert (int(frame.colorspace), int(frame.color_trc), int(frame.color_primaries)) == (1, 1, 1)
    assert frame.format.name == "yuv420p"


@pytest.mark.parametrize("curve", ["PQ", "HLG"])
def test_highlights_are_rolled_off_not_cut(curve: str, tmp_path: Path) -> None:
    levels = np.array([0.02, 0.2, 0.5, 1.0, 1.8, 2.6, 3.7])
    shown = colors_of(wide(tmp_path / "clip.mkv", np.repeat(levels[:, None], 3, 1), curve))
    assert (np.diff(shown[:, 0]) > 0).all()  # all are told apart
    assert np.abs(shown - shown[:, :1]).max() <= 2  # gray stays gray
    # Below white all is as it was; but HLG made from the light of the scene is shown a little as for a display.
    np.testing.assert_allclose(shown[:3, 0], 255 * levels[:3] ** (1 / 2.4), atol=4 if curve == "PQ" else 10)
    assert 215 <= shown[3, 0] <= 245
    assert shown[-1, 0] >= 248


def test_pq_is_what_the_standard_says() -> None:
    # Recommendation ITU-R BT.2408, table 1: 203 cd/m² is 58 % of the signal, 100 is 51 %, 1,000 is 75 %.
    np.testing.assert_allclose(pq_coded(np.array([100.0, 203.0, 1000.0])), [0.508, 0.581, 0.752], atol=5e-4)
    light = np.array([0.01, 1, 18, 203, 4000, 10_000])
    np.testing.assert_allclose(pq_light(pq_coded(light)), light, rtol=1e-9)
