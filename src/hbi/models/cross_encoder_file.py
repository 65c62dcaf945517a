"""A trained cross-encoder as one file: weights, sizes, and which model's tokens it reads."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from hbi.encoders.state_files import CheckpointError, read_safetensors, reason, require_numbers
from hbi.errors import HBIError
from hbi.files import write_atomically
from hbi.models.cross_encoder import CrossEncoder, CrossEncoderSizes
from hbi.models.weights import require_fitting

LARGEST_SIZE = 2**14


def save_cross_encoder(
    network: CrossEncoder, path: Path, *, fingerprint: str, quality: Mapping[str, float] | None = None
) -> None:
    """Write a cross-encoder as safetensors, with its sizes and what was measured as metadata; all of it or none.

    Args:
        network: The trained one.
        path: Of the file.
        fingerprint: Of the model whose tokens it reads.
        quality: What was measured of it, by name.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    require_numbers(tensors, origin="the trained second stage")
    sizes = json.dumps(vars(network.sizes))
    metadata = {
        "sizes": sizes,
        "fingerprint": fingerprint,
        "quality": json.dumps(dict(quality or {})),
        "sha256": _checksum(tensors, sizes, fingerprint),
    }
    write_atomically(path, save(tensors, metadata))


def load_cross_encoder(path: Path) -> tuple[CrossEncoder, str]:
    """Return a cross-encoder that `save_cross_encoder` wrote, and the fingerprint of the model whose tokens it reads.

    Args:
        path: Of the file.

    Raises:
        HBIError: The file cannot be read, holds something else, or is not what was written.
    """
    try:
        tensors = read_safetensors(path)
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
        given, fingerprint, checksum = about["sizes"], about["fingerprint"], about["sha256"]
        sizes = _sizes(json.loads(given))
        with torch.device("meta"):
            wanted = CrossEncoder(sizes).state_dict()
        require_fitting(tensors, wanted, origin=str(path))
        require_numbers(tensors, origin=str(path))
    except (CheckpointError, KeyError, TypeError, ValueError) as error:
        raise HBIError(f"{path} is no second stage that `hbi train-second-stage` wrote ({reason(error)})") from error
    if checksum != _checksum(tensors, given, fingerprint):
        raise HBIError(f"{path} is not what was written (its checksum is another): restore it, or train it anew")
    network = CrossEncoder(sizes)
    network.load_state_dict(tensors)
    return network.eval(), fingerprint


def _sizes(values: Any) -> CrossEncoderSizes:
    """Return the sizes that a file names; ValueError or TypeError where they are none."""
    if not isinstance(values, dict) or not all(type(value) is int for value in values.values()):
        raise ValueError("its sizes are no numbers by name")
    if any(value > LARGEST_SIZE for value in values.values()):
        raise ValueError(f"a size above {LARGEST_SIZE}")
    return CrossEncoderSizes(**values)


def _checksum(tensors: Mapping[str, Tensor], sizes: str, fingerprint: str) -> str:
    digest = hashlib.sha256(f"{sizes} {fingerprint}".encode())
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {list(tensors[name].shape)}".encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()
