"""`hbi evaluate --minimal-pairs`, as a user runs it."""

import json

import pytest

from end_to_end.conftest import call, succeed_here

pytestmark = pytest.mark.slow


def test_evaluate_measures_minimal_pairs_as_well(trained, tmp_path):
    printed = succeed_here("evaluate", trained, "--minimal-pairs", "--out", tmp_path)
    assert "minimal pairs of 6 videos" in printed
    assert "the data set's own: color" in printed
    assert "chance is 50" in printed
    values = json.loads((tmp_path / "minimal-pairs.json").read_text())
    assert {kind["kind"] for kind in values["own"]} == {"color", "shape", "action", "order"}
    assert values["split"] == "test"
    assert "order" in {kind["kind"] for kind in values["exchanged"]}
    for kind in values["exchanged"] + values["own"]:
        assert 0 <= kind["low"] <= kind["accuracy"] <= kind["high"] <= 100
        assert kind["num_pairs"] > 0


def test_help_says_what_is_exchanged():
    code, printed, _ = call("evaluate", "--help")
    assert code == 0
    words = " ".join(printed.replace("│", " ").split())
    assert "Also measure how often a caption scores above the same caption made wrong" in words
