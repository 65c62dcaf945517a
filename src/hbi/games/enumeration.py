"""Any small game solved by visiting all its coalitions: the slow and certain way to every index."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hbi.games.protocol import CoalitionGame, checked_values

MAX_PLAYERS = 20
_CHUNK = 1 << 16


@dataclass(frozen=True, eq=False)
class EnumeratedGame:
    """The value of every coalition of a game; player `i` is in coalition number `c` where bit `i` of `c` is set.

    >>> EnumeratedGame(torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=torch.float64), num_players=2).banzhaf_interactions()
    tensor([[0., 1.],
            [1., 0.]], dtype=torch.float64)
    """

    values: Float[Tensor, " coalition"]
    num_players: int

    def banzhaf_values(self, probability: float = 0.5) -> Float[Tensor, " player"]:
        """Return `E[value(C + i) - value(C)]`, others in `C` with `probability`."""
        return self._first(_binomial(self.num_players - 1, probability))

    def banzhaf_interactions(self, probability: float = 0.5) -> Float[Tensor, "player player"]:
        """Return `E[value(C + i + j) - value(C + i) - value(C + j) + value(C)]`, zero on the diagonal."""
        return self._second(_binomial(self.num_players - 2, probability))

    def shapley_values(self) -> Float[Tensor, " player"]:
        """Return the Shapley values."""
        return self._first(_shapley(self.num_players - 1))

    def shapley_interactions(self) -> Float[Tensor, "player player"]:
        """Return the Shapley interaction index of all pairs, zero on the diagonal."""
        return self._second(_shapley(self.num_players - 2))

    def _first(self, weight: Float[Tensor, " size"]) -> Float[Tensor, " player"]:
        """Return the sum over `C` without `i` of `weight[|C|] (value(C + i) - value(C))`."""
        total = self.values.new_zeros(self.num_players)
        for inside, size, values in self._chunks():
            total += inside.T @ (values * _at(weight, size - 1)) - (1 - inside).T @ (values * _at(weight, size))
        return total

    def _second(self, weight: Float[Tensor, " size"]) -> Float[Tensor, "player player"]:
        """Return the sum over `C` without `i`, `j` of `weight[|C|]` times the second difference of the value."""
        total = self.values.new_zeros(self.num_players, self.num_players)
        for inside, size, values in self._chunks():
            outside = 1 - inside
            one = inside.T @ ((values * _at(weight, size - 1)).unsqueeze(-1) * outside)
            total += inside.T @ ((values * _at(weight, size - 2)).unsqueeze(-1) * inside) - one - one.T
            total += outside.T @ ((values * _at(weight, size)).unsqueeze(-1) * outside)
        return total.fill_diagonal_(0)

    def _chunks(self) -> Iterator[tuple[Tensor, Int[Tensor, " coalition"], Float[Tensor, " coalition"]]]:
        for coalitions, values in zip(
            all_coalitions(self.num_players, self.values.device), self.values.split(_CHUNK), strict=True
        ):
            yield coalitions.to(values.dtype), coalitions.sum(-1), values


def enumerate_game(game: CoalitionGame, num_players: int, *, device: torch.device | str = "cpu") -> EnumeratedGame:
    """Return the game with the values of all its `2^num_players` coalitions, asked for 65,536 at a time.

    Args:
        game: returns the value of every coalition of a bool batch [coalition, player].
        num_players: how many players there are, 1 to 20.
        device: where the coalitions are made, and given to the game.

    Raises:
        ValueError: more than 20 players or none, or values of the wrong shape or not finite.

    >>> def pairs_of_gloves(coalitions):  # players 0 and 1 hold a left glove, player 2 a right one
    ...     return ((coalitions[:, 0] | coalitions[:, 1]) & coalitions[:, 2]).double()
    >>> enumerate_game(pairs_of_gloves, 3).banzhaf_interactions()
    tensor([[ 0.0000, -0.5000,  0.5000],
            [-0.5000,  0.0000,  0.5000],
            [ 0.5000,  0.5000,  0.0000]], dtype=torch.float64)
    """
    if not 1 <= num_players <= MAX_PLAYERS:
        raise ValueError(f"num_players must lie in 1..{MAX_PLAYERS} to visit all coalitions, not {num_players}")
    chunks = all_coalitions(num_players, torch.device(device))
    return EnumeratedGame(torch.cat([checked_values(game, coalitions) for coalitions in chunks]), num_players)


def all_coalitions(num_players: int, device: torch.device) -> Iterator[Bool[Tensor, "coalition player"]]:
    """Yield all coalitions in the order of their binary numbers, player 0 being the lowest bit."""
    bits = torch.arange(num_players, device=device)
    for numbers in torch.arange(1 << num_players, device=device).split(_CHUNK):
        yield (numbers.unsqueeze(-1) >> bits) & 1 == 1


def _binomial(num_others: int, probability: float) -> Float[Tensor, " size"]:
    return _by_size(num_others, lambda size: probability**size * (1 - probability) ** (num_others - size))


def _shapley(num_others: int) -> Float[Tensor, " size"]:
    return _by_size(num_others, lambda size: 1 / (math.comb(num_others, size) * (num_others + 1)))


def _by_size(num_others: int, weight: Callable[[int], float]) -> Float[Tensor, " size"]:
    return torch.tensor([weight(size) for size in range(num_others + 1)], dtype=torch.float64)


def _at(weight: Float[Tensor, " size"], size: Int[Tensor, " coalition"]) -> Float[Tensor, " coalition"]:
    """Return `weight[size]`, 0 where there is no such size: no player is both in and out of such a coalition."""
    padded = torch.cat((weight.new_zeros(2), weight, weight.new_zeros(2))).to(size.device)
    return padded[(size + 2).clamp(0, len(padded) - 1)]
