"""From the games of one text and one video to an `Explanation`: interactions, values, and a score that they sum to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hbi.errors import HBIError, nearest_or_all
from hbi.explanation.explanation import BANZHAF, COSINE, Explanation
from hbi.explanation.level import LevelExplanation, WholeSimilarity
from hbi.explanation.players import Frame, Word
from hbi.games import LateInteractionGame, banzhaf_interactions, shapley_interactions, shapley_values
from hbi.games.weights import normalize
from hbi.plugins import load_object
from hbi.shapes import LEVELS, WHOLE, ComparedLevel, Level

Index: TypeAlias = Callable[[LateInteractionGame], Float[Tensor, "word frame"]]
"""What is asked of a game: a number for every word with every frame. A `hbi.games.Teacher` is one."""
INDICES: dict[str, Index] = {"banzhaf": banzhaf_interactions, "shapley": shapley_interactions}
"""What people call those that are here."""
_NAMES: dict[Index, str] = {banzhaf_interactions: BANZHAF, shapley_interactions: "Shapley interaction"}


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
    index: Index = banzhaf_interactions,
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
        index: gives the interactions of a game; the explanation calls them by its name.

    Raises:
        ValueError: Levels without weight, or parts that do not fit each other.
        HBIError: The index gives something else than a number for every word with every frame.
    """
    total = sum(level.weight for level in levels.values())
    if not total > 0:
        raise ValueError("the levels need weights above 0: without any there is no score")
    parts = tuple(_solved(name, levels[name], levels[name].weight / total, index) for name in LEVELS if name in levels)
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
        index=name_of_index(index),
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


def _solved(name: Level, level: LevelGame, weight: float, index: Index) -> LevelExplanation:
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
        interactions=_interactions(index, game).numpy(),
        token_similarity=game.playing_similarity().clone().numpy(),
        word_weights=word_weights.numpy(),
        frame_weights=frame_weights.numpy(),
        word_values=word_values.numpy(),
        frame_values=frame_values.numpy(),
    )


def find_index(name: str) -> Index:
    """Return an index by what people call it, or MODULE:NAME.

    Raises:
        HBIError: There is none, or it cannot be imported.
    """
    if name in INDICES:
        return INDICES[name]
    if ":" not in name:
        raise HBIError(f"no index {name!r}{nearest_or_all(name, list(INDICES))} (or one of yours as MODULE:NAME)")
    found: Index = load_object(name)
    if not callable(found):
        raise HBIError(f"{name} is {type(found).__name__}, no function that gives an index of a game")
    return found


def name_of_index(index: Index) -> str:
    """Return what an explanation calls the interactions of an index: the name of its function, in words.

    >>> name_of_index(shapley_interactions)
    'Shapley interaction'
    """
    name = str(getattr(index, "__name__", type(index).__name__))
    return _NAMES[index] if index in _NAMES else name.strip("_").replace("_", " ").removesuffix("s")


def _interactions(index: Index, game: LateInteractionGame) -> Float[Tensor, "word frame"]:
    found = index(game)
    if not isinstance(found, Tensor) or found.shape != game.similarity.shape or not found.isfinite().all():
        shown = f"numbers {list(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
        raise HBIError(
            f"{name_of_index(index)}: an index gives a finite number for every word with every frame, "
            f"{list(game.similarity.shape)} here, and this one gave {shown}"
        )
    return found


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
