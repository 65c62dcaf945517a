"""Moments out of what frames are worth, against slow obvious versions."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from hbi.matching.moment_spans import (
    DEVIATIONS,
    EXCESS_WEIGHT,
    MomentEvidence,
    evidence_in_video,
    frame_edges,
    overlap,
    rank_spans,
    span_scores,
)
from hbi.models import GlobalContrastModel
from small_networks import global_config, small_matcher

TEXTS = ("a red circle spins", "a blue star falls, then a red circle spins")


def drawn(seed, num_words=3, num_frames=7):
    random = np.random.default_rng(seed)
    weights = random.random(num_words)
    evidence = MomentEvidence(
        random.uniform(-1, 1, (num_words, num_frames)), weights / weights.sum(), random.uniform(-1, 1, num_frames)
    )
    return evidence, np.cumsum([0.0, *random.uniform(0.5, 2.0, num_frames)])


def obvious_score(evidence, edges, first, last):
    """The formula of the module's docstring, word by word and frame by frame."""
    lengths = [end - start for start, end in pairwise(edges)]
    total = sum(lengths)
    mean = sum(length * each for length, each in zip(lengths, evidence.alone, strict=True)) / total
    spread = sum(length * (each - mean) ** 2 for length, each in zip(lengths, evidence.alone, strict=True)) / total
    coverage = sum(
        weight * max(cosines[first:last])
        for weight, cosines in zip(evidence.word_weights, evidence.cosines, strict=True)
    )
    excess = sum(
        lengths[frame] * (evidence.alone[frame] - mean - DEVIATIONS * spread**0.5) for frame in range(first, last)
    )
    return coverage + EXCESS_WEIGHT * excess / total


@pytest.mark.parametrize("seed", range(5))
def test_the_score_of_every_span_is_the_formula(seed):
    evidence, edges = drawn(seed)
    scores = span_scores(evidence, edges)
    for first in range(7):
        for last in range(8):
            expected = obvious_score(evidence, edges, first, last) if last > first else -np.inf
            assert scores[first, last] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_spans_come_best_first_and_none_is_much_the_same_as_a_better_one(seed):
    evidence, edges = drawn(seed, num_frames=9)
    spans = rank_spans(evidence, edges, count=4)
    every = sorted(
        ((obvious_score(evidence, edges, a, b), (edges[a], edges[b])) for a in range(9) for b in range(a + 1, 10)),
        reverse=True,
    )
    kept = []
    for score, seconds in every:
        if len(kept) < 4 and all(overlap(seconds, better) <= 0.5 for _, better in kept):
            kept.append((score, seconds))
    assert [span.seconds for span in spans] == [seconds for _, seconds in kept]
    assert [span.score for span in spans] == pytest.approx([score for score, _ in kept])
    first = rank_spans(evidence, edges, count=1, within=range(6, 8))[0]
    expected = max(pair for pair in every if pair[1][0] < edges[8] and pair[1][1] > edges[6])
    assert (first.score, first.seconds) == (pytest.approx(expected[0]), expected[1])


def test_the_excess_can_be_counted_in_another_unit_than_all_frames_together():
    evidence, edges = drawn(0)
    coverage = span_scores(evidence, edges, unit_seconds=1e12)
    own, double = (span_scores(evidence, edges, unit_seconds=unit * edges[-1]) for unit in (1, 2))
    places = np.isfinite(own)
    assert own[places] == pytest.approx(span_scores(evidence, edges)[places])
    assert own[places] - coverage[places] == pytest.approx(2 * (double[places] - coverage[places]), abs=1e-9)


def test_one_event_is_its_frames_and_two_events_are_all_from_the_first_to_the_last():
    edges = np.arange(9.0)
    one = MomentEvidence.of_whole(np.array([0.1, 0.1, 0.8, 0.9, 0.8, 0.1, 0.1, 0.1]))
    assert rank_spans(one, edges)[0].seconds == (2.0, 5.0)
    words = np.full((2, 8), 0.1)
    words[0, 1:3] = words[1, 5:7] = 0.9
    two = MomentEvidence(words, np.array([0.5, 0.5]), words.mean(0))
    assert rank_spans(two, edges)[0].seconds == (1.0, 7.0)


def test_a_video_in_which_every_frame_is_worth_the_same_has_the_shortest_moments():
    flat = MomentEvidence.of_whole(np.full(4, 0.3))
    assert [span.seconds for span in rank_spans(flat, np.arange(5.0), count=2)] == [(0.0, 1.0), (1.0, 2.0)]


def test_frames_stand_for_the_time_around_them():
    assert frame_edges([1.0, 3.0, 6.0], 0.0, 8.0).tolist() == [0.0, 2.0, 4.5, 8.0]
    assert frame_edges([1.0, 3.0, 6.0]).tolist() == [0.0, 2.0, 4.5, 7.5]
    assert frame_edges([5.0, 7.0]).tolist() == [4.0, 6.0, 8.0]
    assert frame_edges([2.0], 0.0, 4.0).tolist() == [0.0, 4.0]
    assert frame_edges([2.0]).tolist() == [1.5, 2.5]


def test_overlap_is_intersection_over_union():
    assert overlap((0.0, 4.0), (2.0, 6.0)) == pytest.approx(2 / 6)
    assert overlap((0.0, 1.0), (1.0, 2.0)) == 0
    assert overlap((1.0, 2.0), (1.0, 2.0)) == 1


def test_the_evidence_of_a_network_is_what_its_interaction_is_made_of():
    matcher = small_matcher(TEXTS)
    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (4, 3, 16, 16), dtype=torch.uint8)
    texts = matcher.encode_texts(list(TEXTS))
    video = matcher.encode_frames(pixels[None], torch.ones(1, 4, dtype=torch.bool))
    whole = matcher.model.level_similarities(texts.encoding, video)["entity"][:, 0]
    frame_weights = video.levels["entity"].weights[0].numpy()
    for row, evidence in enumerate(evidence_in_video(matcher, texts.encoding, pixels)):
        by_word = evidence.word_weights @ evidence.cosines.max(1)
        by_frame = frame_weights @ evidence.cosines.max(0)
        assert (by_word + by_frame) / 2 == pytest.approx(float(whole[row]), abs=1e-5)
        assert len(evidence.word_weights) == int(texts.encoding.levels["entity"].sequence.mask[row].sum())
        assert evidence[1:3].alone.tolist() == evidence.alone[1:3].tolist()


def test_a_network_that_compares_wholes_has_one_word():
    of_tokens = small_matcher(TEXTS)
    network = GlobalContrastModel(global_config(of_tokens.config)).eval()
    matcher = replace(of_tokens, model=network)
    pixels = torch.randint(0, 256, (4, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    texts = matcher.encode_texts(TEXTS[0])
    (evidence,) = evidence_in_video(matcher, texts.encoding, pixels)
    content = matcher.network_input(pixels[None])
    tokens = matcher.model.encoder.encode_features(
        matcher.model.frame_features(content, torch.ones(1, 4, dtype=torch.bool)), torch.ones(1, 4, dtype=torch.bool)
    ).sequence.tokens[0]
    expected = matcher.model.similarity(texts.encoding, tokens)[0]
    assert torch.from_numpy(evidence.alone).float() == pytest.approx(expected.detach(), abs=1e-5)
    assert evidence.cosines.tolist() == [evidence.alone.tolist()]
