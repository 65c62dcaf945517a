"""Games whose words are removed from the text before it is encoded, and whose frames are removed as tokens.

The token of a word also knows its neighbors, so that removing it after encoding removes little. Here a coalition of
words is a text that is encoded anew; what its late interaction with the frames is worth has a closed form in the frames
(`MultilinearExtension` with all words of that text present). With every frame present with probability `p`, each text
`C` has its expected value `F_C(p)` and the derivatives of it by the frames, and every index is an expectation of these
over coalitions of words, as for dual encoders: `one_side` with the vector

    a(C) = [F_C(p), dF_C / dq_1 (p), ..., dF_C / dq_V (p)]
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hbi.games.dual_encoder import side_within
from hbi.games.encoder_indices import DualEncoderIndices, Replicates, outer_sum
from hbi.games.extension import MultilinearExtension
from hbi.games.late_interaction import LateInteractionGame
from hbi.games.one_side import Side, both_sides, require_players

_CALL = 256
"""Texts that are encoded at a time."""


@dataclass(frozen=True, eq=False)
class WordsAtInputGame:
    """A cooperative game between the words of a text at the input of a network and the frames of a video.

    Args:
        game_of: returns for coalitions of words [coalition, words] one late-interaction game each, in a batch: of the
            text that is left, encoded anew (its tokens may be fewer, or masked), with all frames of the video. It is
            never asked about the empty coalition, which is worth 0.
        num_words: how many words there are.
        num_frames: how many frames there are, masked ones included.

    Raises:
        ValueError: no words or no frames.

    >>> def game_of(coalitions):  # a network whose words do not see each other
    ...     return LateInteractionGame(
    ...         torch.tensor([[0.5, 0.25], [0.0, 1.0]]), torch.ones(2), torch.ones(2), word_mask=coalitions
    ...     )
    >>> game = WordsAtInputGame(game_of, num_words=2, num_frames=2)
    >>> game(torch.tensor([[True, False, True, True], [False, False, True, True]]))
    tensor([0.4375, 0.0000])
    """

    game_of: Callable[[Bool[Tensor, "coalition word"]], LateInteractionGame]
    num_words: int
    num_frames: int

    def __post_init__(self) -> None:
        require_players(self.num_words, self.num_frames)

    def __call__(self, coalitions: Bool[Tensor, "coalition player"]) -> Float[Tensor, " coalition"]:
        """Return what coalitions of players, words first and then frames, are worth.

        Raises:
            ValueError: coalitions that are not boolean with a column for every player.
        """
        words, frames = both_sides(coalitions, self.num_words, self.num_frames)
        different, numbers = words.unique(dim=0, return_inverse=True)
        result = torch.zeros(len(coalitions), device=coalitions.device)
        for part, places in zip(different.split(_CALL), torch.arange(len(different)).split(_CALL), strict=True):
            is_text = part.any(1)
            if not is_text.any():
                continue
            games = self.games(part[is_text])
            for game, place in zip(games.chunks(1), places[is_text.cpu()].tolist(), strict=True):
                rows = numbers == place
                values = game.value(torch.ones_like(rows[:1]).expand(game.num_words), frames[rows])
                result = result.to(values.dtype).index_put((rows,), values)
        return result

    def games(self, coalitions: Bool[Tensor, "coalition word"]) -> LateInteractionGame:
        """Return the games of these texts, checked.

        Raises:
            ValueError: not one game for each coalition, or not with the frames of the video.
        """
        games = self.game_of(coalitions)
        if games.num_frames != self.num_frames or games.batch_shape != coalitions.shape[:1]:
            raise ValueError(
                f"game_of must return {len(coalitions)} games with {self.num_frames} frames, one for each coalition, "
                f"not {games}"
            )
        return games


def solve_words_at_input(
    game: WordsAtInputGame,
    *,
    text_budget: int = 256,
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
) -> DualEncoderIndices:
    """Return all indices of the game: exact, or where there are too many coalitions of words, unbiased from drawn ones.

    Frames are exact, and no coalition of them is evaluated. Each text is encoded once, here; indices are asked of the
    result. Those of several levels of one network add up, with the weights that the levels have in its score.

    Args:
        game: of one text and one video.
        text_budget: how many coalitions of words may be encoded. All of them are while `2^words` fit.
        generator: the source of randomness where coalitions are drawn; None: torch's global one.
        device: where coalitions are made, and given to `game.game_of`.

    Raises:
        ValueError: a budget under `2 words + 17` where it has to be drawn, games that do not fit.

    >>> def game_of(coalitions):  # a network whose words do not see each other
    ...     return LateInteractionGame(
    ...         torch.tensor([[0.5, 0.25], [0.0, 1.0]]), torch.ones(2), torch.ones(2), word_mask=coalitions
    ...     )
    >>> indices = solve_words_at_input(WordsAtInputGame(game_of, num_words=2, num_frames=2))
    >>> indices.is_exact, indices.num_texts, indices.num_videos
    (True, 3, 0)
    >>> indices.banzhaf_interactions().values.float()
    tensor([[ 0.3125, -0.0938],
            [-0.1562,  0.6875]])
    """
    side = side_within(game.num_words, text_budget, generator, torch.device(device), name="text_budget")
    extensions = tuple(MultilinearExtension.of(game.games(part)) for part in side.coalitions.split(_CALL))
    everybody = extensions[-1].value_with_all_words(1.0)[-1]
    return DualEncoderIndices(
        differences=_Derivatives(side, extensions),
        value=everybody.double(),
        num_words=game.num_words,
        num_frames=game.num_frames,
        num_texts=len(side.coalitions),
        num_videos=0,
        is_exact=side.is_exact,
    )


@dataclass(frozen=True, eq=False)
class _Derivatives:
    """Expected differences by words of the derivatives by frames."""

    side: Side
    extensions: tuple[MultilinearExtension, ...]
    """Of the games of the side's coalitions, one batch after the other."""

    def first(self, probability: float) -> tuple[Replicates, Replicates]:
        """See `ExpectedDifferences`."""
        expectations = self.side.expectations(self._value_and_first(probability))
        words, frames = expectations.effects(probability)[..., 0], expectations.expected(probability)[:, 1:]
        return _of_texts(words), _of_texts(frames)

    def mixed(self, probability: float) -> Replicates:
        """See `ExpectedDifferences`."""
        return _of_texts(self.side.expectations(self._value_and_first(probability)).effects(probability)[..., 1:])

    def second(self, probability: float) -> Replicates:
        """See `ExpectedDifferences`."""
        value_and_first = self._value_and_first(probability)
        words = self.side.expectations(value_and_first[:, :1]).pair_effects(probability).squeeze(-1)
        mixed = self.side.expectations(value_and_first).effects(probability)[..., 1:]
        second = torch.cat([extension.second_with_all_words(probability) for extension in self.extensions])
        frames = self.side.expectations(second.flatten(1)).expected(probability)
        return _of_texts(outer_sum(words, mixed, frames.unflatten(1, second.shape[1:])))

    def _value_and_first(self, probability: float) -> Float[Tensor, "coalition 1+frames"]:
        return torch.cat(
            [
                torch.cat(
                    (
                        extension.value_with_all_words(probability).unsqueeze(-1),
                        extension.first_with_all_words(probability),
                    ),
                    dim=-1,
                )
                for extension in self.extensions
            ]
        )


def _of_texts(blocks: Float[Tensor, "block ..."]) -> Replicates:
    return Replicates(blocks, blocks.mean(0, keepdim=True))
