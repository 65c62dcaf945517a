"""Cutting a video into segments shows the network exactly what reading each segment alone does."""

import os
import random
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hbi.search.index_settings import IndexSettings, milliseconds
from hbi.search.segment_frames import read_segments
from hbi.video import PictureFormat, VideoError, decoding, probe_video, read_frames
from small_clips import write_clip
from small_films import Film, write_film

SHARED = Path(os.environ.get("HBI_SHARED", Path(__file__).parents[3] / "shared")) / "videos"


SQUARE = PictureFormat.square(24)


def settings(window, overlap=0.5):
    return IndexSettings(window, overlap, 6, SQUARE, "run", "hbi", "")


def assert_same_as_alone(path, windows, picture=SQUARE):
    stretches = read_segments(path, windows, num_frames=6, picture=picture)
    read = [each for stretch in stretches for each in stretch.segments]
    assert [(each.start_seconds, each.end_seconds) for each in read] == list(windows)
    for segment in read:
        alone = read_frames(
            path, 6, image_size=picture, start_seconds=segment.start_seconds, end_seconds=segment.end_seconds
        )
        assert int(segment.mask.sum()) == len(alone.pixels)
        assert torch.equal(segment.pixels[segment.mask], alone.pixels)
        assert not segment.pixels[~segment.mask].any()
        assert segment.thumbnail[:2] == b"\xff\xd8"


@pytest.mark.parametrize(("window", "overlap"), [(10, 0.5), (4, 0.0), (3.3, 0.7), (None, 0.0), (100, 0.5)])
def test_segments_see_what_each_would_see_alone(tmp_path, window, overlap):
    path = write_clip(tmp_path / "clip.mp4", seconds=23)
    assert_same_as_alone(path, settings(window, overlap).windows(0.0, 23.0))


@pytest.mark.parametrize(
    "picture",
    [
        PictureFormat(20, 30, "crop", "bicubic", 26),
        PictureFormat(20, 30, "squash", "bilinear"),
        PictureFormat.strip(8, 12),
        SQUARE.in_tubelets(3, 0.25),
        SQUARE.in_tubelets(4, None),
        SQUARE.in_tubelets(5, 3.0),
        PictureFormat.released(24),
    ],
    ids=str,
)
def test_segments_come_as_any_model_takes_them(tmp_path, picture):
    path = write_clip(tmp_path / "clip.mp4", seconds=12)
    assert_same_as_alone(path, settings(4).windows(0.0, 12.0), picture)


def test_several_stretches(tmp_path, monkeypatch):
    monkeypatch.setattr("hbi.search.segment_frames.BATCH_SECONDS", 9.0)
    path = write_clip(tmp_path / "clip.mkv", seconds=23)
    windows = settings(4).windows(0.0, 23.0)
    assert len(list(read_segments(path, windows, num_frames=6, picture=SQUARE))) > 3
    assert_same_as_alone(path, windows)
    assert_same_as_alone(path, windows, SQUARE.in_tubelets(3, 1.0))


@pytest.mark.parametrize(
    "film",
    [
        Film(end=40, group_size=10_000, sound=None),
        Film(".ts", end=40, group_size=10_000, sound=None),
        Film(".avi", "mpeg4", end=40, group_size=10_000, sound=None),
        Film(".mkv", end=40, group_size=30, sound=None),
    ],
    ids=lambda film: film.suffix,
)
def test_a_film_is_decoded_once_however_long_and_however_few_its_key_frames(film, tmp_path, monkeypatch):
    monkeypatch.setattr("hbi.search.segment_frames.BATCH_SECONDS", 6.0)
    path = write_film(tmp_path / f"film{film.suffix}", film)
    windows = settings(4).windows(0.0, 40.0)
    decode, num_decoded = decoding._decode, 0

    def counted(video, packet, faults):
        nonlocal num_decoded
        num_decoded += packet is not None
        return decode(video, packet, faults)

    monkeypatch.setattr(decoding, "_decode", counted)
    stretches = list(read_segments(path, windows, num_frames=6, picture=SQUARE))
    assert len(stretches) == 10
    assert num_decoded <= 400  # the packets that there are
    assert_same_as_alone(path, windows)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the sample videos are not here")
def test_real_videos():
    for path in sorted(SHARED.iterdir()):
        if path.suffix in {".mp4", ".mkv", ".avi", ".gif"}:
            try:
                info = probe_video(path)
            except VideoError:
                continue
            end_seconds = info.start_seconds + info.duration_seconds
            assert_same_as_alone(path, settings(4.0).windows(info.start_seconds, end_seconds))


@pytest.mark.parametrize("start", [0.0, 4.011])
def test_windows_cover_everything_and_end_with_the_video(start):
    for duration in (0.0, 3.0, 10.0, 10.0004, 14.9, 15.0, 61.7):
        windows = settings(10.0).windows(start, start + duration)
        assert windows[0][0] == start
        assert windows[-1][1] == pytest.approx(start + duration)
        assert all(later[0] <= earlier[1] for earlier, later in pairwise(windows))
        assert all(later[0] > earlier[0] for earlier, later in pairwise(windows))


def test_a_damaged_video_gives_what_can_be_read_and_says_so(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", seconds=24)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + len(data) // 6] = random.Random(0).randbytes(len(data) // 6)
    path.write_bytes(data)
    windows = settings(4.0, 0.0).windows(0.0, 24.0)
    stretches = list(read_segments(path, windows, num_frames=6, picture=SQUARE))
    segments = [each for stretch in stretches for each in stretch.segments]
    assert segments
    assert segments[0].start_seconds == 0
    assert any(stretch.problem for stretch in stretches)


def test_a_file_that_is_no_video_gives_a_reason(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"no video" * 100)
    with pytest.raises(VideoError, match="not a readable video"):
        list(read_segments(path, [(0.0, 1.0)], num_frames=6, picture=SQUARE))


def starts(path, windows, **options):
    stretches = read_segments(path, windows, num_frames=4, picture=SQUARE, **options)
    return [segment.start_seconds for stretch in stretches for segment in stretch.segments]


def test_while_a_picture_stands_there_are_no_further_segments(tmp_path):
    slides = Film(".mkv", picture_seconds=(0.0, 1.0, 2.0, 60.0, 61.0), end=62, sound=None)
    path = write_film(tmp_path / "slides.mkv", slides)
    windows = settings(4.0).windows(0.0, 62.0)
    # The slide of second 2 is alone from second 4 on; that of second 60 comes into view at 58, the last one at 60.
    assert starts(path, windows) == [0.0, 2.0, 58.0]


def test_what_was_read_before_is_not_read_again_and_the_rest_is_the_same(tmp_path):
    path = write_film(
        tmp_path / "film.mkv", Film(".mkv", picture_seconds=(0, 1, 2, 5, 9, 30, 31, 33), end=34, sound=None)
    )
    windows = settings(4.0).windows(0.0, 34.0)
    everything = starts(path, windows)
    for count in range(len(everything) + 1):
        known = {milliseconds(start) for start in everything[:count]}
        assert starts(path, windows, known=known) == everything[count:]


def test_many_windows_are_planned_part_by_part(tmp_path, monkeypatch):
    path = write_clip(tmp_path / "clip.mkv", seconds=23)
    windows = settings(1.0, 0.75).windows(0.0, 23.0)
    at_once = starts(path, windows)
    monkeypatch.setattr("hbi.search.segment_frames.WINDOWS_AT_ONCE", 7)
    monkeypatch.setattr("hbi.search.segment_frames.BATCH_WINDOWS", 3)
    stretches = list(read_segments(path, windows, num_frames=4, picture=SQUARE))
    assert max(stretch.num_windows for stretch in stretches) == 3
    assert sum(stretch.num_windows for stretch in stretches) == len(windows)
    assert [segment.start_seconds for stretch in stretches for segment in stretch.segments] == at_once


@given(
    times=st.lists(st.floats(0, 1000), min_size=1, max_size=6).map(sorted),
    window=st.floats(0.5, 300),
    overlap=st.floats(0, 0.9),
)
def test_the_windows_around_pictures_are_those_that_show_something_new(times, window, overlap):
    windows = settings(window, overlap).windows(0.0, 1000.0)
    chosen = windows.around(times)
    pictures = [0.0, *times]
    shown_before = None
    for start, end in windows:
        shown = {max(each for each in pictures if each <= start), *(each for each in pictures if start < each < end)}
        if shown != shown_before:
            assert (start, end) in chosen
        shown_before = shown
    assert len(chosen) <= 2 + len(times) * (3 + 1 / (1 - overlap))


def test_windows_without_number_cost_nothing():
    windows = settings(10.0).windows(0.0, 1e15)
    assert windows.num_windows == len(windows) == 2 * 10**14 - 1
    assert windows[-1] == (1e15 - 10, 1e15)
    assert windows.around([3.0, 5e14])[-1][0] == 5e14 + 5  # the first in which that picture stands


def test_nothing_is_read_where_nothing_is_wanted(tmp_path):
    assert list(read_segments(tmp_path / "none.mp4", [], num_frames=6, picture=SQUARE)) == []
