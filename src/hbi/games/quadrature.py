"""Short quadratures: 1/z as a sum of exponentials, and Gauss-Legendre on [0, 1]."""

import math
from functools import lru_cache
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Rule(NamedTuple):
    """Nodes and weights of a quadrature."""

    nodes: Float[Tensor, " node"]
    weights: Float[Tensor, " node"]


class _Accuracy(NamedTuple):
    step: float
    num_tail_nodes: int
    end: float


# Found by a search for the fewest nodes: relative errors of 5e-8 and 5e-12, far under what each type resolves in a sum.
_ACCURACY = {torch.float32: _Accuracy(0.5, 6, 18.0), torch.float64: _Accuracy(0.32, 8, 30.0)}
_TAIL_END = 8.0


@torch.compiler.assume_constant_result
def exponential_sum(spread: float, precision: torch.dtype, device: torch.device) -> Rule:
    """Return nodes `s` and weights `c` with `1/z = sum_q c_q exp(-s_q z)` for every `z` in `[1/spread, 1]`.

    It is the trapezoidal rule in `x` for `1/z = integral exp(x - z exp(x)) dx`. The integrand is analytic in a strip of
    half width pi/2, so the error falls like `exp(-pi^2 / step)` whatever `z` is. Its tail to the left is infinite, but
    there (`s < 8`) `exp(-z s)` is nearly a polynomial in `s`: a Gauss rule for the discrete measure of the tail needs
    six or eight nodes for all of it. To the right it ends where `exp(-s / spread)` no longer counts.

    Args:
        spread: the largest `1/z` that the rule has to serve, at least 1.
        precision: float32 or float64: how accurate the sum has to be (5e-8 or 5e-12 of `1/z`).
        device: where nodes and weights are kept.
    """
    accuracy = _ACCURACY[precision]
    end = math.ceil(math.log(accuracy.end * max(spread, 1.0)) / accuracy.step)
    return _exponential_sum_up_to(end, precision, device)


@lru_cache(maxsize=256)
@torch.inference_mode(False)  # kept for later calls, of which some want gradients
def _exponential_sum_up_to(end: int, precision: torch.dtype, device: torch.device) -> Rule:
    step, num_tail_nodes, _ = _ACCURACY[precision]
    last = math.floor(math.log(_TAIL_END) / step)
    tail = _grid(last - math.ceil(60 / step), last, step)  # exp(-60) carries no mass in float64
    grid = _grid(last + 1, max(end, last + 1), step)
    tail_rule = _gauss(tail, step * tail, num_tail_nodes)
    nodes = torch.cat((tail_rule.nodes, grid))
    weights = torch.cat((tail_rule.weights, step * grid))
    return Rule(nodes.to(device), weights.to(device))


@torch.compiler.assume_constant_result
def gauss_legendre(num_nodes: int) -> tuple[tuple[float, float], ...]:
    """Return (node, weight) pairs that integrate polynomials of degree `2 num_nodes - 1` over [0, 1] exactly."""
    return _gauss_legendre(num_nodes)


@lru_cache(maxsize=64)
def _gauss_legendre(num_nodes: int) -> tuple[tuple[float, float], ...]:
    degree = torch.arange(1, num_nodes, dtype=torch.float64)
    off_diagonal = degree / (4 * degree.square() - 1).sqrt()
    rule = _golub_welsch(torch.zeros(num_nodes, dtype=torch.float64), off_diagonal)
    return tuple(zip(((1 + rule.nodes) / 2).tolist(), rule.weights.tolist(), strict=True))


def _grid(first: int, last: int, step: float) -> Float[Tensor, " node"]:
    return torch.exp(step * torch.arange(first, last + 1, dtype=torch.float64))


def _gauss(points: Float[Tensor, " point"], mass: Float[Tensor, " point"], num_nodes: int) -> Rule:
    """Return the Gauss rule of a discrete measure, by Lanczos on the diagonal matrix of its points."""
    basis = [(mass / mass.sum()).sqrt()]
    diagonal, off_diagonal = [], []
    for _ in range(num_nodes):
        residual = points * basis[-1]
        diagonal.append(basis[-1] @ residual)
        for _ in range(2):  # once more, for vectors that are orthogonal to the last digit
            for vector in basis:
                residual = residual - (vector @ residual) * vector
        off_diagonal.append(residual.norm())
        basis.append(residual / residual.norm())
    rule = _golub_welsch(torch.stack(diagonal), torch.stack(off_diagonal[:-1]))
    return Rule(rule.nodes, rule.weights * mass.sum())


def _golub_welsch(diagonal: Float[Tensor, " node"], off_diagonal: Float[Tensor, " edge"]) -> Rule:
    """Return the nodes and weights of the rule whose Jacobi matrix this is; the weights sum to 1."""
    jacobi = torch.diag(diagonal) + torch.diag(off_diagonal, 1) + torch.diag(off_diagonal, -1)
    nodes, vectors = torch.linalg.eigh(jacobi)
    return Rule(nodes, vectors[0].square())
