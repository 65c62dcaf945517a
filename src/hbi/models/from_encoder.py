"""A network that starts from somebody's encoder: its towers, and CLIP's text tower as the temporal transformer."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor
from transformers import CLIPModel

from hbi.encoders.encoder import Encoder
from hbi.encoders.families import family_of
from hbi.encoders.opening import read_towers
from hbi.encoders.state_files import CheckpointError, listing, without_report
from hbi.encoders.tokenizer import read_tokenizer, special_ids_of
from hbi.errors import Note
from hbi.files import is_regular
from hbi.models.config import HBIConfig
from hbi.models.released import ReleasedEncoder
from hbi.models.temporal import TemporalTransformer, build_aggregator

Network = TypeVar("Network", bound="FromEncoder")


def build_encoder(config: HBIConfig) -> Encoder:
    """Return the towers and the aggregator of a configuration, with random weights."""
    family = ReleasedEncoder if config.released_behavior else config.encoder_family
    special_ids = config.special_token_ids
    if special_ids is None:
        text = config.encoder_config.text_config
        special_ids = (text.bos_token_id, text.eos_token_id)
    tubelets = {} if config.tubelet_size == 1 else {"tubelet_size": config.tubelet_size}
    towers = family.new_towers(config.encoder_config, config.stem, **tubelets)
    encoder = family(towers, build_aggregator(config), special_ids)
    encoder.tubelet_size = config.tubelet_size
    return encoder


class FromEncoder:
    """Gives a network the constructors `from_encoder` and `from_clip`, and a `from_pretrained` that leaves no gaps."""

    @classmethod
    def from_pretrained(cls, name_or_path: Any, *arguments: Any, **options: Any) -> Any:
        """Return what `transformers` does, where no tensor is missing: it would be drawn at random.

        With `output_loading_info=True` it is returned in any case, and what is missing beside it.

        Raises:
            CheckpointError: The weights lack a tensor of the network.
        """
        is_info_wanted, options["output_loading_info"] = options.get("output_loading_info", False), True
        with without_report():
            # mypy does not see the class of transformers that stands behind this one.
            model, found = super().from_pretrained(name_or_path, *arguments, **options)  # type: ignore[misc]
        model.encoder.freeze_unused()
        if is_info_wanted:
            return model, found
        if missing := sorted(found["missing_keys"]):
            raise CheckpointError(f"the weights of {name_or_path} lack {listing(missing)}: they would be made up")
        return model

    @classmethod
    def from_encoder(cls: type[Network], source: str | Path, **config: Any) -> Network:
        """Return the network with the towers of a pretrained encoder, in evaluation mode.

        Everything else is drawn at random, but that the temporal transformer starts with the first layers of CLIP's
        text transformer and its positions (as the released code does) where both have the same sizes. A warning names
        what of the temporal transformer is drawn at random. An encoder whose frames see one another already gets none,
        unless `aggregator` asks for it. Towers that are to read tubelets (`tubelet_size`) start unchanged, as if each
        were its middle frame.

        Args:
            source: A folder or hub name of a `transformers` encoder of a family that is known (`hbi.encoders`: CLIP,
                SigLIP, …) or of a model of sentence-transformers (`hbi[sentence]`), a file with a CLIP's state dict in
                OpenAI's naming, or one of OpenAI's own files.
            config: Fields of `HBIConfig` other than encoder_config.

        Raises:
            CheckpointError: The file or folder is missing (and the hub cannot be asked for it), incomplete, or of no
                family that is known.
            ModelError: The fields do not fit the encoder.
        """
        towers = read_towers(source)
        family = family_of(towers.config)
        num_positions = family.max_words_of(towers.config)
        # A family that pads looks at the padding: shorter texts would be other texts to it. A library of its own cuts
        # texts where it will.
        keeps_length = family.is_padded or family.brings_processor
        if keeps_length:
            config.pop("max_words", None)
        max_words = num_positions if keeps_length else min(HBIConfig().max_words, num_positions)
        own: dict[str, Any] = {"max_words": max_words, "special_token_ids": _special_ids(source, towers)}
        if family.has_video_side:
            own["aggregator"] = "none"
        if num_frames := family.num_frames_of(towers.config):
            own["max_frames"] = num_frames
        config = own | config
        # Types are ignored below: a mixin does not know the network that it is mixed into.
        with without_report():
            model = cls(cls.config_class(encoder_config=towers.config.to_dict(), **config))  # type: ignore[call-arg, attr-defined]
        encoder: Encoder = model.encoder  # type: ignore[attr-defined]
        encoder.load_towers(towers.state_dict())
        if isinstance(encoder.temporal, TemporalTransformer) and (
            left := list(_start_as_text_tower(encoder.temporal, towers))
        ):
            warnings.warn(f"{source}: {'; '.join(left)}", Note, stacklevel=2)
        return model.eval()  # type: ignore[attr-defined]

    @classmethod
    def from_clip(cls: type[Network], name_or_path: str | Path, **config: Any) -> Network:
        """Return what `from_encoder` does, where the encoder is a CLIP.

        Args:
            name_or_path: A folder, hub name or file of a CLIP.
            config: Fields of `HBIConfig` other than encoder_config.

        Raises:
            CheckpointError: As `from_encoder`; and where it is another encoder than a CLIP.
        """
        model = cls.from_encoder(name_or_path, **config)
        kind = model.config.encoder_config.model_type  # type: ignore[attr-defined]
        if kind != "clip":
            raise CheckpointError(
                f"{name_or_path} holds an encoder of type {kind!r}, a CLIP is needed: use from_encoder"
            )
        return model


def _special_ids(source: str | Path, towers: Any) -> tuple[int, ...] | None:
    """Return the tokens that are no words, by the tokenizer that stands beside the towers; None for a CLIP.

    The configuration of a CLIP names them; those of other families name others than their tokenizers have.
    """
    if is_regular(source) or towers.config.model_type == "clip":
        return None
    return special_ids_of(read_tokenizer(source, ("pad_token_id",)))


def _start_as_text_tower(temporal: TemporalTransformer, clip: Any) -> Iterator[str]:
    """Copy CLIP's text layers and positions; yield what starts at random, and why."""
    if not isinstance(clip, CLIPModel):
        kind = type(clip).__name__
        yield f"the temporal transformer starts at random, because its layers are those of a CLIP, not of {kind}"
        return
    text, layers = clip.text_model, temporal.encoder.layers
    reason = _difference(temporal.encoder.config, clip.config.text_config)
    if reason:
        yield f"the temporal transformer starts at random, because {reason}"
        return
    num_copied = min(len(layers), len(text.encoder.layers))
    for target, source in zip(layers, text.encoder.layers, strict=False):
        target.load_state_dict(source.state_dict())
    if num_copied < len(layers):
        yield f"temporal layers from number {num_copied} on start at random, because the text tower has {num_copied}"
    positions: Tensor = text.embeddings.position_embedding.weight
    num_positions = min(len(positions), temporal.position.num_embeddings)
    temporal.position.weight.data[:num_positions] = positions.data[:num_positions]
    if num_positions < temporal.position.num_embeddings:
        yield (
            f"frame positions from number {num_positions} on start at random, because the text tower has "
            f"{num_positions}"
        )


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
