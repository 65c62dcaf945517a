"""Training the second stage: it learns an order that a first stage cannot see, and leaves alone what is right."""

import pytest
import torch

from hbi.errors import HBIError
from hbi.matching.encoded_split import EncodedSplit
from hbi.models.cross_encoder import CrossEncoderSizes
from hbi.ops import TokenSequence
from hbi.training.second_stage_training import STRENGTHS, SecondStageTraining, train_second_stage

CPU = torch.device("cpu")
SIZES = CrossEncoderSizes(width=8, channels=16, num_layers=2)
EVENTS = torch.eye(8)


def stories(seed: int, count: int = 40) -> EncodedSplit:
    """Videos of two different events, and a text for each that tells them in order.

    The first stage counts which events are shown: "a, then b" and "b, then a" are the same to it.
    """
    random = torch.Generator().manual_seed(seed)
    first = torch.stack([torch.randperm(8, generator=random)[:2] for _ in range(count // 2)])
    shown = torch.cat([first, first.flip(1)])
    tokens = EVENTS[shown] + 0.05 * torch.randn(count, 2, 8, generator=random)
    mask = torch.ones(count, 2, dtype=torch.bool)
    relevance = (shown[:, None] == shown[None]).all(-1)
    similarity = (shown[:, None, :, None] == shown[None, :, None]).any(-1).float().mean(-1)
    similarity += 1e-4 * torch.randn(count, count, generator=random)
    return EncodedSplit(
        TokenSequence.unmerged(EVENTS[shown].half(), mask),
        TokenSequence.unmerged(tokens.half(), mask),
        similarity,
        relevance,
    )


def fit(validation: EncodedSplit, **settings):
    chosen = SecondStageTraining(**({"num_steps": 150, "batch_size": 16, "num_candidates": 6} | settings))
    seen = []
    network, choice = train_second_stage(
        [stories(1), stories(2)],
        validation,
        SIZES,
        chosen,
        logit_scale=20.0,
        device=CPU,
        progress=lambda step, steps, loss: seen.append((step, steps)),
    )
    assert seen == [(step, chosen.num_steps) for step in range(1, chosen.num_steps + 1)]
    return network, choice


def test_it_learns_the_order_that_the_first_stage_cannot_see():
    validation = stories(3)
    network, choice = fit(validation)
    assert choice.recall_at_1[0.0] < 75
    assert choice.recall_at_1[choice.strength] > 90
    assert choice.strength > 0
    with torch.inference_mode():  # the strength is a part of the network that is returned
        scores = network(validation.words, validation.frames, torch.zeros(40))
        turned = TokenSequence.unmerged(validation.frames.tokens.flip(1), validation.frames.mask)
        assert (scores > network(validation.words, turned, torch.zeros(40))).double().mean() > 0.9


def test_what_does_not_help_on_the_validation_split_changes_no_ranking():
    validation = stories(3)
    perfect = EncodedSplit(validation.words, validation.frames, validation.relevance.float(), validation.relevance)
    network, choice = fit(perfect, num_steps=3)
    assert choice.strength == min(STRENGTHS, key=lambda each: (-choice.recall_at_1[each], each)) == 0
    similarity = torch.rand(40)
    with torch.inference_mode():
        torch.testing.assert_close(network(validation.words, validation.frames, similarity), similarity)


def test_the_seed_decides():
    first, second, third = (fit(stories(3), num_steps=2, seed=seed)[0] for seed in (4, 4, 5))
    torch.testing.assert_close(first.words.weight, second.words.weight, rtol=0, atol=0)
    assert not torch.equal(first.words.weight, third.words.weight)


def test_texts_that_are_true_of_all_videos_and_divergence_are_said():
    split = stories(3)
    everything = EncodedSplit(split.words, split.frames, split.similarity, torch.ones_like(split.relevance))
    with pytest.raises(HBIError, match="nothing to tell apart"):
        train_second_stage([everything], split, SIZES, SecondStageTraining(), logit_scale=1.0, device=CPU)
    with pytest.raises(HBIError, match="diverged"):
        fit(split, learning_rate=float("inf"))
