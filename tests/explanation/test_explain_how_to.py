"""The how-to page shows code that runs."""

import re
from pathlib import Path

import numpy as np
import torch

from explanation.made_up import build_explanation
from small_clips import write_clip
from small_networks import small_matcher

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "explain.md"


def test_the_python_of_the_how_to_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small_matcher(["a red circle slides left"]).save_pretrained("runs/mine")
    write_clip(tmp_path / "clip.mp4", seconds=2)
    names = {
        "word_tokens": torch.randn(3, 8),
        "frame_tokens": torch.randn(4, 8),
        "seconds": [1.0, 4.0, 7.0, 10.0],
        "thumbnails": np.zeros((4, 3, 6, 8), dtype=np.uint8),
        "query_tokens": torch.randn(4, 8),
        "passage_tokens": torch.randn(4, 8),
        "patch_tokens": torch.randn(24, 8),
        "picture": np.zeros((3, 50, 70), dtype=np.uint8),
    }
    opened, drawn, of_tokens, labelled, section = re.findall(
        r"```python\n(.*?)```", HOW_TO.read_text(), flags=re.DOTALL
    )
    exec(opened, names)
    assert len(names["explanation"].words) == 5
    names |= {"explanation": build_explanation("a red circle"), "another": build_explanation("a blue circle")}
    exec(drawn, names)
    assert (tmp_path / "figure.pdf").is_file()
    assert (tmp_path / "levels.svg").is_file()
    exec(of_tokens, names)
    assert len(names["explanation"].levels) == 3
    exec(labelled, names)
    assert [frame.label for frame in names["of_a_passage"].frames] == ["Saturn", "has", "bright", "rings"]
    assert names["of_a_picture"].frames[23].label == "row 4, column 6"
    exec(section, names)
    assert 'data-player="#player"' in names["section"]
    assert names["section"].count('class="hbi-verdict"') == 2
