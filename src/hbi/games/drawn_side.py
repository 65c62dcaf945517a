"""Unbiased expectations over the coalitions of one side from some of them, where all would be too many.

Which coalitions. The smallest and the largest sizes are asked for completely: those of 1, of `n - 1` and of `n` players
always. The rest comes in independent blocks, one random order of the players each: the first `k` of the order and the
others, for every size `k` in question (or, where the budget is small, for one of several neighboring sizes). So every
size is drawn, and every player is in one half of every pair.

What becomes of them. A regression on coalitions predicts all vectors, and a block estimates without bias what the
prediction lacks (a difference estimator, each coalition counted by the inverse of its chance to be drawn). The
regression that serves a block was fitted without it, so the sum has no bias whatever the regression is worth. It is a
Gaussian process with the kernel

    K(C, C') = exp(r - 1),     r = |C and C'| / sqrt(|C| |C'|)

where `r` is the inner product of the normalized means of the two coalitions if players were orthogonal vectors: what a
model does that averages and normalizes. Kernels of sizes and overlaps have closed expectations over coalitions. Each
block's estimate is the expectation of one set function that equals `a` for everybody, so that `sum_i u_i = A'` and
with it the efficiency of the Shapley values hold for drawn coalitions, too.
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hbi.games.one_side import size_coefficients

FEWEST_BLOCKS = 8
_MOST_BLOCKS = 16
_NOISE = 5e-2
"""Of the regression: the part of a vector that no other coalition tells, relative to its square."""


@dataclass(frozen=True, eq=False)
class DrawnSide:
    """Coalitions that were drawn, and the regression on them."""

    coalitions: Bool[Tensor, "coalition player"]
    """What an encoder is asked about: each once, by size."""
    points: Int[Tensor, " point"]
    """Their numbers: first those of the complete sizes, then one block after the other (with repetitions)."""
    weights: Float[Tensor, "block member"]
    """How many coalitions each member of a block stands for."""
    inverse: Float[Tensor, "point point"]
    """Of the kernel with its noise, between the points."""

    @classmethod
    def draw(
        cls, num_players: int, budget: int, generator: torch.Generator | None, device: torch.device
    ) -> "DrawnSide":
        """Return coalitions of at least four players, at most `budget` different ones, under half of them all.

        Args:
            num_players: of the side.
            budget: at least `smallest_budget(num_players)`, less than `2**num_players`.
            generator: the source of randomness; None: torch's global one.
            device: where the coalitions are made.
        """
        complete = _complete_sizes(num_players, budget)
        left = budget - sum(math.comb(num_players, size) for size in complete)
        members, weights = _draw_blocks(num_players, complete, left, generator)
        points = torch.cat((_all_of_sizes(num_players, complete), members.flatten(0, 1)))
        coalitions, numbers = points.unique(dim=0, return_inverse=True)
        by_size = coalitions.sum(-1).argsort(stable=True)
        kernel = _kernel(num_players)
        size = points.sum(-1)
        overlap = (points.double() @ points.double().T).long()
        gram = kernel[size.unsqueeze(-1), size, overlap]
        inverse = torch.linalg.inv(gram + _NOISE * torch.eye(len(gram), dtype=gram.dtype))
        return cls(
            coalitions[by_size].to(device),
            by_size.argsort()[numbers].to(device),
            weights.to(device),
            ((inverse + inverse.T) / 2).to(device),
        )

    @property
    def is_exact(self) -> bool:
        """See `Side`."""
        return False

    def expectations(self, vectors: Float[Tensor, "coalition width"]) -> "DrawnExpectations":
        """See `Side`."""
        num_blocks, num_members = self.weights.shape
        solution = self.inverse @ vectors[self.points].double()
        in_blocks = solution[-self.weights.numel() :].unflatten(0, (num_blocks, num_members))
        residual = torch.linalg.solve(self._own, in_blocks)
        rest = in_blocks.unsqueeze(0) - torch.einsum("omld,lde->lome", self._between, residual)
        return DrawnExpectations(self, solution, residual, self._own_inverse_without @ rest)

    @cached_property
    def from_left_out(self) -> Float[Tensor, "left_out member point"]:
        """For each block `l`: `P[l, l]^-1 P[l, :]`, by which the inverse changes where `l` was never drawn."""
        rows = self.inverse[-self.weights.numel() :].unflatten(0, tuple(self.weights.shape))
        return torch.linalg.solve(self._own, rows)

    @cached_property
    def _between(self) -> Float[Tensor, "block member block member"]:
        """The inverse between blocks."""
        drawn, shape = self.weights.numel(), tuple(self.weights.shape)
        return self.inverse[-drawn:, -drawn:].unflatten(1, shape).unflatten(0, shape)

    @cached_property
    def _own(self) -> Float[Tensor, "block member member"]:
        """The inverse within each block."""
        return self._between.diagonal(dim1=0, dim2=2).movedim(-1, 0)

    @cached_property
    def _own_inverse_without(self) -> Float[Tensor, "left_out block member member"]:
        """Return, inverted, what is within each block where another was never drawn; 0 for that one itself."""
        num_blocks, num_members = self.weights.shape
        across = self.from_left_out[:, :, -self.weights.numel() :].unflatten(-1, (num_blocks, num_members))
        own = self._own - torch.einsum("omla,laob->lomb", self._between, across)
        itself = torch.eye(num_blocks, dtype=torch.bool, device=own.device).reshape(num_blocks, num_blocks, 1, 1)
        one = torch.eye(num_members, dtype=own.dtype, device=own.device)
        return torch.where(itself, 0, torch.linalg.inv(torch.where(itself, one, own)))

    @cached_property
    def inside(self) -> Bool[Tensor, "point player"]:
        """The coalitions of the points."""
        return self.coalitions[self.points]


@dataclass(frozen=True, eq=False)
class DrawnExpectations:
    """Estimates of the expectations, and for every block what a jackknife makes of it.

    With `P` the inverse of the kernel with noise, `y = P a` and block `b`, the regression without the block has the
    coefficients `y - P[:, b] e`, and `e = P[b, b]^-1 y[b]` is what it lacks in the block. A linear functional with the
    value `k` on the kernels of the points and `h` on the coalitions is then, with `k' = k + noise h` where the size is
    complete, the mean over the blocks of

        k' y + (weights h - k' P)[b] e

    Blocks are not independent once each one's regression has seen the others. So how far off the mean is, is asked of
    the means that come out where one block had never been drawn (the jackknife, which does not underestimate): the
    results are `mean - (blocks - 1) (mean without the block - their mean)`.
    """

    side: DrawnSide
    solution: Float[Tensor, "point width"]
    residual: Float[Tensor, "block member width"]
    residual_without: Float[Tensor, "left_out block member width"]
    """The same where one of the blocks was never drawn; 0 for that one."""

    def expected(self, probability: float) -> Float[Tensor, "block width"]:
        """See `Expectations`."""
        return self._functional(self._on_points(0, probability, self._size.new_zeros(1, len(self._size)))).squeeze(1)

    def effects(self, probability: float) -> Float[Tensor, "block player width"]:
        """See `Expectations`."""
        return self._functional(self._on_points(1, probability, self.side.inside.T.long()))

    def pair_effects(self, probability: float) -> Float[Tensor, "block player player width"]:
        """See `Expectations`."""
        num_players = self.side.inside.shape[1]
        first, second = torch.triu_indices(num_players, num_players, offset=1, device=self.solution.device)
        inside = self.side.inside.T.long()
        pairs = self._functional(self._on_points(2, probability, inside[first] + inside[second]))
        result = pairs.new_zeros(len(pairs), num_players, num_players, pairs.shape[-1])
        result[:, first, second] = pairs
        return result + result.transpose(1, 2)

    @cached_property
    def _size(self) -> Int[Tensor, " point"]:
        return self.side.inside.sum(-1)

    def _on_points(
        self, num_named: int, probability: float, num_inside: Int[Tensor, "functional point"]
    ) -> tuple[Float[Tensor, "functional point"], Float[Tensor, "functional point"]]:
        """Return what each functional is on the coalition of each point, and on the kernel there."""
        num_players = self.side.inside.shape[1]
        on_coalitions = torch.stack(
            [size_coefficients(num_players, num_named, inside, probability) for inside in range(num_named + 1)]
        )
        on_kernels = _expected_kernel(num_players, num_named, probability)
        device = self._size.device
        return on_coalitions.to(device)[num_inside, self._size], on_kernels.to(device)[num_inside, self._size]

    def _functional(
        self, on_points: tuple[Float[Tensor, "functional point"], Float[Tensor, "functional point"]]
    ) -> Float[Tensor, "block functional width"]:
        on_coalitions, on_kernels = on_points
        shape, drawn = tuple(self.side.weights.shape), self.side.weights.numel()
        noise = torch.full_like(on_kernels[0], _NOISE)
        noise[-drawn:] = 0
        on_kernels = on_kernels + noise * on_coalitions
        predicted = (on_kernels @ self.side.inverse)[:, -drawn:]
        factor = on_coalitions[:, -drawn:] * self.side.weights.flatten() - predicted
        in_solution = on_kernels @ self.solution
        mean = in_solution + torch.einsum("fbm,bmd->fd", factor.unflatten(1, shape), self.residual) / shape[0]
        left_out = predicted.unflatten(1, shape)
        factor_without = factor + torch.einsum("flm,lmp->lfp", left_out, self.side.from_left_out[:, :, -drawn:])
        means_without = in_solution - torch.einsum("flm,lmd->lfd", left_out, self.residual)
        correction = torch.einsum("lfbm,lbmd->lfd", factor_without.unflatten(2, shape), self.residual_without)
        means_without = means_without + correction / (shape[0] - 1)
        return mean - (shape[0] - 1) * (means_without - means_without.mean(0))


def smallest_budget(num_players: int) -> int:
    """Return how many coalitions have to be drawn at least, for the complete sizes and eight blocks of one pair."""
    return 2 * num_players + 1 + 2 * FEWEST_BLOCKS


def _complete_sizes(num_players: int, budget: int) -> list[int]:
    """Return the sizes that are asked for completely: while they have no more coalitions than their equal share."""
    sizes = [1, num_players - 1, num_players]
    left = budget - 2 * num_players - 1
    lowest = 2
    while lowest < num_players - lowest:
        cost = 2 * math.comb(num_players, lowest)
        if cost // 2 > left // (num_players - 2 * lowest + 1) or left - cost < 2 * FEWEST_BLOCKS:
            break
        sizes, left, lowest = [*sizes, lowest, num_players - lowest], left - cost, lowest + 1
    return sorted(sizes)


def _all_of_sizes(num_players: int, sizes: list[int]) -> Bool[Tensor, "coalition player"]:
    eye = torch.eye(num_players, dtype=torch.bool)
    return torch.cat([eye[torch.tensor(list(combinations(range(num_players), size)))].any(1) for size in sizes])


def _draw_blocks(
    num_players: int, complete: list[int], budget: int, generator: torch.Generator | None
) -> tuple[Bool[Tensor, "block member player"], Float[Tensor, "block member"]]:
    """Return the blocks, each the beginnings of one random order and what is left of it, and what each stands for."""
    first, last = min(set(range(1, num_players)) - set(complete)), max(set(range(1, num_players)) - set(complete))
    num_cuts = max(1, min(last - first + 1, budget // (2 * FEWEST_BLOCKS)))
    num_orders = budget // (2 * num_cuts)
    per_block = -(-num_orders // _MOST_BLOCKS)
    num_blocks = num_orders // per_block
    edges = [first + (last - first + 1) * cut // num_cuts for cut in range(num_cuts + 1)]
    lengths = torch.tensor(edges).diff()
    device = generator.device if generator else None
    shape = (num_blocks * per_block, num_players + num_cuts)
    draws = torch.rand(shape, generator=generator, device=device, dtype=torch.float64).cpu()
    rank = draws[:, :num_players].argsort(-1).argsort(-1)
    cuts = torch.tensor(edges[:-1]) + (draws[:, num_players:] * lengths).long()
    beginning = rank.unsqueeze(1) < cuts.unsqueeze(-1)
    count = torch.tensor([math.comb(num_players, size) for size in range(num_players + 1)], dtype=torch.float64)
    weight = count[cuts] * lengths / (2 * per_block)
    members, weights = torch.cat((beginning, ~beginning), 1), torch.cat((weight, weight), 1)
    return members.reshape(num_blocks, -1, num_players), weights.reshape(num_blocks, -1)


def _kernel(num_players: int) -> Float[Tensor, "size size overlap"]:
    """Return the kernel by the sizes of the two coalitions and of what they share; 0 for nobody."""
    size = torch.arange(num_players + 1, dtype=torch.float64)
    product = (size.unsqueeze(-1) * size).unsqueeze(-1)
    cosine = size / product.clamp(min=1).sqrt()
    return torch.where(product > 0, (cosine.clamp(max=1) - 1).exp(), 0)


@lru_cache(maxsize=4096)
@torch.inference_mode(False)  # kept for later calls, of which some want gradients
def _expected_kernel(num_players: int, num_named: int, probability: float) -> Float[Tensor, "inside size"]:
    """Return the expected difference of the named players of `K(., C)`, by how many of them `C` holds and its size."""
    kernel = _kernel(num_players)
    result = torch.zeros(num_named + 1, num_players + 1, dtype=torch.float64)
    for inside in range(num_named + 1):
        for size in range(inside, num_players - num_named + inside + 1):
            shared = torch.arange(size - inside + 1).unsqueeze(-1)
            foreign = torch.arange(num_players - num_named - size + inside + 1)
            chance = _binomial(len(shared) - 1, probability).unsqueeze(-1) * _binomial(len(foreign) - 1, probability)
            for joined in range(inside + 1):
                for others in range(num_named - inside + 1):
                    count = math.comb(inside, joined) * math.comb(num_named - inside, others)
                    sign = (-1) ** (num_named - joined - others)
                    values = kernel[shared + foreign + joined + others, size, shared + joined]
                    result[inside, size] += sign * count * (chance * values).sum()
    return result


def _binomial(count: int, probability: float) -> Float[Tensor, " successes"]:
    return torch.tensor(
        [math.comb(count, k) * probability**k * (1 - probability) ** (count - k) for k in range(count + 1)],
        dtype=torch.float64,
    )
