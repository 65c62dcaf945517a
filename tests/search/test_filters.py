"""Which videos `--path` means: a folder or file as it is called, or a pattern."""

from hbi.search.catalog import VideoRecord
from hbi.search.filters import Filters


def accepted(wanted, *paths):
    filters = Filters(path=str(wanted))
    return [str(path) for path in paths if filters.accept(VideoRecord(str(path), "", 1, 0, 1.0, 1))]


def test_a_path_that_exists_is_meant_literally_brackets_or_not(tmp_path, monkeypatch):
    names = ("Holiday [2024]/a.mp4", "Holiday 2/b.mp4", "c [1].mp4", "c 1.mp4", "what?/d.mp4", "whats/e.mp4")
    paths = [tmp_path / name for name in names]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    folder, file, odd = tmp_path / "Holiday [2024]", tmp_path / "c [1].mp4", tmp_path / "what?"
    assert accepted(folder, *paths) == [f"{folder}/a.mp4"]
    assert accepted(f"{folder}/", *paths) == [f"{folder}/a.mp4"]
    assert accepted(file, *paths) == [str(file)]
    assert accepted(odd, *paths) == [f"{odd}/d.mp4"]
    monkeypatch.chdir(tmp_path)
    assert accepted("Holiday [2024]", *paths) == [f"{folder}/a.mp4"]
    assert accepted("./c [1].mp4", *paths) == [str(file)]


def test_a_path_that_the_index_knows_is_meant_literally_though_its_disk_is_gone():
    paths = ("/disk/Holiday [2024]/a.mp4", "/disk/Holiday 2/b.mp4")
    assert accepted("/disk/Holiday [2024]", *paths) == [paths[0]]
    assert accepted("/disk/Holiday [2024]/a.mp4", *paths) == [paths[0]]


def test_other_paths_are_patterns(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    paths = ("/home/me/day1/a.mp4", "/home/me/day2/b.mkv", "/home/me/cafe\u0301/c.mp4")
    assert accepted("*/day[12]/*", *paths) == list(paths[:2])
    assert accepted("~/*.mkv", *paths) == [paths[1]]
    assert accepted("a.*", *paths) == [paths[0]]
    assert accepted("~/caf\u00e9", *paths) == accepted("caf\u00e9/*", *paths) == [paths[2]]
    assert accepted("~nobody-of-this-name", *paths) == []
