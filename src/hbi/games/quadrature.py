"""A short quadrature for 1/z as a sum of exponentials, the tool that makes coalition-normalized weights exact."""

import math
from functools import lru_cache
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

_TAIL_NODES = {torch.float32: 6, torch.float64: 8}
_STEP = {torch.float32: 0.5, torch.float64: 0.32}
_TOLERANCE = {torch.float32: 1e-8, torch.float64: 1e-13}
_TAIL_END = 8.0


class ExponentialSum(NamedTuple):
    """`1/z = sum_q weights[q] * exp(-nodes[q] * z)` to a fixed relative error for `z` in `[1/spread, 1]`."""

    nodes: Float[Tensor, " node"]
    weights: Float[Tensor, " node"]


@lru_cache(maxsize=256)
def exponential_sum(num_steps: int, precision: torch.dtype, device: torch.device) -> ExponentialSum:
    """Return the nodes and weights of `1/z = integral_0^inf exp(-z s) ds` for `z` in `[1/spread, 1]`.

    With `s = exp(x)` the trapezoidal rule in `x` converges geometrically (the integrand is analytic in a strip of half
    width pi/2), so a step of 0.5 is good for a relative error of 4e-8 and 0.32 for 1e-12, whatever `z`. Its left tail is
    infinite, all of it at `s <= 8` where `exp(-z s)` is nearly a polynomial in `s`: six or eight Gauss nodes for the
    discrete measure of the tail replace it. Its right end follows the spread: `num_steps` trapezoidal nodes past 8 (see
    `num_steps_for`).
    """
    step = _STEP[precision]
    last = math.floor(math.log(_TAIL_END) / step)
    tail_nodes, tail_weights = _compress_tail(step, last, _TAIL_NODES[precision])
    grid = torch.exp(step * torch.arange(last + 1, last + 1 + num_steps, dtype=torch.float64))
    nodes = torch.cat((tail_nodes, grid))
    weights = torch.cat((tail_weights, step * grid))
    return ExponentialSum(nodes.to(device), weights.to(device))


def num_steps_for(spread: float, precision: torch.dtype) -> int:
    """Return how many trapezoidal nodes reach the point where `exp(-s / spread)` is below the tolerance."""
    step = _STEP[precision]
    end = math.log(-math.log(_TOLERANCE[precision]) * max(spread, 1.0))
    return max(math.ceil(end / step) - math.floor(math.log(_TAIL_END) / step), 1)


def _compress_tail(step: float, last: int, num_nodes: int) -> tuple[Tensor, Tensor]:
    """Return the Gauss nodes and weights of the measure `sum_{k <= last} step * s_k * delta(s_k)`, `s_k = exp(k step)`.

    Lanczos on the diagonal matrix of the `s_k` gives the Jacobi matrix; its eigenvectors give the weights
    (Golub and Welsch, 1969). Points under exp(-60) carry no mass in float64.
    """
    points = torch.exp(step * torch.arange(last - math.ceil(60 / step), last + 1, dtype=torch.float64))
    mass = step * points
    basis = [(mass / mass.sum()).sqrt()]
    jacobi = torch.zeros(num_nodes, num_nodes, dtype=torch.float64)
    for k in range(num_nodes):
        residual = points * basis[k]
        jacobi[k, k] = basis[k] @ residual
        for _ in range(2):  # twice is enough to keep the basis orthogonal
            for vector in basis:
                residual = residual - (vector @ residual) * vector
        norm = residual.norm()
        if k + 1 < num_nodes:
            jacobi[k, k + 1] = jacobi[k + 1, k] = norm
        basis.append(residual / norm)
    nodes, vectors = torch.linalg.eigh(jacobi)
    return nodes, mass.sum() * vectors[0].square()
