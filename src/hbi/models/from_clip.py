"""A network that starts from a pretrained CLIP: its towers, and the temporal transformer from the text tower."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoConfig, CLIPConfig, CLIPModel

from hbi.hub import HubError, asking_hub
from hbi.models.config import HBIConfig
from hbi.models.encoder import Encoder
from hbi.models.openai_clip import clip_config, clip_source
from hbi.models.state_files import CheckpointError, fill, read_state
from hbi.models.temporal import TemporalTransformer

Network = TypeVar("Network", bound="FromCLIP")


class FromCLIP:
    """Gives a network with an `Encoder` the constructor `from_clip`."""

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
    if path.is_file():
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
    config = _config(name, is_local=is_local)
    try:
        clip, found = CLIPModel.from_pretrained(
            name, config=config, output_loading_info=True, dtype="float32", local_files_only=is_local
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{name} cannot be loaded ({_first_line(error)})") from error
    gaps = sorted(found["missing_keys"]) + sorted(str(key) for key in found["mismatched_keys"])
    if gaps:
        raise CheckpointError(f"{name} is no whole CLIP: it lacks {gaps[0]} and {len(gaps) - 1} other tensors")
    return clip


def _config(name: str, *, is_local: bool) -> CLIPConfig:
    try:
        config = AutoConfig.from_pretrained(name, local_files_only=is_local)
    except (OSError, ValueError) as error:
        hint = "it needs config.json and weights" if is_local else "no such folder or file, nor a hub name"
        raise CheckpointError(f"{name} is no CLIP: {hint} ({_first_line(error)})") from error
    if not isinstance(config, CLIPConfig):
        raise CheckpointError(f"{name} holds a model of type {config.model_type!r}: a CLIP is needed")
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


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
