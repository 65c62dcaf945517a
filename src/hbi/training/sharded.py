"""States of sharded models: whole for a checkpoint, in shards to go on, so that one format serves any job."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor


def whole(state: Any) -> Any:
    """Return a state (nested dictionaries and lists) with its split tensors whole and on the CPU.

    All processes must call this together.
    """
    if isinstance(state, DTensor):
        return state.full_tensor().cpu()
    if isinstance(state, dict):
        return {key: whole(value) for key, value in state.items()}
    return [whole(value) for value in state] if isinstance(state, list) else state


def split_like(tensor: Tensor, parameter: Tensor) -> Tensor:
    """Return this process's part of a whole tensor, if the parameter that it belongs to is split; else the tensor."""
    if not isinstance(parameter, DTensor) or tensor.shape != parameter.shape:
        return tensor
    return distribute_tensor(tensor.to(parameter.device), parameter.device_mesh, parameter.placements)


def load_model(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load whole weights into a model that may be sharded."""
    own = model.state_dict()
    model.load_state_dict({name: split_like(tensor, own[name]) for name, tensor in state.items()})


def load_optimizer(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Load the whole state of an optimizer, saved by a job of any size, into one whose parameters may be sharded."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    tensors = {
        index: {name: split_like(value, parameters[index]) for name, value in values.items()}
        for index, values in state["state"].items()
    }
    # How the update is computed belongs to the job, not to the state.
    ways = ("fused", "foreach")
    groups = [
        saved | {way: own[way] for way in ways if way in own}
        for saved, own in zip(state["param_groups"], optimizer.param_groups, strict=True)
    ]
    optimizer.load_state_dict({"state": tensors, "param_groups": groups})


def clip_gradients(parameters: Iterable[nn.Parameter], max_norm: float) -> None:
    """Scale all gradients so that their common norm is at most `max_norm`."""
    parameters = [parameter for parameter in parameters if parameter.grad is not None]
    if not any(isinstance(parameter, DTensor) for parameter in parameters):
        nn.utils.clip_grad_norm_(parameters, max_norm)
        return
    # The library's function takes no mixture of split and whole tensors.
    norms = torch.stack([torch.as_tensor(whole(parameter.grad.norm())) for parameter in parameters])  # type: ignore[union-attr]
    factor = min(1.0, max_norm / (float(norms.norm()) + 1e-6))
    for parameter in parameters:
        parameter.grad.mul_(factor)  # type: ignore[union-attr]
