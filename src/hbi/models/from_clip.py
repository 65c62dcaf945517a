"""A network that starts from a pretrained CLIP: its towers, and the temporal transformer from the text tower."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from safetensors import safe_open
from torch import Tensor
from transformers import AutoConfig, CLIPConfig, CLIPModel
from transformers.utils import logging as transformers_logging

from hbi.files import is_regular
from hbi.files.checksums import require_unchanged_folder
from hbi.hub import HubError, asking_hub
from hbi.models.config import HBIConfig, ModelError, require_clip_sizes
from hbi.models.encoder import Encoder
from hbi.models.openai_clip import clip_config, clip_source
from hbi.models.state_files import CheckpointError, fill, listing, read_state, reason
from hbi.models.temporal import TemporalTransformer
from hbi.models.weights import require_numbers

Network = TypeVar("Network", bound="FromCLIP")


class FromCLIP:
    """Gives a network with an `Encoder` the constructor `from_clip`, and a `from_pretrained` that leaves no gaps."""

    @classmethod
    def from_pretrained(cls, name_or_path: Any, *arguments: Any, **options: Any) -> Any:
        """Return what `transformers` does, where no tensor is missing: it would be drawn at random.

        With `output_loading_info=True` it is returned in any case, and what is missing beside it.

        Raises:
            CheckpointError: The weights lack a tensor of the network.
        """
        is_info_wanted, options["output_loading_info"] = options.get("output_loading_info", False), True
        with _without_report():
            # mypy does not see the class of transformers that stands behind this one.
            model, found = super().from_pretrained(name_or_path, *arguments, **options)  # type: ignore[misc]
        if is_info_wanted:
            return model, found
        if missing := sorted(found["missing_keys"]):
            raise CheckpointError(f"the weights of {name_or_path} lack {listing(missing)}: they would be made up")
        return model

    @classmethod
    def from_clip(cls: type[Network], name_or_path: str | Path, **config: Any) -> Network:
        """Return the network with the towers of a pretrained CLIP, in evaluation mode.

        The temporal transformer starts with the first layers of CLIP's text transformer and its positions (as the
        released code does) where both have the same sizes. Everything else is drawn at random; a warning names what of
        the temporal transformer is.

        Args:
            name_or_path: A folder or hub name of a `transformers` CLIP, a file with a state dict in OpenAI's naming, or
                one of OpenAI's own files (ViT-B-32.pt, a TorchScript archive, whose code is not run).
            config: Fields of `HBIConfig` other than clip_config.

        Raises:
            CheckpointError: The file or folder is missing (and the hub cannot be asked for it), incomplete, or no CLIP.
            ModelError: The fields do not fit CLIP.
        """
        clip = read_clip(name_or_path)
        text = clip.config.text_config
        config = {"max_words": min(HBIConfig().max_words, text.max_position_embeddings)} | config
        # Types are ignored below: a mixin does not know the network that it is mixed into.
        model = cls(cls.config_class(clip_config=clip.config.to_dict(), **config))  # type: ignore[call-arg, attr-defined]
        encoder: Encoder = model.encoder  # type: ignore[attr-defined]
        encoder.clip.load_state_dict(clip.state_dict())
        if isinstance(encoder.temporal, TemporalTransformer) and (
            left := list(_start_as_text_tower(encoder.temporal, clip))
        ):
            warnings.warn(f"{name_or_path}: at random are {'; '.join(left)}", stacklevel=2)
        return model.eval()  # type: ignore[attr-defined]


def read_clip(name_or_path: str | Path) -> CLIPModel:
    """Return a pretrained CLIP in float32, whole.

    Args:
        name_or_path: As of `FromCLIP.from_clip`.

    Raises:
        CheckpointError: It is missing (and the hub cannot be asked for it), incomplete, or no CLIP.
    """
    path = Path(name_or_path)
    if is_regular(path):
        state = read_state(path)
        clip = CLIPModel(clip_config(state, origin=str(path)))
        fill(clip, state, clip_source, origin=str(path))
        return clip
    try:
        with asking_hub(name_or_path) as is_local:
            return _load_clip(str(name_or_path), is_local=is_local)
    except HubError as error:
        raise CheckpointError(f"no CLIP: {error}") from error


def _load_clip(name: str, *, is_local: bool) -> CLIPModel:
    if os.path.isdir(name):
        require_unchanged_folder(Path(name))
    config = _config(name, is_local=is_local)
    for file in Path(name).glob("*.safetensors"):
        _require_floats(file)
    try:
        with _without_report():
            clip, found = CLIPModel.from_pretrained(
                name, config=config, output_loading_info=True, dtype="float32", local_files_only=is_local
            )
    except Exception as error:  # the library's readers raise many kinds for damaged files
        raise CheckpointError(f"{name} cannot be loaded ({reason(error)})") from error
    gaps = sorted(found["missing_keys"]) + sorted(str(key) for key in found["mismatched_keys"])
    if gaps:
        raise CheckpointError(f"{name} is no whole CLIP: it lacks {listing(gaps)}")
    if unknown := sorted(found["unexpected_keys"]):
        raise CheckpointError(f"{name} is of another CLIP than its config.json: it has no place for {listing(unknown)}")
    require_numbers(clip.state_dict(), origin=name)
    return clip


@contextmanager
def _without_report() -> Iterator[None]:
    """Keep the library from printing a table of what is missing: it is an error here, said in one line."""
    before = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(before)


def _require_floats(file: Path) -> None:
    """Check that no weight was stored as whole numbers, from which the library would make some."""
    try:
        with safe_open(file, "pt") as opened:
            kinds = {name: opened.get_slice(name).get_dtype() for name in opened.keys()}  # noqa: SIM118 (no mapping)
    except Exception as error:  # as above
        raise CheckpointError(f"{file} is not a whole safetensors file ({reason(error)})") from error
    wrong = [
        f"{name} ({kind})" for name, kind in kinds.items() if "F" not in kind and not name.endswith("position_ids")
    ]
    if wrong:
        raise CheckpointError(f"in {file} these weights are no floating point numbers: {listing(wrong)}")


def _config(name: str, *, is_local: bool) -> CLIPConfig:
    try:
        config = AutoConfig.from_pretrained(name, local_files_only=is_local)
    except Exception as error:  # what `transformers` raises for a wrong field is of many kinds
        hint = "it needs config.json and weights" if is_local else "no such folder or file, nor a hub name"
        raise CheckpointError(f"{name} is no CLIP: {hint} ({reason(error)})") from error
    if not isinstance(config, CLIPConfig):
        raise CheckpointError(f"{name} holds a model of type {config.model_type!r}: a CLIP is needed")
    try:
        require_clip_sizes(config)
    except ModelError as error:
        raise CheckpointError(f"{name}: {error}") from error
    return config


def _start_as_text_tower(temporal: TemporalTransformer, clip: CLIPModel) -> Iterator[str]:
    """Copy CLIP's text layers and positions; yield what was left as it was, and why."""
    text, layers = clip.text_model, temporal.encoder.layers
    reason = _difference(temporal.encoder.config, clip.config.text_config)
    if reason:
        yield f"the temporal transformer ({reason})"
        return
    num_copied = min(len(layers), len(text.encoder.layers))
    for target, source in zip(layers, text.encoder.layers, strict=False):
        target.load_state_dict(source.state_dict())
    if num_copied < len(layers):
        yield f"temporal layers from number {num_copied} on (the text tower has {num_copied})"
    positions: Tensor = text.embeddings.position_embedding.weight
    num_positions = min(len(positions), temporal.position.num_embeddings)
    temporal.position.weight.data[:num_positions] = positions.data[:num_positions]
    if num_positions < temporal.position.num_embeddings:
        yield f"frame positions from number {num_positions} on (the text tower has {num_positions})"


def _difference(temporal: Any, text: Any) -> str | None:
    """Return why layers of the one cannot be layers of the other; None if they can."""
    for name, words in (
        ("hidden_size", "width"),
        ("intermediate_size", "hidden width"),
        ("num_attention_heads", "number of heads"),
    ):
        own, other = getattr(temporal, name), getattr(text, name)
        if own != other:
            return f"its {words} is {own}, that of the text tower {other}"
    return None
