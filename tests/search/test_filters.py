"""Which videos `--path` means, a folder or file as it is called, or a pattern; and which times and lengths fit."""

import os
import random
from datetime import UTC, datetime, timedelta, timezone
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from hbi.search.filters import Filters
from hbi.search.index_errors import SearchError
from hbi.search.video_records import VideoRecord


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


def test_a_pattern_costs_no_more_than_its_length_and_means_what_it_meant():
    draw = random.Random(0)
    for _ in range(3000):
        pattern = "".join(draw.choices("ab[]!-*?/^\\", k=draw.randrange(9)))
        path = "/" + "".join(draw.choices("ab[]!-/^\\", k=draw.randrange(7)))
        wanted = fnmatchcase(path, pattern) or fnmatchcase(path, f"*/{pattern}")
        literal = os.path.abspath(pattern)
        is_literal = path == literal or path.startswith(os.path.join(literal, ""))
        has_sign = any(sign in pattern for sign in "*?[")
        assert bool(accepted(pattern, path)) == (is_literal or (has_sign and wanted)), (pattern, path)
    assert accepted("[a" * 2000, "/" + "[a" * 2000) == ["/" + "[a" * 2000]
    assert accepted("*a" * 2000, "/a") == []


@pytest.mark.parametrize("path", ["a\0b", "\ud800", "x" * 5000])
def test_what_no_file_can_be_called_is_refused_in_one_line(path):
    with pytest.raises(SearchError) as caught:
        Filters(path=path)
    assert len(str(caught.value).splitlines()) == 1
    assert str(caught.value).isprintable()


def test_odd_names_of_files_are_names():
    odd = os.fsdecode(b"/videos/\xff.mp4")
    assert accepted("/videos", odd) == accepted(odd, odd) == accepted("*\udcff.mp4", odd) == [odd]
    assert accepted("~nouser/x", odd) == accepted(Path("~nouser/x"), odd) == []


SECOND = 10**9
TIMES = [-(10**18) * SECOND, -SECOND, 0, SECOND, 1_700_000_000 * SECOND, 10_413_792_000 * SECOND, 10**18 * SECOND]
"""The last but one is in the year 2300."""


def within(after=None, before=None):
    filters = Filters(after=after, before=before)
    return [time for time in TIMES if filters.accept(VideoRecord("/a.mp4", "", 1, time, 1.0, 1))]


def test_every_day_may_bound_every_time_of_a_file():
    for zone in (None, UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-14))):
        first, last = datetime.min.replace(tzinfo=zone), datetime.max.replace(tzinfo=zone)
        assert within(after=first) == TIMES[1:]
        assert within(before=last) == TIMES[:-1]
        assert within(after=last) == TIMES[-1:]
        assert within(before=first) == TIMES[:1]


def test_bounds_are_exact_the_first_within_and_the_second_not():
    moment = datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert within(after=moment) == TIMES[3:]
    assert within(before=moment) == TIMES[:3]
    assert within(after=moment + timedelta(microseconds=1)) == TIMES[4:]
    local = datetime(2026, 7, 1, 12)
    assert Filters(after=local)._times[0] == local.timestamp() * SECOND


def test_a_length_that_is_no_number_is_refused():
    with pytest.raises(SearchError, match="nan"):
        Filters(min_seconds=float("nan"))
