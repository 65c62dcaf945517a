"""The how-to page shows code that runs."""

import re
from pathlib import Path

import numpy as np
import torch
from made_up import build_explanation

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "explain.md"


def test_the_python_of_the_how_to_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    build_explanation("a red circle").save(tmp_path / "saved")
    names = {
        "another": build_explanation("a blue circle"),
        "word_tokens": torch.randn(3, 8),
        "frame_tokens": torch.randn(4, 8),
        "seconds": [1.0, 4.0, 7.0, 10.0],
        "thumbnails": np.zeros((4, 3, 6, 8), dtype=np.uint8),
    }
    blocks = re.findall(r"```python\n(.*?)```", HOW_TO.read_text(), flags=re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(block, names)
    assert (tmp_path / "figure.pdf").is_file()
    assert len(names["explanation"].levels) == 3
