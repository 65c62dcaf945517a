"""States of sharded models: whole for a checkpoint, in shards to go on, so that one format serves any job."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

from hbi.encoders.state_files import CheckpointError
from hbi.models.weights import require_fitting


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
    """Return this process's part of a whole tensor, if the parameter that it belongs to is split; else the tensor.

    Args:
        tensor: Whole.
        parameter: The one that it belongs to.
    """
    if not isinstance(parameter, DTensor) or tensor.shape != parameter.shape:
        return tensor
    return distribute_tensor(tensor.to(parameter.device), parameter.device_mesh, parameter.placements)


def load_model(model: nn.Module, state: Mapping[str, Tensor], *, origin: str) -> None:
    """Load whole weights into a model that may be sharded.

    Args:
        model: Whole or sharded.
        state: Whole weights by name.
        origin: Where they are from, for a message.

    Raises:
        CheckpointError: They are not exactly the tensors of the model; `origin` says where they are from.
    """
    own = model.state_dict()
    require_fitting(state, own, origin=origin)
    model.load_state_dict({name: split_like(tensor, own[name]) for name, tensor in state.items()})


def load_optimizer(optimizer: torch.optim.Optimizer, state: Mapping[str, Any], *, origin: str) -> None:
    """Load the whole state of an optimizer, saved by a job of any size, into one whose parameters may be sharded.

    Args:
        optimizer: Of the model.
        state: What `whole` made of another's state.
        origin: Where it is from, for a message.

    Raises:
        CheckpointError: It is the state of another optimizer, or of other parameters.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    groups, own_groups = state["param_groups"], optimizer.param_groups
    is_alike = [len(group["params"]) for group in groups] == [len(group["params"]) for group in own_groups] and all(
        not value.dim() or value.shape == parameters[index].shape
        for index, values in state["state"].items()
        for value in values.values()
        if isinstance(value, Tensor)
    )
    if not is_alike:
        raise CheckpointError(f"the state of the optimizer in {origin} is of another network: choose another --out")
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


def clip_gradients(parameters: Iterable[nn.Parameter], max_norm: float) -> float:
    """Scale all gradients so that their common norm is at most `max_norm`; return what it was.

    Args:
        parameters: Those without a gradient are left out.
        max_norm: Of all gradients together.
    """
    parameters = [parameter for parameter in parameters if parameter.grad is not None]
    if not any(isinstance(parameter, DTensor) for parameter in parameters):
        return nn.utils.clip_grad_norm_(parameters, max_norm).item()
    # The library's function takes no mixture of split and whole tensors.
    total = joint_norm(parameter.grad for parameter in parameters if parameter.grad is not None)
    factor = min(1.0, max_norm / (total + 1e-6))
    for parameter in parameters:
        parameter.grad.mul_(factor)  # type: ignore[union-attr]
    return total


def joint_norm(tensors: Iterable[Tensor]) -> float:
    """Return the norm of all numbers of some tensors, whole or split; no number where one of them is none.

    All processes must call this together where a tensor is split.
    """
    tensors = [tensor.detach() for tensor in tensors]
    if not any(isinstance(tensor, DTensor) for tensor in tensors):
        return nn.utils.get_total_norm(tensors).item()  # a few calls for all of them
    norms = [torch.as_tensor(whole(tensor.norm())).cpu() for tensor in tensors]
    return float(torch.stack(norms).double().norm()) if norms else 0.0
