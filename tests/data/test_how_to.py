"""The reader of docs/how-to/add-a-dataset.md, saved as the page says and used; the table of your-own-videos.md."""

import json
import re
from pathlib import Path

import pytest
from annotation_samples import write
from made_up_msrvtt import write_video
from typer.testing import CliRunner

import hbi.data.benchmarks
from hbi.cli.data import data_app
from hbi.data.benchmark import SPLIT_NAMES
from hbi.data.benchmarks import find_benchmark
from hbi.data.loading import load_split, read_annotations
from hbi.experiments.reading import read_recipe

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"


def block(page, language):
    """The code of a page."""
    (code,) = re.findall(rf"```{language}\n(.*?)```", (HOW_TO / page).read_text(), re.DOTALL)
    return code


@pytest.fixture
def cooking(tmp_path, monkeypatch):
    """The reader of the page beside the others, and a data set for it."""
    reader = write(tmp_path / "readers" / "cooking.py", block("add-a-dataset.md", "python"))
    monkeypatch.setattr(hbi.data.benchmarks, "__path__", [*hbi.data.benchmarks.__path__, str(reader.parent)])
    for split, clips in {"train": "abcd", "test": "ef"}.items():
        rows = "".join(f'{clip},"step {step}, of {clip}"\n' for clip in clips for step in (1, 2))
        write(tmp_path / "annotations" / f"{split}.csv", "clip,step\n" + rows)
        for clip in clips:
            write_video(tmp_path / "videos" / split / f"{clip}.mp4", seed=ord(clip))
    return tmp_path


def test_a_new_data_set_is_one_file(cooking):
    assert len(block("add-a-dataset.md", "python").splitlines()) < 120
    arguments = ["check", "cooking", "--annotations", cooking / "annotations", "--videos", cooking / "videos"]
    arguments += ["--json", cooking / "report.json", "--workers", 1]
    result = CliRunner().invoke(data_app, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    assert "weights on the test split" in " ".join(result.output.split())
    report = json.loads((cooking / "report.json").read_text())
    assert [(split["name"], split["num_videos"], split["num_texts"]) for split in report["splits"]] == [
        ("train", 4, 8),
        ("test", 2, 4),
    ]
    loaded = load_split(
        find_benchmark("cooking"),
        None,
        "val",
        annotations=cooking / "annotations",
        videos=cooking / "videos",
    )
    assert loaded.split.texts[0].text == "step 1, of e"
    recipe = read_recipe("msrvtt", ["data.dataset=cooking", f"data.root={cooking}"])
    assert recipe.data.dataset == "cooking"


def test_the_table_of_the_page_is_read(tmp_path):
    table = write(tmp_path / "captions.csv", block("your-own-videos.md", "csv"))
    names = [
        [video.video_id for video in read_annotations(find_benchmark("own"), None, split, table)]
        for split in SPLIT_NAMES
    ]
    assert names == [["kitchen.mp4@0-6.5", "kitchen.mp4@6.5-11"], ["garden.mov"], ["street"]]
