"""All measures of a small random network in one report."""

from pathlib import Path

import pytest

from evaluation.small_split import TEXTS
from hbi.data.samples import Evidence, MinimalPair, Split, Text, Video
from hbi.evaluation.choice_accuracy import minimal_pair_accuracy
from hbi.evaluation.ranks import dual_softmax, ranks
from hbi.evaluation.retrieval_report import evaluate
from hbi.evaluation.similarity_matrix import similarity_matrix
from hbi.shapes import LEVELS


@pytest.fixture
def split():
    return Split(
        "test",
        tuple(Video(f"v{index}", Path(f"v{index}.mp4")) for index in range(3)),
        (Text(TEXTS[0], 0, (0,)), Text(TEXTS[1], 1, (1, 2)), Text(TEXTS[2], 2, (2,)), Text(TEXTS[3], 0, (0, 2))),
        (MinimalPair("color", 0, TEXTS[0], "a blue circle spins"), MinimalPair("shape", 1, TEXTS[1], "a blue circle")),
        (Evidence(TEXTS[0], 2, 5, 0, 0.0, 4.0, 8.0), Evidence(TEXTS[1], 7, 11, 2, 4.0, 8.0, 8.0)),
    )


def test_a_report_holds_every_measure_and_agrees_with_itself(matcher, split, frames):
    calls = []
    report = evaluate(matcher, split, frames, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (4, 4)
    assert (report.num_texts, report.num_videos) == (4, 3)
    assert report.text_to_video.mean_rank == pytest.approx(sum(query.rank for query in report.text_ranks) / 4)
    assert report.video_to_text.mean_rank == pytest.approx(sum(query.rank for query in report.video_ranks) / 3)
    assert report.video_to_captions.num_queries == 3
    assert report.intervals_text_to_video[4].value == pytest.approx(report.text_to_video.mean_rank)
    assert report.chance_text_to_video == pytest.approx((50.0, 100.0, 100.0, 100.0))
    assert [pair.kind for pair in report.minimal_pairs] == ["color", "shape"]
    assert [level.level for level in report.localization] == list(LEVELS)
    values = report.to_dict()
    assert values["text_to_video"]["recall@5"] == 100.0
    assert values["faults"] == ("one fault",)
    assert "text_ranks" not in values
    assert [query.text for query in report.text_ranks] == list(TEXTS)
    assert [query.video_id for query in report.text_ranks] == ["v0", "v1", "v2", "v0"]


def test_dual_softmax_changes_ranks_alone(matcher, split, frames):
    plain, dual = (evaluate(matcher, split, frames, is_dual_softmax=chosen) for chosen in (False, True))
    similarity = similarity_matrix(matcher, list(TEXTS), frames)
    scaled = dual_softmax(similarity, float(matcher.model.encoder.logit_scale.detach()))
    assert [query.rank for query in dual.text_ranks] == ranks(scaled, split.relevance).expected.tolist()
    assert dual.minimal_pairs == plain.minimal_pairs


def test_a_tie_counts_half(matcher, frames):
    pairs = [MinimalPair("color", 0, "a red circle", "a red circle")]
    (accuracy,) = minimal_pair_accuracy(matcher, pairs, frames)
    assert (accuracy.kind, accuracy.accuracy, accuracy.num_pairs) == ("color", 50.0, 1)
