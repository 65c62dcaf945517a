"""How the weights move: parameter groups, AdamW or Muon, warm-up and cosine."""

import math
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import nn

from hbi.encoders.encoder import Encoder
from hbi.training.muon import Muon

OptimizerName = Literal["adamw", "muon"]


def parameter_groups(model: nn.Module, *, lr: float, encoder_lr: float, weight_decay: float) -> list[dict[str, Any]]:
    """Return AdamW groups: the towers at `encoder_lr`, the rest at `lr`; only matrices decay.

    Vectors and scalars (biases, norms, the logit scale) and embeddings do not decay.

    Args:
        model: A network of ours; parameters that learn nothing are left out.
        lr: Highest learning rate of all but the towers.
        encoder_lr: Highest learning rate of the towers.
        weight_decay: Of the matrices.
    """
    embeddings = _embeddings(model)
    encoders = (module for module in model.modules() if isinstance(module, Encoder))
    towers = {id(parameter) for encoder in encoders for parameter in encoder.towers.parameters()}
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            decays = parameter.dim() > 1 and id(parameter) not in embeddings
            key = (encoder_lr if id(parameter) in towers else lr, weight_decay if decays else 0.0)
            groups.setdefault(key, []).append(parameter)
    return [{"params": params, "lr": rate, "weight_decay": decay} for (rate, decay), params in groups.items()]


def warmup_cosine(step: int, *, num_steps: int, num_warmup_steps: int) -> float:
    """Return the factor of the learning rate before step `step` (counted from 0): linear up to 1, then cosine to 0.

    Args:
        step: Counted from 0.
        num_steps: Of the training.
        num_warmup_steps: From the first on.

    >>> [round(warmup_cosine(step, num_steps=6, num_warmup_steps=2), 3) for step in range(6)]
    [0.5, 1.0, 1.0, 0.854, 0.5, 0.146]
    """
    if step < num_warmup_steps:
        return (step + 1) / num_warmup_steps
    progress = (step - num_warmup_steps) / max(1, num_steps - num_warmup_steps)
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))


def set_rates(schedule: torch.optim.lr_scheduler.LambdaLR) -> None:
    """Give the optimizer the rates that the schedule has at its step, whatever they were when its state was kept.

    A run that became longer is at an earlier part of its cosine: the rates rise to what they are there in a run that
    was as long from the start.
    """
    groups = schedule.optimizer.param_groups
    for group, base, factor in zip(groups, schedule.base_lrs, schedule.lr_lambdas, strict=True):
        group["lr"] = base * factor(schedule.last_epoch)


def build_optimizers(
    model: nn.Module,
    name: OptimizerName,
    *,
    lr: float,
    encoder_lr: float,
    muon_lr: float,
    weight_decay: float,
    is_sharded: bool = False,
) -> list[torch.optim.Optimizer]:
    """Return the optimizers that step together: AdamW, or Muon for the matrices and AdamW for all else.

    Embeddings are no matrices here.

    Muon (Jordan et al. 2024; update scaled to AdamW's size as in Liu et al. 2025, arXiv 2502.16982) makes all singular
    values of a matrix's update alike: directions that few examples ask for move as fast as those that all ask for. From
    random weights it learns in a third of the steps (docs/log.md).

    Args:
        model: See `parameter_groups`, as for the other rates.
        name: `adamw` or `muon`.
        lr: Highest learning rate of all but the towers.
        encoder_lr: Highest learning rate of the towers.
        muon_lr: Highest learning rate of the matrices that Muon moves.
        weight_decay: Of the matrices.
        is_sharded: Whether some parameters are split over processes.
    """
    groups = parameter_groups(model, lr=lr, encoder_lr=encoder_lr, weight_decay=weight_decay)
    if name == "adamw":
        return [adamw(groups, is_sharded=is_sharded)]
    embeddings = _embeddings(model)

    def is_matrix(parameter: nn.Parameter) -> bool:
        return parameter.dim() == 2 and id(parameter) not in embeddings

    matrices = [group | {"lr": muon_lr} for group in _part(groups, is_matrix)]
    rest = _part(groups, lambda parameter: not is_matrix(parameter))
    return [Muon(matrices, lr=muon_lr), adamw(rest, is_sharded=is_sharded)]


def adamw(groups: list[dict[str, Any]], *, is_sharded: bool = False) -> torch.optim.AdamW:
    """Return AdamW with CLIP's moments (0.9, 0.98).

    Its fast ways update many tensors at once, but not whole tensors together with split ones.

    Args:
        groups: What `parameter_groups` returned, or a part of it.
        is_sharded: Whether some parameters are split over processes.
    """
    way = {"foreach": False} if is_sharded else {"fused": True}
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), eps=1e-6, **way)


def _embeddings(model: nn.Module) -> set[int]:
    return {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}


def _part(groups: list[dict[str, Any]], is_in: Callable[[nn.Parameter], bool]) -> list[dict[str, Any]]:
    parts = [group | {"params": [each for each in group["params"] if is_in(each)]} for group in groups]
    return [part for part in parts if part["params"]]
