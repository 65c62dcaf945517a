"""What a training may ask of exact interactions: they have gradients, and are cheap enough for all pairs of a batch.

Sampled interactions could serve as targets, but not as these terms: each needs the interactions themselves, of pairs
that are as many as texts times videos, or their gradient. Every term is a plain function of a level's players; the
objective weighs them.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hbi.games import banzhaf_interactions
from hbi.games.extension import MultilinearExtension
from hbi.games.maximum import expected_gain
from hbi.models import LevelOutput, Players
from hbi.models.outputs import all_games, matched_games
from hbi.ops import weighted_token_interaction

HALF = 0.5


def coalition_similarities(
    level: LevelOutput, probabilities: Sequence[float] = (HALF,)
) -> tuple[Float[Tensor, "text video"], ...]:
    """Return what a random coalition of a text's words and a video's frames is worth on average, of all pairs.

    One matrix for each probability with which everyone takes part: the multilinear extension there, exact and
    differentiable. Contrasting it trains with dropout of words and frames, without its noise: evidence must not hang on
    one word or one frame.

    Args:
        level: Players of a level.
        probabilities: In (0, 1]; at 1 it is the similarity itself.
    """
    game = all_games(level.words, level.frames)
    assert game.word_mask is not None
    assert game.frame_mask is not None
    words, frames = game.word_mask.to(game.dtype), game.frame_mask.to(game.dtype)
    extension = MultilinearExtension.of(game)
    return tuple(extension.value(probability * words, probability * frames) for probability in probabilities)


def all_pairs_interactions(words: Players, frames: Players) -> Float[Tensor, "text video word frame"]:
    """Return the Banzhaf interactions of the games of every text with every video, 0 at padding.

    `banzhaf_interactions` of `all_games`, in a third of the time: the weights of a text are the same against all
    videos, and those of a video against all texts, so that each side needs one matrix product an item.

    Args:
        words: Of every text.
        frames: Of every video.
    """
    extension = MultilinearExtension.of(all_games(words, frames))
    word_weights = replace(extension.words, weights=extension.words.weights.squeeze(1))  # type: ignore  # one row a text
    frame_weights = replace(extension.frames, weights=extension.frames.weights.squeeze(0))  # type: ignore  # a video
    frame_gain_ATBV = expected_gain(extension.frame_ranking, HALF).transpose(1, 2)
    word_gain_BVAT = expected_gain(extension.word_ranking, HALF).permute(1, 2, 0, 3)
    by_word_ATBV = word_weights.gain_times(HALF, frame_gain_ATBV.flatten(2)).view(frame_gain_ATBV.shape)
    by_frame_BVAT = frame_weights.gain_times(HALF, word_gain_BVAT.flatten(2)).view(word_gain_BVAT.shape)
    return (by_word_ATBV.transpose(1, 2) + by_frame_BVAT.permute(2, 0, 3, 1)) / 2


def interaction_similarity(level: LevelOutput) -> Float[Tensor, "text video"]:
    """Return how strongly the words of every text interact with the frames of every video.

    Each word finds the frame with which it interacts most, each frame its word, and the two means are averaged, as the
    similarity does with cosines. (The sum of all interactions would say nothing: weights are shared out in every
    coalition, so that what one word gains another loses.) Interactions are multiplied by the number of players, as the
    targets of the heads are: a player's weight is about one over it.

    Args:
        level: Players of a level.
    """
    words, frames = level.words.sequence.mask, level.frames.sequence.mask
    num_words, num_frames = words.sum(1), frames.sum(1)
    players_AB11 = (num_words[:, None] + num_frames)[..., None, None]
    interactions_ABTV = all_pairs_interactions(level.words, level.frames) * players_AB11
    word_weights = words.to(interactions_ABTV.dtype) / num_words.clamp(min=1)[:, None]
    frame_weights = frames.to(interactions_ABTV.dtype) / num_frames.clamp(min=1)[:, None]
    return weighted_token_interaction(interactions_ABTV, word_weights, frame_weights, words, frames)


def own_interactions(level: LevelOutput, video_of_text: Int[Tensor, " text"]) -> Float[Tensor, "text word frame"]:
    """Return the Banzhaf interactions of every text with its own video, 0 at padding.

    Args:
        level: Players of a level.
        video_of_text: The row of each text's video.
    """
    return banzhaf_interactions(matched_games(level.words, level.frames[video_of_text]))


def spread_in_time(
    interactions: Float[Tensor, "text word frame"],
    frame_mask: Bool[Tensor, "text frame"],
    word_mask: Bool[Tensor, "text word"],
) -> Float[Tensor, ""]:
    """Return how far apart in time the frames are that words interact with: in [0, 1/2), in lengths of the video.

    A word's positive interactions, divided by their sum, are a distribution over frames. The expected distance of two
    frames drawn from it counts (Gini's mean difference), so that neighbors cost little and two distant moments much.
    Words count by their share of all positive interaction of their text, which gets no gradient: who interacts with
    nothing has no moment that could be narrowed. Texts count alike.

    Args:
        interactions: Of each text with its own video.
        frame_mask: True where a frame of that video is real; frames are in the order of time.
        word_mask: True where a word counts.
    """
    mass_ATV = interactions.clamp(min=0) * word_mask[..., None] * frame_mask[:, None]
    total_AT = mass_ATV.sum(-1)
    share_ATV = mass_ATV / total_AT.clamp(min=torch.finfo(mass_ATV.dtype).tiny)[..., None]
    # Of two frames drawn, one is at or before a place and the other behind it: a sum over places instead of pairs.
    before_ATV = share_ATV.cumsum(-1)
    distance_AT = 2 * (before_ATV * (1 - before_ATV)).clamp(min=0).sum(-1) * (total_AT > 0)
    length_A1 = frame_mask.sum(-1, keepdim=True).clamp(min=1)
    weight_AT = (total_AT / total_AT.sum(-1, keepdim=True).clamp(min=torch.finfo(mass_ATV.dtype).tiny)).detach()
    return (weight_AT * distance_AT / length_A1).sum(-1).mean()


def share_of_words(
    interactions: Float[Tensor, "text word frame"], is_meant: Bool[Tensor, "text word"]
) -> Float[Tensor, ""]:
    """Return the share of all interaction, positive or negative, that some words have: in [0, 1], mean over texts.

    A share, so that it cannot be lowered by making all interactions small.

    Args:
        interactions: Of each text with its own video, 0 at padding.
        is_meant: True for the words meant: function words, say.
    """
    strength_AT = interactions.abs().sum(-1)
    total_A = strength_AT.sum(-1).clamp(min=torch.finfo(strength_AT.dtype).tiny)
    return ((strength_AT * is_meant).sum(-1) / total_A).mean()
