"""What a look into folders tells: what is new, what is as it was, what is gone, and what only seems to be."""

import os

import pytest

from hbi.search.index_errors import SearchError
from hbi.search.scanning import LostFolder, scan
from hbi.search.video_records import VideoRecord
from hbi.video.folders import UnreadableFolder


def put(folder, *names):
    """Files, each of another size."""
    for number, name in enumerate(names, start=1):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x" * number)


def known(folder, *more):
    """Records of what a look into a folder finds, and of other files."""
    records = {}
    for file in scan([folder], {}).unknown:
        records[file.path] = VideoRecord(file.path, file.path, file.size_bytes, file.modified_ns, 1.0, 1)
    for path in more:
        records[str(path)] = VideoRecord(str(path), str(path), 99, 0, 1.0, 1)
    return records


def names(records, folder):
    return [os.path.relpath(record.path, folder) for record in records]


def test_new_unchanged_and_gone(tmp_path):
    put(tmp_path, "a.mp4", "b.mp4", "deep/c.vob", "notes.txt")
    records = known(tmp_path)
    assert len(records) == 3
    (tmp_path / "a.mp4").write_bytes(b"another")
    (tmp_path / "b.mp4").unlink()
    look = scan([tmp_path], records)
    assert names(look.unknown, tmp_path) == ["a.mp4"]
    assert names(look.unchanged, tmp_path) == ["deep/c.vob"]
    assert names(look.gone, tmp_path) == ["b.mp4"]
    assert (look.lost, look.passed_over.endings) == ((), ((".txt", 1),))


def test_a_link_to_a_folder_is_followed(tmp_path):
    put(tmp_path, "disk/base.mp4")
    (tmp_path / "library").mkdir()
    os.symlink(tmp_path / "disk", tmp_path / "library" / "linked")
    assert names(scan([tmp_path / "library"], {}).unknown, tmp_path) == ["library/linked/base.mp4"]


def test_a_folder_of_which_nothing_is_left_is_lost(tmp_path):
    put(tmp_path, "disk/a.mp4", "disk/deep/b.mp4", "other/c.mp4")
    records = known(tmp_path)
    for name in ("disk/a.mp4", "disk/deep/b.mp4"):
        (tmp_path / name).unlink()
    assert scan([tmp_path / "disk"], records).lost == (LostFolder(str(tmp_path / "disk"), 2),)
    assert scan([tmp_path / "disk", tmp_path / "other"], records).lost == (LostFolder(str(tmp_path / "disk"), 2),)
    assert scan([tmp_path], records).lost == ()  # a part of it
    assert scan([tmp_path / "disk"], {}).lost == ()
    put(tmp_path, "disk/new.mp4")
    (tmp_path / "disk" / "new.mp4").write_bytes(b"of another size")
    assert len(scan([tmp_path / "disk"], records).lost) == 1


def test_a_folder_whose_files_have_all_moved_is_not_lost(tmp_path):
    put(tmp_path, "old/a.mp4", "old/b.mp4")
    records = known(tmp_path)
    (tmp_path / "old").rename(tmp_path / "new")
    (tmp_path / "old").mkdir()
    look = scan([tmp_path / "old", tmp_path / "new"], records)
    assert (len(look.gone), look.lost) == (2, ())


def test_what_cannot_be_looked_at_is_not_gone(tmp_path, monkeypatch):
    put(tmp_path, "a.mp4", "locked/b.mp4")
    records = known(tmp_path, tmp_path / "locked" / "c.mp4")
    real = os.scandir

    def refuse(path):
        if os.path.basename(path) == "locked":
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    look = scan([tmp_path], records)
    assert names(look.unchanged, tmp_path) == ["a.mp4"]
    assert (look.gone, look.lost) == ((), ())
    assert look.unreadable == (UnreadableFolder(str(tmp_path / "locked"), "Permission denied"),)
    assert scan([tmp_path / "locked"], records).lost == ()


def test_a_disk_that_does_not_answer_tells_nothing(tmp_path, monkeypatch):
    put(tmp_path, "a.mp4")
    records = known(tmp_path, tmp_path / "stale" / "b.mp4")
    real = os.stat

    def hang(path, **options):
        if "stale" in str(path):
            raise OSError(116, "Stale file handle", path)
        return real(path, **options)

    monkeypatch.setattr(os, "stat", hang)
    assert scan([tmp_path], records).gone == ()
    with pytest.raises(SearchError, match=r"stale cannot be read \(Stale file handle\): check the disk"):
        scan([tmp_path / "stale"], records)


def test_what_is_behind_a_link_to_nowhere_is_not_gone(tmp_path):
    put(tmp_path, "library/a.mp4", "disk/b.mp4")
    os.symlink(tmp_path / "disk", tmp_path / "library" / "linked")
    os.symlink(tmp_path / "never", tmp_path / "library" / "never")
    records = known(tmp_path / "library")
    assert len(records) == 2
    (tmp_path / "disk").rename(tmp_path / "unplugged")
    look = scan([tmp_path / "library"], records)
    assert look.gone == ()
    assert look.dead_links == (str(tmp_path / "library" / "linked"),)


def test_what_is_excluded_now_is_told_from_what_is_gone(tmp_path):
    put(tmp_path, "a.mp4", "private/b.mp4", "private/c.mp4")
    records = known(tmp_path)
    (tmp_path / "private" / "c.mp4").unlink()
    look = scan([tmp_path], records, exclude=["private"])
    assert names(look.excluded, tmp_path) == ["private/b.mp4"]
    assert names(look.gone, tmp_path) == ["private/c.mp4"]
    assert names(look.unchanged, tmp_path) == ["a.mp4"]
    assert scan([tmp_path], records).excluded == ()


def test_places_that_are_none(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file.mp4").touch()
    for name in ("nowhere", "file.mp4/below", "~nobody-of-this-name/videos"):
        with pytest.raises(SearchError, match="does not exist: check the path"):
            scan([tmp_path / name if name[0] != "~" else type(tmp_path)(name)], {})
    with pytest.raises(SearchError, match="is neither a folder nor a file"):
        scan([tmp_path / "pipe"], {})
