"""The model card of a run tells what its files tell, and survives what it cannot read."""

import json

import pytest

from hbi.experiments.model_card import write_model_card
from hbi.matching import load
from training.tiny import run_folder

PROTOCOL = {
    "benchmark": "ShapeStories",
    "split": "test",
    "selection": "best on the validation split",
    "num_videos": 5,
    "published_videos": None,
    "num_frames": 5,
    "max_words": 16,
    "post_processing": "none",
    "is_reduced": False,
}
SCORES = {"recall@1": 12.34, "recall@5": 50.0, "recall@10": 75.0, "median_rank": 2.0, "mean_rank": 3.0}


@pytest.fixture
def run(tmp_path):
    return run_folder(tmp_path / "mine")


def test_it_names_data_training_measures_and_limits(run):
    card = write_model_card(run).read_text()
    assert "- Data: shape-stories, its train split" in card
    assert "5 frames of 16 x 16 pixels" in card
    assert "None yet: `hbi evaluate mine` measures it." in card
    assert "hbi.load('mine')" in card
    assert "not on other videos, languages, or\nlengths, and not for bias" in card
    values = {"protocol": PROTOCOL, "text_to_video": SCORES | {"recall@50": 99.0}, "video_to_text": SCORES}
    (run / "metrics.json").write_text(json.dumps(values))
    card = write_model_card(run).read_text()
    assert "ShapeStories, test, 5 videos; weights: best on the validation split; 5 frames, 16 words" in card
    assert "| text to video | 12.3 | 50.0 | 75.0 | 99.0 | 2.0 | 3.0 |" in card
    assert "| video to text | 12.3 | 50.0 | 75.0 |  | 2.0 | 3.0 |" in card, "measured by a version without R@50"
    assert "None yet" not in card
    assert load(run, device="cpu").card == card


def test_a_run_that_answers_tells_its_accuracies(tmp_path):
    run = run_folder(tmp_path / "asked", "answering")
    earlier = {"kind": "all", "accuracy": 54.7, "question_only": None, "num_questions": 9}
    rows = [earlier, earlier | {"kind": "color", "top_5": 80.0}]
    (run / "metrics.json").write_text(json.dumps({"split": "test", "num_answers": 3, "accuracies": rows}))
    card = write_model_card(run).read_text()
    assert "| all | 54.7 % | not measured | not measured | 9 |" in card
    assert "| color | 54.7 % | 80.0 % | not measured | 9 |" in card
    assert "model.answer(" in card


@pytest.mark.parametrize("content", ["", "[]", '{"text_to_video": 3, "protocol": {}}', '{"accuracies": [1]}', "\x00"])
def test_a_damaged_file_of_measures_is_passed_over(run, content):
    (run / "metrics.json").write_text(content)
    assert "None yet" in write_model_card(run).read_text()
