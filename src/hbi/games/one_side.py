"""Expectations of a vector over random coalitions of one side of a game: the words of a text, or the frames of a video.

`a(C)` is a vector for every coalition `C` of `n` players, and 0 for nobody. With every player in `C` with probability
`p`, three expectations are wanted:

    A(p)        = E[a(C)]
    u_i(p)      = E[a(C + i) - a(C)]                                   `i` not in `C`
    u_ij(p)     = E[a(C + i + j) - a(C + i) - a(C + j) + a(C)]         `i`, `j` not in `C`

All are polynomials in `p` and linear in `a`, and `sum_i u_i = A'` holds for every function `a`. `ExactSide` asks for
all coalitions; `drawn_side` for some of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hbi.games.enumeration import all_coalitions

SideEncoder = Callable[[Bool[Tensor, "coalition player"]], Float[Tensor, "coalition width"]]
"""Gives the vector of every coalition of one side; it is never asked about the empty one."""

_CALL = 256
"""Coalitions that an encoder is given at a time: of similar sizes, so that a batch of texts is hardly padded."""


class Expectations(Protocol):
    """The expectations of one function `a`; one estimate for every independent block that was drawn."""

    def expected(self, probability: float) -> Float[Tensor, "block width"]:
        """Return `A(p)`."""
        ...

    def effects(self, probability: float) -> Float[Tensor, "block player width"]:
        """Return `u_i(p)`."""
        ...

    def pair_effects(self, probability: float) -> Float[Tensor, "block player player width"]:
        """Return `u_ij(p)`, 0 for `i = j`."""
        ...


class Side(Protocol):
    """Which coalitions of one side are asked about, and how their vectors become expectations."""

    @property
    def coalitions(self) -> Bool[Tensor, "coalition player"]:
        """Those that are asked about, by size, the last one being everybody."""
        ...

    @property
    def is_exact(self) -> bool:
        """Whether these are all coalitions."""
        ...

    def expectations(self, vectors: Float[Tensor, "coalition width"]) -> Expectations:
        """Return the expectations of the function that has these vectors at `coalitions`."""
        ...


@dataclass(frozen=True, eq=False)
class ExactSide:
    """All coalitions but the empty one, by size."""

    coalitions: Bool[Tensor, "coalition player"]

    @classmethod
    def of(cls, num_players: int, device: torch.device) -> "ExactSide":
        """Return the side with all its coalitions."""
        coalitions = torch.cat(list(all_coalitions(num_players, device)))[1:]
        return cls(coalitions[coalitions.sum(-1).argsort(stable=True)])

    @property
    def is_exact(self) -> bool:
        """See `Side`."""
        return True

    def expectations(self, vectors: Float[Tensor, "coalition width"]) -> "ExactExpectations":
        """See `Side`."""
        return ExactExpectations.of(self.coalitions, vectors)


@dataclass(frozen=True, eq=False)
class ExactExpectations:
    """Sums of the vectors over the coalitions of each size: the coefficients of the polynomials."""

    by_size: tuple[tuple[Bool[Tensor, "coalition player"], Float[Tensor, "coalition width"]], ...]
    """Coalitions and vectors of the sizes 1, 2, ..., n."""
    total: Float[Tensor, "size width"]
    with_player: Float[Tensor, "size player width"]

    @classmethod
    def of(
        cls, coalitions: Bool[Tensor, "coalition player"], vectors: Float[Tensor, "coalition width"]
    ) -> "ExactExpectations":
        """Return the expectations of these vectors of all coalitions, which come by size."""
        counts = torch.bincount(coalitions.sum(-1), minlength=coalitions.shape[1] + 1)[1:].tolist()
        by_size = tuple(zip(coalitions.split(counts), vectors.split(counts), strict=True))
        with_player = torch.stack([inside.double().T @ part.double() for inside, part in by_size])
        total = torch.stack([part.double().sum(0) for _, part in by_size])
        return cls(by_size, total, with_player)

    @property
    def num_players(self) -> int:
        """How many players the side has."""
        return len(self.by_size)

    def expected(self, probability: float) -> Float[Tensor, "1 width"]:
        """See `Expectations`."""
        inside = self._coefficients(0, 0, probability)
        return torch.einsum("k,kd->d", inside, self.total).unsqueeze(0)

    def effects(self, probability: float) -> Float[Tensor, "1 player width"]:
        """See `Expectations`."""
        inside, outside = (self._coefficients(1, num_inside, probability) for num_inside in (1, 0))
        without = torch.einsum("k,kid->id", outside, self.total.unsqueeze(1) - self.with_player)
        return (torch.einsum("k,kid->id", inside, self.with_player) + without).unsqueeze(0)

    def pair_effects(self, probability: float) -> Float[Tensor, "1 player player width"]:
        """See `Expectations`."""
        both, one, none = (self._coefficients(2, num_inside, probability) for num_inside in (2, 1, 0))
        result = self.total.new_zeros(self.num_players, self.num_players, self.total.shape[-1])
        for k, (coalitions, part) in enumerate(self.by_size):
            inside, vectors = coalitions.double(), part.double()
            with_both = torch.einsum("cj,cid->ijd", inside, inside.unsqueeze(-1) * vectors.unsqueeze(1))
            with_either = self.with_player[k].unsqueeze(0) + self.with_player[k].unsqueeze(1)
            result = result + both[k] * with_both + one[k] * (with_either - 2 * with_both)
            result = result + none[k] * (self.total[k] - with_either + with_both)
        distinct = ~torch.eye(self.num_players, dtype=torch.bool, device=result.device)
        return (result * distinct.unsqueeze(-1)).unsqueeze(0)

    def _coefficients(self, num_named: int, num_inside: int, probability: float) -> Float[Tensor, " size"]:
        coefficients = size_coefficients(self.num_players, num_named, num_inside, probability)
        return coefficients[1:].to(self.total.device)


def size_coefficients(
    num_players: int, num_named: int, num_inside: int, probability: float
) -> Float[Tensor, " size_from_0"]:
    """Return by how much `a(C)` of each size of `C` counts in the expected difference of the named players.

    Args:
        num_players: of the side.
        num_named: how many players the difference is about: 0 for `A`, 1 for `u_i`, 2 for `u_ij`.
        num_inside: how many of them `C` holds.
        probability: with which every other player is in `C`.
    """
    num_others = num_players - num_named
    sign = (-1.0) ** (num_named - num_inside)

    def coefficient(size: int) -> float:
        others = size - num_inside
        if not 0 <= others <= num_others:
            return 0.0  # no such coalition
        return sign * probability**others * (1 - probability) ** (num_others - others)

    return torch.tensor([coefficient(size) for size in range(num_players + 1)], dtype=torch.float64)


def encode_coalitions(
    encoder: SideEncoder, coalitions: Bool[Tensor, "coalition player"]
) -> Float[Tensor, "coalition width"]:
    """Return the vector of every coalition, asked for 256 at a time.

    Raises:
        ValueError: vectors of the wrong shape, or not finite.
    """
    parts = []
    for part in coalitions.split(_CALL):
        vectors = encoder(part)
        if vectors.dim() != 2 or len(vectors) != len(part) or not vectors.is_floating_point():
            raise ValueError(
                f"an encoder must return one floating vector for each of the {len(part)} coalitions, not "
                f"{vectors.dtype} {list(vectors.shape)}"
            )
        if not vectors.isfinite().all():
            raise ValueError("an encoder must return finite vectors, but some are NaN or infinite")
        parts.append(vectors)
    return torch.cat(parts)


def require_players(num_words: int, num_frames: int) -> None:
    """Raise ValueError where a game between words and frames lacks either."""
    if num_words < 1 or num_frames < 1:
        raise ValueError(f"a game needs a word and a frame or more, not {num_words} words and {num_frames} frames")


def both_sides(
    coalitions: Bool[Tensor, "coalition player"], num_words: int, num_frames: int
) -> tuple[Bool[Tensor, "coalition word"], Bool[Tensor, "coalition frame"]]:
    """Return the words and the frames of coalitions of players, words first and then frames.

    Args:
        coalitions: True where a player is in.
        num_words: How many of the players are words.
        num_frames: How many are frames.

    Raises:
        ValueError: coalitions that are not boolean with a column for every player.
    """
    num_players = num_words + num_frames
    if coalitions.dtype != torch.bool or coalitions.dim() != 2 or coalitions.shape[1] != num_players:
        raise ValueError(
            f"coalitions must be boolean with shape [coalitions, {num_players}], not {coalitions.dtype} "
            f"{list(coalitions.shape)}"
        )
    words, frames = coalitions.split([num_words, num_frames], dim=1)
    return words, frames
