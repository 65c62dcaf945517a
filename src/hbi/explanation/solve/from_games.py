"""From the games of one text and one video to an `Explanation`: interactions, values, and a score that they sum to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from hbi.explanation.explanation import COSINE, Explanation
from hbi.explanation.level import LevelExplanation, WholeSimilarity
from hbi.explanation.players import Frame, Word
from hbi.games import LateInteractionGame, banzhaf_interactions, shapley_values
from hbi.games.weights import normalize
from hbi.shapes import LEVELS, WHOLE, ComparedLevel, Level


@dataclass(frozen=True, eq=False)
class LevelGame:
    """The game of one level of one pair.

    Attributes:
        game: a single game, without batch axes or with axes of one.
        word_members: for every word of the explanation the row of the game that it was merged into.
        frame_members: the same for the frames.
        weight: of the level in the score; the weights need not sum to 1.
    """

    game: LateInteractionGame
    word_members: Int[Tensor, " word"]
    frame_members: Int[Tensor, " frame"]
    weight: float = 1.0


@torch.inference_mode()
def explain_games(
    levels: Mapping[ComparedLevel, LevelGame],
    *,
    text: str,
    words: Sequence[Word],
    frames: Sequence[Frame],
    video: str,
    duration_seconds: float,
    model: str,
    remark: str | None = None,
    score: str = COSINE,
) -> Explanation:
    """Return the explanation of the games that a text and a video play at some levels.

    Everything is computed in float64, so that the parts sum to the score. The score is the mean of the grand
    coalitions' worths by the levels' weights.

    Args:
        levels: the game of each level, with the level's weight; that of the whole has one player a side.
        text: the caption, as it was written.
        words: the words of the text, in reading order.
        frames: the frames of the video, in order of time.
        video: name of the video file.
        duration_seconds: length of the video.
        model: name of the model that the games are of.
        remark: what a reader has to know besides; None: nothing.
        score: what the grand coalitions' worths are, such as "MaxSim" for games of `hbi.games.maxsim_game`.

    Raises:
        ValueError: Levels without weight, or parts that do not fit each other.
    """
    total = sum(level.weight for level in levels.values())
    if not total > 0:
        raise ValueError("the levels need weights above 0: without any there is no score")
    parts = tuple(_solved(name, levels[name], levels[name].weight / total) for name in LEVELS if name in levels)
    whole = _compared(levels[WHOLE], total) if WHOLE in levels else None
    return Explanation(
        text=text,
        video=video,
        duration_seconds=duration_seconds,
        words=tuple(words),
        frames=tuple(frames),
        levels=parts,
        similarity=sum(part.weight * part.similarity for part in parts) + (whole.contribution if whole else 0.0),
        model=model,
        remark=remark,
        score=score,
        whole=whole,
    )


def _compared(level: LevelGame, total: float) -> WholeSimilarity:
    """Return the whole: with one player a side there is nothing to solve, all that it has is what both give together.

    Args:
        level: The game of the two summaries.
        total: The sum of all weights.
    """
    game = _in_float64(level.game)
    everybody = torch.ones(game.num_words, dtype=torch.bool), torch.ones(game.num_frames, dtype=torch.bool)
    return WholeSimilarity(level.weight / total, float(game.value(*everybody)))


def _solved(name: Level, level: LevelGame, weight: float) -> LevelExplanation:
    game = _in_float64(level.game)
    words, frames = _players(game.word_mask, game.num_words), _players(game.frame_mask, game.num_frames)
    word_weights, frame_weights = game.playing_weights()
    if game.normalize_weights:
        word_weights, frame_weights = normalize(word_weights), normalize(frame_weights)
    word_values, frame_values = shapley_values(game)
    return LevelExplanation(
        level=name,
        weight=weight,
        similarity=float(game.value(words, frames)),
        word_groups=tuple(level.word_members.tolist()),
        frame_groups=tuple(level.frame_members.tolist()),
        interactions=banzhaf_interactions(game).numpy(),
        token_similarity=game.playing_similarity().clone().numpy(),
        word_weights=word_weights.numpy(),
        frame_weights=frame_weights.numpy(),
        word_values=word_values.numpy(),
        frame_values=frame_values.numpy(),
    )


def _in_float64(game: LateInteractionGame) -> LateInteractionGame:
    """Return the single game in float64, on the CPU: not every device knows float64."""
    sides = ("word_weights", "frame_weights", "word_mask", "frame_mask")
    tensors: dict[str, Any] = {"similarity": game.similarity.cpu().double().reshape(game.similarity.shape[-2:])}
    for name in sides:
        tensor = getattr(game, name)
        if tensor is not None:
            tensors[name] = tensor.cpu().reshape(tensor.shape[-1:])
    return replace(game, weight_spread=None, check_values=True, **tensors)


def _players(mask: Tensor | None, count: int) -> Bool[Tensor, " player"]:
    return torch.ones(count, dtype=torch.bool) if mask is None else mask
