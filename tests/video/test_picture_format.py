"""Pictures for other people's models: pixel for pixel what the model's image processor makes of the whole frame."""

from pathlib import Path

import av
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.siglip2.image_processing_pil_siglip2 import (
    Siglip2ImageProcessorPil,
    get_image_size_for_max_num_patches,
)

from hbi.video import PictureFormat, VideoError, read_frames
from hbi.video.reading import read_frames_at_sizes

FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}
SIZES = [(97, 131), (131, 97), (48, 640), (640, 48), (720, 1280), (5, 7), (24, 24), (25, 24), (1, 9)]


def frame(height: int, width: int) -> np.ndarray:
    """Colors that change smoothly, with noise and hard edges on them."""
    rows, columns = np.mgrid[:height, :width]
    smooth = np.stack([rows * 255 / height, columns * 255 / width, (rows + columns) % 256], -1)
    noise = np.random.default_rng(height * 10_000 + width).integers(-60, 60, smooth.shape)
    edges = 200 * ((rows // 3 + columns // 5) % 2)[..., None]
    return np.clip(smooth + noise - edges, 0, 255).astype(np.uint8)


def made(form: PictureFormat, pixels: np.ndarray) -> np.ndarray:
    return form.cut(form.resampled(pixels))


def clip_pixels(pixels: np.ndarray, shortest: int, height: int, width: int, resampling: str) -> np.ndarray:
    """What the image processor of CLIP makes of RGB [height, width, 3], before it is rescaled and normalized."""
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": shortest},
        crop_size={"height": height, "width": width},
        resample=FILTERS[resampling],
        do_rescale=False,
        do_normalize=False,
    )
    (out,) = processor(pixels, input_data_format="channels_last")["pixel_values"]
    return np.asarray(out).transpose(1, 2, 0)


def siglip_pixels(pixels: np.ndarray, height: int, width: int, resampling: str) -> np.ndarray:
    processor = SiglipImageProcessorPil(
        size={"height": height, "width": width}, resample=FILTERS[resampling], do_rescale=False, do_normalize=False
    )
    (out,) = processor(pixels, input_data_format="channels_last")["pixel_values"]
    return np.asarray(out).transpose(1, 2, 0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("crop", [(24, 24), (31, 24), (24, 57)])
@pytest.mark.parametrize("resampling", FILTERS)
def test_a_cut_picture_is_that_of_clip(size: tuple[int, int], crop: tuple[int, int], resampling: str) -> None:
    pixels = frame(*size)
    form = PictureFormat(*crop, "crop", resampling, shortest_edge=24)  # where the crop is longer, there is black
    np.testing.assert_array_equal(made(form, pixels), clip_pixels(pixels, 24, *crop, resampling))


@settings(max_examples=150, deadline=None, database=None)
@given(*[st.integers(1, 80)] * 5)
def test_any_crop_is_that_of_clip(height: int, width: int, shortest: int, rows: int, columns: int) -> None:
    pixels = frame(height, width)
    form = PictureFormat(rows, columns, "crop", "bicubic", shortest)
    np.testing.assert_array_equal(made(form, pixels), clip_pixels(pixels, shortest, rows, columns, "bicubic"))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("resampling", FILTERS)
def test_a_squashed_picture_is_that_of_siglip(size: tuple[int, int], resampling: str) -> None:
    pixels = frame(*size)
    form = PictureFormat(28, 21, "squash", resampling)
    np.testing.assert_array_equal(made(form, pixels), siglip_pixels(pixels, 28, 21, resampling))


def patches_of(strip: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """The patches [patch, row, column, color] of a strip, and how many rows and columns of them it says there are."""
    side = len(strip)
    patches = strip.reshape(side, -1, side, 3).swapaxes(0, 1)
    return patches[:-1], (patches[-1] == 255).sum((0, 1))[:2].tolist()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("patch_size", "num_patches"), [(16, 64), (14, 100), (4, 9), (16, 256)])
@pytest.mark.parametrize("resampling", ["bilinear", "bicubic"])
def test_a_strip_of_patches_is_that_of_siglip2(
    size: tuple[int, int], patch_size: int, num_patches: int, resampling: str
) -> None:
    pixels = frame(*size)
    processor = Siglip2ImageProcessorPil(
        patch_size=patch_size,
        max_num_patches=num_patches,
        resample=FILTERS[resampling],
        do_rescale=False,
        do_normalize=False,
    )
    expected = processor(pixels, input_data_format="channels_last")
    strip = made(PictureFormat.strip(patch_size, num_patches, resampling), pixels)
    assert strip.shape == (patch_size, patch_size * (num_patches + 1), 3)
    patches, shape = patches_of(strip)
    assert tuple(shape) == tuple(expected["spatial_shapes"][0])
    np.testing.assert_array_equal(patches.reshape(num_patches, -1), expected["pixel_values"][0])
    assert int(expected["pixel_attention_mask"][0].sum()) == shape[0] * shape[1]


@settings(max_examples=200, deadline=None, database=None)
@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(2, 32), st.integers(1, 400))
def test_any_frame_has_the_patches_of_siglip2(height: int, width: int, patch_size: int, num_patches: int) -> None:
    expected = get_image_size_for_max_num_patches(height, width, patch_size, num_patches)
    assert PictureFormat.strip(patch_size, num_patches).scaled_size(height, width) == expected


def test_a_black_picture_says_how_many_patches_it_has() -> None:
    black = PictureFormat.strip(4, 10).black(2, 3)
    assert black.shape == (2, 3, 3, 4, 44)
    patches, shape = patches_of(black[1, 2].permute(1, 2, 0).numpy())
    assert shape == [3, 3]
    assert not patches.any()
    assert PictureFormat(4, 6).black(2).sum() == 0
    assert PictureFormat(4, 6).black(2).shape == (2, 3, 4, 6)


def write_film(path: Path, height: int, width: int, rotation: int = 0) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=4)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        if rotation:
            stream.set_display_rotation(rotation)
        for number in range(4):
            pixels = np.roll(frame(height, width), 7 * number, axis=1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("rotation", [0, 90, 180])
@pytest.mark.parametrize("size", [(98, 130), (130, 98), (18, 22)])
def test_frames_of_a_film_are_those_of_the_image_processors(
    size: tuple[int, int], rotation: int, tmp_path: Path
) -> None:
    path = write_film(tmp_path / "film.mp4", *size, rotation)
    formats = [PictureFormat(32, 32, "crop", "bicubic", 36), PictureFormat(32, 20, "squash", "bilinear")]
    whole, cut, squashed = (each.pixels for each in read_frames_at_sizes(path, 4, [None, *formats]))
    assert len(whole) == 4
    for number, upright in enumerate(whole.permute(0, 2, 3, 1).numpy()):
        expected = clip_pixels(upright, 36, 32, 32, "bicubic")
        np.testing.assert_array_equal(cut[number].permute(1, 2, 0).numpy(), expected)
        expected = siglip_pixels(upright, 32, 20, "bilinear")
        np.testing.assert_array_equal(squashed[number].permute(1, 2, 0).numpy(), expected)


@pytest.mark.parametrize("size", [(98, 130), (130, 98), (18, 22)])
def test_a_square_of_ours_is_what_a_side_in_pixels_gives(size: tuple[int, int], tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4", *size)
    square = read_frames(path, 4, image_size=PictureFormat.square(24)).pixels
    assert torch.equal(square, read_frames(path, 4, image_size=24).pixels)
    wide = read_frames(path, 4, image_size=PictureFormat(10, 24, "squash")).pixels
    assert torch.equal(wide, read_frames(path, 4, image_size=(10, 24), fit="squash").pixels)
    assert not torch.equal(square, read_frames(path, 4, image_size=PictureFormat(24, 24, "crop", "bicubic")).pixels)


def test_a_frame_is_scaled_just_so_far_that_it_covers_the_picture() -> None:
    form = PictureFormat(20, 40, "crop", "bilinear")
    assert form.scaled_size(100, 100) == (40, 40)
    assert form.scaled_size(10, 100) == (20, 200)
    assert made(form, frame(100, 100)).shape == (20, 40, 3)


def test_a_thread_of_a_picture_ends_in_one_line(tmp_path: Path) -> None:
    path = write_film(tmp_path / "thread.mp4", 2, 8000)
    with pytest.raises(VideoError, match=r"of 8000x2 pixels would become 896000x224 before a cut; cut it") as error:
        read_frames(path, 1, image_size=PictureFormat(224, 224, "crop", "bicubic", 224))
    assert "\n" not in str(error.value)
    with pytest.raises(VideoError, match=r"too narrow for this model \(1x40 patches are more than a patch of 4 pixels"):
        read_frames(path, 1, image_size=PictureFormat.strip(4, 40))


@pytest.mark.parametrize(
    "form",
    [
        PictureFormat.square(48),
        PictureFormat(48, 32),
        PictureFormat(48, 48, "squash", "bicubic"),
        PictureFormat(48, 48, "crop", "bicubic", 60),
        PictureFormat.strip(16, 256),
    ],
)
def test_what_is_written_of_a_format_reads_back(form: PictureFormat) -> None:
    assert PictureFormat.from_json(form.to_json()) == form
    assert isinstance(form.to_json(), int) == (form == PictureFormat.square(48))


@pytest.mark.parametrize(
    "value",
    [
        *[None, True, 0, -3, 2.5, "224", [224], {}, {"height": 2, "width": 2}],
        PictureFormat(2, 3).to_json() | {"height": "2"},
        PictureFormat(2, 3).to_json() | {"height": 0},
        PictureFormat(2, 3).to_json() | {"fit": "stretch"},
        PictureFormat(2, 3).to_json() | {"fit": ["crop"]},
        PictureFormat(2, 3).to_json() | {"resampling": "cubic"},
        PictureFormat(2, 3).to_json() | {"fit": "squash", "shortest_edge": 5},
        PictureFormat(2, 3).to_json() | {"shortest_edge": 0},
        PictureFormat(2, 3).to_json() | {"fit": "patches"},
        PictureFormat(2, 2, "squash").to_json() | {"fit": "patches"},
        PictureFormat(2, 3).to_json() | {"more": 1},
    ],
)
def test_what_is_no_format_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"picture|none of"):
        PictureFormat.from_json(value)
