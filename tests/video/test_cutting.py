"""A moment cut out of a film: whole, upright, in sync, playable; from whatever file, or one line on why not."""

import errno
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from hbi.files import fitting_name
from hbi.video import VideoError, probe_video, read_frames
from hbi.video.cutting import ClipWriteError, cut_clip
from small_films import Film, heard, picture_changes, seen, sound_changes, write_film

FILMS = {
    "mp4, AAC": Film(),
    "mp4, MP3": Film(sound="libmp3lame"),
    "mp4, mono 22,050": Film(sound_rate=22_050, layout="mono"),
    "mp4, 5.1": Film(sound="ac3", layout="5.1"),
    "mp4, two tracks": Film(num_tracks=2),
    "mov, PCM": Film(".mov", sound="pcm_s16le", sound_rate=44_100),
    "mkv, AC-3": Film(".mkv", sound="ac3"),
    "mkv, FLAC": Film(".mkv", sound="flac"),
    "webm, Opus": Film(".webm", "libvpx", sound="libopus", num_b_frames=0),
    "avi, MP3": Film(".avi", "mpeg4", sound="libmp3lame"),
    "avi, H.264 with B-frames, PCM": Film(".avi", sound="pcm_s16le"),
    "ts, MP2": Film(".ts", sound="mp2"),
    "mts, AC-3": Film(".mts", sound="ac3", format="mpegts"),
    "DVD": Film(".vob", "mpeg2video", sound="ac3", format="vob"),
    "flv": Film(".flv"),
    "wmv": Film(".wmv", "wmv2", sound="wmav2", sound_rate=44_100, num_b_frames=0),
    "one key frame": Film(group_size=1000),
    "ts, one key frame": Film(".ts", group_size=1000),
    "mp4, pictures begin late": Film(picture_start=2.4),
    "mkv, pictures begin late": Film(".mkv", picture_start=2.4),
    "ts, pictures begin late": Film(".ts", picture_start=2.4),
    "mp4, sound begins late": Film(sound_start=3.5),
    "mkv, sound begins late": Film(".mkv", sound_start=3.5),
    "ts, sound begins late": Film(".ts", sound_start=3.5),
}


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("films")
    return {
        name: write_film(folder / f"{number}{film.suffix}", film) for number, (name, film) in enumerate(FILMS.items())
    }


@pytest.mark.parametrize("name", FILMS)
def test_a_moment_has_its_pictures_and_its_sound_in_sync(name: str, films: dict[str, Path], tmp_path: Path) -> None:
    out, start, end = tmp_path / "clip.mp4", 2.5, 6.5
    cut_clip(films[name], start, end, out)
    assert list(tmp_path.iterdir()) == [out]
    info = probe_video(out)
    begin = max(start, FILMS[name].picture_start)
    assert (info.start_seconds, info.codec, info.has_audio) == (0, "h264", True)
    assert info.duration_seconds == pytest.approx(end - begin, abs=1e-3)
    edges = [(second - begin, second % 2 == 1) for second in range(3, 7)]
    # The axis of a transport stream begins with its first packet, up to a frame of sound earlier than our second 0.
    assert_edges(picture_changes(out), edges, tolerance=0.11)
    late = FILMS[name].sound_start - begin
    of_sound = [(late, True)] * (late > 0) + [edge for edge in edges if edge[0] > late]
    assert_edges(sound_changes(out), of_sound, tolerance=0.11)
    for picture, sound in list(zip(reversed(picture_changes(out)), reversed(sound_changes(out)), strict=False))[:2]:
        assert picture[0] == pytest.approx(sound[0], abs=0.06)


def assert_edges(found: list[tuple[float, bool]], wanted: list[tuple[float, bool]], tolerance: float) -> None:
    assert [is_on for _, is_on in found] == [is_on for _, is_on in wanted]
    assert [at for at, _ in found] == pytest.approx([at for at, _ in wanted], abs=tolerance)


@pytest.mark.parametrize("name", FILMS)
def test_a_clip_shows_what_reading_the_moment_shows(name: str, films: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "clip.mp4"
    cut_clip(films[name], 3.3, 5.3, out)
    whole = read_frames(films[name], 8, start_seconds=3.3, end_seconds=5.3)
    cut = read_frames(out, 8, start_seconds=0, end_seconds=2)
    assert (whole.pixels.float().mean((1, 2, 3)) - cut.pixels.float().mean((1, 2, 3))).abs().max() < 6


def test_sound_that_is_missing_is_silence(films: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "clip.mp4"
    cut_clip(films["mp4, sound begins late"], 2.5, 6.5, out)
    loudness, first = heard(out)
    assert first <= 0
    assert loudness[:40].max() < 0.01  # from 2.5 to 2.9 s there is none; from 3.5 s it is loud
    cut_clip(films["mp4, sound begins late"], 1.0, 2.0, out)
    assert not probe_video(out).has_audio


@pytest.mark.parametrize("tag", [b"apac", b"zzzz"])
def test_a_track_without_a_decoder_costs_its_sound_alone(tag: bytes, tmp_path: Path) -> None:
    source, out = tmp_path / "film.mov", tmp_path / "clip.mp4"
    write_film(source, Film(".mov", sound="pcm_s16le"))
    content = source.read_bytes()
    assert content.count(b"sowt") == 1
    source.write_bytes(content.replace(b"sowt", tag))
    cut_clip(source, 2, 4, out)
    assert not probe_video(out).has_audio
    assert probe_video(out).duration_seconds == pytest.approx(2)


def test_another_track_is_heard_where_the_first_has_no_decoder(tmp_path: Path) -> None:
    source, out = tmp_path / "film.mov", tmp_path / "clip.mp4"
    write_film(source, Film(".mov", sound="pcm_s16le", num_tracks=2))
    source.write_bytes(source.read_bytes().replace(b"sowt", b"apac", 1))
    cut_clip(source, 2.5, 6.5, out)
    assert [round(at, 1) for at, _ in sound_changes(out)] == [0.5, 1.5, 2.5, 3.5]


def test_broken_sound_costs_its_stretch(tmp_path: Path) -> None:
    source, out = write_film(tmp_path / "film.mkv", Film(".mkv", sound="ac3")), tmp_path / "clip.mp4"
    with av.open(str(source)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(audio=0) if packet.size]
    content = bytearray(source.read_bytes())
    for position, size in packets[105:120]:  # around 3.5 s
        content[position : position + size] = bytes(size)
    source.write_bytes(content)
    cut_clip(source, 2.5, 6.5, out)
    loudness, _ = heard(out)
    assert loudness[105:130].max() < 0.01
    assert loudness[60:80].min() > 0.1
    assert [round(at, 1) for at, _ in sound_changes(out)][-2:] == [2.5, 3.5]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_pictures_that_stand_for_long_are_there_from_first_to_last(suffix: str, tmp_path: Path) -> None:
    slides = Film(suffix, picture_seconds=[0, 1, 21, 41, 42], end=62, sound=None, num_b_frames=0)
    source, out = write_film(tmp_path / f"slides{suffix}", slides), tmp_path / "clip.mp4"
    cut_clip(source, 15.0, 30.0, out)
    assert probe_video(out).duration_seconds == pytest.approx(15)
    states = seen(out)
    assert states[0] == (0.0, True)  # the picture of second 1 still stands
    assert picture_changes(out) == []  # as does that of second 21
    assert max(later - earlier for (earlier, _), (later, _) in pairwise(states)) <= 0.5
    cut_clip(source, 41.5, 42.5, out)
    assert picture_changes(out) == [(0.5, False)]


def test_uneven_times_are_kept(tmp_path: Path) -> None:
    times = [0, 0.04, 0.5, 0.9, 1.0, 1.033, 1.066, 2.0, 2.2, 3.0, 3.7]
    source = write_film(tmp_path / "film.mkv", Film(".mkv", picture_seconds=times, end=4, sound=None))
    out = tmp_path / "clip.mp4"
    cut_clip(source, 0.5, 2.6, out)
    assert [at for at, _ in picture_changes(out)] == pytest.approx([0.5, 1.5])
    assert {round(at + 0.5, 3) for at, _ in seen(out)} >= {0.5, 0.9, 1.0, 1.033, 1.066, 2.0, 2.2}


def test_large_pictures_are_scaled_down_to_even_sides(tmp_path: Path) -> None:
    source, out = tmp_path / "large.mp4", tmp_path / "clip.mp4"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libx264", rate=4)
        stream.width, stream.height, stream.pix_fmt = 1926, 1034, "yuv420p"
        for _ in range(4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((1034, 1926, 3), 90, np.uint8))))
        container.mux(stream.encode())
    cut_clip(source, 0, 1, out)
    info = probe_video(out)
    assert (info.width, info.height) == (1280, 688)


def test_what_cannot_be_cut_is_one_line(films: dict[str, Path], tmp_path: Path, monkeypatch) -> None:
    film, out = films["mp4, AAC"], tmp_path / "clip.mp4"
    with pytest.raises(VideoError, match="the span starts at 500"):
        cut_clip(film, 500, 510, out)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ClipWriteError, match=r"cannot write .*: choose another folder"):
        cut_clip(film, 1, 2, tmp_path / "file" / "clip.mp4")
    (tmp_path / "text.mp4").write_bytes(b"no video" * 99)
    with pytest.raises(VideoError, match="not a readable video"):
        cut_clip(tmp_path / "text.mp4", 1, 2, out)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ClipWriteError, match="the disk is full"):
        cut_clip(film, 1, 2, out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "text.mp4"]


def test_names_are_shortened_at_a_character(tmp_path: Path) -> None:
    long = "日本の動画" * 40
    name = fitting_name(tmp_path, "01-", long, "-0.0-5.0.mp4")
    assert 250 <= len(name.encode()) <= 255
    assert name.startswith("01-日本の動画")
    assert name.endswith("-0.0-5.0.mp4")
    (tmp_path / name).touch()
    assert fitting_name(tmp_path, "01-", "short", ".mp4") == "01-short.mp4"
    for sign in ("e\N{COMBINING ACUTE ACCENT}", "👩\N{ZERO WIDTH JOINER}👧", "❤\N{VARIATION SELECTOR-16}"):
        for padding in range(len(sign.encode()) + 1):
            middle = fitting_name(tmp_path, "a" * padding, sign * 100, ".mp4")[padding:-4]
            assert middle == sign * (len(middle) // len(sign)), sign


def test_a_clip_with_a_long_name_is_written(films: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / fitting_name(tmp_path, "", "ü" * 300, ".mp4")
    cut_clip(films["mp4, AAC"], 1, 2, out)
    assert list(tmp_path.iterdir()) == [out]


def test_a_picture_that_begins_just_before_the_end_is_shown(tmp_path: Path) -> None:
    """In AVI a tick is a whole frame: the last one begins at 9 s, in the same tick as the end at 9.8 s."""
    source, out = tmp_path / "slow.avi", tmp_path / "clip.mp4"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("mpeg4", rate=1)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for number in range(12):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((32, 32, 3), 20 * number, np.uint8))))
        container.mux(stream.encode())
    cut_clip(source, 2.94, 9.8, out)
    last = read_frames(out, 1, start_seconds=6.5, end_seconds=6.8).pixels
    assert last.float().mean() == pytest.approx(180, abs=6)


def test_a_part_of_another_shape_keeps_it(tmp_path: Path) -> None:
    parts, source, out = [], tmp_path / "joined.ts", tmp_path / "clip.mp4"
    for number, (height, width) in enumerate([(64, 128), (128, 64)]):
        part = tmp_path / f"part{number}.ts"
        with av.open(str(part), "w") as container:
            stream = container.add_stream("mpeg2video", rate=25)
            stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
            for _ in range(50):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((height, width, 3), 200, np.uint8))))
            container.mux(stream.encode())
        parts.append(part.read_bytes())
    source.write_bytes(b"".join(parts))
    cut_clip(source, 0.5, 3.5, out)
    info = probe_video(out)
    assert (info.height, info.width) == (64, 128)
    late = read_frames(out, 1, start_seconds=2.5, end_seconds=3.0).pixels[0].float().mean(0)
    assert late[:, 54:74].mean() > 190  # 32 columns of the middle
    assert late[:, :40].mean() < 10


def test_what_damage_has_swallowed_is_told(tmp_path: Path) -> None:
    source, out = write_film(tmp_path / "film.mkv", Film(".mkv", group_size=10, sound=None)), tmp_path / "clip.mp4"
    with av.open(str(source)) as container:
        positions = [packet.pos for packet in container.demux(video=0) if packet.size]
    content = bytearray(source.read_bytes())
    content[positions[41] - 20 : positions[69] - 20] = bytes(positions[69] - positions[41])
    source.write_bytes(content)
    assert cut_clip(source, 0.5, 3.5, out) is None
    assert "destroyed stretches: 1" in str(cut_clip(source, 3.0, 7.8, out))
    with pytest.raises(VideoError, match=r"no frame from 5\.0 to 6\.0 s can be decoded"):
        cut_clip(source, 5.0, 6.0, out)
