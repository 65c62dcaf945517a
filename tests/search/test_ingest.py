"""Bringing an index up to date: new, unchanged, changed, moved, deleted, copied, broken; and killed on the way."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from hbi.cli import index as index_command
from hbi.search import SearchError, VideoIndex
from hbi.search.arrow_tables import SEGMENT_COLUMNS, segment_arrays
from hbi.search.ingest import LostFolderError
from hbi.video.folders import PassedOver
from small_clips import write_clip


def segments_of(index):
    """Every stored segment as (content, start), sorted; twice where it is stored twice."""
    rows = index.store.segments.search().select(["content", "start_seconds"]).limit(None).to_arrow().to_pylist()
    return sorted((row["content"], row["start_seconds"]) for row in rows)


def wanted_segments(index):
    return sorted(
        {
            (record.content, start)
            for record in index.videos()
            if not record.is_broken
            for start, _ in index.settings.windows(0.0, record.duration_seconds)
        }
    )


def names(index):
    return sorted(os.path.basename(record.path) for record in index.videos())


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "videos"
    for number, seconds in enumerate((16, 6, 3)):
        write_clip(place / f"clip-{number}.mp4", seconds=seconds, seed=number)
    return place


@pytest.fixture
def fresh(folder, matcher, tmp_path):
    made = VideoIndex.create(tmp_path / "index", matcher)
    made.add([folder])
    return made


def test_every_segment_of_every_video_is_stored_once(fresh, folder):
    assert segments_of(fresh) == wanted_segments(fresh)
    assert len(segments_of(fresh)) == 3 + 1 + 1
    assert names(fresh) == ["clip-0.mp4", "clip-1.mp4", "clip-2.mp4"]
    table = fresh.store.segments.search().limit(None).to_arrow()
    assert set(table["model"].to_pylist()) == {fresh.settings.fingerprint}
    assert all(thumbnail[:2] == b"\xff\xd8" for thumbnail in table["thumbnail"].to_pylist())
    assert table.schema.field("tokens").type.value_type == "halffloat"


def test_what_is_stored_is_what_the_model_gives(fresh, folder, matcher):
    from hbi.video import read_frames

    record = next(each for each in fresh.videos() if each.path.endswith("clip-1.mp4"))
    table = fresh.store.segments.search().where(f"content = '{record.content}'").limit(None).to_arrow()
    stored = fresh.codec.decode(segment_arrays(fresh.codec, table.select(SEGMENT_COLUMNS)))
    frames = read_frames(record.path, 6, image_size=16)
    given = matcher.encode_frames(frames.pixels[None], np_true(len(frames.pixels)))
    for level, players in given.levels.items():
        kept = stored.levels[level]
        assert np.allclose(kept.sequence.tokens, players.sequence.tokens, atol=2e-3)
        assert np.allclose(kept.weights, players.weights, atol=1e-6)
        assert (kept.sequence.mask == players.sequence.mask).all()
        assert (kept.sequence.members == players.sequence.members).all()


def np_true(count):
    import torch

    return torch.ones(1, count, dtype=torch.bool)


def test_unchanged_files_are_skipped(fresh, folder):
    report = fresh.add([folder])
    assert (report.num_unchanged, report.num_new, report.num_segments) == (3, 0, 0)
    os.utime(folder / "clip-0.mp4")  # touched, not changed
    report = fresh.add([folder])
    assert (report.num_unchanged, report.num_segments) == (2, 0)
    assert segments_of(fresh) == wanted_segments(fresh)


def test_changed_files_are_replaced(fresh, folder):
    before = set(segments_of(fresh))
    write_clip(folder / "clip-1.mp4", seconds=8, seed=77)
    report = fresh.add([folder])
    assert (report.num_changed, report.num_new, report.num_unchanged) == (1, 0, 2)
    assert segments_of(fresh) == wanted_segments(fresh)
    assert len(before & set(segments_of(fresh))) == 4


def test_moved_files_are_known_by_their_content(fresh, folder):
    (folder / "elsewhere").mkdir()
    (folder / "clip-0.mp4").rename(folder / "elsewhere" / "renamed.mp4")
    report = fresh.add([folder])
    assert (report.num_moved, report.num_new, report.num_segments, report.num_gone) == (1, 0, 0, 0)
    assert names(fresh) == ["clip-1.mp4", "clip-2.mp4", "renamed.mp4"]
    assert segments_of(fresh) == wanted_segments(fresh)


def test_deleted_files_stay_until_pruned(fresh, folder):
    (folder / "clip-0.mp4").unlink()
    assert fresh.add([folder]).num_gone == 1
    assert len(names(fresh)) == 3
    assert any(hit.is_missing for hit in fresh.search("a red square").hits)
    assert fresh.add([folder], prune=True).num_removed == 1
    assert names(fresh) == ["clip-1.mp4", "clip-2.mp4"]
    assert segments_of(fresh) == wanted_segments(fresh)
    assert not any(hit.is_missing for hit in fresh.search("a red square").hits)


def test_pruning_one_folder_leaves_others_alone(fresh, folder, tmp_path):
    other = tmp_path / "other"
    write_clip(other / "mine.mp4", seconds=3, seed=9)
    fresh.add([other])
    shutil.rmtree(other)
    other.mkdir()
    assert fresh.add([folder], prune=True).num_removed == 0
    assert "mine.mp4" in names(fresh)
    with pytest.raises(SearchError, match="does not exist"):
        fresh.add([tmp_path / "unplugged"], prune=True)
    assert len(names(fresh)) == 4


def test_a_folder_of_which_nothing_is_left_is_pruned_only_by_who_is_sure(fresh, folder):
    for file in folder.iterdir():
        file.unlink()
    assert fresh.add([folder]).num_gone == 3
    with pytest.raises(LostFolderError) as caught:
        fresh.add([folder], prune=True)
    assert str(caught.value) == (
        f"nothing is left of what the index knows below {folder} (videos: 3): see whether the disk is there, or forget "
        "it with --prune --yes"
    )
    assert len(names(fresh)) == 3
    assert fresh.add([folder], prune=True, is_sure=True).num_removed == 3
    assert names(fresh) == []


def test_what_is_excluded_is_not_indexed_and_forgotten_when_pruned(fresh, folder):
    write_clip(folder / "private" / "new.mp4", seconds=2, seed=5)
    report = fresh.add([folder], exclude=["clip-1.*", "private"])
    assert (report.num_unchanged, report.num_new, report.num_gone) == (2, 0, 1)
    assert report.passed_over.num_excluded == 2
    assert len(names(fresh)) == 3
    assert fresh.add([folder], exclude=["clip-1.*", "private"], prune=True).num_removed == 1
    assert names(fresh) == ["clip-0.mp4", "clip-2.mp4"]


def test_an_index_among_the_videos_is_not_looked_into(folder, matcher):
    index = VideoIndex.create(folder / "videos.index", matcher)
    index.add([folder])
    assert index.add([folder]).passed_over.endings == ()


def test_copies_share_their_segments_and_are_found_once(fresh, folder):
    before = segments_of(fresh)
    shutil.copy(folder / "clip-0.mp4", folder / "copy.mp4")
    assert fresh.add([folder]).num_segments == 0
    assert segments_of(fresh) == before
    hits = fresh.search("a red square", limit=20).hits
    shared = [hit for hit in hits if hit.other_paths]
    assert {shared[0].path.name, *(path.name for path in shared[0].other_paths)} == {"clip-0.mp4", "copy.mp4"}


def test_copies_that_come_together_are_decoded_once(folder, matcher, tmp_path):
    for number in range(4):
        shutil.copy(folder / "clip-0.mp4", folder / f"copy-{number}.mp4")
    index = VideoIndex.create(tmp_path / "index", matcher)
    assert index.add([folder]).num_segments == 5
    assert len(index.videos()) == 7
    assert segments_of(index) == wanted_segments(index)


def test_broken_files_are_listed_with_their_reason_and_stop_nothing(folder, matcher, tmp_path):
    (folder / "empty.mp4").touch()
    (folder / "text.avi").write_text("no video at all")
    (folder / "notes.txt").write_text("not looked at")
    (folder / ".hidden.mp4").write_text("not looked at")
    os.symlink(folder / "nowhere.mp4", folder / "link.mp4")
    (folder / os.fsdecode(b"bad-\xff.mp4")).write_bytes(b"x")
    index = VideoIndex.create(tmp_path / "index", matcher)
    report = index.add([folder])
    assert {os.path.basename(record.path) for record in report.broken} == {"empty.mp4", "text.avi"}
    assert all(record.problem for record in report.broken)
    assert len(report.skipped) == 1
    assert report.passed_over == PassedOver(1, 0, 1, ((".txt", 1),))
    assert report.num_new == 3
    again = index.add([folder])
    assert again.num_unchanged == 5
    assert len(again.broken) == 2


@pytest.fixture
def run_index(fresh, monkeypatch):
    """`hbi index` on an index that is there."""
    app = typer.Typer()
    app.command()(index_command.index)

    def run(*arguments, terminal_input=None):
        monkeypatch.setattr(index_command, "_is_at_terminal", lambda: terminal_input is not None)
        words = [str(word) for word in (*arguments, "--index", fresh.path, "--device", "cpu")]
        return CliRunner().invoke(app, words, input=terminal_input)

    return run


def test_the_command_tells_in_one_line_what_was_passed_over(run_index, folder):
    assert "passed over" not in run_index(folder).output
    for name in ("._clip-0.mp4", "a.txt", "b.txt", "c.jpg", "draft.mp4"):
        (folder / name).touch()
    (folder / "@eaDir").mkdir()
    lines = run_index(folder, "--exclude", "draft*", "--exclude", "nothing").output.splitlines()
    assert "passed over: 2 hidden or system files, 1 excluded, 3 other files (2 .txt, 1 .jpg)" in lines
    for number in range(9):
        (folder / f"d.{number}{number}").touch()
    assert "12 other files (2 .txt, 1 .00, 1 .11, 1 .22, 1 .33, …)" in run_index(folder, "--exclude", "draft*").output


def test_the_command_prints_names_as_they_are(run_index, folder):
    (folder / "a[" / "b").mkdir(parents=True)
    for name in ("Trip [official video].mp4", "[red]a[bold].mp4", "a[/b/c].mp4"):
        (folder / name).write_text("no video")
    output = run_index(folder).output
    for name in ("Trip [official video].mp4", "[red]a[bold].mp4", "a[/b/c].mp4"):
        assert f"not readable: {folder}/{name}: " in output


def test_the_command_asks_before_a_whole_folder_is_forgotten(run_index, fresh, folder):
    for file in folder.iterdir():
        file.unlink()
    assert isinstance(run_index(folder, "--prune").exception, LostFolderError)
    refused = run_index(folder, "--prune", terminal_input="n\n")
    assert isinstance(refused.exception, LostFolderError)
    assert f"below {folder} (videos: 3)" in refused.output
    assert len(names(fresh)) == 3
    assert "3 removed" in run_index(folder, "--prune", terminal_input="y\n").output
    assert names(fresh) == []


def test_the_command_forgets_a_whole_folder_for_who_says_yes(run_index, fresh, folder):
    for file in folder.iterdir():
        file.unlink()
    assert "3 removed" in run_index(folder, "--prune", "--yes").output
    assert names(fresh) == []


def test_an_index_is_of_one_model_and_one_way_of_cutting(fresh, matcher, folder):
    other = replace(matcher, name="other", num_frames=5)
    with pytest.raises(SearchError, match="another model"):
        VideoIndex.create(fresh.path, other)
    with pytest.raises(SearchError, match="other segments"):
        VideoIndex.create(fresh.path, matcher, window_seconds=3.0)
    with pytest.raises(SearchError, match="no index"):
        VideoIndex.create(folder, matcher)
    with pytest.raises(SearchError, match="is no index"):
        VideoIndex.open(folder)


def test_what_a_killed_process_left_of_a_new_index_is_taken_over(matcher, tmp_path):
    (tmp_path / "index" / "model" / "tokenizer").mkdir(parents=True)
    (tmp_path / "index" / "model" / "tokenizer" / "tokenizer.json").write_text("{")
    (tmp_path / "index" / ".hbi-1-0a.part.json").write_text("{")
    VideoIndex.create(tmp_path / "index", matcher)
    assert VideoIndex.open(tmp_path / "index").videos() == []


def test_progress_ends_at_everything(folder, matcher, tmp_path):
    seen = []
    VideoIndex.create(tmp_path / "index", matcher).add([folder], progress=seen.append)
    assert seen[-1].num_files == seen[-1].total_files == 3
    assert seen[-1].bytes_done == seen[-1].total_bytes
    assert seen[-1].video_seconds == pytest.approx(25.0)


INGEST = """
import sys
from pathlib import Path
import hbi.search.ingest as ingest
from hbi.search import VideoIndex
ingest.WRITE_AT_ONCE, ingest.WRITE_EVERY_SECONDS, ingest.ENCODE_AT_ONCE = 4, 0.05, 2
index = VideoIndex.open(sys.argv[1])
print("ready", flush=True)
index.add([Path(sys.argv[2])])
"""


def start(index, folder):
    process = subprocess.Popen(
        [sys.executable, "-c", INGEST, index, folder],
        stdout=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert process.stdout.readline() == b"ready\n"
    return process


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_without_loss_or_doubles(matcher, tmp_path):
    folder, path = tmp_path / "videos", tmp_path / "index"
    for number in range(12):
        write_clip(folder / f"clip-{number:02d}.mp4", seconds=30, seed=number)
    index = VideoIndex.create(path, matcher, window_seconds=2.0)
    draw = np.random.default_rng(0)
    counts = [0]
    for _ in range(2):
        process = start(path, folder)
        while index.store.segments.count_rows() == counts[-1] and process.poll() is None:
            time.sleep(0.005)  # until it has written something
        time.sleep(draw.uniform(0.0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.wait()
        stored = segments_of(index)
        assert len(stored) == len(set(stored))
        counts.append(len(stored))
    assert counts == sorted(counts)
    assert 0 < counts[1] < 12 * len(index.settings.windows(0.0, 30.0))
    VideoIndex.open(path).add([folder])
    assert segments_of(index) == wanted_segments(index)
    assert len(index.videos()) == 12
    assert max(counts[:-1]) > 0


@pytest.mark.slow
def test_two_writers_at_once_write_everything_once(matcher, tmp_path):
    folder, path = tmp_path / "videos", tmp_path / "index"
    for number in range(6):
        write_clip(folder / f"clip-{number}.mp4", seconds=20, seed=number)
    index = VideoIndex.create(path, matcher, window_seconds=2.0)
    writers = [start(path, folder) for _ in range(2)]
    seen = []
    while any(writer.poll() is None for writer in writers):
        seen.append(len(index.search("a red square").hits))  # a reader during the writes
    assert [writer.returncode for writer in writers] == [0, 0]
    assert segments_of(index) == wanted_segments(index)
    assert seen == sorted(seen)
    time.sleep(0.3)
    assert {hit.path.name for hit in VideoIndex.open(path).search("a red square", limit=50).hits} == set(names(index))


@pytest.mark.slow
def test_a_full_disk_ends_in_one_line_and_loses_nothing(fresh, folder, tmp_path):
    before = segments_of(fresh)
    for number in range(4):
        write_clip(folder / f"more-{number}.mp4", seconds=120, seed=40 + number)
    index, limits = VideoIndex.open(fresh.path), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, limits[1]))  # Python ignores the signal of a file too large
    try:
        with pytest.raises(SearchError, match="disk is full") as caught:
            index.add([folder])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(caught.value)
    assert set(before) <= set(segments_of(fresh))
    assert fresh.search("a red square").hits
    fresh.add([folder])
    assert segments_of(fresh) == wanted_segments(fresh)
    assert len(fresh.videos()) == 7


def test_a_truncated_file_of_the_index_is_one_clear_line(fresh):
    for file in fresh.path.glob("tables/segments.lance/data/*"):
        os.truncate(file, file.stat().st_size // 2)
    with pytest.raises(SearchError, match="is damaged or incomplete") as caught:
        VideoIndex.open(fresh.path).search("a red square")
    assert "\n" not in str(caught.value)
