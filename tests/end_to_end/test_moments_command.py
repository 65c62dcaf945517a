"""`hbi evaluate --moments`, as a user runs it: on ShapeStories, and on an own table with start and end."""

import json

import pytest

from end_to_end.conftest import fail_here, succeed_here
from hbi.shape_stories import load_stories

pytestmark = pytest.mark.slow


def test_evaluate_measures_moments_as_well(trained, tmp_path):
    printed = succeed_here("evaluate", trained, "--moments", "--out", tmp_path)
    assert "moments of test: 6 videos" in printed
    assert "best possible" in printed
    assert "two annotators" not in printed
    values = json.loads((tmp_path / "moments.json").read_text())
    everything = values["groups"][0]
    assert everything["name"] == "all"
    assert sum(group["num_texts"] for group in values["groups"][1:]) == everything["num_texts"]
    lines = [json.loads(line) for line in (tmp_path / "moments.jsonl").read_text().splitlines()]
    assert len(lines) == everything["num_texts"]
    right = [iou(line["proposed"][0], line["annotated"][0]) >= 0.5 for line in lines]
    assert everything["scores"]["recall@1, iou 0.5"] == pytest.approx(100 * sum(right) / len(right))
    best = everything["best_possible"]["mean_iou"]
    assert everything["scores"]["mean_iou"] <= best <= 100


def iou(one, other):
    """Intersection over union, by counting hundredths of a second."""
    both = [{*range(round(100 * start), round(100 * end))} for start, end in (one, other)]
    return len(both[0] & both[1]) / len(both[0] | both[1])


def test_own_tables_with_start_and_end_and_without(trained, data, tmp_path):
    story = load_stories(data, "test")[0]
    event = story.events[0]
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "film.mp4").symlink_to(story.video.absolute())
    table = tmp_path / "own" / "captions.csv"
    row = f"film.mp4,a {event.color} {event.shape},{event.start_seconds},{event.end_seconds},test"
    table.write_text(f"video,caption,start,end,split\n{row}\n")
    succeed_here("evaluate", trained, "--data", table.parent, "--dataset", "own", "--moments", "--out", tmp_path)
    (line,) = [json.loads(line) for line in (tmp_path / "moments.jsonl").read_text().splitlines()]
    assert line["annotated"] == [[event.start_seconds, event.end_seconds]]
    assert line["proposed"][0][1] <= story.duration_seconds + 1e-6
    table.write_text("video,caption,split\nfilm.mp4,a thing,test\n")
    said = fail_here("evaluate", trained, "--data", table.parent, "--dataset", "own", "--moments")
    assert "--moments needs start and end" in said
