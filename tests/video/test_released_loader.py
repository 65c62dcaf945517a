"""Frames and pictures of the authors' loader, against plain PyAV and Pillow: all frames decoded, numbered, cut out."""

from fractions import Fraction

import av
import numpy as np
import pytest
from clip_writing import HEIGHT, KINDS_OF_CLIPS, WIDTH, Clip, picture, write_clip
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from hbi.video import PictureFormat, read_frames
from hbi.video.places import expected_places, one_a_second
from hbi.video.reading import read_frames_at_sizes
from hbi.video.sample import VideoSample
from oracles_loader import plain_frames, plain_numbers, plain_picture

SIDE = 24
RELEASED = PictureFormat.released(SIDE)
CLIPS = KINDS_OF_CLIPS | {
    "mp4, on its side": Clip(".mp4", rotation=90),
    "shorter than a second": Clip(".mp4", num_frames=7),
    "a frame in four seconds": Clip(".mp4", num_frames=20, pts=[400 * number for number in range(20)]),
}


@pytest.fixture(scope="module", params=CLIPS)
def clip(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("released") / f"clip{CLIPS[request.param].suffix}"
    return write_clip(path, CLIPS[request.param])


def same_pictures(pixels, images):
    expected = np.stack([plain_picture(image, SIDE) for image in images])
    np.testing.assert_array_equal(pixels.permute(0, 2, 3, 1).numpy(), expected)


@pytest.mark.parametrize("most", [1, 3, 4, 12])
def test_a_whole_video_is_seen_as_counting_its_frames_says(clip, most):
    images, rate = plain_frames(clip)
    numbers = plain_numbers(0, len(images) - 1, rate, most)
    same_pictures(read_frames(clip, most, image_size=RELEASED).pixels, [images[number] for number in numbers])


def test_a_span_begins_and_ends_with_the_frames_on_screen(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", Clip(".mp4", num_b_frames=2))
    images, rate = plain_frames(path)
    for start, end in ((1.0, 4.0), (0.25, 2.9), (2.55, 2.65), (3.0, 100.0)):
        last = min(int(end * rate), len(images) - 1)
        numbers = plain_numbers(int(start * rate), last, rate, 12)
        found = read_frames(path, 12, image_size=RELEASED, start_seconds=start, end_seconds=end)
        same_pictures(found.pixels, [images[number] for number in numbers])
        assert found.timestamps_seconds.tolist() == [number / 10 for number in numbers]


def test_thumbnails_are_of_the_same_frames(clip):
    sample = VideoSample.read(clip, 4, picture=RELEASED)
    assert sample.thumbnails.timestamps_seconds.tolist() == sample.frames.timestamps_seconds.tolist()
    single, released = read_frames_at_sizes(clip, 4, (PictureFormat.square(8), RELEASED))
    assert single.timestamps_seconds.tolist() == released.timestamps_seconds.tolist()


def test_pixels_are_as_they_are_stored_whatever_shape_they_are_said_to_have(tmp_path):
    path = tmp_path / "wide.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=2)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(3, 1)
        for number in range(4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number))))
        container.mux(stream.encode())
    images, _ = plain_frames(path)
    same_pictures(read_frames(path, 12, image_size=RELEASED).pixels, [images[0], images[2]])
    squared = read_frames(path, 12, image_size=PictureFormat(SIDE, SIDE, "crop", "bicubic", SIDE)).pixels
    assert (squared[0].permute(1, 2, 0).numpy() != plain_picture(images[0], SIDE)).any()


def test_with_tubelets_each_position_reads_its_neighbors(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", Clip(".mp4"))
    found = read_frames(path, 12, image_size=RELEASED.in_tubelets(3, 0.2))
    assert found.tubelet_timestamps_seconds[2].tolist() == [1.8, 2.0, 2.2]
    assert found.timestamps_seconds.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 50), st.integers(0, 5000), st.floats(0.05, 120), st.integers(1, 64))
@example(0, 299, 12.5, 12)
@example(0, 7, 0.4, 12)
def test_numbers_are_those_of_the_loop(first, length, rate, most):
    assert one_a_second(first, first + length, rate, most) == plain_numbers(first, first + length, rate, most)


@settings(max_examples=60, deadline=None)
@given(st.integers(SIDE, 300), st.integers(SIDE, 300))
@example(640, 272)  # half a pixel, which torchvision rounds to the even number
@example(404, 720)
def test_the_middle_is_cut_out_as_torchvision_does(width, height):
    pixels = np.random.default_rng(width * 1000 + height).integers(0, 256, (height, width, 3), np.uint8)
    np.testing.assert_array_equal(
        RELEASED.cut(RELEASED.resampled(pixels)), plain_picture(Image.fromarray(pixels), SIDE)
    )


@pytest.mark.parametrize("most", [3, 6, 12])
@pytest.mark.parametrize("span", [(0.0, 4.0), (0.0, 5.9), (1.0, 4.5), (2.0, 2.4)])
def test_the_times_of_stored_segments_are_those_of_their_frames(span, most, tmp_path):
    path = write_clip(tmp_path / "clip.mp4", Clip(".mp4"))
    found = read_frames(path, most, image_size=RELEASED, start_seconds=span[0], end_seconds=span[1])
    expected = expected_places(*span, len(found.pixels), num_frames=most, picture=RELEASED)
    assert found.timestamps_seconds.tolist() == list(expected)


def test_where_the_file_decides_times_of_stored_segments_are_near(tmp_path):
    """Whether a frame stands at the very end, and how many there are, is not known without the file."""
    path = write_clip(tmp_path / "clip.mp4", Clip(".mp4"))
    shown = read_frames(path, 3, image_size=RELEASED).timestamps_seconds.numpy()
    assert np.abs(np.array(expected_places(0.0, 6.0, 3, num_frames=3, picture=RELEASED)) - shown).max() <= 1
    few = read_frames(path, 12, image_size=RELEASED).timestamps_seconds.tolist()
    assert few == expected_places(0.0, 6.0, 6, num_frames=12, picture=RELEASED)
    slides = write_clip(tmp_path / "slides.mp4", CLIPS["a frame in four seconds"])
    shown = read_frames(slides, 12, image_size=RELEASED, start_seconds=8.0, end_seconds=19.0).timestamps_seconds
    assert shown.tolist() == [8, 12, 16]
    assert expected_places(8.0, 20.0, 3, num_frames=12, picture=RELEASED) == [8, 12, 16]


def test_a_format_is_written_and_read_back():
    with pytest.raises(ValueError, match="true or false"):
        PictureFormat.from_json(RELEASED.to_json() | {"released_loader": "yes"})
    for form in (RELEASED, RELEASED.in_tubelets(3, None), PictureFormat(24, 24, "crop", "bicubic", 24)):
        assert PictureFormat.from_json(form.to_json()) == form
    assert "released_loader" not in PictureFormat(24, 24, "crop", "bicubic", 24).in_tubelets(3, 0.5).to_json()
    assert RELEASED.difference(PictureFormat.square(SIDE)) is not None
    assert "released loader" in str(RELEASED)
