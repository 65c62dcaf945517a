"""Files that say what is not so: lengths, sizes and counts are held against the packets that there are."""

import struct
from pathlib import Path
from types import SimpleNamespace

import av
import pytest

from hbi.search.index_settings import IndexSettings
from hbi.search.segment_frames import windows_of
from hbi.video import PictureFormat, VideoError, decoding, probe_video, read_frames
from hbi.video.demuxing import Faults
from hbi.video.opening import MAX_PIXELS, open_video
from hbi.video.structure import _read_structure, read_structure
from small_films import Film, write_film

SETTINGS = IndexSettings(10.0, 0.5, 6, PictureFormat.square(24), "", "hbi", "")


def overwrite(data: bytearray, name: bytes, skip: int, value: bytes) -> None:
    """Put `value` where it belongs behind each place of `name`."""
    place, count = data.find(name), 0
    while place >= 0:
        at = place + len(name) + skip
        data[at : at + len(value)] = value
        place, count = data.find(name, at), count + 1
    assert count, name


def matroska_of_hours(data: bytearray) -> None:
    overwrite(data, b"\x44\x89\x88", 0, struct.pack(">d", 1e15))  # Info: Duration, 8 bytes
    overwrite(data, b"00:00:02.", 0, b"99:59:59.")  # Tag: DURATION


def mp4_of_hours(data: bytearray) -> None:
    hours = struct.pack(">I", 2**32 - 2)
    overwrite(data, b"mdhd", 16, hours)
    overwrite(data, b"tkhd", 20, hours)
    overwrite(data, b"mvhd", 16, hours)


def ivf_of_hours(data: bytearray) -> None:
    data[24:28] = b"\xff" * 4  # the number of frames


def avi_of_hours(data: bytearray) -> None:
    overwrite(data, b"avih", 4 + 16, b"\xff\xff\xff\x0f")  # the number of frames
    overwrite(data, b"strh", 4 + 32, b"\xff\xff\xff\x0f")


@pytest.mark.parametrize(
    ("film", "lie"),
    [
        (Film(".mkv", end=2, sound=None), matroska_of_hours),
        (Film(".mkv", end=2), matroska_of_hours),
        (Film(".mp4", end=2, sound=None), mp4_of_hours),
        (Film(".mp4", end=2), mp4_of_hours),
        (Film(".ivf", "libvpx", end=2, sound=None, num_b_frames=0), ivf_of_hours),
        (Film(".avi", "mpeg4", end=2, sound=None, num_b_frames=0), avi_of_hours),
    ],
    ids=lambda value: value.suffix if isinstance(value, Film) else value.__name__,
)
def test_a_stated_length_is_held_against_the_packets(tmp_path, film, lie):
    path = write_film(tmp_path / f"film{film.suffix}", film)
    data = bytearray(path.read_bytes())
    lie(data)
    path.write_bytes(data)
    assert probe_video(path).duration_seconds == pytest.approx(2, abs=0.15)
    assert len(read_frames(path, 8, image_size=24).pixels) == 8
    with open_video(path) as video:
        assert len(windows_of(video, SETTINGS)) == 1


def test_one_picture_for_ever_is_one_window(tmp_path):
    """The only picture of an IVF file lasts 2**31 ticks of an hour, by all that it says."""
    path = write_film(tmp_path / "film.ivf", Film(".ivf", "libvpx", end=0.1, sound=None, num_b_frames=0))
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack("<II", 1, 3600)  # ticks: one in an hour
    data[24:28] = struct.pack("<I", 2**31)
    path.write_bytes(data)
    with open_video(path) as video:
        assert len(windows_of(video, SETTINGS)) <= 3


def test_larger_pictures_than_8k_are_refused_before_they_take_memory(tmp_path):
    path = write_film(tmp_path / "film.ivf", Film(".ivf", "libvpx", end=1, sound=None, num_b_frames=0))
    data = bytearray(path.read_bytes())
    first = data.index(b"\x9d\x01\x2a") + 3  # the start code of a VP8 key frame; its size follows
    data[12:16] = data[first : first + 4] = struct.pack("<HH", 16000, 16000)
    path.write_bytes(data)
    assert MAX_PIXELS < 16000 * 16000
    with pytest.raises(VideoError, match="16000x16000, larger than 8K"):
        read_frames(path, 4)


def test_a_list_of_more_pictures_than_bytes_is_refused_before_it_is_searched(tmp_path):
    path = write_film(tmp_path / "film.mp4", Film(end=2, sound=None))
    data = bytearray(path.read_bytes())
    overwrite(data, b"stsz", 4, struct.pack(">II", 1, 1_000_000))  # of one byte each
    overwrite(data, b"stts", 8, struct.pack(">I", 1_000_000))
    overwrite(data, b"stsc", 12, struct.pack(">I", 1_000_000))  # all in the first chunk
    path.write_bytes(data)
    with pytest.raises(VideoError, match="it lists 1,000,000 pictures in"):
        read_frames(path, 4)


def test_times_beyond_thirty_years_are_refused(tmp_path):
    path = write_film(tmp_path / "film.ivf", Film(".ivf", "libvpx", end=2, sound=None, num_b_frames=0))
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack("<II", 1, 2**31 - 1)  # a tick lasts for ever
    path.write_bytes(data)
    with pytest.raises(VideoError, match="beyond thirty years"):
        read_frames(path, 4)


def test_decoding_ends_where_it_is_more_than_a_film_needs(tmp_path, monkeypatch):
    path = write_film(tmp_path / "film.mkv", Film(".mkv", "mpeg4", end=8, group_size=80, sound=None, num_b_frames=0))
    assert len(read_frames(path, 4).pixels) == 4
    monkeypatch.setattr("hbi.video.opening.FREE_PIXELS", 64 * 64 * 3)
    monkeypatch.setattr("hbi.video.opening.PIXELS_A_BYTE", 0)
    with pytest.raises(VideoError, match="too many and too large for a file so small"):
        read_frames(path, 4)
    assert len(read_frames(path, 1, end_seconds=0.2).pixels) == 1


def test_packets_without_number_are_not_all_looked_at(tmp_path, monkeypatch):
    path = write_film(tmp_path / "film.ts", Film(".ts", end=8, sound=None))
    monkeypatch.setattr("hbi.video.demuxing.MAX_TINY_PACKETS", 20)
    monkeypatch.setattr("hbi.video.demuxing.TINY_BYTES", 10**6)
    assert probe_video(path).duration_seconds == pytest.approx(2.1, abs=0.3)


def test_memory_that_does_not_suffice_is_not_the_fault_of_the_file():
    def fail(_packet):
        raise av.error.MemoryError(12, "Cannot allocate memory")

    video = SimpleNamespace(path=Path("film.mkv"), stream=SimpleNamespace(decode=fail))
    with pytest.raises(VideoError, match="memory does not suffice") as caught:
        decoding._decode(video, None, Faults())
    assert caught.value.may_pass


def test_a_file_of_countless_boxes_counts_as_torn(tmp_path, monkeypatch):
    path = write_film(tmp_path / "film.mp4", Film(".mp4", end=2, sound=None))
    with path.open("ab") as file:
        file.write(struct.pack(">I4s", 8, b"free") * 12)
    assert not read_structure(path).is_torn
    monkeypatch.setattr("hbi.video.structure.MOST_PARTS", 10)
    _read_structure.cache_clear()
    assert read_structure(path).is_torn
    assert len(read_frames(path, 4).pixels) == 4


def test_clusters_and_holes_of_a_matroska_are_looked_at_up_to_a_number(tmp_path, monkeypatch):
    path = write_film(tmp_path / "film.mkv", Film(".mkv", "mpeg4", end=8, group_size=4, sound=None, num_b_frames=0))
    whole = read_structure(path).segment
    assert whole is not None
    assert len(whole.clusters) > 1
    assert not whole.holes
    monkeypatch.setattr("hbi.video.matroska.MOST_PARTS", 1)
    _read_structure.cache_clear()
    first = read_structure(path).segment
    assert first is not None
    assert (len(first.clusters), len(first.holes)) == (1, 1)
    assert first.holes[0][1] == path.stat().st_size or first.holes[0][1] == whole.end
    monkeypatch.setattr("hbi.video.matroska.MOST_PARTS", 2**17)
    monkeypatch.setattr("hbi.video.matroska.MOST_HOLES", 1)
    data = bytearray(path.read_bytes())
    for start, end in whole.clusters[1:]:
        data[start - 12 : end] = bytes(end - start + 12)
    path.write_bytes(data)
    _read_structure.cache_clear()
    torn = read_structure(path).segment
    assert torn is not None
    assert len(torn.holes) <= 2
