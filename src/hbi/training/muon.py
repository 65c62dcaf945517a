"""Muon as torch has it, which computes in float32 where there is no fast bfloat16."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

RMS_OF_ADAMW = 0.2
"""Root mean square that an update of AdamW usually has (Liu et al. 2025, arXiv 2502.16982, section 2.2)."""


class Muon(torch.optim.Muon):
    """Muon whose updates have the size of AdamW's (Jordan et al. 2024; Liu et al. 2025).

    torch makes the singular values of an update alike in bfloat16. That is fast on a GPU; a processor without bfloat16
    takes ten to twenty times as long for it as in float32, which was a third of a training step of the small recipes.
    So here it is float32, but on CUDA. The state is torch's.

    Args:
        params: Matrices, or groups of them.
        lr: Learning rate.
    """

    def __init__(self, params: Any, lr: float) -> None:
        super().__init__(params, lr=lr, adjust_lr_fn="match_rms_adamw")

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Move every matrix that has a gradient; return what `closure` gave."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is not None:
                    self._move(matrix, matrix.grad, group)
        return loss

    def _move(self, matrix: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state, momentum = self.state[matrix], group["momentum"]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        mean = state["momentum_buffer"].lerp_(gradient, 1 - momentum)
        direction = gradient.lerp(mean, momentum) if group["nesterov"] else mean
        update = alike_singular_values(
            direction.to(torch.bfloat16 if direction.is_cuda else torch.float32),
            group["ns_coefficients"],
            group["ns_steps"],
            group["eps"],
        )
        matrix.mul_(1 - group["lr"] * group["weight_decay"])
        matrix.add_(update, alpha=-group["lr"] * RMS_OF_ADAMW * max(matrix.shape) ** 0.5)


def alike_singular_values(
    matrix: Float[Tensor, "row column"], coefficients: tuple[float, float, float], num_steps: int, eps: float
) -> Float[Tensor, "row column"]:
    """Return a matrix with its singular vectors and singular values of about one, by iterations of Newton and Schulz.

    Args:
        matrix: Any; its type is kept.
        coefficients: Of x, x³ and x⁵ in the polynomial that a step applies to the singular values.
        num_steps: How often.
        eps: The least norm that is divided by.
    """
    linear, cubic, quintic = coefficients
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    wide = wide / wide.norm().clamp(min=eps)  # no singular value above one
    for _ in range(num_steps):
        gram = wide @ wide.T
        wide = torch.addmm(wide, torch.addmm(gram, gram, gram, beta=cubic, alpha=quintic), wide, beta=linear)
    return wide.T if matrix.shape[0] > matrix.shape[1] else wide
