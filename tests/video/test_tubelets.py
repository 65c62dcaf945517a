"""Tubelets: the frames around each position, against a search through all frames of the file."""

from bisect import bisect_right
from fractions import Fraction

import numpy as np
import pytest
import torch
from clip_writing import KINDS_OF_CLIPS, Clip, decode_all, write_clip
from hypothesis import given, settings
from hypothesis import strategies as st

from hbi.video import PictureFormat, read_frames
from hbi.video.sample import VideoSample
from hbi.video.tubelets import shown_tubelets

CLIPS = KINDS_OF_CLIPS | {
    "two frames": Clip(".mp4", num_frames=2),
}
SQUARE = PictureFormat.square(24)


@pytest.fixture(scope="module", params=CLIPS)
def clip(request, tmp_path_factory):
    """A clip with the times and pictures of all its frames."""
    path = write_clip(tmp_path_factory.mktemp("tubelets") / f"clip{CLIPS[request.param].suffix}", CLIPS[request.param])
    return path, *decode_all(path)


def tubelet_numbers(times, start, end, position, size, seconds):
    """The numbers of the frames that a position reads: by looking at the times of all frames, one after another."""

    def on_screen(at):
        return max(0, bisect_right(times, at) - 1)

    inside = [number for number in range(len(times)) if on_screen(start) <= number and times[number] < end]
    own, numbers = on_screen(position), []
    for place in range(size):
        offset = place - size // 2
        number = own + offset if seconds is None else on_screen(position + offset * Fraction(seconds))
        numbers.append(min(max(number, inside[0]), inside[-1]))
    return numbers


@settings(max_examples=15, deadline=None)
@given(
    num_frames=st.integers(1, 12),
    size=st.integers(2, 6),
    seconds=st.sampled_from([None, 0.05, 0.1, 0.25, 1.0, 100.0]),
    start=st.floats(0, 0.9),
    length=st.floats(0.1, 1),
)
def test_each_position_reads_what_a_search_through_all_frames_finds(clip, num_frames, size, seconds, start, length):
    path, times, pictures = clip
    whole = read_frames(path, 1)
    first, last = whole.video_start_seconds, whole.video_end_seconds
    begin = first + start * (last - first)
    picture = PictureFormat(48, 64).in_tubelets(size, seconds)
    found = read_frames(
        path, num_frames, image_size=picture, start_seconds=begin, end_seconds=begin + length * (last - first)
    )
    begin, end = Fraction(found.start_seconds), Fraction(found.end_seconds)
    # As for single frames: a time a hair before that of a frame, as floats have it, counts as the frame's.
    hair = Fraction(1, 10**9)
    expected = {}
    for number in range(num_frames):
        position = begin + Fraction(2 * number + 1, 2 * num_frames) * (end - begin)
        row = tubelet_numbers(times, begin + hair, end - hair, position + hair, size, seconds)
        expected.setdefault(row[size // 2], row)
    rows = [expected[own] for own in sorted(expected)]
    shown = [[float(times[number]) for number in row] for row in rows]
    assert found.tubelet_timestamps_seconds.tolist() == shown
    assert found.timestamps_seconds.tolist() == [row[size // 2] for row in shown]
    assert found.pixels.shape == (len(rows), size, 3, 48, 64)
    for row, tubelet in zip(rows, found.pixels, strict=True):
        for number, pixels in zip(row, tubelet, strict=True):
            np.testing.assert_array_equal(pixels.permute(1, 2, 0), pictures[number])


@pytest.mark.parametrize("size", [2, 3, 4])
@pytest.mark.parametrize("seconds", [None, 0.2])
def test_the_middle_frames_are_the_single_ones(clip, size, seconds):
    path = clip[0]
    single = read_frames(path, 7, image_size=SQUARE, start_seconds=0.0)
    tubelets = read_frames(path, 7, image_size=SQUARE.in_tubelets(size, seconds), start_seconds=0.0)
    assert torch.equal(tubelets.pixels[:, size // 2], single.pixels)
    assert torch.equal(tubelets.timestamps_seconds, single.timestamps_seconds)
    assert tubelets.damage == single.damage
    assert single.tubelet_timestamps_seconds is None
    assert torch.equal(read_frames(path, 7, image_size=SQUARE.in_tubelets(1, None)).pixels, single.pixels)


def test_what_is_shown_of_a_position_is_its_middle_frame(clip):
    path = clip[0]
    sample = VideoSample.read(path, 5, picture=SQUARE.in_tubelets(3, 0.3))
    single = VideoSample.read(path, 5, picture=SQUARE)
    assert torch.equal(sample.thumbnails.pixels, single.thumbnails.pixels)
    assert sample.thumbnails.tubelet_timestamps_seconds is None
    assert sample.frames.pixels.shape == (*single.frames.pixels.shape[:1], 3, 3, 24, 24)


def test_no_frame_from_outside_a_span_is_read(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", Clip(".mp4"))
    frames = read_frames(path, 3, image_size=SQUARE.in_tubelets(5, 2.0), start_seconds=2.0, end_seconds=4.0)
    times = frames.tubelet_timestamps_seconds
    assert (times.min(), times.max()) == (2.0, 3.9)
    assert times[0].tolist() == [2.0, 2.0, 2.3, 3.9, 3.9]


def test_frames_that_a_file_lacks_are_the_nearest_ones(tmp_path):
    """Ten frames a second, one hundredth of a second apart: the same picture, and its time says so."""
    path = write_clip(tmp_path / "clip.mp4", Clip(".mp4", num_frames=20))
    frames = read_frames(path, 2, image_size=SQUARE.in_tubelets(3, 0.01))
    assert frames.tubelet_timestamps_seconds.tolist() == [[0.4, 0.5, 0.5], [1.4, 1.5, 1.5]]


def test_a_lost_frame_is_replaced_by_the_nearest_towards_the_middle():
    rows = [(0, 2, 4, 6, 8), (10, 12, 14, 16, 18), (20, 22, 24, 26, 28)]
    shown = {2: 2, 4: 4, 10: 10, 12: 12, 18: 18, 20: 20, 24: 25, 28: 29}
    assert shown_tubelets(rows, shown) == [(2, 2, 4, 4, 4), (20, 25, 25, 25, 29)]


def test_positions_that_show_one_frame_are_one():
    assert shown_tubelets([(0, 3, 6), (3, 4, 9)], {0: 0, 3: 3, 4: 3, 6: 6, 9: 9}) == [(0, 3, 6)]


def test_a_truncated_file_gives_the_tubelets_of_what_is_there(tmp_path):
    path = write_clip(tmp_path / "clip.mkv", Clip(".mkv", num_frames=60))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    single, tubelets = (read_frames(path, 12, image_size=each) for each in (SQUARE, SQUARE.in_tubelets(3, 0.1)))
    assert single.damage == tubelets.damage
    assert single.damage.startswith("truncated")
    assert torch.equal(tubelets.pixels[:, 1], single.pixels)
    assert tubelets.tubelet_timestamps_seconds.max() <= single.timestamps_seconds.max() + 0.1


def test_a_format_of_tubelets_is_told_in_files_and_words():
    tubelets = SQUARE.in_tubelets(3, 0.25)
    assert PictureFormat.from_json(tubelets.to_json()) == tubelets
    assert str(tubelets) == "24 in tubelets of 3 frames, 0.25 s apart"
    assert tubelets.shape == (3, 3, 24, 24)
    assert tubelets.black(2, 5).shape == (2, 5, 3, 3, 24, 24)
    assert SQUARE.shape == (3, 24, 24)
    other = PictureFormat(20, 30, "squash", "bilinear")
    assert other.to_json() == {
        "height": 20,
        "width": 30,
        "fit": "squash",
        "resampling": "bilinear",
        "shortest_edge": None,
    }
    assert PictureFormat.from_json(other.to_json()) == other
    assert tubelets.difference(SQUARE.in_tubelets(3, None)) == "tubelet_seconds 0.25, not None"
    assert tubelets.difference(other) == "image_size 24, not 20x30 (squash, bilinear)"
    assert tubelets.difference(tubelets) is None
    for size, seconds in ((0, None), (65, None), (1.5, None), (3, 0.0), (3, float("nan")), (1, 0.2)):
        with pytest.raises(ValueError, match=r"tubelet|apart"):
            SQUARE.in_tubelets(size, seconds)
