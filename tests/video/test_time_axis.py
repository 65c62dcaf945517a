"""One time axis: seconds are those that players show, wherever the pictures begin, and clocks that jump grow on."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from hbi.video import VideoError, probe_video, read_frames
from hbi.video.cutting import cut_clip
from hbi.video.opening import open_video
from small_films import Film, is_on, picture_changes, sound_changes, write_film

LATE = {
    "mp4": Film(picture_start=2.4),
    "mov": Film(".mov", picture_start=2.4, sound="pcm_s16le"),
    "mkv": Film(".mkv", picture_start=2.4),
    "webm": Film(".webm", "libvpx", picture_start=2.4, sound="libopus", num_b_frames=0),
    "ts": Film(".ts", picture_start=2.4),
    "mpg": Film(".mpg", "mpeg2video", picture_start=2.4, sound="mp2"),
    "flv": Film(".flv", picture_start=2.4),
}


@pytest.mark.parametrize("name", LATE)
def test_seconds_count_from_where_players_begin(name: str, tmp_path: Path) -> None:
    path = write_film(tmp_path / f"late{LATE[name].suffix}", LATE[name])
    info = probe_video(path)
    assert info.start_seconds == pytest.approx(2.4, abs=0.06)
    assert info.duration_seconds == pytest.approx(5.6, abs=0.15)
    frames = read_frames(path, 40)
    assert frames.video_start_seconds == frames.start_seconds == info.start_seconds
    assert frames.timestamps_seconds[0] < 2.6
    assert_tells_the_time(frames)
    with pytest.raises(VideoError, match=r"the span ends at 1\.00 s, but the pictures begin at 2\.4"):
        read_frames(path, 2, end_seconds=1.0)
    part = read_frames(path, 2, start_seconds=0.0, end_seconds=4.0)
    assert part.start_seconds == info.start_seconds


def assert_tells_the_time(frames, tolerance: float = 0.1) -> None:
    for second, pixels in zip(frames.timestamps_seconds.tolist(), frames.pixels, strict=True):
        if tolerance < second % 1 < 1 - tolerance:
            assert (pixels.float().mean() > 110) == is_on(second), second


@pytest.mark.parametrize("suffix", [".ts", ".flv", ".mkv", ".mp4"])
def test_a_clock_that_starts_elsewhere(suffix: str, tmp_path: Path) -> None:
    """A transport stream counts from its first packet, as does FLV; MP4 and Matroska have a zero of their own."""
    path = tmp_path / f"film{suffix}"
    write_film(path, Film(suffix, picture_start=100.0, sound_start=100.0, end=106.0))
    wanted = 0.0 if suffix in {".ts", ".flv"} else 100.0
    info = probe_video(path)
    assert info.start_seconds == pytest.approx(wanted, abs=0.06)
    assert info.duration_seconds == pytest.approx(6, abs=0.2)
    assert_tells_the_time(read_frames(path, 20))
    out = tmp_path / "clip.mp4"
    cut_clip(path, wanted + 1.5, wanted + 4.5, out)
    for changes in (picture_changes(out), sound_changes(out)):
        assert [at for at, _ in changes] == pytest.approx([0.5, 1.5, 2.5], abs=0.11)


JOINED = {
    "ts": Film(".ts", end=4),
    "ts, silent": Film(".ts", end=4, sound=None),
    "ts, one key frame": Film(".ts", end=4, group_size=1000),
    "mts": Film(".mts", end=4, sound="ac3", format="mpegts"),
    "mpg": Film(".mpg", "mpeg2video", end=4, sound="mp2"),
    "vob": Film(".vob", "mpeg2video", end=4, sound="ac3", format="vob"),
    "mkv": Film(".mkv", end=4),
    "webm": Film(".webm", "libvpx", end=4, sound="libopus", num_b_frames=0),
    "avi": Film(".avi", "mpeg4", end=4, sound="libmp3lame"),
    "gif": Film(".gif", "gif", end=4, sound=None),
}


TWICE = ("mkv", "webm")
"""Of joined files of these formats FFmpeg reads two."""


def joined(path: Path, film: Film, times: int) -> Path:
    """The same film several times in one file, as `cat` joins files."""
    one = write_film(path.with_name(f"one{film.suffix}"), film) if film.codec != "gif" else write_gif(path)
    path.write_bytes(one.read_bytes() * times)
    return path


def write_gif(path: Path) -> Path:
    one = path.with_name("one.gif")
    with av.open(str(one), "w") as container:
        stream = container.add_stream("gif", rate=10)
        stream.width = stream.height = 16
        stream.pix_fmt = "rgb8"
        for number in range(40):
            frame = av.VideoFrame.from_ndarray(np.full((16, 16, 3), 200 if number // 10 % 2 else 40, np.uint8))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return one


@pytest.mark.parametrize("name", JOINED)
def test_joined_files_are_seen_whole_on_one_growing_axis(name: str, tmp_path: Path) -> None:
    times = 2 if name in TWICE else 3
    path = joined(tmp_path / f"joined{JOINED[name].suffix}", JOINED[name], times)
    info = probe_video(path)
    assert info.duration_seconds == pytest.approx(4 * times, abs=0.8)
    frames = read_frames(path, 20 * times)
    assert frames.damage is None
    assert len(frames.pixels) >= 20 * times - 2
    assert (frames.timestamps_seconds.diff() > 0).all()
    bright = frames.pixels.float().mean((1, 2, 3)) > 110
    times_after = frames.timestamps_seconds[1:].tolist()
    changes = [round(at) for at, (now, after) in zip(times_after, pairwise(bright), strict=True) if now != after]
    assert changes == list(range(1, 4 * times))
    late = read_frames(path, 8, start_seconds=4 * times - 3, end_seconds=info.duration_seconds)
    all_frames = read_frames(path, 1000)
    every = dict(zip(all_frames.timestamps_seconds.tolist(), all_frames.pixels, strict=True))
    for second, pixels in zip(late.timestamps_seconds.tolist(), late.pixels, strict=True):
        assert pixels.equal(every[second])


@pytest.mark.parametrize("name", ["ts", "mpg", "mkv", "webm", "avi"])
def test_a_moment_across_a_join_has_both_sides_in_sync(name: str, tmp_path: Path) -> None:
    path, out = joined(tmp_path / f"joined{JOINED[name].suffix}", JOINED[name], times=2), tmp_path / "clip.mp4"
    cut_clip(path, 2.5, 6.5, out)
    assert probe_video(out).duration_seconds == pytest.approx(4)
    pictures, sounds = picture_changes(out), sound_changes(out)
    assert [at for at, _ in pictures] == pytest.approx([0.5, 1.5, 2.5, 3.5], abs=0.3)
    for (picture, is_bright), (sound, is_loud) in zip(pictures, sounds, strict=True):
        assert (picture, is_bright) == (pytest.approx(sound, abs=0.12), is_loud)


@pytest.mark.parametrize(
    ("film", "times"),
    [
        (Film(end=4), 2),
        (Film(".flv", end=4), 2),
        (Film(".wmv", "wmv2", end=4, sound="wmav2", sound_rate=44_100, num_b_frames=0), 2),
        (Film(".ivf", "libvpx", end=4, sound=None, num_b_frames=0), 2),
        (Film(".mxf", "mpeg2video", end=4, sound=None), 2),
        (Film(".mkv", end=4), 3),
    ],
    ids=lambda value: value.suffix if isinstance(value, Film) else None,
)
def test_a_part_that_nothing_reads_is_told(film: Film, times: int, tmp_path: Path) -> None:
    assert read_frames(write_film(tmp_path / f"whole{film.suffix}", film), 4).damage is None
    frames = read_frames(joined(tmp_path / f"joined{film.suffix}", film, times), 4)
    assert frames.damage is not None
    assert "another video follows in the file" in frames.damage


def ticking(path: Path, starts: list[float], seconds: float = 4.0) -> Path:
    """A transport stream whose clock stands at each of `starts` for a stretch of pictures, one after the other."""
    with path.open("wb") as file:
        for number, start in enumerate(starts):
            part = path.with_name(f"part{number}.ts")
            with av.open(str(part), "w", container_options={"muxdelay": "0", "mpegts_copyts": "1"}) as container:
                stream = container.add_stream("libx264", rate=10)
                stream.width = stream.height = 32
                stream.pix_fmt = "yuv420p"
                stream.codec_context.max_b_frames = 0
                for index in range(round(seconds * 10)):
                    frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 40 + 20 * number + index, np.uint8))
                    frame.pts, frame.time_base = index, Fraction(1, 10)
                    for packet in stream.encode(frame):
                        _mux_later(container, packet, start)
                for packet in stream.encode():
                    _mux_later(container, packet, start)
            file.write(part.read_bytes())
    return path


def _mux_later(container, packet, start: float) -> None:
    ticks = round(start / packet.time_base)
    packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
    container.mux(packet)


@pytest.mark.parametrize(
    ("starts", "gaps"),
    [
        ([10.0, 14.0, 18.0], [0, 0]),
        ([1000.0, 10.0, 500.0], [0, 0]),  # falls back, leaps ahead
        ([0.0, 7200.0, 0.0], [0, 0]),
        ([10.0, 34.0], [20]),  # a picture that stood for 20 s: the time is believed
        ([95_435.0, 95_439.0, 0.0], [0, 0.7177]),  # a clock of 33 bits begins anew at 95,443.7177 s
    ],
)
def test_clocks_that_jump(starts: list[float], gaps: list[float], tmp_path: Path) -> None:
    path = ticking(tmp_path / "film.ts", starts)
    frames = read_frames(path, 1000)
    assert len(frames.pixels) == 40 * len(starts)
    assert (frames.timestamps_seconds.diff() > 0).all()
    levels = frames.pixels.float().mean((1, 2, 3))
    for number, gap in enumerate([0, *gaps]):
        first = 40 * number
        assert levels[first] == pytest.approx(40 + 20 * number, abs=4)
        begin = 4 * number + sum(gaps[:number])
        assert float(frames.timestamps_seconds[first]) == pytest.approx(begin, abs=0.2), (number, gap)
    assert frames.video_end_seconds == pytest.approx(4 * len(starts) + sum(gaps), abs=0.3)


def test_no_more_is_decoded_of_a_stream_without_index_than_of_one_with(tmp_path: Path) -> None:
    from hbi.video.demuxing import Faults
    from hbi.video.packets import PacketPlan

    path = write_film(tmp_path / "film.ts", Film(".ts", end=30))
    with open_video(path) as video:
        targets = [video.pts_at(second) for second in (5.0, 15.0, 25.0)]
        plan = PacketPlan(video, targets, Faults())
        assert sum(packet is not None for packet, _ in plan) <= 3 * 14
        assert sorted(plan.shown) == targets


def test_an_end_that_is_far_from_the_last_packet_is_not_believed(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mkv", Film(".mkv", end=6))
    content = path.read_bytes()
    place = content.index(bytes.fromhex("4489")) + 3  # the length of the segment, in milliseconds
    stated = np.frombuffer(content, ">f8", 1, place)[0]
    assert stated == pytest.approx(6000, abs=200)
    content = content.replace(b"DURATION", b"DURATIOX")  # the tag of the stream, which would be believed first
    for seconds, believed in ((20.0, 20.0), (3600.0, 6.0)):
        lying = np.array([seconds * 1000], ">f8").tobytes()
        path.write_bytes(content[:place] + lying + content[place + 8 :])
        assert probe_video(path).duration_seconds == pytest.approx(believed, abs=0.2)


def test_pictures_closer_than_a_tick_of_the_clip_are_one(tmp_path: Path) -> None:
    path, out = tmp_path / "film.mkv", tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for number in range(40):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 5 * number, np.uint8))
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    cut_clip(path, 0.899999, 2.000001, out)
    assert probe_video(out).duration_seconds == pytest.approx(1.1, abs=1e-3)


def flipped(content: bytes, packet: int, seconds: float, *, only_pts: bool) -> bytes:
    """A transport stream with the times of one packet of pictures moved."""
    starts = []
    for place in range(0, len(content), 188):
        if content[place + 1] & 0x5F == 0x41 and content[place + 2] == 0:  # begins a packet of stream 256
            payload = place + 4 + (1 + content[place + 4] if content[place + 3] & 0x20 else 0)
            starts.append(payload + 9)
    changed = bytearray(content)
    count = 1 if only_pts or changed[starts[packet] - 2] >> 6 != 3 else 2
    for field in range(starts[packet], starts[packet] + 5 * count, 5):
        a, b, c, d, e = changed[field : field + 5]
        ticks = (a >> 1 & 7) << 30 | b << 22 | (c >> 1) << 15 | d << 7 | e >> 1
        ticks = (ticks + round(seconds * 90_000)) % (1 << 33)
        fields = [
            a & 0xF0 | ticks >> 29 & 14 | 1,
            ticks >> 22 & 255,
            ticks >> 14 & 254 | 1,
            ticks >> 7 & 255,
            ticks << 1 & 254 | 1,
        ]
        changed[field : field + 5] = bytes(fields)
    return bytes(changed)


@pytest.mark.parametrize("only_pts", [True, False])
@pytest.mark.parametrize("seconds", [-5.0, 20.0, 2000.0, 23_860.0])
def test_one_time_that_is_damaged_moves_nothing_else(seconds: float, only_pts: bool, tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.ts", Film(".ts"))
    whole = read_frames(path, 16)
    content = path.read_bytes()
    for packet in (20, 41, 60):
        path.write_bytes(flipped(content, packet, seconds, only_pts=only_pts))
        frames = read_frames(path, 16)
        assert frames.video_end_seconds == whole.video_end_seconds
        assert frames.timestamps_seconds.tolist() == pytest.approx(whole.timestamps_seconds.tolist(), abs=0.11)
        assert_tells_the_time(frames)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_the_last_picture_of_uneven_ones_is_seen(suffix: str, tmp_path: Path) -> None:
    times = [0, 0.04, 0.08, 0.12, 0.5, 0.54, 1.2, 1.24, 2.0, 2.04, 3.0, 5.0, 7.5]
    path = write_film(tmp_path / f"screen{suffix}", Film(suffix, picture_seconds=times, sound=None, num_b_frames=3))
    frames = read_frames(path, 400)
    assert frames.timestamps_seconds.tolist() == pytest.approx(times, abs=1e-3)
    cut_clip(path, 6.0, frames.video_end_seconds, tmp_path / "clip.mp4")
    assert [round(at, 2) for at, _ in picture_changes(tmp_path / "clip.mp4")] == []
    assert frames.video_end_seconds > 7.5
