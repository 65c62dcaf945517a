"""Tensors in and out of files of other people: read without running their code, filled in without a silent gap."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers.utils import logging as transformers_logging

from hbi.encoders.torchscript_archive import ArchiveError, is_torchscript, read_torchscript
from hbi.errors import HBIError
from hbi.files import is_regular, open_regular
from hbi.files.checksums import read_checksums, require_unchanged

State = Mapping[str, Tensor]
"""Tensors by name."""

LARGEST_WEIGHT = 1e15
_WRAPPERS = ("model_state_dict", "state_dict", "model")
"""Keys under which training scripts put the tensors, beside other things."""


class CheckpointError(HBIError):
    """A checkpoint cannot be read, lacks something, or does not fit."""


@dataclass(frozen=True)
class Source:
    """Where a parameter comes from: a key of a checkpoint, and how its value is made of the tensor there."""

    key: str
    make: Callable[[Tensor], Tensor] = lambda tensor: tensor


def read_state(path: Path) -> State:
    """Return the tensors of a safetensors file, a pickle of tensors or a TorchScript archive; floats become float32.

    A pickle is read with `weights_only=True`, an archive without its code: neither can run any. A `module.` before
    every name (a model saved inside DistributedDataParallel) is dropped.

    Raises:
        CheckpointError: No such file, or one that holds something else.
    """
    if not is_regular(path):
        raise CheckpointError(f"{path} is not a file: give a checkpoint, .safetensors or one that torch wrote")
    if path.name in (read_checksums(path.parent) or ()):
        require_unchanged(path)
    content = read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    state = {str(name): tensor for name, tensor in _unwrapped(content).items() if isinstance(tensor, Tensor)}
    if not state:
        raise CheckpointError(f"{path} holds no tensors by name: give a state dict")
    if all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}


def fill(module: nn.Module, state: State, source: Callable[[str], Source], *, origin: str) -> dict[str, str]:
    """Load every parameter of a network; return the keys read, by parameter.

    Args:
        module: The network to fill.
        state: Tensors by the keys of a checkpoint.
        source: Tells for a parameter's name where in `state` it is.
        origin: What the checkpoint is called in errors.

    Raises:
        CheckpointError: A key is missing, or a shape or type does not fit. The module is unchanged then.
    """
    wanted = module.state_dict()
    sources = {name: source(name) for name in wanted}
    missing = sorted({each.key for each in sources.values()} - state.keys())
    if missing:
        raise CheckpointError(f"{origin} lacks {listing(missing)}")
    values = {name: each.make(state[each.key]) for name, each in sources.items()}
    wrong = [
        f"{sources[name].key} ({tuple(value.shape)}, needed {tuple(wanted[name].shape)})"
        for name, value in values.items()
        if value.shape != wanted[name].shape
    ]
    wrong += [
        f"{sources[name].key} ({value.dtype}, needed {wanted[name].dtype})"
        for name, value in values.items()
        if value.is_floating_point() != wanted[name].is_floating_point()
    ]
    if wrong:
        raise CheckpointError(f"in {origin} these tensors do not fit: {listing(wrong)}")
    module.load_state_dict(values)
    return {name: each.key for name, each in sources.items()}


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, as they are.

    Raises:
        CheckpointError: There is no such file, or it is damaged.
    """
    try:
        open_regular(path).close()  # the library would wait for a pipe
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} is not a whole safetensors file ({reason(error)}): restore it from a copy, or download it again"
        ) from error


def reason(error: Exception) -> str:
    """Return what a library says of a file that it cannot read, in a few words.

    Its advice to read the file in the way that can run its code is left out.
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = [line.strip() for line in str(error).strip().splitlines()]
    line = " ".join(lines[:2]) if lines and lines[0].endswith(":") else next(iter(lines), type(error).__name__)
    if "weights_only" in str(error) or "trust_remote_code" in str(error):
        return "it is damaged, or holds more than tensors"
    return line if len(line) <= 300 else f"{line[:300]}…"


def _read_pickle(path: Path) -> object:
    if is_torchscript(path):
        try:
            return read_torchscript(path)
        except ArchiveError as error:
            raise CheckpointError(f"{path}, a TorchScript archive, {error}") from error
    try:
        with warnings.catch_warnings(action="ignore"):  # it warns of what it refuses, too
            return torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # what torch's unpickler raises for a damaged file is of every kind
        # torch's own words are left out: they advise reading the file in the way that can run its code.
        raise CheckpointError(
            f"{path} cannot be read as tensors alone: it is damaged, no checkpoint, or holds code, which is "
            "refused; save its state dict as safetensors where it was made"
        ) from error


def _unwrapped(content: object) -> Mapping[str, object]:
    if not isinstance(content, Mapping):
        return {}
    for name in _WRAPPERS:
        if isinstance(inner := content.get(name), Mapping):
            return inner
    return content


def listing(items: list[str]) -> str:
    """Return the first of some names, and how many more there are."""
    more = f" and {len(items) - 5} more" if len(items) > 5 else ""
    return f"{', '.join(items[:5])}{more}"


def require_numbers(tensors: Mapping[str, Tensor], *, origin: str) -> None:
    """Raise CheckpointError where a tensor holds NaN, infinity, or what no training that went well ends with."""
    wrong = [name for name, tensor in tensors.items() if tensor.numel() and not tensor.abs().max() <= LARGEST_WEIGHT]
    if wrong:
        raise CheckpointError(
            f"{origin} holds NaN, infinity or absurdly large numbers in {listing(wrong)}: restore it from a copy, or "
            "train anew"
        )


@contextmanager
def without_report() -> Iterator[None]:
    """Keep the library from printing bars, and a table of what is missing: it is an error here, said in one line."""
    verbosity, has_bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if has_bars:
            transformers_logging.enable_progress_bar()
