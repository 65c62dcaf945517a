"""Indexing goes on whatever one file or the machine does, and remembers only what was read."""

import os
import subprocess
import sys

import pytest
import torch

from hbi.search import SearchError, VideoIndex, video_records
from hbi.search import segment_decoding as decoding
from hbi.search.arrow_tables import SegmentRows, coarse_vectors
from hbi.search.index_folder import index_lock
from hbi.search.ingest import ingest
from hbi.search.video_records import is_current
from hbi.video.error import VideoError
from small_clips import write_clip
from small_films import Film, write_film


@pytest.fixture
def folder(tmp_path):
    for number in range(3):
        write_clip(tmp_path / "videos" / f"clip-{number}.mp4", seconds=4, seed=number)
    return tmp_path / "videos"


def update(index, *places):
    return ingest(index.store, index.settings, places)


@pytest.fixture
def empty(tmp_path, matcher):
    return VideoIndex.create(tmp_path / "index", matcher)


def refusing(monkeypatch, module, name, refusal):
    """Let a function that is given a path fail for clip-1."""
    real = getattr(module, name)

    def refuse(path, *arguments, **options):
        if "clip-1" in str(path):
            raise refusal
        return real(path, *arguments, **options)

    monkeypatch.setattr(module, name, refuse)


@pytest.mark.parametrize(
    ("module", "name", "refusal", "told"),
    [
        (video_records, "open_regular", PermissionError(13, "Permission denied"), "cannot be read (Permission denied)"),
        (video_records, "open_regular", OSError(5, "Input/output error"), "cannot be read (Input/output error)"),
        (decoding, "open_video", OSError(24, "Too many open files"), "cannot be read (Too many open files)"),
        (decoding, "open_video", VideoError("x", "the share is away", "wait", may_pass=True), "the share is away"),
        (decoding, "read_segments", MemoryError(), "the memory did not suffice to read it"),
        (decoding, "read_segments", AttributeError("what?"), "reading it failed (AttributeError: what?)"),
    ],
    ids=["permission", "disk", "open files", "share", "memory", "unforeseen"],
)
def test_trouble_that_may_pass_is_told_and_not_remembered(folder, empty, monkeypatch, module, name, refusal, told):
    with monkeypatch.context() as trouble:
        refusing(trouble, module, name, refusal)
        report = update(empty, folder)
    assert report.num_new == 2
    assert report.skipped == (f"{str(folder / 'clip-1.mp4')!r}: {told}",)
    again = update(empty, folder)
    assert (again.num_new, again.num_unchanged, again.skipped) == (1, 2, ())


def test_a_disk_that_fails_while_a_file_is_decoded_is_not_taken_for_damage(folder, empty, monkeypatch):
    path = folder / "clip-1.mp4"
    with monkeypatch.context() as trouble:
        refusing(trouble, decoding, "read_segments", VideoError(path, "broken packets: 64", "fetch it again"))
        hashes = iter(["what was there"] + ["something else"] * 9)
        real = decoding.content_hash
        trouble.setattr(decoding, "content_hash", lambda place: next(hashes) if "clip-1" in place else real(place))
        report = update(empty, folder)
    assert report.num_new == 2
    assert len(report.skipped) == 1
    assert update(empty, folder).num_new == 1


@pytest.mark.parametrize("year", [1800, 1969, 2300, 2600])
def test_a_file_from_another_century_is_indexed_once(folder, empty, year):
    seconds = (year - 1970) * 31_556_952
    os.utime(folder / "clip-0.mp4", (seconds, seconds))
    assert update(empty, folder).num_new == 3
    assert update(empty, folder).num_unchanged == 3
    assert all(is_current(record) for record in empty.videos())


def test_pipes_and_devices_are_never_opened(folder, empty):
    os.mkfifo(folder / "pipe.mp4")
    os.symlink("/dev/zero", folder / "zero.mp4")
    report = update(empty, folder)
    assert (report.num_new, report.passed_over.num_irregular) == (3, 2)


def test_what_becomes_a_pipe_between_two_looks_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(OSError, match="not a regular file"):
        video_records.content_hash(str(tmp_path / "pipe.mp4"))


def test_a_false_length_makes_no_segments(tmp_path, empty):
    """A picture that stands for 100 hours by what the file says is found once."""
    still = Film(".mkv", picture_seconds=(0.0, 0.5, 360_000.0), end=360_001, sound=None)
    path = write_film(tmp_path / "still.mkv", still)
    report = update(empty, path)
    assert report.num_new == 1
    assert report.num_segments <= 5


def test_vectors_come_back_in_their_places_however_few_frames_a_segment_has(empty):
    """What stands in the places of missing tokens, a zero below zero for example, is no part of what is written."""
    codec, size = empty.codec, empty.settings.picture.height
    draw = torch.Generator().manual_seed(0)
    counts = torch.tensor([1, 2, 3, 4, 5, 6] * 4)
    pixels = torch.randint(0, 256, (len(counts), 6, 3, size, size), dtype=torch.uint8, generator=draw)
    arrays = codec.encode(pixels, torch.arange(6) < counts[:, None])
    arrays.tokens[~arrays.mask] = -1.0  # what is no token counts for nothing, whatever stands there
    names = tuple(f"content {number}" for number in range(len(counts)))
    starts = tuple(map(float, range(len(counts))))
    empty.store.add_segments(SegmentRows(names, starts, starts, arrays, (b"",) * len(counts)))
    table = empty.store.segments.search().limit(None).to_arrow().sort_by("start_seconds")
    stored, wanted = coarse_vectors(codec, table), codec.coarse(codec.decode(arrays))
    assert torch.equal(stored.mask, wanted.mask)
    assert torch.equal(stored.weights, wanted.weights)
    expected = wanted.vectors.half().bfloat16() * wanted.mask[:, :, None]
    assert torch.equal(stored.vectors, expected)
    assert not bool(wanted.mask.all())


def test_an_index_that_cannot_be_locked_is_refused_in_one_line(folder, empty):
    (empty.path / ".lock").unlink(missing_ok=True)
    (empty.path / ".lock").mkdir()
    with (
        pytest.raises(SearchError, match=r"cannot be written .*: see who may write there"),
        index_lock(empty.path, "shared"),
    ):
        pass


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "value"), [("RLIMIT_NOFILE", 12), ("RLIMIT_AS", 400 * 2**20)])
def test_few_files_or_little_memory_end_in_one_line(folder, empty, limit, value):
    code = (
        "import resource, sys\n"
        f"resource.setrlimit(resource.{limit}, (int(sys.argv[3]),) * 2)\n"
        "from hbi.cli.app import main\n"
        "sys.argv = ['hbi', 'index', sys.argv[1], '--index', sys.argv[2], '--device', 'cpu']\n"
        "main()\n"
    )
    command = [sys.executable, "-c", code, str(folder), str(empty.path), str(value)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    assert "is not installed" not in said
    assert done.returncode == 2, said
    assert update(empty, folder).num_new == 3
