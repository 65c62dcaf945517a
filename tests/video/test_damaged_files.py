"""Files cut short or damaged give what is whole in them, and say what is not."""

import contextlib
import re
from pathlib import Path

import av
import numpy as np
import pytest
from clip_writing import HEIGHT, WIDTH, Clip, decode_all, write_clip
from hypothesis import given, settings
from hypothesis import strategies as st

from hbi.video import VideoError, VideoFrames, probe_video, read_frames
from hbi.video.structure import read_structure

SOURCES = {
    "mp4": Clip(".mp4", num_b_frames=2, container_options={"movflags": "faststart"}),
    "mkv": Clip(".mkv", num_b_frames=2),
    "avi": Clip(".avi", "mpeg4", num_b_frames=2),
    "gif": Clip(".gif", "gif", pixel_format="rgb8"),
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sources")
    return {name: write_clip(folder / f"whole{clip.suffix}", clip) for name, clip in SOURCES.items()}


def packet_positions(path: Path) -> list[tuple[int, int]]:
    """Where each packet of a file lies, and its size, in the order of the file."""
    with av.open(str(path)) as container:
        return [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]


@pytest.mark.parametrize("name", SOURCES)
def test_a_cut_is_seen_wherever_it_falls(name: str, sources: dict[str, Path], tmp_path: Path) -> None:
    whole, cut = sources[name].read_bytes(), tmp_path / "cut"
    assert not read_structure(sources[name]).is_cut_short
    for size in {*range(200, len(whole), len(whole) // 40), len(whole) - 1}:
        cut.write_bytes(whole[:size])
        # a GIF says nothing of its length, so one in many cuts falls behind a byte that looks like its last
        assert read_structure(cut).is_cut_short or (name == "gif" and whole[:size].rstrip(b"\0").endswith(b";"))


@pytest.mark.parametrize("name", SOURCES)
def test_a_cut_file_gives_its_beginning(name: str, sources: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / sources[name].name
    position, size = packet_positions(sources[name])[36]
    path.write_bytes(sources[name].read_bytes()[: position + size // 2])
    frames = read_frames(path, 12)
    assert frames.damage is not None
    told = re.fullmatch(r"truncated: (\d+) of 12 frames decoded, until (\d\.\d) s", frames.damage)
    assert told is not None
    assert int(told[1]) == len(frames.pixels) >= 5
    assert float(told[2]) == pytest.approx(float(frames.timestamps_seconds[-1]), abs=0.06)
    seconds, pictures = decode_all(sources[name])
    # The very last frame that an AVI with B-frames holds comes out without a time.
    num_sure = len(frames.pixels) - (name == "avi")
    for second, pixels in zip(frames.timestamps_seconds.tolist()[:num_sure], frames.pixels, strict=False):
        number = int(np.argmin(np.abs(np.array(seconds, float) - second)))
        np.testing.assert_array_equal(pixels.permute(1, 2, 0), pictures[number])
    assert read_frames(path, 3, start_seconds=0.3, end_seconds=1.5).damage is None
    with pytest.raises(VideoError, match=r"cut short|but the video ends"):
        read_frames(path, 3, start_seconds=5.0, end_seconds=5.9)


def test_frames_lost_in_the_middle_are_left_out_and_told(sources: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "hole.mp4"
    content = bytearray(sources["mp4"].read_bytes())
    hole = slice(len(content) // 2, len(content) * 7 // 10)
    content[hole] = bytes(len(content[hole]))
    path.write_bytes(content)
    frames = read_frames(path, 12)
    assert frames.damage is not None
    told = re.fullmatch(r"damaged: (\d+) of 12 frames decoded \(broken packets: (\d+)\)", frames.damage)
    assert told is not None
    assert 6 <= int(told[1]) < 12
    assert int(told[2]) > 0
    # Every frame stands for a part of its own: at most half a part away from its middle.
    middles = (np.arange(12) + 0.5) / 2
    distance = np.abs(frames.timestamps_seconds.numpy()[:, None] - middles).min(1)
    assert distance.max() <= 0.25 + 1e-9


def test_a_neighbor_stands_in_for_a_broken_frame(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "whole.mp4", Clip(".mp4", group_size=1))
    content = bytearray(source.read_bytes())
    start, size = packet_positions(source)[25]  # on screen at 2.5 s, the middle of the third of six parts
    content[start : start + size] = b"\x55" * size
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)
    frames = read_frames(path, 6)
    assert frames.timestamps_seconds.tolist() == pytest.approx([0.5, 1.5, 2.4, 3.5, 4.5, 5.5])
    assert frames.damage is not None
    assert frames.damage.startswith("damaged: 6 of 6 frames decoded")


def test_a_frame_that_decodes_to_rubbish_is_not_shown(tmp_path: Path) -> None:
    """Half of a coded picture is overwritten: the decoder paints over the hole, and marks the frame as corrupt."""
    source = write_clip(tmp_path / "whole.mp4", Clip(".mp4", group_size=1))
    content = bytearray(source.read_bytes())
    start, size = packet_positions(source)[25]
    content[start + size // 2 : start + size] = b"\xa7" * (size - size // 2)
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)
    frames = read_frames(path, 6)
    assert frames.damage == "damaged: 6 of 6 frames decoded (broken packets: 1)"
    seconds, pictures = decode_all(source)
    for second, pixels in zip(frames.timestamps_seconds.tolist(), frames.pixels, strict=True):
        np.testing.assert_array_equal(
            pixels.permute(1, 2, 0), pictures[[float(each) for each in seconds].index(second)]
        )


@settings(max_examples=60, deadline=None, database=None)
@given(st.data())
def test_no_damage_does_worse_than_an_error(sources: dict[str, Path], tmp_path_factory, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(SOURCES)))
    content = bytearray(sources[name].read_bytes())
    place = st.one_of(
        st.integers(0, 1200), st.integers(0, len(content) - 1), st.integers(len(content) - 900, len(content) - 1)
    )
    for position, byte in data.draw(st.lists(st.tuples(place, st.integers(0, 255)), min_size=1, max_size=12)):
        content[position] = byte
    path = tmp_path_factory.getbasetemp() / f"fuzzed{sources[name].suffix}"
    path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    with contextlib.suppress(VideoError):
        assert_sound(read_frames(path, 4, image_size=(HEIGHT, WIDTH)))
    with contextlib.suppress(VideoError):
        assert probe_video(path).duration_seconds >= 0


def assert_sound(frames: VideoFrames) -> None:
    assert 1 <= len(frames.pixels) == len(frames.timestamps_seconds) <= 4
    assert frames.pixels.shape[1:] == (3, HEIGHT, WIDTH)
    assert (frames.timestamps_seconds.diff() > 0).all()
    assert 0 <= frames.video_start_seconds <= frames.start_seconds <= frames.end_seconds <= frames.video_end_seconds


@pytest.mark.parametrize("name", ["a cluster each", "one cluster", "live"])
def test_a_stretch_of_matroska_that_the_demuxer_skips_is_told(name: str, tmp_path: Path) -> None:
    options = {
        "a cluster each": {"cluster_time_limit": "1000"},
        "one cluster": {"cluster_time_limit": "60000"},
        "live": {"live": "1"},
    }
    clip = Clip(".mkv", num_b_frames=2, container_options=options[name])
    source = write_clip(tmp_path / "whole.mkv", clip)
    assert read_frames(source, 12).damage is None
    positions = [position for position, _ in packet_positions(source)]
    seconds, pictures = decode_all(source)
    for first, last in ((10, 12), (17, 40), (45, 59)):
        content = bytearray(source.read_bytes())
        content[positions[first] - 20 : positions[last] - 20] = bytes(positions[last] - positions[first])
        path = tmp_path / "hole.mkv"
        path.write_bytes(content)
        frames = read_frames(path, 30)
        assert frames.damage is not None, (first, last)
        assert frames.damage.startswith("damaged"), frames.damage
        picture_at = {float(second): pixels for second, pixels in zip(seconds, pictures, strict=True)}
        for second, pixels in zip(frames.timestamps_seconds.tolist(), frames.pixels, strict=True):
            difference = np.abs(pixels.permute(1, 2, 0).numpy().astype(int) - picture_at[round(second, 3)])
            assert difference.max() == 0, (first, last, second)


def test_pictures_that_stand_for_long_are_no_hole(tmp_path: Path) -> None:
    for suffix in (".mkv", ".ts", ".mp4"):
        clip = Clip(suffix, pts=[0, 100, 200, 2200, 4200, 4300], num_frames=6)
        frames = read_frames(write_clip(tmp_path / f"slides{suffix}", clip), 43)
        assert frames.damage is None
        assert frames.timestamps_seconds.tolist() == pytest.approx([0, 1, 2, 22, 42])


def test_lost_pieces_of_a_transport_stream_are_told(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "whole.ts", Clip(".ts", group_size=5))
    content = source.read_bytes()
    assert read_frames(source, 30).damage is None
    first = len(content) // 2 // 188 * 188
    path = tmp_path / "lost.ts"
    path.write_bytes(content[:first] + content[first + 188 * 37 :])
    frames = read_frames(path, 60)
    assert frames.damage is not None
    assert frames.damage.startswith("damaged: ")
    assert len(frames.pixels) < 60
