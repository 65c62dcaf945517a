"""Networks in and out of folders. Here alone weights become a network: all of them from the file, or there is none."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import save
from torch import Tensor
from transformers import PreTrainedModel
from transformers.utils import logging as transformers_logging

from hbi.encoders.state_files import CheckpointError, listing, read_safetensors, reason, require_numbers
from hbi.errors import HBIError
from hbi.files import read_regular_text
from hbi.files.checksums import require_unchanged, write_with_checksums
from hbi.models.config import GlobalConfig, HBIConfig

Network = TypeVar("Network", bound=PreTrainedModel)

CONFIG, WEIGHTS = "config.json", "model.safetensors"
_MOST_CONFIG_BYTES = 100_000_000
"""Of a configuration: those of networks that answer name every answer."""


def save_network(model: PreTrainedModel, folder: Path) -> None:
    """Write a network's configuration and weights, and the checksums that `open_network` asks for.

    Raises:
        StorageError: The folder cannot be written.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    config = model.config.to_json_string().encode()
    write_with_checksums(folder, {CONFIG: config, WEIGHTS: save(tensors, metadata={"format": "pt"})})


def open_network(network: type[Network], folder: Path) -> Network:
    """Return the network of a folder, in evaluation mode and in float32.

    Raises:
        DamageError: A file is not what was written.
        CheckpointError: The files cannot be read, are of another network, or lack or exceed its tensors.
    """
    require_unchanged(folder / CONFIG, folder / WEIGHTS)
    config = read_config(network.config_class, folder / CONFIG)
    tensors = read_safetensors(folder / WEIGHTS)
    require_fitting(tensors, _skeleton(network, config, folder), origin=str(folder / WEIGHTS))
    require_numbers(tensors, origin=str(folder / WEIGHTS))
    transformers_logging.disable_progress_bar()
    opened: Network = network.from_pretrained(None, config=config, state_dict=tensors, dtype=torch.float32)
    return opened.eval()


def require_fitting(found: Mapping[str, Any], wanted: Mapping[str, Tensor], *, origin: str) -> None:
    """Check that tensors have exactly the names, shapes and types of others.

    Args:
        found: Tensors by name.
        wanted: Tensors of the right names, shapes and types.
        origin: What `found` is called in errors.

    Raises:
        CheckpointError: They do not.
    """
    if missing := sorted(wanted.keys() - found.keys()):
        raise CheckpointError(f"{origin} lacks {listing(missing)}: restore it from a copy, or train anew")
    if unknown := sorted(map(str, found.keys() - wanted.keys())):
        raise CheckpointError(f"{origin} is of another network: it has no place for {listing(unknown)}")
    wrong = [
        f"{name} ({_form(found[name])}, needed {_form(tensor)})"
        for name, tensor in wanted.items()
        if _form(found[name]) != _form(tensor)
    ]
    if wrong:
        raise CheckpointError(f"in {origin} these tensors do not fit: {listing(wrong)}")


def read_config(config_class: type[HBIConfig], file: Path) -> HBIConfig:
    """Return the configuration of a file.

    Raises:
        CheckpointError: It cannot be read, or is of another kind of network.
    """
    try:
        values = json.loads(read_regular_text(file, _MOST_CONFIG_BYTES), parse_constant=_refuse_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{file} cannot be read ({reason(error)}): restore it from a copy") from error
    kind = values.get("model_type") if isinstance(values, dict) else None
    # Before the global baseline had a type of its own it was written as one of "hbi".
    if kind != config_class.model_type and not (kind == "hbi" and config_class is GlobalConfig):
        raise CheckpointError(f"{file} is of a network of type {kind!r}, {config_class.model_type!r} is needed")
    try:
        config: HBIConfig = config_class.from_dict(values | {"model_type": config_class.model_type})
    except HBIError as error:
        raise CheckpointError(f"{file}: {error}") from error
    except Exception as error:  # what `transformers` raises for a wrong field is of many kinds
        raise CheckpointError(f"{file} is no configuration ({reason(error)}): restore it from a copy") from error
    return config


def _skeleton(network: type[Network], config: HBIConfig, folder: Path) -> Mapping[str, Tensor]:
    """Return the tensors that a network has, without their memory."""
    try:
        with torch.device("meta"):
            return network(config).state_dict()
    except HBIError as error:
        raise CheckpointError(f"{folder / CONFIG}: {error}") from error
    except Exception as error:  # as above: a wrong field may be noticed only where it is used
        raise CheckpointError(f"{folder / CONFIG} makes no network ({reason(error)}): restore it") from error


def _form(value: object) -> str:
    """Return the type and shape of a tensor in words."""
    if not isinstance(value, Tensor):
        return type(value).__name__
    return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")
