"""`hbi data shape-stories` as a person runs it."""

import json
import os

import pytest
from typer.testing import CliRunner

from hbi.cli.data import data_app
from hbi.errors import HBIError
from hbi.shape_stories import load_stories

SMALL = ["--train", "2", "--val", "1", "--test", "1", "--workers", "1"]


def test_makes_the_benchmark_once(tmp_path):
    out = tmp_path / "stories"
    for _ in range(2):
        result = CliRunner().invoke(data_app, ["shape-stories", str(out), *SMALL])
        assert result.exit_code == 0, result.output
        assert "2 train, 1 val and 1 test videos" in result.output
    assert [len(load_stories(out, split)) for split in ("train", "val", "test")] == [2, 1, 1]


def test_refuses_a_folder_of_another_seed(tmp_path):
    out = str(tmp_path / "stories")
    assert CliRunner().invoke(data_app, ["shape-stories", out, *SMALL]).exit_code == 0
    result = CliRunner().invoke(data_app, ["shape-stories", out, *SMALL, "--seed", "1"])
    assert isinstance(result.exception, HBIError)
    assert "another seed" in str(result.exception)


@pytest.mark.parametrize("name", ["captions.csv", "captions.jsonl"])
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("/dev/zero", path), os.mkdir])
def test_only_regular_files_are_read(hbi, tmp_path, name, make):
    make(tmp_path / name)
    code, _, error = hbi("data", "check", "own", "--annotations", tmp_path / name)
    assert code == 2
    assert str(tmp_path / name) in error or str(tmp_path) in error
    assert error.count("\n") == 1


def test_a_report_with_names_of_any_bytes(hbi, tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in (b"\xff\x1b.mp4", b"b.mp4", b"c.mp4"):
        (folder / os.fsdecode(name)).write_bytes(b"no video")
        (folder / os.fsdecode(name)).with_suffix(".txt").write_text("a dog \x1b[2J \u202e")
    report = tmp_path / "report.json"
    code, printed, _ = hbi("data", "check", "own", "--annotations", folder, "--videos", folder, "--json", report)
    assert code == 1
    assert "\x1b" not in printed + report.read_text()
    told = {fault["video_id"] for split in json.loads(report.read_text())["splits"] for fault in split["undecodable"]}
    assert told == {"\udcff\x1b.mp4", "b.mp4", "c.mp4"}
    again = hbi("data", "check", "own", "--annotations", folder, "--videos", folder, "--json", report)
    assert again[0] == 1, "what was found is kept beside the report, and read again"


@pytest.mark.parametrize(
    "line", ["[", "[" * 100_000, "[{}, {}]", "[1, 2]", '[{"path": 1}, null]', "\x00", "\x1b", '[[{"a": []}]]']
)
def test_a_damaged_journal_is_no_harm(hbi, tmp_path, line):
    clips = tmp_path / "clips"
    clips.mkdir()
    for name in "abc":
        (clips / f"{name}.mp4").write_bytes(b"no video")
        (clips / f"{name}.txt").write_text("a dog")
    journal = tmp_path / "report.videos.jsonl"
    journal.write_text(line + "\n")
    arguments = ("data", "check", "own", "--annotations", clips, "--videos", clips, "--workers", 1)
    assert hbi(*arguments, "--json", tmp_path / "report.json")[0] == 1
    journal.unlink()
    os.mkfifo(journal)
    code, _, error = hbi(*arguments, "--json", tmp_path / "report.json")
    assert (code, error.count("\n")) == (2, 1)
    assert "not a regular file" in error


@pytest.mark.parametrize("option", [["--train", "-1"], ["--seed", "-1"], ["--workers", "0"]])
def test_refuses_impossible_numbers(tmp_path, option):
    assert CliRunner().invoke(data_app, ["shape-stories", str(tmp_path / "stories"), *option]).exit_code == 2
    assert not (tmp_path / "stories").exists()
