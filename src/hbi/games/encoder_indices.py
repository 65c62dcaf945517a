"""Indices of a game whose words, frames or both were asked about by coalitions: exact, or with standard errors."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from hbi.games.indices import Between
from hbi.games.quadrature import gauss_legendre


class Estimate(NamedTuple):
    """Numbers and how far off they are.

    >>> Estimate(torch.tensor([0.25]), torch.tensor([0.0])).values
    tensor([0.2500])
    """

    values: Float[Tensor, "..."]
    standard_errors: Float[Tensor, "..."]
    """0 where nothing was drawn. Widened for the few blocks that they come from (by the quantile of Student's
    distribution): 95 of 100 times the truth lies within 1.96 of them."""


class Replicates(NamedTuple):
    """Independent estimates of the same numbers: one for each block of texts, one for each block of videos.

    Those of one side use what all blocks of the other side say together, and both have the same mean.
    """

    by_text: Float[Tensor, "block ..."]
    by_video: Float[Tensor, "block ..."]

    def plus(self, other: "Replicates", factor: float) -> "Replicates":
        """Return `self + factor * other`."""
        return Replicates(self.by_text + factor * other.by_text, self.by_video + factor * other.by_video)

    def times(self, factor: float) -> "Replicates":
        """Return `factor * self`."""
        return Replicates(factor * self.by_text, factor * self.by_video)

    def estimate(self) -> Estimate:
        """Return the mean, and its standard error by the delta method: the variances of the two sides add up."""
        variance = _variance_of_mean(self.by_text) + _variance_of_mean(self.by_video)
        return Estimate(self.by_text.mean(0), variance.sqrt())


class ExpectedDifferences(Protocol):
    """What a solver gives: expected differences of the value, every other player in the coalition with `p`."""

    def first(self, probability: float) -> tuple[Replicates, Replicates]:
        """Return `E[D_i value]` of the words and of the frames."""
        ...

    def mixed(self, probability: float) -> Replicates:
        """Return `E[D_ij value]` for every word `i` and frame `j`."""
        ...

    def second(self, probability: float) -> Replicates:
        """Return `E[D_ij value]` for all players, words first."""
        ...


@dataclass(frozen=True, eq=False)
class DualEncoderIndices:
    """Every index of a game between words and frames that was asked about the coalitions of each side apart.

    Shapley values sum to `value` to rounding, also where coalitions were drawn. All numbers are float64.

    >>> from hbi.games import DualEncoderGame, normalized_mean, solve_dual_encoder
    >>> words, frames = (normalized_mean(torch.eye(20)[:players], True) for players in (9, 3))
    >>> indices = solve_dual_encoder(DualEncoderGame(words, frames, 9, 3), generator=torch.Generator().manual_seed(0))
    >>> indices.is_exact, indices.num_texts <= 256, indices.num_videos
    (False, True, 7)
    >>> estimate = indices.banzhaf_interactions()
    >>> estimate.values.shape, bool((estimate.standard_errors > 0).all())
    (torch.Size([9, 3]), True)
    """

    differences: ExpectedDifferences
    value: Float[Tensor, ""]
    """What everybody together is worth: the model's own score."""
    num_words: int
    num_frames: int
    num_texts: int
    """How many coalitions of words were encoded."""
    num_videos: int
    """How many coalitions of frames were encoded."""
    is_exact: bool
    """Whether nothing was drawn."""

    def banzhaf_values(self, probability: float = 0.5) -> tuple[Estimate, Estimate]:
        """Return the Banzhaf values of the words and of the frames, all others present with `probability`.

        Raises:
            ValueError: `probability` outside [0, 1].
        """
        words, frames = self.differences.first(_checked(probability))
        return words.estimate(), frames.estimate()

    def shapley_values(self) -> tuple[Estimate, Estimate]:
        """Return the Shapley values of the words and of the frames."""
        words, frames = self._integral(self.differences.first)
        return words.estimate(), frames.estimate()

    def banzhaf_interactions(self, probability: float = 0.5, between: Between = "words and frames") -> Estimate:
        """Return the Banzhaf interactions.

        Args:
            probability: with which every other player is in the coalition.
            between: "words and frames" for [words, frames], or "players" for [players, players], words first.

        Raises:
            ValueError: `probability` outside [0, 1], an unknown `between`.
        """
        return self._differences_of(between)(_checked(probability)).estimate()

    def shapley_interactions(self, between: Between = "words and frames") -> Estimate:
        """Return the Shapley interaction index of pairs: the Banzhaf interaction averaged over the probability.

        Raises:
            ValueError: an unknown `between`.
        """
        differences = self._differences_of(between)
        return self._integral(lambda probability: (differences(probability),))[0].estimate()

    def _differences_of(self, between: Between) -> Callable[[float], Replicates]:
        if between == "words and frames":
            return self.differences.mixed
        if between == "players":
            return self.differences.second
        raise ValueError(f'between must be "words and frames" or "players", not {between!r}')

    def _integral(self, differences: Callable[[float], tuple[Replicates, ...]]) -> tuple[Replicates, ...]:
        """Return the integrals over the probability: of polynomials of degree words + frames - 1 at most."""
        (node, weight), *others = gauss_legendre((self.num_words + self.num_frames + 1) // 2)
        totals = tuple(part.times(weight) for part in differences(node))
        for node, weight in others:
            totals = tuple(total.plus(part, weight) for total, part in zip(totals, differences(node), strict=True))
        return totals


def _checked(probability: float) -> float:
    if not 0.0 <= probability <= 1.0:
        raise ValueError(f"probability must lie in [0, 1], not {probability}")
    return probability


def _variance_of_mean(blocks: Float[Tensor, "block ..."]) -> Tensor:
    blocks = blocks.detach()
    num_blocks = len(blocks)
    if num_blocks == 1:
        return torch.zeros_like(blocks[0])
    return blocks.var(0) / num_blocks * _widening(num_blocks - 1) ** 2


def _widening(freedom: int) -> float:
    """Return the 97.5 % quantile of Student's distribution over the normal one (Fisher's expansion: 0.1 % at 7)."""
    z = 1.959964
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return 1 + (first / freedom + second / freedom**2 + third / freedom**3) / z


def outer_sum(words: Tensor, mixed: Tensor, frames: Tensor) -> Float[Tensor, "*batch player player"]:
    """Return the interactions of all players from those of words, of words with frames, and of frames."""
    return torch.cat((torch.cat((words, mixed), -1), torch.cat((mixed.mT, frames), -1)), -2)
