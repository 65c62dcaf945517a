"""The code of docs/how-to/share-a-model.md runs, and both ways to open the folder give the same similarity."""

import re
from pathlib import Path

import pytest

import hbi
from hbi.matching.opened_model import OpenedModel
from small_clips import write_clip
from small_networks import small_matcher

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "share-a-model.md"


def test_the_python_of_the_how_to_runs(tmp_path, monkeypatch, capsys):
    share, open_again = re.findall(r"```python\n(.*?)```", HOW_TO.read_text(), flags=re.DOTALL)
    uploads = []
    monkeypatch.setattr(OpenedModel, "push_to_hub", lambda self, name: uploads.append(name))
    monkeypatch.chdir(tmp_path)
    small_matcher(["a red circle slides left"]).save_pretrained("runs/mine")
    write_clip(tmp_path / "clip.mp4", seconds=2)
    exec(share, {})
    assert uploads == ["author/name"]
    capsys.readouterr()
    found = {}
    exec(open_again, found)
    own = hbi.load("shared", device="cpu").similarity("a red circle slides left", "clip.mp4")
    similarity = found["model"].similarity(found["words"], found["video"])
    assert similarity.item() == pytest.approx(own.item(), abs=1e-6)
    files = {path.name for path in (tmp_path / "shared").iterdir()}
    named = set(re.findall(r"`(\w+\.json|model\.safetensors|SHA256SUMS)`[^|]*\|[^|]*\| yes", HOW_TO.read_text()))
    assert named <= files
