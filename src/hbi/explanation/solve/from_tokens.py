"""From the word and frame tokens of any model to an `Explanation`; a second text or a picture may stand for a video."""

import re
from collections.abc import Iterator, Sequence
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from hbi.explanation.explanation import COSINE, Explanation
from hbi.explanation.players import Frame, Word
from hbi.explanation.solve.from_games import Index, LevelGame, explain_games
from hbi.games import LateInteractionGame, banzhaf_interactions, game_from_tokens, maxsim_game, mean_maxsim_game
from hbi.ops import cluster_dpc_knn, compose_members, merge_tokens
from hbi.shapes import LEVELS, ComparedLevel

TokenScore = Literal["late interaction", "MaxSim", "mean MaxSim"]
"""What word and frame tokens are worth: the mean of the best matches of both sides, the sum of the words' best matches
(ColBERT, ColPali), or their mean."""


def explain_tokens(
    word_tokens: Float[Tensor, "word width"],
    frame_tokens: Float[Tensor, "frame width"],
    *,
    text: str,
    words: Sequence[Word],
    frames: Sequence[Frame],
    word_weights: Float[Tensor, " word"] | None = None,
    frame_weights: Float[Tensor, " frame"] | None = None,
    merge_ratio: tuple[float, float] | None = None,
    level_weights: Sequence[float] = (0.5, 0.3, 0.2),
    use_cosine: bool = True,
    normalize_weights: bool = True,
    floor_at_zero: bool = False,
    score: TokenScore = "late interaction",
    index: Index = banzhaf_interactions,
    video: str = "video",
    model: str = "tokens",
) -> Explanation:
    """Return which words go with which frames, from token embeddings: one row a word, one row a frame.

    The frames may be tokens of a second text (ColBERT) or patches of a picture (ColPali): see `columns_labelled`.

    Where the tokens are merged, a merged token is the mean of its cluster (DPC-KNN) by the members' weights, and weighs
    as much as they do together: the paper's levels without anything that has to be trained.

    Args:
        word_tokens: embeddings of `words`.
        frame_tokens: embeddings of `frames`, of the same width.
        text: the caption.
        words: where the caption has each of them: `words_in(text)`, or the spans of a tokenizer.
        frames: `frames_at(...)` of a video, else `columns_labelled(...)` or `patches_of(...)`.
        word_weights: non-negative; None: all equal.
        frame_weights: the same for frames.
        merge_ratio: merged tokens per token, (entity to action, action to event); None: the entity level only.
        level_weights: of the entity, action and event level in the score.
        use_cosine: compare directions; False: plain inner products.
        normalize_weights: see `hbi.games.LateInteractionGame`.
        floor_at_zero: see `hbi.games.LateInteractionGame`.
        score: what the model ranks by; "MaxSim" and "mean MaxSim" know no weights, no merging and no floor.
        index: gives the interactions of a game; the explanation calls them by its name.
        video: what to call the video, or what stands in its place.
        model: what to call the model.

    Raises:
        ValueError: Numbers of tokens, words and frames that differ, and whatever the game or the score refuses.
    """
    if score not in get_args(TokenScore):
        raise ValueError(f"the score is one of {', '.join(get_args(TokenScore))}, not {score!r}")
    is_late_interaction = score == "late interaction"
    given = [value is not None for value in (word_weights, frame_weights, merge_ratio)]
    if not is_late_interaction and (any(given) or floor_at_zero):
        raise ValueError(f"{score} is not defined for weights, merged tokens or a floor: leave these out")
    for what, tokens, players in (("word", word_tokens, words), ("frame", frame_tokens, frames)):
        if tokens.dim() != 2 or len(tokens) != len(players):
            raise ValueError(f"{what}_tokens must be [{len(players)} {what}s, width], not {list(tokens.shape)}")
    levels: dict[ComparedLevel, LevelGame] = {}
    sides = zip(
        _merged(word_tokens, word_weights, merge_ratio), _merged(frame_tokens, frame_weights, merge_ratio), strict=True
    )
    for level, weight, (ours, theirs) in zip(LEVELS, level_weights, sides, strict=False):
        game: LateInteractionGame
        if is_late_interaction:
            game = game_from_tokens(
                ours[0],
                theirs[0],
                ours[1],
                theirs[1],
                use_cosine=use_cosine,
                normalize_weights=normalize_weights,
                floor_at_zero=floor_at_zero,
            )
        else:
            game = (maxsim_game if score == "MaxSim" else mean_maxsim_game)(ours[0], theirs[0], use_cosine=use_cosine)
        levels[level] = LevelGame(game, ours[2], theirs[2], weight)
    return explain_games(
        levels,
        text=text,
        words=words,
        frames=frames,
        video=video,
        duration_seconds=max(frame.end_seconds for frame in frames),
        model=model,
        index=index,
        score=(COSINE if use_cosine else "inner product") if is_late_interaction else score,
    )


def words_in(text: str) -> tuple[Word, ...]:
    """Return the words of a text, cut at spaces.

    >>> words_in("a  star")
    (Word(text='a', start=0, end=1), Word(text='star', start=3, end=7))
    """
    return tuple(Word(match.group(), *match.span()) for match in re.finditer(r"\S+", text))


def frames_at(
    timestamps_seconds: Sequence[float],
    thumbnails: UInt8[np.ndarray, "frame 3 height width"],
    *,
    start_seconds: float,
    end_seconds: float,
) -> tuple[Frame, ...]:
    """Return the frames of a span of a video, each standing for the stretch up to half-way to its neighbors.

    Args:
        timestamps_seconds: when each frame is, ascending.
        thumbnails: pixels of each frame.
        start_seconds: where the span begins, which the first frame stands for.
        end_seconds: where the span ends, up to which the last frame stands.

    Raises:
        ValueError: As many times as thumbnails, in order, within the span: something of this does not hold.
    """
    times = np.asarray(timestamps_seconds, dtype=np.float64)
    if len(times) != len(thumbnails) or not len(times):
        raise ValueError(f"need one thumbnail for each frame, not {len(thumbnails)} for {len(times)}")
    edges = np.concatenate([[start_seconds], (times[1:] + times[:-1]) / 2, [end_seconds]])
    return tuple(
        Frame(time, start, end, pixels)
        for time, start, end, pixels in zip(times, edges[:-1], edges[1:], thumbnails, strict=True)
    )


def columns_labelled(
    labels: Sequence[str], pictures: UInt8[np.ndarray, "column 3 height width"] | None = None
) -> tuple[Frame, ...]:
    """Return players that are no frames of a video: tokens of a second text, or whatever else has a label.

    >>> columns_labelled(["a", "star"])[1]
    Frame('star', thumbnail=[3, 0, 0])

    Args:
        labels: what is written for each.
        pictures: pixels of each, of one size; None: there are none.

    Raises:
        ValueError: There are no labels, or not as many as pictures.
    """
    if not len(labels) or (pictures is not None and len(pictures) != len(labels)):
        number = "no pictures" if pictures is None else f"{len(pictures)} pictures"
        raise ValueError(f"need labels, one for each picture: there are {len(labels)} labels and {number}")
    shown = np.zeros((len(labels), 3, 0, 0), dtype=np.uint8) if pictures is None else pictures
    return tuple(
        Frame(place + 0.5, place, place + 1, pixels, label)
        for place, (label, pixels) in enumerate(zip(labels, shown, strict=True))
    )


def patches_of(picture: UInt8[np.ndarray, "3 height width"], rows: int, columns: int) -> tuple[Frame, ...]:
    """Return the patches of a picture, row by row, each with its piece of the picture and a label as `row 1, column 2`.

    Args:
        picture: the pixels that the model saw.
        rows: patches from top to bottom.
        columns: patches from left to right.

    Raises:
        ValueError: There are more rows or columns than pixels, or none.
    """
    _, height, width = picture.shape
    if not (0 < rows <= height and 0 < columns <= width):
        raise ValueError(f"a picture of {width} x {height} pixels has no {rows} rows and {columns} columns of patches")
    high, wide = height // rows, width // columns  # of one size: pixels that are left over lie between patches
    corners = [(row * height // rows, column * width // columns) for row in range(rows) for column in range(columns)]
    labels = [f"row {row}, column {column}" for row in range(1, rows + 1) for column in range(1, columns + 1)]
    return columns_labelled(
        labels, np.stack([picture[:, top : top + high, left : left + wide] for top, left in corners])
    )


def _merged(
    tokens: Tensor, weights: Tensor | None, merge_ratio: tuple[float, float] | None
) -> Iterator[tuple[Tensor, Tensor, Int[Tensor, " original"]]]:
    """Yield tokens, weights and members: as they are, and after every merge."""
    weights = tokens.new_ones(len(tokens)) if weights is None else weights
    members = torch.arange(len(tokens))[None]
    yield tokens, weights, members[0]
    for ratio in merge_ratio or ():
        clusters = cluster_dpc_knn(tokens[None], torch.ones(1, len(tokens), dtype=torch.bool), ratio)
        count = clusters.mask.shape[1]
        tokens = merge_tokens(tokens[None], weights.clamp(min=1e-30).log()[None], clusters.assignment, count)[0]
        weights = weights.new_zeros(count).index_add(0, clusters.assignment[0], weights)
        members = compose_members(members, clusters.assignment)
        yield tokens, weights, members[0]
