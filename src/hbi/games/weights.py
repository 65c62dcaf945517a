"""Expected weights of the players in a random coalition, fixed or normalized over the coalition, and their derivatives.

Both kinds answer the same questions about `A_t(q) = E[1(t in C) alpha_t(C)]`, where player `k` is in `C` with
probability `q_k` (one `probability` for all, or an `inclusion` each).

Weights may differ by any factor up to `LARGEST_SPREAD`. One that is next to nothing counts as much as any other in the
coalitions where nobody else is, so that it cannot be left out.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hbi.games.quadrature import Rule, exponential_sum

LARGEST_SPREAD = 1e300
"""The largest sum of weights over the smallest positive one that normalized weights are computed for."""
_NEARLY_ONE = 1.0 - 1e-13
"""Stands for a certain presence: in float64 the difference is rounding, and no factor becomes 0."""
_LARGEST_EXPONENT = 700.0
"""exp(-700) is nothing; less would not be a normal number, and a larger exponent spoils gradients: 0 times infinity."""


def normalize(weights: Float[Tensor, "*#batch player"]) -> Float[Tensor, "*#batch player"]:
    """Return the weights divided by their sum; all 0 where nobody has any.

    They are divided by the largest first: the sum of large weights may be infinite. Where all are next to nothing,
    there is no gradient (see `smallest_with_gradient`).
    """
    largest = weights.detach().amax(-1, keepdim=True)
    weights = torch.where(largest >= smallest_with_gradient(weights.dtype), weights, weights.detach())
    scaled = weights / torch.where(largest > 0, largest, 1)
    total = scaled.sum(-1, keepdim=True)
    return scaled / torch.where(total > 0, total, 1)


def smallest_with_gradient(dtype: torch.dtype) -> float:
    """Return the smallest weight whose slope, about one over it, is a number of the type with room to spare."""
    return torch.finfo(dtype).tiny / torch.finfo(dtype).eps


@runtime_checkable
class Weights(Protocol):
    """What the indices ask of the weights of one side of the game."""

    def expected(self, probability: float) -> Float[Tensor, "*#batch player"]:
        """Return `A_t` with everyone present with `probability`."""
        ...

    def gain_times(
        self, probability: float, rows: Float[Tensor, "*#batch player column"]
    ) -> Float[Tensor, "*#batch player column"]:
        """Return `sum_t (dA_t / dq_i) rows[t, j]` with everyone present with `probability`."""
        ...

    def curvature_times(
        self, probability: float, rows: Float[Tensor, "*#batch player"]
    ) -> Float[Tensor, "*#batch player player"]:
        """Return `sum_t (d2 A_t / dq_i dq_j) rows[t]` for `i != j`; the diagonal is meaningless."""
        ...

    def expected_at(self, inclusion: Float[Tensor, "*#batch player"]) -> Float[Tensor, "*#batch player"]:
        """Return `A_t`."""
        ...

    def gain_of(
        self, members: Bool[Tensor, "*#batch player"], inclusion: Float[Tensor, "*#batch player"]
    ) -> Float[Tensor, "*#batch player"]:
        """Return `sum_{i in members} dA_t / dq_i`; `inclusion` must be 0 for the members."""
        ...


@dataclass(frozen=True)
class FixedWeights:
    """`alpha_t(C) = w_t`."""

    weights: Float[Tensor, "*#batch player"]

    def expected(self, probability: float) -> Float[Tensor, "*#batch player"]:
        """See `Weights`."""
        return probability * self.weights

    def gain_times(
        self, probability: float, rows: Float[Tensor, "*#batch player column"]
    ) -> Float[Tensor, "*#batch player column"]:
        """See `Weights`."""
        return self.weights.unsqueeze(-1) * rows

    def curvature_times(
        self, probability: float, rows: Float[Tensor, "*#batch player"]
    ) -> Float[Tensor, "*#batch player player"]:
        """See `Weights`."""
        return torch.zeros_like((self.weights * rows).unsqueeze(-1) * self.weights.unsqueeze(-2))

    def expected_at(self, inclusion: Float[Tensor, "*#batch player"]) -> Float[Tensor, "*#batch player"]:
        """See `Weights`."""
        return inclusion * self.weights

    def gain_of(
        self, members: Bool[Tensor, "*#batch player"], inclusion: Float[Tensor, "*#batch player"]
    ) -> Float[Tensor, "*#batch player"]:
        """See `Weights`."""
        return members * self.weights


class _Nodes(NamedTuple):
    """The integrand at the nodes of the quadrature, `g_k = 1 - q_k + q_k exp(-s w_k)`."""

    survival: Float[Tensor, "*#batch player node"]
    """`exp(-s w_k)`"""
    inverse: Float[Tensor, "*#batch player node"]
    """`1 / g_k`, which is finite since no presence is quite certain"""
    alone: Float[Tensor, "*#batch player node"]
    """`c w_t exp(-s w_t) prod_{k != t} g_k`, with the weight `c` of the node"""


@dataclass(frozen=True)
class NormalizedWeights:
    """`alpha_t(C) = w_t / sum_{k in C} w_k`.

    With `1/z = integral_0^inf exp(-s z) ds` the expectation of a ratio becomes an integral of products:

        A_t(q) = q_t integral w_t exp(-s w_t) prod_{k != t} g_k ds,    g_k = 1 - q_k + q_k exp(-s w_k)

    and each derivative replaces a `g_k` by `exp(-s w_k) - 1`. All of it is computed in float64: players times a few
    dozen nodes are cheap, and the derivatives of all the `A_t` together nearly cancel.
    """

    weights: Float[Tensor, "*#batch player"]
    spread: float

    def expected(self, probability: float) -> Float[Tensor, "*#batch player"]:
        """See `Weights`."""
        return self._cast(probability * self._nodes(min(probability, _NEARLY_ONE)).alone.sum(-1))

    def gain_times(
        self, probability: float, rows: Float[Tensor, "*#batch player column"]
    ) -> Float[Tensor, "*#batch player column"]:
        """See `Weights`.

        With `u_i = p (1 - exp(-s w_i)) / g_i` the gain `A[t, i] = dA_t / dq_i` is `-sum_q alone[t, q] u_i[q]` for
        `t != i` and `sum_q alone[i, q]` for `t = i`. The diagonal is taken out, so that the rest is two thin matrix
        products over the nodes and no matrix of players by players is made; `alone + alone u = alone / g`.

        A coalition with `i` in it shares out a weight of 1, so a column of `A` sums to the probability that nobody else
        has any weight, next to nothing: what all rows have in common is taken out before it can cancel.
        """
        nodes = self._nodes(min(probability, _NEARLY_ONE))
        joining = self._cast((1 - nodes.survival).mul_(nodes.inverse).mul_(probability))
        own = self._cast((nodes.alone * nodes.inverse).sum(-1, keepdim=True))
        has_weight = (self.weights > 0).to(self.weights.dtype)
        num_players = has_weight.sum(-1, keepdim=True).clamp(min=1)
        without_others = has_weight * (1.0 - probability) ** (num_players - 1)
        common = (has_weight / num_players).unsqueeze(-2) @ rows
        rows = rows - common
        others = joining @ (self._cast(nodes.alone).mT @ rows)
        return (own * rows).sub_(others).addcmul_(without_others.unsqueeze(-1), common)

    def curvature_times(
        self, probability: float, rows: Float[Tensor, "*#batch player"]
    ) -> Float[Tensor, "*#batch player player"]:
        """See `Weights`.

        With `u_i = (1 - exp(-s w_i)) / g_i` and `z_t = rows[t] alone[t]` the sum over `t` other than `i`, `j` is
        `p u_i u_j sum_t z_t`; `t = i` and `t = j` correct it by `-z_i / g_i u_j` and `-z_j / g_j u_i`.
        """
        probability = min(probability, _NEARLY_ONE)
        nodes = self._nodes(probability)
        leaving = (1 - nodes.survival) * nodes.inverse
        weighted = rows.double().unsqueeze(-1) * nodes.alone
        cross = (weighted * nodes.inverse) @ leaving.mT
        both = (probability * leaving * weighted.sum(-2, keepdim=True)) @ leaving.mT
        return self._cast(both - cross - cross.mT)

    def expected_at(self, inclusion: Float[Tensor, "*#batch player"]) -> Float[Tensor, "*#batch player"]:
        """See `Weights`."""
        inclusion = _not_quite_certain(inclusion.double())
        return self._cast(inclusion * self._nodes(inclusion.unsqueeze(-1)).alone.sum(-1))

    def gain_of(
        self, members: Bool[Tensor, "*#batch player"], inclusion: Float[Tensor, "*#batch player"]
    ) -> Float[Tensor, "*#batch player"]:
        """See `Weights`. A member's own `g` is 1, so that nothing has to be taken out of the product."""
        inclusion = _not_quite_certain(inclusion.double())
        nodes = self._nodes(inclusion.unsqueeze(-1))
        joining = ((1 - nodes.survival) * members.unsqueeze(-1)).sum(-2, keepdim=True)
        others = -inclusion * (nodes.alone * joining).sum(-1)
        return self._cast(torch.where(members, nodes.alone.sum(-1), others))

    def _nodes(self, inclusion: float | Tensor) -> _Nodes:
        rule: Rule = exponential_sum(self.spread, self.weights.dtype, self.weights.device)
        share = normalize(self.weights.double()).unsqueeze(-1)
        exponent = (share * rule.nodes).clamp_(max=_LARGEST_EXPONENT)
        survival = exponent.neg().exp_()
        factor = (survival * inclusion).add_(1 - inclusion)
        # c w_t = (c / s) (s w_t): large nodes and small weights never stand alone, whose products might overflow.
        together = factor.prod(-2, keepdim=True) * (rule.weights / rule.nodes)
        inverse = factor.reciprocal()
        return _Nodes(survival, inverse, exponent.mul_(survival).mul(inverse).mul_(together))

    def _cast(self, result: Tensor) -> Tensor:
        return result.to(self.weights.dtype)


def _not_quite_certain(inclusion: Float[Tensor, "*#batch player"]) -> Float[Tensor, "*#batch player"]:
    """Return the inclusion, a little less where it is 1; its gradient is kept."""
    return torch.where(inclusion > _NEARLY_ONE, inclusion - (1.0 - _NEARLY_ONE), inclusion)
