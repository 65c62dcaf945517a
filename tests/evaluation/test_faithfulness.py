"""Measures of explanations: curves and correlations against what is known, methods against their definitions."""

import math
from itertools import product

import pytest
import torch
from torch.testing import assert_close

from hbi.data.frames import FrameStore
from hbi.data.samples import Evidence, Split, Text, Video
from hbi.evaluation.attention_rollout import attention_weights, rollout
from hbi.evaluation.attributions import methods, variants
from hbi.evaluation.explained_pairs import ExplainedPair, TimedWords, encode_pairs, explained_pairs
from hbi.evaluation.faithfulness import explanation_scores, summary
from hbi.evaluation.gradient_attributions import gradient_times_pixels
from hbi.evaluation.removal import (
    curves_of,
    leave_one_out,
    nested_masks,
    order_of,
    scores_without_frames,
    scores_without_words,
)
from hbi.evaluation.similarity_matrix import pair_similarity
from hbi.evaluation.word_pointing import rank_correlation, word_score
from hbi.ops import pair_token_similarity
from small_networks import small_matcher

TEXTS = ("a red circle spins", "a blue star")
RED = TimedWords(2, 5, 0.0, 4.0, "color")


@pytest.fixture(scope="module")
def matcher():
    return small_matcher(TEXTS)


@pytest.fixture(scope="module")
def frames():
    torch.manual_seed(1)
    mask = torch.tensor([[True] * 4, [True, True, False, False], [False] * 4])
    pixels = torch.randint(0, 256, (3, 4, 3, 16, 16), dtype=torch.uint8) * mask[..., None, None, None]
    times = torch.tensor([[1.0, 3.0, 5.0, 7.0]]).expand(3, 4) * mask
    return FrameStore(pixels, mask, times, ())


@pytest.fixture(scope="module")
def batch(matcher, frames):
    pairs = [ExplainedPair(TEXTS[0], 0, (RED,)), ExplainedPair(TEXTS[1], 1), ExplainedPair(TEXTS[1], 2)]
    return next(encode_pairs(matcher, pairs, frames))


def test_pairs_without_a_video_are_left_out(batch):
    assert [pair.video for pair in batch.pairs] == [0, 1]
    assert batch.is_word.sum(1).tolist() == [4, 3]


def test_pairs_come_from_the_evidence_or_else_from_the_first_texts():
    videos = tuple(Video(f"v{index}", None) for index in range(2))
    texts = (Text("one", 1, (1,)), Text("two", 0, (0,)), Text("three", 0, (0,)))
    bare = Split("test", videos, texts)
    assert [(pair.text, pair.video) for pair in explained_pairs(bare, 5)] == [("two", 0), ("one", 1)]
    evidence = (Evidence("two", 0, 3, 0, 0.0, 1.0, 9.0), Evidence("two", 1, 3, 0, 2.0, 3.0, 9.0))
    (pair,) = explained_pairs(Split("test", videos, texts, (), evidence), 5)
    assert [words.start for words in pair.timed_words] == [0, 1]
    assert len(explained_pairs(bare, 1)) == 1


def test_curves_take_away_and_bring_in_the_most_important_first():
    order = order_of(torch.tensor([0.1, 9.0, 0.5, 0.3]), torch.tensor([True, False, True, True]))
    assert order == [2, 3, 0]
    masks = nested_masks(order, 4)
    assert [mask.nonzero().flatten().tolist() for mask in masks] == [[0, 2, 3], [0, 3], [0], [2], [2, 3], [0, 2, 3]]
    curves = curves_of(torch.tensor([3.0, 1.0, 1.0, 2.0, 2.5, 3.0]))
    assert curves.deletion == pytest.approx((2.0 + 1.0 + 0.5) / 3)
    assert curves.insertion == pytest.approx((1.0 + 2.25 + 2.75) / 3)


def test_with_everything_kept_the_score_is_that_of_the_pair(matcher, frames, batch):
    for row in range(2):
        expected = pair_similarity(matcher, [TEXTS[row]], torch.tensor([row]), frames).double()
        assert_close(scores_without_frames(batch, row, batch.frame_mask[[row]]), expected, atol=1e-6, rtol=0)
        assert_close(scores_without_words(batch, row, batch.is_word[[row]]), expected, atol=1e-6, rtol=0)


def test_a_frame_that_is_taken_away_is_a_video_without_it(matcher, frames, batch):
    """Where the frame is the last one, a video that never had it: the positions of the others are the same."""
    shorter = FrameStore(
        frames.pixels, frames.mask & torch.tensor([True, True, True, False]), frames.timestamps_seconds, ()
    )
    expected = pair_similarity(matcher, [TEXTS[0]], torch.tensor([0]), shorter).double()
    kept = torch.tensor([[True, True, True, False]])
    assert_close(scores_without_frames(batch, 0, kept), expected, atol=1e-5, rtol=0)
    whole = scores_without_frames(batch, 0, batch.frame_mask[[0]])
    _, of_frames, _ = leave_one_out(batch, 0)
    assert_close(of_frames[-1], (whole - expected)[0], atol=1e-5, rtol=0)


def test_the_interplay_is_a_second_difference(batch):
    of_words, of_frames, interplay = leave_one_out(batch, 1)
    assert (len(of_words), len(of_frames), interplay.shape) == (3, 2, (3, 2))
    without_word = batch.is_word[[1]].clone()
    without_word[0, without_word[0].nonzero()[0]] = False
    whole = scores_without_words(batch, 1, batch.is_word[[1]])
    assert_close(of_words[:1], whole - scores_without_words(batch, 1, without_word), atol=1e-6, rtol=0)


def test_every_method_gives_numbers_to_words_and_frames_and_none_to_padding(batch):
    is_cell = batch.is_word[:, :, None] & batch.frame_mask[:, None, :]
    for method in (*methods(8), *variants()):
        attribution = method.attribute(batch)
        assert attribution.words.shape == batch.is_word.shape
        assert attribution.frames.shape == batch.frame_mask.shape
        assert attribution.frames.isfinite().all()
        assert attribution.words.isfinite().all()
        if attribution.cells is not None:
            assert not attribution.cells[~is_cell].any(), method.name
            is_blank = method.name == "rollout" and not (batch.games["entity"].similarity[is_cell] > 0).any()
            assert bool(attribution.cells[is_cell].any()) != is_blank, method.name


def test_methods_are_what_they_are_called(batch):
    from hbi.games import banzhaf_interactions

    by_name = {method.name: method for method in (*methods(8), *variants())}
    exact = banzhaf_interactions(batch.games["entity"]).double()
    is_cell = batch.is_word[:, :, None] & batch.frame_mask[:, None, :]
    assert_close(by_name["banzhaf"].attribute(batch).cells, exact * is_cell)
    contributions = by_name["contributions"].attribute(batch)
    total = contributions.words.sum(1) + contributions.frames.sum(1)
    scores = torch.stack([scores_without_frames(batch, row, batch.frame_mask[[row]])[0] for row in range(2)])
    assert_close(total, scores, atol=1e-5, rtol=0)
    assert len({method.title for method in by_name.values()}) == len(by_name)


def test_a_phrase_plays_as_one_with_a_frame(batch):
    """By enumeration: what frame 0 gains where the phrase is there, less where it is not, over all the others."""
    phrases = next(method for method in variants() if method.name == "phrases").attribute(batch).cells
    game, members = batch.games["entity"], batch.texts.levels["action"].sequence.members
    words = batch.is_word[0].nonzero().flatten().tolist()
    phrase = [word for word in words if members[0, word] == members[0, words[0]]]
    others = [word for word in words if word not in phrase]
    total, count = 0.0, 0
    for present in product((False, True), repeat=len(others) + 3):
        there = torch.zeros(2, *batch.is_word.shape[1:], dtype=torch.bool)
        frames = torch.zeros(2, 4, dtype=torch.bool)
        there[0, others] = torch.tensor(present[: len(others)], dtype=torch.bool)
        frames[0, 1:] = torch.tensor(present[len(others) :])
        with_phrase, with_frame = there.clone(), frames.clone()
        with_phrase[0, phrase] = with_frame[0, 0] = True
        total += float(
            (game.value(with_phrase, with_frame) - game.value(with_phrase, frames))[0]
            - (game.value(there, with_frame) - game.value(there, frames))[0]
        )
        count += 1
    assert float(phrases[0, phrase[0], 0]) == pytest.approx(total / count, abs=1e-5)


def test_gradient_times_pixels_is_the_derivative_along_the_pixels(matcher, frames, batch):
    """Brighten one frame in proportion: the sum over the words of its cells is what their terms gain."""
    model = matcher.model

    def terms(pixels):
        features = model.encoder.frame_features(pixels, batch.frame_mask)
        frames = model.encode_videos(features, batch.frame_mask).levels["entity"].sequence
        words = batch.texts.levels["entity"]
        cosines = pair_token_similarity(words.sequence.tokens, frames.tokens)
        return 0.5 * words.weights * cosines.masked_fill(~batch.frame_mask[:, None, :], -torch.inf).amax(-1)

    cells = gradient_times_pixels(batch)
    step = 2e-3
    with torch.no_grad():
        for frame in range(2):
            more, less = batch.pixels.clone(), batch.pixels.clone()
            more[:, frame] *= 1 + step
            less[:, frame] *= 1 - step
            expected = (terms(more) - terms(less)) / (2 * step)
            assert_close(cells[:, :, frame], expected, atol=2e-4, rtol=0.05)


def test_a_rollout_of_uniform_attention_is_uniform_but_for_itself():
    mask = torch.tensor([[True, True]])
    total = rollout([torch.full((1, 3, 2, 2), 0.5)], mask)
    assert_close(total, torch.tensor([[[0.75, 0.25], [0.25, 0.75]]]))
    assert_close(rollout([torch.full((1, 3, 2, 2), 0.5)] * 3, mask).sum(-1), torch.ones(1, 2))


def test_collecting_attention_leaves_the_model_as_it_was(matcher, batch):
    model = matcher.model
    before = model.encode_videos(batch.features, batch.frame_mask).levels["entity"].sequence.tokens
    with attention_weights(model.encoder.temporal) as weights:
        model.encoder.temporal(batch.features, batch.frame_mask)
    assert len(weights) == 1
    assert_close(weights[0].sum(-1), torch.ones_like(weights[0].sum(-1)))
    after = model.encode_videos(batch.features, batch.frame_mask).levels["entity"].sequence.tokens
    assert torch.equal(before, after)
    assert not any(module._forward_hooks for module in model.modules())


def test_rank_correlation_shares_ties_and_knows_no_order():
    increasing = torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert rank_correlation(increasing, increasing.exp()) == 1.0
    assert rank_correlation(increasing, -increasing) == -1.0
    assert rank_correlation(torch.tensor([1.0, 1.0, 2.0]), torch.tensor([5.0, 5.0, 9.0])) == 1.0
    assert math.isnan(rank_correlation(increasing, torch.zeros(4)))


def test_pointing_shares_among_equally_strong_frames():
    inside = torch.tensor([True, False, False, False])
    equal, one = torch.tensor([2.0, 2.0, 0.0, -1.0]), torch.tensor([3.0, 1.0, 0.0, -1.0])
    assert word_score("color", equal, equal, inside).pointing == 0.5
    score = word_score("color", one, equal, inside)
    assert (score.pointing, score.share_inside, score.share_of_frames) == (1.0, 0.5, 0.25)


def test_a_summary_means_over_pairs_and_over_those_that_count(matcher, frames):
    pairs = [ExplainedPair(TEXTS[0], 0, (RED,)), ExplainedPair(TEXTS[1], 1), ExplainedPair(TEXTS[1], 0)]
    chosen = methods(8)
    calls = []
    measured, scores = explanation_scores(
        matcher, pairs, frames, chosen, num_curves=2, progress=lambda done, total: calls.append((done, total))
    )
    assert measured == pairs
    assert calls[-1] == (3, 3)
    by_name = {score.method: score for score in summary(chosen, scores)}
    assert by_name["banzhaf"].num_pairs == 3
    assert by_name["banzhaf"].num_curves == 2
    assert [(entry.kind, entry.num_words) for entry in by_name["cosine"].pointing] == [("all", 1), ("color", 1)]
    assert by_name["cosine"].pointing[0].share_of_frames == 50.0
    assert math.isnan(by_name["contributions"].cell_correlation)
    (first, *_) = summary(chosen, scores, [False, True, False])
    assert first.num_pairs == 1
    assert first.frame_deletion == scores["banzhaf"][1].frame_deletion
    assert math.isnan(first.pointing[0].pointing)
