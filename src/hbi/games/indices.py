"""Exact indices of late-interaction games: every one a derivative or an integral of the multilinear extension `F`.

`C` is a random coalition of the players that an index does not name, each in it with probability `p`; `D_i v(C) =
v(C + i) - v(C)`, and `D_ij` is `D_i` of `D_j`.

| index | function | definition | from `F` |
| --- | --- | --- | --- |
| Banzhaf value [1, 2] | `banzhaf_values` | `E[D_i v(C)]`, p = 1/2 | `dF/dq_i` at 1/2 |
| binomial semivalue [3] | `banzhaf_values(game, p)` | the same, any p | the same at p |
| Banzhaf interaction [4, 5] | `banzhaf_interactions` | `E[D_ij v(C)]`, p = 1/2 | `d2F/dq_i dq_j` at 1/2 |
| weighted Banzhaf interaction [6] | `banzhaf_interactions(game, p)` | the same, any p | the same at p |
| Shapley value [7, 8] | `shapley_values` | `integral E_p[D_i v(C)] dp` | `integral dF/dq_i` on the diagonal |
| Shapley interaction [4] | `shapley_interactions` | `integral E_p[D_ij v(C)] dp` | `integral d2F/dq_i dq_j` there |
| coalition as one player [5] | `coalition_interaction` | `E[D_S v(C) - sum_{i in S} D_i v(C)]` | `F` with `S` in, out |

[1] Banzhaf 1965. [2] Owen, Multilinear extensions and the Banzhaf value, 1975. [3] Dubey, Neyman and Weber, Value
theory without efficiency, 1981. [4] Grabisch and Roubens, An axiomatic approach to the concept of interaction, 1999.
[5] Jin et al., Video-Text as Game Players, 2023 (section 3). [6] Marichal and Mathonet, Weighted Banzhaf power and
interaction indexes, 2011. [7] Shapley 1953. [8] Owen, Multilinear extensions of games, 1972.

Along the diagonal `F` is a polynomial in `p` of degree words + frames, also for normalized weights, so that a
Gauss-Legendre rule with half as many nodes is exact for the integrals.
"""

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hbi.games.extension import MultilinearExtension
from hbi.games.late_interaction import LateInteractionGame
from hbi.games.quadrature import gauss_legendre

Between = Literal["words and frames", "players"]
"""Which interactions to return: of every word with every frame, or of all players (words first, then frames)."""

Values = tuple[Float[Tensor, "*#batch word"], Float[Tensor, "*#batch frame"]]


def banzhaf_values(game: LateInteractionGame, probability: float = 0.5, *, chunk_size: int | None = None) -> Values:
    """Return the Banzhaf value of every word and of every frame: `E[value(C + i) - value(C)]`.

    Args:
        game: the game, or a batch of them.
        probability: with which every other player is in `C`; 1/2 is Banzhaf's.
        chunk_size: how many entries of the first batch axis are worked on at a time; None: all.

    Raises:
        ValueError: `probability` outside [0, 1].

    >>> game = LateInteractionGame(
    ...     torch.tensor([[1.0, 0.5], [0.25, 0.75]]), torch.ones(2), torch.ones(2), normalize_weights=False
    ... )
    >>> banzhaf_values(game)
    (tensor([0.5938, 0.3750]), tensor([0.5000, 0.4688]))
    """
    _check_probability(probability)
    return _values_in_chunks(lambda part: MultilinearExtension.of(part).first(probability), game, chunk_size)


def banzhaf_interactions(
    game: LateInteractionGame,
    probability: float = 0.5,
    *,
    between: Between = "words and frames",
    chunk_size: int | None = None,
) -> Float[Tensor, "*#batch row column"]:
    """Return the Banzhaf interactions, of words with frames `[..., words, frames]` or of all players.

        I[i, j] = E[value(C + i + j) - value(C + i) - value(C + j) + value(C)]

    Positive where two players are worth more together than apart. Masked players interact with 0, and so does a player
    with itself.

    Args:
        game: the game, or a batch of them.
        probability: with which every other player is in `C`; 1/2 is the paper's Banzhaf Interaction.
        between: "words and frames", or "players" for `[..., players, players]`, words first.
        chunk_size: how many entries of the first batch axis are worked on at a time; None: all.

    Raises:
        ValueError: `probability` outside [0, 1], an unknown `between`.

    >>> game = LateInteractionGame(
    ...     torch.tensor([[1.0, 0.5], [0.25, 0.75]]), torch.ones(2), torch.ones(2), normalize_weights=False
    ... )
    >>> banzhaf_interactions(game)
    tensor([[0.8125, 0.2500],
            [0.1250, 0.5625]])
    >>> banzhaf_interactions(game, between="players")[0]
    tensor([ 0.0000, -0.1875,  0.8125,  0.2500])
    """
    _check_probability(probability)
    second = _second_derivative(between)
    return _matrix_in_chunks(lambda part: second(MultilinearExtension.of(part), probability), game, chunk_size)


def shapley_values(game: LateInteractionGame, *, chunk_size: int | None = None) -> Values:
    """Return the Shapley value of every word and frame; together they sum to the value of the grand coalition.

    >>> game = LateInteractionGame(
    ...     torch.tensor([[1.0, 0.5], [0.25, 0.75]]), torch.ones(2), torch.ones(2), normalize_weights=False
    ... )
    >>> words, frames = shapley_values(game)
    >>> words, frames
    (tensor([0.5417, 0.3333]), tensor([0.4583, 0.4167]))
    >>> words.sum() + frames.sum(), game.value(torch.tensor([True, True]), torch.tensor([True, True]))
    (tensor(1.7500), tensor(1.7500))
    """

    def integral(part: LateInteractionGame) -> Values:
        extension = MultilinearExtension.of(part)
        words = frames = torch.zeros((), dtype=part.dtype, device=part.similarity.device)
        for node, weight in _diagonal_rule(part):
            word_values, frame_values = extension.first(node)
            words, frames = words + weight * word_values, frames + weight * frame_values
        return words, frames

    return _values_in_chunks(integral, game, chunk_size)


def shapley_interactions(
    game: LateInteractionGame, *, between: Between = "words and frames", chunk_size: int | None = None
) -> Float[Tensor, "*#batch row column"]:
    """Return the Shapley interaction index of pairs: the Banzhaf interaction averaged over `probability` in [0, 1].

    Args:
        game: the game, or a batch of them.
        between: "words and frames", or "players" for `[..., players, players]`, words first.
        chunk_size: how many entries of the first batch axis are worked on at a time; None: all.

    Raises:
        ValueError: an unknown `between`.

    >>> game = LateInteractionGame(torch.tensor([[1.0, 0.3], [0.5, 0.7]]), torch.ones(2), torch.ones(2))
    >>> shapley_interactions(game)
    tensor([[ 0.5833, -0.0042],
            [ 0.0458,  0.3583]])
    """
    second = _second_derivative(between)

    def integral(part: LateInteractionGame) -> Tensor:
        extension = MultilinearExtension.of(part)
        total = torch.zeros((), dtype=part.dtype, device=part.similarity.device)
        for node, weight in _diagonal_rule(part):
            total = total + weight * second(extension, node)
        return total

    return _matrix_in_chunks(integral, game, chunk_size)


def coalition_interaction(
    game: LateInteractionGame,
    word_coalition: Bool[Tensor, "*#batch word"],
    frame_coalition: Bool[Tensor, "*#batch frame"],
    probability: float = 0.5,
) -> Float[Tensor, "*#batch"]:
    """Return what a set `S` of words and frames, a phrase and a clip, is worth as one player beyond its members.

        E[value(C + S) - value(C) - sum_{i in S} (value(C + i) - value(C))],   C without S

    For one word and one frame this is their Banzhaf interaction. The batch axes broadcast.

    Args:
        game: the game, or a batch of them.
        word_coalition: True for the words in `S`.
        frame_coalition: True for the frames in `S`.
        probability: with which every player outside `S` is in `C`; 1/2 is Banzhaf's.

    Raises:
        ValueError: `probability` outside [0, 1], a coalition of the wrong shape or type.

    >>> game = LateInteractionGame(
    ...     torch.tensor([[1.0, 0.5], [0.25, 0.75]]), torch.ones(2), torch.ones(2), normalize_weights=False
    ... )
    >>> coalition_interaction(game, torch.tensor([True, True]), torch.tensor([True, False]))
    tensor(0.8125)
    """
    _check_probability(probability)
    words, frames = game.playing(word_coalition, frame_coalition)
    players = game.playing(torch.ones_like(word_coalition), torch.ones_like(frame_coalition))
    without = tuple(
        probability * (everyone & ~members).to(game.dtype)
        for everyone, members in zip(players, (words, frames), strict=True)
    )
    extension = MultilinearExtension.of(game)
    together = extension.value(without[0] + words, without[1] + frames) - extension.value(*without)
    return together - extension.gain_of(words, frames, *without)


def _second_derivative(between: Between) -> Callable[[MultilinearExtension, float], Tensor]:
    if between == "words and frames":
        return MultilinearExtension.mixed
    if between == "players":
        return MultilinearExtension.second
    raise ValueError(f'between must be "words and frames" or "players", not {between!r}')


def _diagonal_rule(game: LateInteractionGame) -> tuple[tuple[float, float], ...]:
    return gauss_legendre((game.num_words + game.num_frames + 1) // 2)


def _values_in_chunks(
    compute: Callable[[LateInteractionGame], Values], game: LateInteractionGame, chunk_size: int | None
) -> Values:
    if chunk_size is None:
        return compute(game)
    words, frames = zip(*map(compute, game.chunks(chunk_size)), strict=True)
    return torch.cat(words), torch.cat(frames)


def _matrix_in_chunks(
    compute: Callable[[LateInteractionGame], Tensor], game: LateInteractionGame, chunk_size: int | None
) -> Tensor:
    if chunk_size is None:
        return compute(game)
    return torch.cat([compute(part) for part in game.chunks(chunk_size)])


def _check_probability(probability: float) -> None:
    if not 0.0 <= probability <= 1.0:
        raise ValueError(f"probability must lie in [0, 1], not {probability}")
