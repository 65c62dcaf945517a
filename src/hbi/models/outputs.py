"""What the network returns: every intermediate that losses and figures need, and the games that it makes."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hbi.games import LateInteractionGame
from hbi.ops import TokenSequence, pair_token_similarity, token_similarity
from hbi.shapes import WHOLE, ComparedLevel, Level


@dataclass(frozen=True)
class Players:
    """The words or the frames of one level, ready to play: tokens and how much each one counts.

    Attributes:
        sequence: The tokens of this level.
        weights: Non-negative, summing to 1 over a sequence's real tokens; 0 at padding.
    """

    sequence: TokenSequence
    weights: Float[Tensor, "batch token"]

    def __getitem__(self, rows: slice | Tensor) -> "Players":
        """Return the players of some rows of the batch (a slice, or indices [rows])."""
        return Players(self.sequence[rows], self.weights[rows])


@dataclass(frozen=True)
class Hierarchy:
    """A batch of texts, or of videos, at the entity, action and event level, and as a whole if that is compared."""

    levels: Mapping[ComparedLevel, Players]

    def __getitem__(self, rows: slice | Tensor) -> "Hierarchy":
        """Return some rows of the batch (a slice, or indices [rows]) at every level."""
        return Hierarchy({level: players[rows] for level, players in self.levels.items()})

    def __len__(self) -> int:
        return len(next(iter(self.levels.values())).weights)

    def with_whole(self, summary: Float[Tensor, "batch width"]) -> "Hierarchy":
        """Return the same items with their summaries as a further level: one player, into which all tokens went."""
        originals = next(iter(self.levels.values())).sequence.members
        one = torch.ones(len(summary), 1, dtype=torch.bool, device=summary.device)
        members = originals.clamp(max=0)  # -1 at padding, else 0: the only player there is
        whole = Players(TokenSequence(summary[:, None], one, members), one.to(torch.float32))
        return Hierarchy({**self.levels, WHOLE: whole})


@dataclass(frozen=True)
class LevelOutput:
    """One level of a batch.

    Attributes:
        similarity: Every text with every video of the batch, in [-1, 1].
        words, frames: The players of all texts and of all videos.
        game: The games of the matched pairs: each video with the first of its texts.
        predicted: What the level's head predicts of those games' interactions.
        cells: True where a matched pair has both the word and the frame.
    """

    similarity: Float[Tensor, "text video"]
    words: Players
    frames: Players
    game: LateInteractionGame
    predicted: Float[Tensor, "video word frame"]
    cells: Bool[Tensor, "video word frame"]


@dataclass(frozen=True)
class MatchOutput:
    """What a training step needs of the network.

    Attributes:
        levels: Outputs by level; the global baseline and the global interaction have none.
        similarity: The similarity that ranks: the levels' weighted mean, or the global one.
        logit_scale: What multiplies a similarity to make a logit; at most 100.
        whole: Similarity of the summaries; None: they are no level of their own. It has no game worth predicting: the
            only interaction is that of the two players, the cosine itself.
        learns_weights: Whether the weights in `similarity` are learned.
    """

    levels: Mapping[Level, LevelOutput]
    similarity: Float[Tensor, "text video"]
    logit_scale: Float[Tensor, ""]
    whole: Float[Tensor, "text video"] | None = None
    learns_weights: bool = False


def matched_games(words: Players, frames: Players) -> LateInteractionGame:
    """Return the games of text 0 with video 0, text 1 with video 1, …; similarity is [pairs, words, frames]."""
    return LateInteractionGame(
        pair_token_similarity(words.sequence.tokens.float(), frames.sequence.tokens.float()),
        words.weights,
        frames.weights,
        word_mask=words.sequence.mask,
        frame_mask=frames.sequence.mask,
        normalize_weights=True,
        floor_at_zero=False,
    )


def all_games(words: Players, frames: Players) -> LateInteractionGame:
    """Return the games of every text with every video; similarity is [texts, videos, words, frames]."""
    return LateInteractionGame(
        token_similarity(words.sequence.tokens.float(), frames.sequence.tokens.float()),
        words.weights[:, None],
        frames.weights[None],
        word_mask=words.sequence.mask[:, None],
        frame_mask=frames.sequence.mask[None],
        normalize_weights=True,
        floor_at_zero=False,
    )
