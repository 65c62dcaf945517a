"""The moment of a hit: from stored tokens as from the file, across neighbors, and the same one once."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from hbi.matching import Matcher
from hbi.matching.moment_spans import MomentEvidence, evidence_in_video, frame_edges, rank_spans
from hbi.models import GlobalConfig, GlobalContrastModel
from hbi.search import VideoIndex
from hbi.search.frame_fits import frames_that_match
from hbi.search.hit_moments import HitMoment, _moment, frame_evidence, hit_moments
from hbi.search.snapshot import Segments
from hbi.video import PictureFormat
from hbi.video.places import expected_places
from small_networks import global_config

TEXT = "a red square moves left"


def times_of(start: float, end: float, count: int) -> Sequence[float]:
    return expected_places(start, end, count, num_frames=count, picture=PictureFormat.square(16))


def whole_model(matcher: Matcher) -> Matcher:
    torch.manual_seed(3)
    values = global_config(matcher.config).to_dict() | {"temporal_layers": 0}
    config = GlobalConfig(**{name: value for name, value in values.items() if name not in ("model_type", "aggregator")})
    return replace(matcher, model=GlobalContrastModel(config).eval(), name="whole")


def segments_of(*spans: tuple[float, float], content: str = "a") -> Segments:
    starts, ends = np.array(spans, float).T
    return Segments(np.array([content] * len(spans), object), starts, ends, arrays=[])


def evidence_of(*alone: float) -> MomentEvidence:
    return MomentEvidence.of_whole(np.array(alone))


def test_a_moment_reaches_into_neighbors_whose_frames_fit():
    near = segments_of((0.0, 4.0), (4.0, 8.0), (8.0, 12.0))
    evidence = [evidence_of(0.1, 0.1, 0.1, 0.9), evidence_of(0.9, 0.9, 0.1, 0.1), evidence_of(0.1, 0.1, 0.1, 0.1)]
    assert _moment(times_of, near[1:2], 0, near, evidence) == HitMoment(3.0, 6.0)


def test_a_moment_holds_a_frame_of_the_segment_that_was_scored():
    near = segments_of((0.0, 4.0), (4.0, 8.0))
    evidence = [evidence_of(0.9, 0.9, 0.1, 0.1), evidence_of(0.1, 0.1, 0.1, 0.2)]
    found = _moment(times_of, near[1:2], 0, near, evidence)
    assert found.end_seconds > 4.0


def test_where_segments_overlap_the_scored_one_tells_of_its_seconds():
    near = segments_of((0.0, 4.0), (2.0, 6.0), (4.0, 8.0))
    evidence = [evidence_of(0.9, 0.1, 0.9, 0.9), evidence_of(0.1, 0.1, 0.9, 0.9), evidence_of(0.1, 0.1, 0.9, 0.1)]
    # Seconds 2 to 6 are those of the second segment; before them the first one's, behind them the third one's.
    assert _moment(times_of, near[1:2], 0, near, evidence) == HitMoment(4.0, 7.0)


def test_of_other_videos_and_of_segments_farther_away_nothing_is_taken():
    near = segments_of((4.0, 8.0), (12.0, 16.0))
    other = segments_of((0.0, 4.0), content="b")
    both = Segments(
        np.concatenate([near.content, other.content]),
        np.concatenate([near.start_seconds, other.start_seconds]),
        np.concatenate([near.end_seconds, other.end_seconds]),
        arrays=[],
    )
    evidence = [evidence_of(0.9, 0.1, 0.1, 0.1), evidence_of(0.9, 0.9, 0.9, 0.9), evidence_of(0.1, 0.1, 0.1, 0.9)]
    assert _moment(times_of, near[:1], 0, both, evidence) == HitMoment(4.0, 5.0)
    assert _moment(times_of, near[:1], 0, both, None) == HitMoment(4.0, 8.0)


@pytest.mark.parametrize("kind", ["hbi", "global"])
def test_stored_frames_give_the_evidence_of_the_file(index, matcher, clips, tmp_path, kind):
    if kind == "global":
        matcher = whole_model(matcher)
        index = VideoIndex.create(tmp_path / "index", matcher)
        index.add([clips])
    snapshot, texts = index.snapshot(), matcher.encode_texts([TEXT])
    for hit in index.search(TEXT, limit=3).hits:
        segment = snapshot.segment(hit.segment_id)
        (stored,) = frame_evidence(index.codec, texts.encoding, segment, snapshot.frame_vectors(segment))
        span = {"start_seconds": hit.segment_start_seconds, "end_seconds": hit.segment_end_seconds}
        pixels, mask = matcher.read_videos([hit.path], **span)
        (read,) = evidence_in_video(matcher, texts.encoding, pixels[0][mask[0]])
        assert stored.cosines == pytest.approx(read.cosines, abs=5e-3)
        assert stored.alone == pytest.approx(read.alone, abs=5e-3)
        found = hit_moments(index.codec, snapshot, texts.encoding, segment)[0]
        assert (hit.start_seconds, hit.end_seconds) == (found.start_seconds, found.end_seconds)


def test_a_video_of_one_segment_has_the_moment_that_the_measure_finds(index, matcher):
    texts = matcher.encode_texts([TEXT])
    hit = next(hit for hit in index.search(TEXT, limit=50).hits if hit.path.name == "clip-4.mkv")
    segment = index.snapshot().segment(hit.segment_id)
    (evidence,) = frame_evidence(index.codec, texts.encoding, segment, None)
    start, end = hit.segment_start_seconds, hit.segment_end_seconds
    times = (np.arange(len(evidence.alone)) + 0.5) * (end - start) / len(evidence.alone) + start
    span = rank_spans(evidence, frame_edges(times.tolist(), start, end))[0]
    assert (hit.start_seconds, hit.end_seconds) == pytest.approx(span.seconds)


def test_words_are_judged_by_the_frames_of_the_moment(index):
    hit = index.search("a red square", limit=1).hits[0]
    snapshot = index.snapshot()
    segment = snapshot.segment(hit.segment_id)
    words = ["red", "square", "blue", "left", "star", "a"]
    whole = HitMoment(hit.segment_start_seconds, hit.segment_end_seconds)
    everywhere = frames_that_match(index.codec, words, segment, None)
    assert np.array_equal(everywhere, frames_that_match(index.codec, words, segment, None, [whole]))
    middle = (whole.start_seconds + whole.end_seconds) / 2
    halves = [HitMoment(whole.start_seconds, middle), HitMoment(middle, whole.end_seconds)]
    first, second = (frames_that_match(index.codec, words, segment, None, [half]) for half in halves)
    assert np.array_equal(first | second, everywhere)


def test_large_indexes_ask_the_table_for_neighbors(index, monkeypatch):
    hits = index.search(TEXT, limit=3).hits
    snapshot = index.snapshot()
    best = [snapshot.segment(hit.segment_id) for hit in hits]
    here = [snapshot.beside(each) for each in best]
    monkeypatch.setattr(snapshot, "in_memory", None)
    for own, kept in zip(best, here, strict=True):
        asked = snapshot.beside(own)
        assert sorted(asked.start_seconds) == sorted(kept.start_seconds)
        assert set(asked.content) == set(own.content)
        reach = asked.start_seconds.min(), asked.end_seconds.max()
        assert reach[0] <= own.start_seconds[0]
        assert reach[1] >= own.end_seconds[0]


def test_two_moments_of_a_video_are_the_same_where_they_overlap_much():
    one = HitMoment(2.0, 6.0)
    assert one.is_same_as(HitMoment(3.0, 6.0))
    assert not one.is_same_as(HitMoment(5.0, 9.0))
    assert [one.holds(second) for second in (1.9, 2.0, 5.9, 6.0)] == [False, True, True, False]
