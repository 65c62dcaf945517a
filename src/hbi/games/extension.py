"""The multilinear extension of a late-interaction game, exact, and its derivatives on the diagonal."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hbi.games.late_interaction import LateInteractionGame, zero_where_masked
from hbi.games.maximum import (
    Ranking,
    absence_of_better,
    expected_gain,
    expected_maximum,
    expected_shared_gain,
    rank,
)
from hbi.games.weights import FixedWeights, NormalizedWeights, Weights, smallest_with_gradient


@dataclass(frozen=True, eq=False)
class MultilinearExtension:
    """`F(q) = E[value(C)]` with player `i` in `C` with probability `q_i` (Owen, 1972), for every game of a batch.

    Words and frames are drawn independently, so weights and maxima have separate expectations:

        F(q) = 1/2 [ sum_t A_t(q_words) M_t(q_frames) + sum_v A'_v(q_frames) M'_v(q_words) ]

    The similarities are sorted once, when this is made, for all probabilities that it is asked about.
    """

    game: LateInteractionGame
    words: Weights
    frames: Weights
    word_ranking: Ranking
    """Of the words, in a row for every frame."""
    frame_ranking: Ranking
    """Of the frames, in a row for every word."""

    @classmethod
    def of(cls, game: LateInteractionGame) -> "MultilinearExtension":
        """Return the extension of `game`."""
        similarity = game.playing_similarity()
        words, frames = (_weights(game, weights) for weights in game.playing_weights())
        return cls(
            game=game,
            words=words,
            frames=frames,
            word_ranking=rank(similarity.mT.contiguous(), game.word_mask),
            frame_ranking=rank(similarity, game.frame_mask),
        )

    def value(
        self, word_inclusion: Float[Tensor, "*#batch word"], frame_inclusion: Float[Tensor, "*#batch frame"]
    ) -> Float[Tensor, "*#batch"]:
        """Return `F`, masked players having inclusion 0."""
        by_word = self.words.expected_at(word_inclusion) * self._maximum_at(self.frame_ranking, frame_inclusion)
        by_frame = self.frames.expected_at(frame_inclusion) * self._maximum_at(self.word_ranking, word_inclusion)
        return 0.5 * (by_word.sum(-1) + by_frame.sum(-1))

    def gain_of(
        self,
        word_members: Bool[Tensor, "*#batch word"],
        frame_members: Bool[Tensor, "*#batch frame"],
        word_inclusion: Float[Tensor, "*#batch word"],
        frame_inclusion: Float[Tensor, "*#batch frame"],
    ) -> Float[Tensor, "*#batch"]:
        """Return the sum of `dF / dq_i` over the members.

        Args:
            word_members: True for the words whose derivatives are summed.
            frame_members: True for the frames whose derivatives are summed.
            word_inclusion: probability of each word to be in the coalition; 0 for members.
            frame_inclusion: the same for the frames.
        """
        by_word = self.words.expected_at(word_inclusion) * self._gain_at(
            self.frame_ranking, frame_members, frame_inclusion
        ) + self.words.gain_of(word_members, word_inclusion) * self._maximum_at(self.frame_ranking, frame_inclusion)
        by_frame = self.frames.expected_at(frame_inclusion) * self._gain_at(
            self.word_ranking, word_members, word_inclusion
        ) + self.frames.gain_of(frame_members, frame_inclusion) * self._maximum_at(self.word_ranking, word_inclusion)
        return 0.5 * (by_word.sum(-1) + by_frame.sum(-1))

    def first(self, probability: float) -> tuple[Float[Tensor, "*#batch word"], Float[Tensor, "*#batch frame"]]:
        """Return `dF / dq_i` for the words and for the frames, everyone present with `probability`."""
        best_frame = expected_maximum(self.frame_ranking, probability).unsqueeze(-1)
        best_word = expected_maximum(self.word_ranking, probability).unsqueeze(-1)
        frame_gain = expected_gain(self.frame_ranking, probability)
        word_gain = expected_gain(self.word_ranking, probability)
        words = self.words.gain_times(probability, best_frame).squeeze(-1) + (
            word_gain * self.frames.expected(probability).unsqueeze(-1)
        ).sum(-2)
        frames = self.frames.gain_times(probability, best_word).squeeze(-1) + (
            frame_gain * self.words.expected(probability).unsqueeze(-1)
        ).sum(-2)
        return 0.5 * words, 0.5 * frames

    def mixed(self, probability: float) -> Float[Tensor, "*#batch word frame"]:
        """Return `d2F / dq_i dq_j` for every word `i` and frame `j`, everyone present with `probability`."""
        by_word = self.words.gain_times(probability, expected_gain(self.frame_ranking, probability))
        by_frame = self.frames.gain_times(probability, expected_gain(self.word_ranking, probability))
        return (by_word + by_frame.mT).mul_(0.5)

    def second(self, probability: float) -> Float[Tensor, "*#batch player player"]:
        """Return `d2F / dq_i dq_j` for all players, words first, everyone present with `probability`."""
        mixed = self.mixed(probability)
        best_frame = expected_maximum(self.frame_ranking, probability)
        best_word = expected_maximum(self.word_ranking, probability)
        words = self.words.curvature_times(probability, best_frame) - _shared(
            expected_shared_gain(self.word_ranking, probability), self.frames.expected(probability)
        )
        frames = self.frames.curvature_times(probability, best_word) - _shared(
            expected_shared_gain(self.frame_ranking, probability), self.words.expected(probability)
        )
        words = 0.5 * _between_distinct_players(words, self.game.word_mask).expand(*mixed.shape[:-2], -1, -1)
        frames = 0.5 * _between_distinct_players(frames, self.game.frame_mask).expand(*mixed.shape[:-2], -1, -1)
        return torch.cat((torch.cat((words, mixed), -1), torch.cat((mixed.mT, frames), -1)), -2)

    def value_with_all_words(self, probability: float) -> Float[Tensor, "*#batch"]:
        """Return `F` where every word is present, every frame with `probability`."""
        by_word = self.words.expected(1.0) * expected_maximum(self.frame_ranking, probability)
        by_frame = self.frames.expected(probability) * expected_maximum(self.word_ranking, 1.0)
        return 0.5 * (by_word.sum(-1) + by_frame.sum(-1))

    def first_with_all_words(self, probability: float) -> Float[Tensor, "*#batch frame"]:
        """Return `dF / dq_v` of the frames where every word is present, every frame with `probability`."""
        best_word = expected_maximum(self.word_ranking, 1.0).unsqueeze(-1)
        gain = expected_gain(self.frame_ranking, probability) * self.words.expected(1.0).unsqueeze(-1)
        return 0.5 * (self.frames.gain_times(probability, best_word).squeeze(-1) + gain.sum(-2))

    def second_with_all_words(self, probability: float) -> Float[Tensor, "*#batch frame frame"]:
        """Return `d2F / dq_v dq_w` of the frames where every word is present, every frame with `probability`."""
        curvature = self.frames.curvature_times(probability, expected_maximum(self.word_ranking, 1.0))
        shared = _shared(expected_shared_gain(self.frame_ranking, probability), self.words.expected(1.0))
        return 0.5 * _between_distinct_players(curvature - shared, self.game.frame_mask)

    @staticmethod
    def _maximum_at(ranking: Ranking, inclusion: Float[Tensor, "*#batch player"]) -> Float[Tensor, "*#batch row"]:
        return (ranking.steps * (1 - absence_of_better(ranking, inclusion))).sum(-1)

    @staticmethod
    def _gain_at(
        ranking: Ranking, members: Bool[Tensor, "*#batch player"], inclusion: Float[Tensor, "*#batch player"]
    ) -> Float[Tensor, "*#batch row"]:
        gain = ranking.sum_of_lower_steps(absence_of_better(ranking, inclusion))
        return (gain * members.unsqueeze(-2)).sum(-1)


def multilinear_extension(
    game: LateInteractionGame,
    word_inclusion: Float[Tensor, "*#batch word"],
    frame_inclusion: Float[Tensor, "*#batch frame"],
) -> Float[Tensor, "*#batch"]:
    """Return the expected value of a random coalition that holds each player with its own probability.

    It is exact; where all probabilities are 0 or 1 it is `game.value`. The batch axes broadcast.

    Args:
        game: the game, or a batch of them.
        word_inclusion: probability of each word to be in the coalition, in [0, 1].
        frame_inclusion: the same for the frames.

    Raises:
        ValueError: an inclusion of the wrong shape or with a value outside [0, 1].

    >>> game = LateInteractionGame(
    ...     torch.tensor([[1.0, 0.5], [0.25, 0.75]]), torch.ones(2), torch.ones(2), normalize_weights=False
    ... )
    >>> multilinear_extension(game, torch.tensor([1.0, 0.5]), torch.tensor([0.5, 0.5]))
    tensor(0.8281)
    """
    word_inclusion = playing_inclusion("word_inclusion", word_inclusion, game.num_words, game.word_mask, game)
    frame_inclusion = playing_inclusion("frame_inclusion", frame_inclusion, game.num_frames, game.frame_mask, game)
    return MultilinearExtension.of(game).value(word_inclusion, frame_inclusion)


def playing_inclusion(
    name: str, inclusion: Tensor, size: int, mask: Tensor | None, game: LateInteractionGame
) -> Float[Tensor, "*#batch player"]:
    """Return `inclusion`, checked, 0 for masked players.

    Args:
        name: of the argument, for the error message.
        inclusion: probability of each player to be in the coalition, in [0, 1].
        size: how many players of this side the game has.
        mask: True where a player is real; None: all are.
        game: gives the type of the result, and says whether values are checked.

    Raises:
        ValueError: `inclusion` has the wrong shape or a value outside [0, 1].
    """
    if inclusion.dim() < 1 or inclusion.shape[-1] != size or not inclusion.is_floating_point():
        raise ValueError(f"{name} must be floating with shape [..., {size}], not {list(inclusion.shape)}")
    inclusion = zero_where_masked(inclusion, mask)
    if game.check_values and not torch.compiler.is_compiling():
        low, high = torch.aminmax(inclusion.detach())
        if not (low >= 0 and high <= 1):
            raise ValueError(f"{name} of shape {list(inclusion.shape)} must lie in [0, 1], but spans [{low}, {high}]")
    return inclusion.to(game.dtype)


def _weights(game: LateInteractionGame, weights: Float[Tensor, "*#batch player"]) -> Weights:
    if game.normalize_weights:
        assert game.weight_spread is not None
        # Leaving zero, a weight jumps to a share of 1 where nobody else is: no gradient can say so, none is given.
        has_gradient = weights >= smallest_with_gradient(weights.dtype)
        return NormalizedWeights(torch.where(has_gradient, weights, weights.detach()), game.weight_spread)
    return FixedWeights(weights)


def _shared(
    gain: Float[Tensor, "*#batch row player"], row_weights: Float[Tensor, "*#batch row"]
) -> Float[Tensor, "*#batch player player"]:
    """Return `sum_row weight min(gain_i, gain_j)`."""
    pairs = torch.minimum(gain.unsqueeze(-1), gain.unsqueeze(-2))
    return (pairs * row_weights.unsqueeze(-1).unsqueeze(-1)).sum(-3)


def _between_distinct_players(
    matrix: Float[Tensor, "*#batch player player"], mask: Bool[Tensor, "*#batch player"] | None
) -> Float[Tensor, "*#batch player player"]:
    distinct = ~torch.eye(matrix.shape[-1], dtype=torch.bool, device=matrix.device)
    return torch.where(distinct if mask is None else distinct & mask.unsqueeze(-1) & mask.unsqueeze(-2), matrix, 0)
