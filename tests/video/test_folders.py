"""What below a folder is taken for a video, what is passed over, and what is said of it."""

import os
from unicodedata import normalize

import pytest

from hbi.video.folders import PassedOver, UnreadableFolder, find_videos, is_video_name


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def found(*roots, **options):
    """What is found, from the first root."""
    return [os.path.relpath(path, roots[0]) for path in find_videos(roots, **options).paths]


ENDINGS = """mp4 m4v mp4v mov qt 3gp 3gpp 3g2 f4v lrv insv mkv mk3d webm ogv ogm flv avi divx dv asf wmv wtv gif ivf mxf
nut rm y4m mpg mpeg mpe m2p vob mod ts mts m2ts m2t trp tod"""


@pytest.mark.parametrize("ending", ENDINGS.split())
def test_whatever_cameras_and_discs_write_is_a_video(ending):
    assert is_video_name(f"clip.{ending}")
    assert is_video_name(f"CLIP.{ending.upper()}")


@pytest.mark.parametrize("name", ["clip.txt", "clip.h264", "clip.jpg", "mp4", "clip.mp4.part", "clip"])
def test_other_files_are_none(name):
    assert not is_video_name(name)


def test_what_systems_put_there_is_passed_over_and_counted(tmp_path):
    system = ("@eaDir/a.mp4/PREVIEW.mp4", "#recycle/b.mp4", "$RECYCLE.BIN/c.mp4", "System Volume Information/d.mp4")
    system += ("lost+found/e.mp4", "@Recycle/f.mp4", "@Recently-Snapshot/g.mp4", "__MACOSX/h.mp4", "#snapshot/i.mp4")
    system += (".Trashes/j.mp4", ".Spotlight-V100/k.mp4", "._clip.mp4", "deep/@EADIR/l.mp4", "deep/Thumbs.db")
    touch(tmp_path / "clip.mp4", tmp_path / "deep" / "clip.mkv", *(tmp_path / name for name in system))
    assert found(tmp_path) == ["clip.mp4", "deep/clip.mkv"]
    assert find_videos([tmp_path]).passed_over == PassedOver(len(system), 0, 0, ())


def test_a_hidden_folder_that_is_named_is_looked_into(tmp_path):
    touch(tmp_path / ".private" / "clip.mp4")
    assert found(tmp_path / ".private") == ["clip.mp4"]
    assert found(tmp_path) == []


def test_other_files_are_counted_by_ending_the_most_frequent_first(tmp_path):
    touch(*(tmp_path / name for name in ("a.txt", "b.TXT", "c.jpg", "d", "e. a name with a dot", "clip.mp4")))
    assert find_videos([tmp_path]).passed_over.endings == (("", 2), (".txt", 2), (".jpg", 1))


def test_a_file_that_is_named_is_taken_whatever_its_ending(tmp_path):
    touch(tmp_path / "clip.bin", tmp_path / "clip.mp4")
    assert found(tmp_path, tmp_path / "clip.bin", tmp_path / "clip.mp4") == ["clip.bin", "clip.mp4"]


def test_links_are_followed_and_no_folder_is_found_twice(tmp_path):
    library, disk = tmp_path / "library", tmp_path / "disk"
    touch(disk / "deep" / "a.mp4", library / "z" / "b.mp4")
    os.symlink(disk, library / "linked")
    os.symlink(disk, library / "linked-again")
    os.symlink(library, library / "z" / "loop")
    os.symlink(library / "z", library / "a link to z")  # though it comes first, z keeps its own name
    os.symlink(library / "z" / "b.mp4", library / "c.mp4")
    os.symlink("itself", library / "itself")
    assert found(library) == ["c.mp4", "linked/deep/a.mp4", "z/b.mp4"]
    assert found(library, disk) == ["../disk/deep/a.mp4", "c.mp4", "z/b.mp4"]
    assert found(library, library / "z") == found(library)


def test_only_regular_files_are_videos(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    os.symlink(tmp_path / "nowhere.mp4", tmp_path / "link.mp4")
    (tmp_path / "folder.mp4").mkdir()
    look = find_videos([tmp_path])
    assert look.paths == ()
    assert look.passed_over == PassedOver(0, 0, 2, ())
    assert look.dead_links == (str(tmp_path / "link.mp4"),)


def test_a_folder_that_cannot_be_read_is_told(tmp_path, monkeypatch):
    touch(tmp_path / "clip.mp4", tmp_path / "locked" / "secret.mp4")
    real = os.scandir

    def refuse(path):
        if os.path.basename(path) == "locked":
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert found(tmp_path) == ["clip.mp4"]
    assert find_videos([tmp_path]).unreadable == (UnreadableFolder(str(tmp_path / "locked"), "Permission denied"),)


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        ([], ["Holiday [2024]/a.mp4", "day1/raw/b.mp4", "day1/x.mp4", "day2/x.mp4"]),
        (["raw"], ["Holiday [2024]/a.mp4", "day1/x.mp4", "day2/x.mp4"]),
        (["x.*", "raw/"], ["Holiday [2024]/a.mp4"]),
        (["day1/x.mp4"], ["Holiday [2024]/a.mp4", "day1/raw/b.mp4", "day2/x.mp4"]),
        (["day?"], ["Holiday [2024]/a.mp4"]),
        (["Holiday [2024]"], ["day1/raw/b.mp4", "day1/x.mp4", "day2/x.mp4"]),
        (["videos/day*"], ["Holiday [2024]/a.mp4"]),
        (["./videos/Holiday [2024]", "{}/videos/day2"], ["day1/raw/b.mp4", "day1/x.mp4"]),
    ],
)
def test_what_is_excluded_by_name_by_path_or_from_where_one_stands(tmp_path, monkeypatch, patterns, left):
    folder = tmp_path / "a [b]" / "videos"
    touch(*(folder / name for name in ("Holiday [2024]/a.mp4", "day1/raw/b.mp4", "day1/x.mp4", "day2/x.mp4")))
    monkeypatch.chdir(folder.parent)
    patterns = [pattern.format(folder.parent) for pattern in patterns]
    assert found(folder, exclude=patterns) == left
    assert (find_videos([folder], exclude=patterns).passed_over.num_excluded > 0) == bool(patterns)


def test_an_excluded_name_may_be_spelled_in_either_form(tmp_path):
    touch(tmp_path / normalize("NFD", "café") / "a.mp4", tmp_path / normalize("NFC", "über.mp4"))
    assert found(tmp_path, exclude=[normalize("NFC", "café"), normalize("NFD", "über*")]) == []


def test_a_folder_of_ours_is_not_counted(tmp_path):
    touch(tmp_path / "videos.index" / "data.lance", tmp_path / "clip.mp4")
    look = find_videos([tmp_path], without=[tmp_path / "videos.index"])
    assert (len(look.paths), look.passed_over) == (1, PassedOver(0, 0, 0, ()))
