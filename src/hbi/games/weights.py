"""Expected weights of the players in a random coalition, fixed or normalized over the coalition."""

import torch
from jaxtyping import Float
from torch import Tensor

from hbi.games.quadrature import exponential_sum, num_steps_for

_NEARLY_ONE = 1.0 - 1e-13
"""A certain presence is replaced by this one: in float64 the difference is rounding, and no factor becomes 0."""


def normalized_weight_gain(
    weights: Float[Tensor, "*batch player"], probability: float, spread: float, precision: torch.dtype
) -> Float[Tensor, "*batch player player"]:
    """Return `A[t, i] = E[alpha_t(C + i) - alpha_t(C)]`, `i` not in `C`, the others in `C` with `probability` each.

    With `1/z = integral_0^inf exp(-z s) ds` and `g_k = 1 - p + p exp(-s w_k)` the expectation becomes, over the nodes of
    the quadrature, `-p sum_q [w_t exp(-s w_t) / g_t] [(1 - exp(-s w_i)) / g_i] prod_k g_k` for `t != i`: a matrix product.
    For `t = i` it is `sum_q [w_t exp(-s w_t) / g_t] prod_k g_k`. Everything is in float64: the players times a few dozen
    nodes are cheap, and the columns of `A` nearly cancel.
    """
    p = min(probability, _NEARLY_ONE)
    nodes, node_weights = exponential_sum(num_steps_for(spread, precision), precision, weights.device)
    share = weights.double()
    share = share / share.sum(-1, keepdim=True).clamp(min=torch.finfo(torch.float64).tiny)
    survival = torch.exp(share.unsqueeze(-1) * -nodes)
    factor = survival * p + (1 - p)
    alone = share.unsqueeze(-1) * survival / factor * (factor.prod(-2, keepdim=True) * node_weights)
    joined = (1 - survival) / factor
    # The product holds t = i too, where the true entry is larger by `alone / factor`.
    return torch.diag_embed((alone / factor).sum(-1)) - p * alone @ joined.mT
