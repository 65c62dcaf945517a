"""What is done to the towers before training: frozen, made to remember less, copied or sharded over processes."""

import warnings
from typing import Literal

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel
from transformers.modeling_layers import GradientCheckpointingLayer

from hbi.errors import HBIError
from hbi.models import GlobalContrastModel, HBIModel, QuestionAnsweringModel
from hbi.training.distributed import Processes

Network = HBIModel | GlobalContrastModel | QuestionAnsweringModel
Precision = Literal["fp32", "bf16"]


def freeze_towers(model: Network) -> None:
    """Let the towers be; what comes after them still learns, and the logit scale."""
    scale = model.encoder.scale
    for parameter in model.encoder.towers.parameters():
        parameter.requires_grad_(parameter is scale)


def freeze_patches(model: Network) -> None:
    """Let what cuts frames into patches be; of CLIP, its convolution.

    Raises:
        HBIError: The towers have none that is known.
    """
    projection = model.encoder.patch_projection
    if projection is None:
        kind = model.config.encoder_config.model_type
        raise HBIError(
            f"training.freeze_patches: what cuts pictures into patches is not known of encoders of type {kind!r}: "
            "leave it out"
        )
    model.encoder.towers.get_submodule(projection).requires_grad_(False)


def checkpoint_activations(model: Network) -> None:
    """Let the towers remember each layer's input only, and compute the rest again in the backward pass."""
    towers = model.encoder.towers
    # The name that transformers gave it in 5.23, and the one before.
    enable = getattr(towers, "activation_checkpointing_enable", None) or towers.gradient_checkpointing_enable
    enable({"use_reentrant": False})


def choose_attention(model: Network, device: torch.device, precision: Precision) -> None:
    """Let the towers attend by plain matrix products where the fused way is the slower one: bf16 on a processor.

    A step of ViT-B/32 there takes a tenth less (docs/log.md); what is computed is the same.

    Args:
        model: Whose towers are meant.
        device: Where it computes.
        precision: What it computes in.
    """
    if device.type == "cpu" and precision == "bf16":
        model.encoder.towers.set_attn_implementation("eager")


def tower_parameters(model: Network) -> list[nn.Parameter]:
    """Return the parameters that encode: the encoder's but for the logit scale, which only matching uses."""
    return [each for each in model.encoder.parameters() if each is not model.encoder.scale]


def matching_parameters(model: Network) -> list[nn.Parameter]:
    """Return the parameters that are used after the encoder: the others, and the logit scale."""
    encode = {id(parameter) for parameter in tower_parameters(model)}
    return [each for each in model.parameters() if id(each) not in encode]


def replicate(model: Network, device: torch.device) -> nn.Module:
    """Return the encoder wrapped to average its gradients over the processes of the job.

    If nothing in it learns, it is returned as it is: there is nothing to average.

    Args:
        model: Whose encoder is meant.
        device: Of this process.
    """
    if not any(parameter.requires_grad for parameter in tower_parameters(model)):
        return model.encoder
    scale = model.encoder.scale
    # The wrapper waits for the gradients of all that required one when it was made; the scale's comes from elsewhere.
    scale.requires_grad_(False)
    wrapped = DistributedDataParallel(
        model.encoder,
        device_ids=[device] if device.type == "cuda" else None,
        gradient_as_bucket_view=True,
    )
    scale.requires_grad_(True)
    return wrapped


def shard(model: Network, device: torch.device, processes: Processes) -> None:
    """Split the encoder's parameters over the processes of the job, layer by layer (FSDP2), in place.

    A layer's parameters are together only while it computes; gradients and the optimizer's state stay split.

    Args:
        model: Whose encoder is meant.
        device: Of this process.
        processes: Those of the job.
    """
    # A layer of transformers may return a view. It would matter where one is changed in place, and none is: what
    # follows a layer makes new tensors (residual + output), here and there.
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module .* returned a view tensor", category=UserWarning)
    mesh = init_device_mesh(device.type, (processes.world_size,))
    for layer in model.encoder.modules():
        if isinstance(layer, GradientCheckpointingLayer):
            fully_shard(layer, mesh=mesh)
    fully_shard(model.encoder, mesh=mesh, ignored_params={model.encoder.scale})
