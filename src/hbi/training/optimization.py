"""How the weights move: parameter groups, warm-up and cosine."""

import math

import torch
from torch import nn


def parameter_groups(model: nn.Module, *, lr: float, clip_lr: float, weight_decay: float) -> list[dict[str, object]]:
    """Return AdamW groups: CLIP's towers at `clip_lr`, the rest at `lr`; only matrices decay.

    Vectors and scalars (biases, norms, the logit scale) and embeddings do not decay.
    """
    embeddings = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            decays = parameter.dim() > 1 and id(parameter) not in embeddings
            key = (clip_lr if ".clip." in name else lr, weight_decay if decays else 0.0)
            groups.setdefault(key, []).append(parameter)
    return [{"params": params, "lr": rate, "weight_decay": decay} for (rate, decay), params in groups.items()]


def warmup_cosine(step: int, *, num_steps: int, num_warmup_steps: int) -> float:
    """Return the factor of the learning rate before step `step` (counted from 0): linear up to 1, then cosine to 0.

    >>> [round(warmup_cosine(step, num_steps=6, num_warmup_steps=2), 3) for step in range(6)]
    [0.5, 1.0, 1.0, 0.854, 0.5, 0.146]
    """
    if step < num_warmup_steps:
        return (step + 1) / num_warmup_steps
    progress = (step - num_warmup_steps) / max(1, num_steps - num_warmup_steps)
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))


def adamw(
    model: nn.Module, *, lr: float, clip_lr: float, weight_decay: float, is_sharded: bool = False
) -> torch.optim.AdamW:
    """Return the optimizer, with CLIP's moments (0.9, 0.98).

    Its fast ways update many tensors at once, but not whole tensors together with split ones.
    """
    groups = parameter_groups(model, lr=lr, clip_lr=clip_lr, weight_decay=weight_decay)
    way = {"foreach": False} if is_sharded else {"fused": True}
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), eps=1e-6, **way)
