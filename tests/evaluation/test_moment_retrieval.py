"""Moment retrieval: the measures by hand, the whole report against a loop, annotators who differ."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluation.small_split import TEXTS
from hbi.data.samples import MomentQuery, Split, Video
from hbi.evaluation.moment_retrieval import measure_moments
from hbi.evaluation.moment_scores import MomentScores, score_best_possible, score_random, score_ranked
from hbi.matching.moment_spans import overlap

QUERIES = (
    MomentQuery(TEXTS[0], 0, ((0.0, 4.0),), 1, 8.0),
    MomentQuery(TEXTS[1], 2, ((2.0, 8.0),), 2, 8.0),
    MomentQuery(TEXTS[3], 0, ((4.0, 6.0),), 1, 8.0),
)


@pytest.fixture
def split():
    videos = tuple(Video(f"v{index}", Path(f"v{index}.mp4")) for index in range(3))
    return Split("test", videos, (), moments=QUERIES)


def test_a_span_is_right_from_an_overlap_on_and_five_are_asked():
    ranked = [(0.0, 2.0), (2.0, 6.0), (3.0, 5.0)]
    assert score_ranked(ranked, [(2.0, 5.0)]).tolist() == [0, 0, 0, 1, 1, 1, 0.0]
    assert score_ranked([(2.0, 6.0)], [(2.0, 5.0)]).tolist() == [1, 1, 1, 1, 1, 1, 0.75]
    late = [*((float(start), start + 0.5) for start in range(6, 11)), (2.0, 5.0)]
    assert score_ranked(late, [(2.0, 5.0)]).tolist() == [0] * 7
    assert score_ranked([(2.0, 4.0)], [(2.0, 6.0)])[:3].tolist() == [1, 1, 0]


def test_a_span_has_to_agree_with_two_annotators_and_the_worst_is_left_out_of_the_mean():
    truth = [(0.0, 10.0), (0.0, 10.0), (0.0, 5.0), (20.0, 25.0)]
    assert score_ranked([(0.0, 10.0)], truth)[:3].tolist() == [1, 1, 1]
    assert score_ranked([(0.0, 10.0)], truth)[6] == pytest.approx((1 + 1 + 0.5) / 3)
    assert score_ranked([(20.0, 25.0)], truth)[:3].tolist() == [0, 0, 0]
    assert score_ranked([(0.0, 5.0)], truth)[:3].tolist() == [1, 1, 0]


def test_random_spans_score_what_many_draws_score():
    random = np.random.default_rng(0)
    truth, length, duration = [(2.0, 6.0)], 3.0, 12.0
    draws = random.uniform(0, duration - length, (20_000, 5))
    found = np.array([[overlap((start, start + length), truth[0]) for start in row] for row in draws])
    expected = [
        *((found[:, 0] >= least).mean() for least in (0.3, 0.5, 0.7)),
        *((found.max(1) >= least).mean() for least in (0.3, 0.5, 0.7)),
        found[:, 0].mean(),
    ]
    assert score_random(truth, length, duration) == pytest.approx(expected, abs=0.02)
    assert score_random(truth, 99.0, duration)[6] == pytest.approx(4 / 12)


def test_no_span_of_frames_is_better_than_the_best_possible():
    edges = np.array([0.0, 2.0, 4.0, 6.0, 8.0])
    assert score_best_possible(edges, [(2.0, 6.0)]).tolist() == [1] * 7
    assert score_best_possible(edges, [(3.0, 6.0)])[6] == pytest.approx(3 / 4)
    assert score_best_possible(edges, [(3.0, 6.0)])[[1, 2]].tolist() == [1, 1]


def test_a_report_measures_every_text_and_each_number_of_events(matcher, split, frames):
    calls = []
    report = measure_moments(matcher, split, frames, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (3, 3)
    assert [(group.name, group.num_texts) for group in report.groups] == [("all", 3), ("1 event", 2), ("2 events", 1)]
    assert (report.num_videos, report.num_frames, report.problems) == (2, 4, ("one fault",))
    assert report.seconds_between_frames == pytest.approx(2.0)
    truth = {query.text: query.spans for query in QUERIES}
    values = np.array([score_ranked(found.proposed, truth[found.text]) for found in report.found])
    assert report.groups[0].scores == MomentScores.of(values)
    assert report.groups[0].interval.value == pytest.approx(report.groups[0].scores.recalls[1])
    for found in report.found:
        assert found.annotated == truth[found.text]
        assert 1 <= len(found.proposed) <= 5
        assert all(0 <= start < end <= 8 for start, end in found.proposed)
    whole = report.groups[2].whole_video
    assert whole.recalls == (100, 100, 100, 100, 100, 100)
    assert whole.mean_overlap == pytest.approx(75)
    assert report.groups[0].best_possible.mean_overlap == pytest.approx(100)
    first = report.to_dict()["groups"][0]["scores"]
    assert first["recall@1, iou 0.5"] == report.groups[0].scores.recalls[1]
    assert first["mean_iou"] == report.groups[0].scores.mean_overlap


def test_a_span_without_an_end_ends_with_the_video(matcher, split, frames):
    query = MomentQuery(TEXTS[0], 0, ((4.0, float("inf")),))
    report = measure_moments(matcher, replace(split, moments=(query,)), frames)
    assert report.found[0].annotated == ((4.0, 8.0),)
    assert not report.has_several_annotators
