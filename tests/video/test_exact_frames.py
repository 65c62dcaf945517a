"""Whatever the container, codec and spacing of key frames: the same frames as decoding everything in order."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from clip_writing import UNEVEN, Clip, decode_all, frames_on_screen, write_clip
from hypothesis import example, given, settings
from hypothesis import strategies as st

import hbi.video.finding
from hbi.video import read_frames
from hbi.video.demuxing import Faults
from hbi.video.opening import open_video
from hbi.video.packets import PacketPlan
from hbi.video.places import middles

HEVC = {"x265-params": "log-level=none:pools=none:frame-threads=1"}
CLIPS = {
    "mp4": Clip(".mp4"),
    "mp4, one key frame": Clip(".mp4", group_size=250, num_b_frames=3),
    "mp4, B-frames": Clip(".mp4", num_b_frames=3),
    "mp4, short groups": Clip(".mp4", group_size=3, num_b_frames=2),
    "mp4, key frames only": Clip(".mp4", group_size=1),
    "mp4, uneven times": Clip(".mp4", num_b_frames=2, pts=UNEVEN),
    "mp4, begins before zero": Clip(".mp4", num_b_frames=2, pts=[pts - 90 for pts in UNEVEN]),
    "mp4, begins late": Clip(".mp4", num_b_frames=2, pts=[pts + 500 for pts in UNEVEN]),
    "mp4, in fragments": Clip(".mp4", num_b_frames=2, container_options={"movflags": "frag_keyframe+empty_moov"}),
    "mp4, gradual refresh": Clip(".mp4", options={"x264-params": "intra-refresh=1"}),
    "mp4, interlaced": Clip(".mp4", num_b_frames=2, options={"x264-params": "tff=1"}),
    "mp4, MPEG-4": Clip(".mp4", "mpeg4", num_b_frames=2),
    "mp4, HEVC": Clip(".mp4", "libx265", num_b_frames=4, options=HEVC),
    "mov, yuv444": Clip(".mov", num_b_frames=2, pixel_format="yuv444p"),
    "mkv": Clip(".mkv", num_b_frames=3),
    "mkv, open groups": Clip(".mkv", num_b_frames=3, options={"x264-params": "open-gop=1:scenecut=0"}),
    "mkv, uneven times": Clip(".mkv", num_b_frames=2, pts=UNEVEN),
    "mkv, no index": Clip(".mkv", num_b_frames=2, container_options={"live": "1"}),
    "mkv, HEVC": Clip(".mkv", "libx265", num_b_frames=4, options=HEVC),
    "webm, VP8": Clip(".webm", "libvpx", options={"auto-alt-ref": "1", "lag-in-frames": "12"}),
    "webm, VP9": Clip(".webm", "libvpx-vp9", options={"cpu-used": "8", "lag-in-frames": "12"}),
    "mkv, AV1": Clip(".mkv", "libsvtav1", options={"preset": "12", "svtav1-params": "lp=1"}),
    "avi, MPEG-4": Clip(".avi", "mpeg4", num_b_frames=2),
    "avi, H.264": Clip(".avi", num_b_frames=2),
    "gif": Clip(".gif", "gif", pixel_format="rgb8"),
    "gif, uneven times": Clip(".gif", "gif", pixel_format="rgb8", pts=UNEVEN),
    "ts": Clip(".ts", num_b_frames=2),
    "flv": Clip(".flv", num_b_frames=2),
    "one frame": Clip(".mp4", num_frames=1),
    "two frames": Clip(".mkv", num_frames=2, num_b_frames=2),
}
UNSTEADY = {name for name in CLIPS if "uneven" in name or "begins" in name} | {"mp4, MPEG-4", "mp4, HEVC"}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clips")
    return {
        name: write_clip(folder / f"{number}{clip.suffix}", clip) for number, (name, clip) in enumerate(CLIPS.items())
    }


@pytest.mark.parametrize("name", CLIPS)
def test_same_frames_as_decoding_all(name: str, clips: dict[str, Path]) -> None:
    path = clips[name]
    seconds, pictures = decode_all(path)

    whole = read_frames(path, 1000)
    first, length_of_all = whole.video_start_seconds, whole.video_end_seconds - whole.video_start_seconds

    @settings(max_examples=12, deadline=None, database=None)
    @example(18, 0.30518791684077523, 0.46385435451120727)  # once a target 0.4 microseconds before a frame of an AVI
    @given(st.integers(1, 40), st.floats(0, 0.97), st.floats(0.02, 1))
    def check(num_frames: int, start: float, length: float) -> None:
        begin, end = first + start * length_of_all, first + (start + length) * length_of_all
        frames = read_frames(path, num_frames, start_seconds=begin, end_seconds=end)
        wanted = frames_on_screen(seconds, frames.start_seconds, frames.end_seconds, num_frames)
        assert frames.timestamps_seconds.tolist() == [float(seconds[number]) for number in wanted]
        for number, pixels in zip(wanted, frames.pixels, strict=True):
            np.testing.assert_array_equal(pixels.permute(1, 2, 0), pictures[number])
        assert frames.damage is None

    assert whole.timestamps_seconds.tolist() == pytest.approx([float(second) for second in seconds])
    assert first == float(seconds[0])
    assert whole.video_end_seconds >= seconds[-1]
    check()


@pytest.mark.parametrize("name", [name for name in CLIPS if not name.startswith("avi")])
def test_whole_files_need_no_second_walk(name: str, clips: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hbi.video.finding, "Walk", None)
    assert len(read_frames(clips[name], 5).pixels) == min(5, CLIPS[name].num_frames)


@pytest.mark.parametrize(
    ("name", "num_packets"),
    [
        ("mp4, key frames only", 3),
        ("mp4, B-frames", 3 * 12),
        ("mkv", 3 * 12),
        ("mp4, MPEG-4", 3 * 12),
        ("mp4, HEVC", 3 * 12),
        ("mkv, AV1", 3 * 12),
        ("mp4, one key frame", 51 + 3),
    ],
)
def test_no_packet_is_decoded_that_is_not_needed(name: str, num_packets: int, clips: dict[str, Path]) -> None:
    with open_video(clips[name]) as video:
        first = video.start_seconds
        plan = PacketPlan(video, [video.pts_at(first + seconds) for seconds in (1.0, 3.0, 5.0)], Faults())
        wanted = [is_wanted for packet, is_wanted in plan if packet is not None]
    assert sum(wanted) == 3
    assert len(wanted) <= num_packets


@pytest.mark.parametrize("name", [name for name in CLIPS if not name.startswith("avi")])
def test_hardly_a_packet_is_decoded_twice(name: str, clips: dict[str, Path]) -> None:
    """None where key frames are all shown equally long after being decoded; else a group, from which one learns."""
    for num_targets in (20, 45):
        with open_video(clips[name]) as video:
            middle = middles(video.start_seconds, video.end_seconds, num_targets)
            plan = PacketPlan(video, [video.pts_at(seconds) for seconds in middle], Faults())
            times = [packet.pts for packet, _ in plan if packet is not None]
        assert len(times) <= len(set(times)) + (12 if name in UNSTEADY else 0)


def test_the_index_of_a_long_matroska_is_used(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "long.mkv", Clip(".mkv", num_frames=300, group_size=60))
    with open_video(path) as video:
        plan = PacketPlan(video, [video.pts_at(25.0)], Faults())
        assert sum(packet is not None for packet, _ in plan) <= 12


def test_threads_reading_at_once_agree_with_one(clips: dict[str, Path]) -> None:
    paths = [clips[name] for name in ("mp4, B-frames", "mkv", "avi, MPEG-4", "gif", "mp4, HEVC")] * 6
    alone = {path: read_frames(path, 9, image_size=40).pixels for path in set(paths)}
    with ThreadPoolExecutor(4) as pool:
        together = pool.map(lambda path: read_frames(path, 9, image_size=40).pixels, paths)
        for path, pixels in zip(paths, together, strict=True):
            assert pixels.equal(alone[path])


def test_times_are_those_of_the_frames(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", Clip(".mp4", num_frames=24, frames_per_second=8))
    frames = read_frames(path, 4, image_size=32)
    assert frames.timestamps_seconds.tolist() == [3 / 8, 9 / 8, 15 / 8, 21 / 8]
    assert (frames.start_seconds, frames.end_seconds, frames.video_end_seconds) == (0, 3, 3)
    part = read_frames(path, 2, start_seconds=-1, end_seconds=1)
    assert (part.start_seconds, part.end_seconds) == (0, 1)
    assert part.timestamps_seconds.tolist() == [2 / 8, 6 / 8]


# A decoder that begins in the middle of a gradual refresh gives nothing until the picture is whole.
@pytest.mark.parametrize("name", [name for name in CLIPS if not name.startswith("avi") and "gradual" not in name])
def test_dense_targets_need_no_second_walk(name: str, clips: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hbi.video.finding, "Walk", None)
    assert read_frames(clips[name], 37).damage is None
    assert 0 < len(read_frames(clips[name], 1000).pixels) <= CLIPS[name].num_frames
