"""What every verb prints fits a terminal: no line is too wide, no word is cut, whatever its width."""

import json
import re
import shutil
from pathlib import Path

import pytest
from rich.cells import cell_len

from end_to_end.conftest import overrides, succeed_here

pytestmark = pytest.mark.slow
TEXT = "a red circle slides left"
WIDTH = 80


def words(printed: str) -> set[str]:
    """Words of letters: numbers tell times, and differ between runs."""
    return set(re.findall(r"[^\W\d_]{2,}", printed))


def require_fitting(command: list[object]) -> None:
    """Run a command in a narrow terminal: it must say in fitting lines what it says in a wide one."""
    wide, printed = succeed_here(*command, columns=1000), succeed_here(*command, columns=WIDTH)
    for line in printed.splitlines():
        is_one_name = len(line.split()) == 1 or line.lstrip().startswith("/")
        assert cell_len(line) <= WIDTH or is_one_name, line
        assert "…" not in line or re.search(r"\d … [-+]?\d| … --set", line), line
    assert words(printed) <= words(wide) | {"left", "took"}, words(printed) - words(wide)
    assert printed.count("\n") > 0


@pytest.fixture(scope="module")
def multiple_choice(data, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("choices")
    (folder / "annotations").mkdir()
    (folder / "videos").symlink_to(data / "videos" / "test")
    rows = [{"clip_name": f"0000{n}", "options": ["a red star", "a blue ring"], "answer": n % 2} for n in range(2)]
    (folder / "annotations" / "msrvtt_mc_test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_verbs_that_read_a_model(trained, data, multiple_choice, tmp_path):
    pytest.importorskip("lancedb", reason="the extra `search` is not installed")
    video, index = data / "videos" / "test" / "00000.mp4", tmp_path / "index"
    for command in (
        ["evaluate", trained],
        ["compare", trained, trained],
        ["evaluate-choices", trained, multiple_choice],
        ["explain", trained, video, TEXT, "--out", tmp_path / "why.html"],
        ["explain", trained, video, video, TEXT, "--out", tmp_path / "why.html"],
        ["explain", trained, "--worst", 1, "--out", tmp_path / "why.html"],
        ["index", video.parent, "--index", index, "--model", trained, "--whole-videos"],
        [
            "search",
            index,
            f"{TEXT}, then a pancake",
            "--save-clip",
            tmp_path / "clips",
            "--explain",
            tmp_path / "why.html",
        ],
    ):
        if command[0] == "index":
            succeed_here(*command)  # what is new is so only once
        require_fitting(command)


def test_verbs_that_make_something(data, tmp_path):
    stories = shutil.copytree(data, tmp_path / "copy")  # packing leaves a note there
    settings = overrides(data_root=str(stories), training_num_steps="2")
    for command in (
        ["data", "shape-stories", tmp_path / "stories", "--train", 1, "--val", 1, "--test", 1, "--workers", 1],
        ["data", "pack", "shape-stories", tmp_path / "packed", *settings, "--workers", 1],
        ["cache-features", "shape-stories", *settings, "--out", tmp_path / "kept"],
        ["train-estimator", "--out", tmp_path / "weights.safetensors", "--steps", 1, "--words", 3, "--frames", 2],
        ["train", "shape-stories", *settings, "--out", tmp_path / "run", "--resume"],
    ):
        succeed_here(*command)
        require_fitting(command)  # what was made is there now
