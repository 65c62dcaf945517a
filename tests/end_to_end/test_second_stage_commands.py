"""`hbi train-second-stage`, and what is done with it by evaluate, search and explain, as a user runs them."""

import json

import pytest

from end_to_end.conftest import fail_here, succeed_here
from hbi.shape_stories import load_stories

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def second(trained, tmp_path_factory):
    file = tmp_path_factory.mktemp("second") / "second.safetensors"
    printed = succeed_here(
        "train-second-stage", trained, "--out", file, "--steps", 2, "--batch-size", 2, "--channels", 8, "--layers", 1
    )
    assert "Validation split: R@1" in printed
    return file


def test_evaluate_says_what_it_changes(trained, second, tmp_path):
    printed = succeed_here("evaluate", trained, "--second-stage", second, "--out", tmp_path)
    assert "with second.safetensors on test: 6 videos" in printed
    values = json.loads((tmp_path / "second-stage.json").read_text())
    everything = values["groups"][0]
    before = json.loads((tmp_path / "metrics.json").read_text())["text_to_video"]
    assert everything["before"] == before
    assert values["num_reranked"] == 6
    assert values["reachable"] == 100.0
    assert everything["after"]["num_queries"] == before["num_queries"]
    counted = sum(group["before"]["num_queries"] for group in values["groups"][1:])
    assert counted == before["num_queries"]


def test_search_and_explain_take_it(trained, second, data, tmp_path):
    succeed_here("index", data / "videos" / "test", "--model", trained, "--index", tmp_path / "index")
    found = json.loads(succeed_here("search", tmp_path / "index", "a red circle", "--second-stage", second, "--json"))
    assert found["hits"]
    story = load_stories(data, "test")[0]
    out = tmp_path / "why.json"
    printed = succeed_here("explain", trained, story.video, "a red circle", "--second-stage", second, "--out", out)
    assert "second-stage score" in printed
    assert json.loads(out.read_text())["score"] == "second-stage score"


def test_what_does_not_fit_is_said_in_one_line(trained, second, data, tmp_path):
    (tmp_path / "no.safetensors").write_bytes(b"nothing")
    assert "is no second stage" in fail_here("evaluate", trained, "--second-stage", tmp_path / "no.safetensors")
    said = fail_here("explain", trained, "--worst", 1, "--second-stage", second, "--out", tmp_path / "why.html")
    assert "one text on one video" in said
