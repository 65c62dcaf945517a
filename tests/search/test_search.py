"""Searching: the order is evaluation's, moments are merged, filters hold, and a score says how unusual it is."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import torch

import hbi.search.snapshot as snapshots
from hbi.data.frames import decode_frames
from hbi.data.samples import Video
from hbi.evaluation.ranks import ranks, retrieval_scores
from hbi.evaluation.similarity_matrix import similarity_matrix
from hbi.matching import ExplanationError
from hbi.matching.moment_spans import overlap
from hbi.search import Filters, SearchError, VideoIndex
from hbi.search.calibration import Calibration, unrelated_texts
from hbi.search.moments import merge_moments
from hbi.search.ranking import Ranking, rank
from hbi.search.recall_check import check_recall
from hbi.search.results import result_to_dict
from hbi.search.snapshot import Segments
from hbi.video import PictureFormat
from small_clips import write_clip
from small_networks import global_config, small_model

TEXTS = ["a red square moves", "the green circle", "one blue star spins at night", "left and right", "down it falls"]


@pytest.fixture(scope="module")
def whole(matcher, tmp_path_factory):
    """An index of many short videos, each of them one segment."""
    folder = tmp_path_factory.mktemp("whole")
    for number in range(24):
        write_clip(folder / "videos" / f"{number:02d}.mp4", seconds=2, seed=number)
    index = VideoIndex.create(folder / "index", matcher, window_seconds=None)
    index.add([folder / "videos"])
    return index


def evaluated(index):
    """The similarity of evaluation: [text, video], and the videos' paths."""
    paths = [record.path for record in index.videos()]
    store = decode_frames([Video(path, Path(path)) for path in paths], num_frames=6, picture=PictureFormat.square(16))
    return similarity_matrix(index.matcher, TEXTS, store), paths


def test_search_ranks_as_evaluation_does(whole):
    similarity, paths = evaluated(whole)
    found = torch.full_like(similarity, -2.0)
    for row, text in enumerate(TEXTS):
        hits = whole.search(text, limit=len(paths)).hits
        assert len(hits) == len(paths)
        for hit in hits:
            found[row, paths.index(str(hit.path))] = hit.score
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert torch.allclose(found, similarity, atol=1e-3)
    relevance = torch.zeros_like(similarity, dtype=torch.bool)
    relevance[range(len(TEXTS)), similarity.argmax(1)] = True
    assert retrieval_scores(ranks(found, relevance)) == retrieval_scores(ranks(similarity, relevance))


def test_candidates_find_what_looking_at_everything_finds(whole, monkeypatch):
    exact = {text: [hit.segment_id for hit in whole.search(text).hits] for text in TEXTS}
    monkeypatch.setattr(snapshots, "EXACT_UP_TO", 0)
    coarse = VideoIndex.open(whole.path)
    assert coarse.snapshot().in_memory.whole is None
    for text in TEXTS:
        result = coarse.search(text)
        assert [hit.segment_id for hit in result.hits] == exact[text]
        assert result.is_exhaustive
    assert check_recall(coarse, num_queries=5).recall_at_10 == 1.0
    query = coarse.matcher.encode_texts(TEXTS[:1])
    few = rank(coarse.codec, coarse.snapshot(), query.encoding, num_candidates=3)
    assert len(few.segments) == 3


def test_a_large_index_is_searched_through_its_vector_index(whole, monkeypatch):
    from hbi.search.candidates import build_vector_index

    exact = {text: {hit.segment_id for hit in whole.search(text).hits} for text in TEXTS}
    monkeypatch.setattr(snapshots, "EXHAUSTIVE_UP_TO", 0)
    large = VideoIndex.open(whole.path)
    with pytest.raises(SearchError, match="no vector index"):
        large.search(TEXTS[0])
    build_vector_index(large.store)
    large = VideoIndex.open(whole.path)
    found = {text: large.search(text) for text in TEXTS}
    assert not found[TEXTS[0]].is_exhaustive
    shares = [len(exact[text] & {hit.segment_id for hit in found[text].hits}) / len(exact[text]) for text in TEXTS]
    assert np.mean(shares) > 0.9
    only = large.search(TEXTS[0], filters=Filters(path="*03.mp4")).hits
    assert [hit.path.name for hit in only] == ["03.mp4"]


def test_neighbors_become_one_moment(index):
    hits = index.search("a red square", limit=50).hits
    for one in hits:
        assert 0 <= one.segment_start_seconds < one.segment_end_seconds <= one.duration_seconds + 1e-6
        assert 0 <= one.start_seconds < one.end_seconds <= one.duration_seconds + 1e-6
        assert one.start_seconds < one.segment_end_seconds
        assert one.end_seconds > one.segment_start_seconds
        assert one.start_seconds <= one.best_frame_seconds < one.end_seconds
        for other in hits:
            if one is not other and one.path == other.path:
                spans = [(each.start_seconds, each.end_seconds) for each in (one, other)]
                assert overlap(*spans) <= 0.5
    assert len({hit.path for hit in hits}) == 5


def test_merging_by_hand():
    def ranking(*rows):
        content, start, end, scores = zip(*rows, strict=True)
        segments = Segments(np.array(content, object), np.array(start, float), np.array(end, float), arrays=[])
        return Ranking(segments, np.array(scores), len(rows), True, typical_score=0.0)

    moments = merge_moments(
        ranking(("a", 5, 15, 1.0), ("b", 0, 10, 0.9), ("a", 0, 10, 0.8), ("a", 10, 20, 0.3), ("a", 40, 50, 0.2)), 9
    )
    assert [(each.content, each.start_seconds, each.end_seconds, each.row) for each in moments] == [
        ("a", 0, 15, 0),  # wide enough with the good neighbor, not with the poor one
        ("b", 0, 10, 1),
        ("a", 40, 50, 4),
    ]


def test_filters(index, clips):
    def paths(**conditions):
        return {hit.path.name for hit in index.search("a red square", limit=50, filters=Filters(**conditions)).hits}

    everything = {f"clip-{number}.mp4" for number in range(4)} | {"clip-4.mkv"}
    assert paths() == everything
    assert paths(path=str(clips / "deeper")) == {"clip-4.mkv"}
    assert paths(path="*.mkv") == {"clip-4.mkv"}
    assert paths(path="clip-1*") == {"clip-1.mp4"}
    assert paths(min_seconds=11) == {"clip-0.mp4", "clip-1.mp4"}
    assert paths(max_seconds=5) == {"clip-4.mkv"}
    now = datetime.now().astimezone()
    assert paths(after=now - timedelta(days=1)) == everything
    assert paths(after=now + timedelta(days=1)) == set()
    assert paths(before=now + timedelta(days=1)) == everything
    assert paths(path="nothing*") == set()


def test_a_clip_finds_itself(index, clips):
    for name in ("clip-2.mp4", "deeper/clip-4.mkv"):
        best = index.search_like(clips / name).hits[0]
        assert best.path == clips / name
        assert best.words == ()
        assert best.score > 0.99
    span = index.search_like(clips / "clip-0.mp4", start_seconds=5, end_seconds=15).hits[0]
    assert (span.segment_start_seconds, span.segment_end_seconds) == (5, 15)


def test_a_score_is_held_against_unrelated_texts(index):
    texts = unrelated_texts(index.matcher, 24)
    assert texts == unrelated_texts(index.matcher, 24)
    assert {len(text.split()) for text in texts} == set(range(1, 13))
    rarities = [index.search(text, limit=1).hits[0].rarity for text in unrelated_texts(index.matcher, 60)]
    assert 0.3 < np.mean(rarities) < 0.7  # an unrelated text is as unusual as any other
    assert np.mean([rarity >= 0.95 for rarity in rarities]) < 0.2


def test_rarity_by_hand():
    calibration = Calibration((2,) * 100 + (9,) * 100, (0.1,) * 99 + (0.9,) + (0.5,) * 100, (0.3, 0.7), 10)
    assert calibration.rarity_of_text(0.2, "two words") == 0.99
    assert calibration.rarity_of_text(0.2, "a text of nine words which is rather long") == 0.0
    assert calibration.rarity_of_clip(0.5) == 0.5
    assert Calibration((), (), (), 0).rarity_of_text(1.0, "x") == 0.0


def test_no_good_match_is_said_and_the_closest_are_marked(index):
    result = index.search("a red square", threshold=1.0)
    assert result.hits
    for hit in result.hits:
        assert not hit.is_good or hit.rarity >= 1.0
        assert hit.reason.startswith("Better than ")
    assert index.search("a red square", threshold=0.0).has_good_match


def test_words_are_those_of_the_text(index):
    text = "A red square, and it's left!"
    for hit in index.search(text).hits:
        assert [word.text for word in hit.words] == ["A", "red", "square", "and", "it's", "left"]
        assert all(text[word.start : word.end] == word.text for word in hit.words)
        assert all(0 <= word.share_below <= 1 for word in hit.words)
        assert all(word.share_below > 0.65 for word in hit.words if word.verdict == "found")


def test_an_explanation_is_of_the_segment(index):
    hit = index.search("a red square").hits[0]
    explanation = index.explain(
        hit.path, "a red square", start_seconds=hit.segment_start_seconds, end_seconds=hit.segment_end_seconds
    )
    assert explanation.similarity == pytest.approx(hit.score, abs=1e-3)
    with pytest.raises((SearchError, ExplanationError), match="no words"):
        index.search(" ?! ")


def test_located_and_thumbnail(index):
    hit = index.search("a red square").hits[0]
    located = index.locate(hit.segment_id)
    assert (located.path, located.start_seconds) == (hit.path, hit.segment_start_seconds)
    assert index.thumbnail(hit.segment_id)[:2] == b"\xff\xd8"
    for unknown in ("", "x", "' OR 1=1 --", hit.segment_id + "0"):
        assert index.locate(unknown) is None
        assert index.thumbnail(unknown) is None


def test_an_answer_as_json(index):
    record = json.loads(json.dumps(result_to_dict(index.search("a red square"))))
    assert record["hits"][0]["words"][0]["text"] == "a"
    assert record["num_segments"] == index.snapshot().num_segments


def test_an_empty_index_answers_with_nothing(matcher, tmp_path):
    (tmp_path / "videos").mkdir()
    index = VideoIndex.create(tmp_path / "index", matcher)
    index.add([tmp_path / "videos"])
    assert index.search("a red square").hits == ()


def test_a_model_that_compares_wholes(clips, tmp_path):
    from hbi.matching import Matcher
    from hbi.models import GlobalContrastModel
    from hbi.models.processor import HBIProcessor

    model, tokenizer = small_model(TEXTS)
    torch.manual_seed(1)
    wholes = GlobalContrastModel(global_config(model.config)).eval()
    matcher = Matcher(wholes, HBIProcessor.for_model(wholes.config, tokenizer), "global")
    index = VideoIndex.create(tmp_path / "index", matcher)
    index.add([clips])
    result = VideoIndex.open(tmp_path / "index").search("a red square")
    assert len(result.hits) >= 5
    assert all([word.text for word in hit.words] == ["a", "red", "square"] for hit in result.hits)
    assert index.explain(clips / "clip-1.mp4", "a red square").words_at_input
