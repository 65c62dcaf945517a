"""The examples of this room run."""

import re
import runpy
from pathlib import Path


def test_interactions_of_any_model(capsys):
    runpy.run_path(str(Path(__file__).parents[2] / "examples" / "interactions_of_any_model.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert re.search(r"Shapley values sum to the model's MaxSim: (\d+\.\d{4}) = \1\n", printed)
    assert "contributes most: 'cat'" in printed
