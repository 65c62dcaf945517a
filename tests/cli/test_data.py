"""`hbi data shape-stories` as a person runs it."""

import pytest
from typer.testing import CliRunner

from hbi.cli.data import data_app
from hbi.data.shape_stories import load_stories
from hbi.errors import HBIError

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


@pytest.mark.parametrize("option", [["--train", "-1"], ["--seed", "-1"], ["--workers", "0"]])
def test_refuses_impossible_numbers(tmp_path, option):
    assert CliRunner().invoke(data_app, ["shape-stories", str(tmp_path / "stories"), *option]).exit_code == 2
    assert not (tmp_path / "stories").exists()
