"""The examples of this room run."""

import runpy
from pathlib import Path


def test_interactions_of_any_model(capsys):
    runpy.run_path(str(Path(__file__).parents[2] / "examples" / "interactions_of_any_model.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert "Shapley values sum to the similarity: 0.4808 = 0.4808" in printed
    assert "contributes most: 'cat'" in printed
