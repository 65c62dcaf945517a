"""One folder for a model, in the form of `transformers`: network, tokenizer and preparation of pictures.

    config.json          sizes, sampling, every choice of the network
    model.safetensors    weights
    tokenizer files, processor_config.json
    SHA256SUMS           checksums of these files

`AutoModel.from_pretrained` and `AutoProcessor.from_pretrained` open it. Folders of earlier versions keep the tokenizer
in a folder `tokenizer/` of its own, and are opened as well.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from safetensors import safe_open
from transformers import CLIPTokenizer, PreTrainedTokenizerBase

from hbi.encoders.preprocessing import CLIP_MEAN, CLIP_STD, color_statistics, read_picture_processor
from hbi.encoders.sizes import ModelError
from hbi.encoders.state_files import CheckpointError, reason
from hbi.encoders.tokenizer import read_tokenizer, require_words
from hbi.files import StorageError, is_regular, read_regular_text
from hbi.files.checksums import require_unchanged, write_with_checksums
from hbi.models.config import HBIConfig
from hbi.models.global_contrast import GlobalContrastModel
from hbi.models.networks import NETWORKS, Network, NetworkClass
from hbi.models.processor import HBIProcessor, Processor, picture_processor
from hbi.models.weights import CONFIG, WEIGHTS, open_network, read_config, save_network

PROCESSOR = "processor_config.json"
_VOCABULARIES = ("tokenizer.json", "vocab.json")
"""One of them is in every folder of a tokenizer."""
_MOST_CONFIG_BYTES = 100_000_000


def save_model_folder(network: Network, processor: Processor, folder: Path) -> None:
    """Write a model with all that belongs to it; files that are there already are replaced.

    Args:
        network: Its configuration and weights are written.
        processor: Its preprocessing and tokenizer.
        folder: Where to write; it is made where it is missing.

    Raises:
        StorageError: The folder cannot be written.
    """
    save_processor(processor, folder)
    save_network(network, folder)


def save_processor(processor: Processor | PreTrainedTokenizerBase, folder: Path) -> None:
    """Write the tokenizer and the preparation of pictures, or a tokenizer alone, with checksums.

    Raises:
        StorageError: The folder cannot be written.
    """
    try:
        with TemporaryDirectory() as place:
            processor.save_pretrained(place)
            contents = {file.name: file.read_bytes() for file in sorted(Path(place).iterdir())}
    except Exception as error:  # the tokenizers' library, in Rust, raises `Exception` itself
        raise StorageError(f"cannot write {folder} ({reason(error)}): free space or choose another folder") from error
    write_with_checksums(folder, contents)


def open_model_folder(folder: Path, *, preprocessing: Path | None = None) -> tuple[Network, Processor]:
    """Return the network of a folder, in evaluation mode on the CPU, and its processor.

    Args:
        folder: Configuration and weights.
        preprocessing: Where the tokenizer is; None: in the same folder.

    Raises:
        DamageError: A file is not what was written.
        CheckpointError: The network's files cannot be read, or are of no network of ours.
        ModelError: There is no tokenizer, or it is of another network.
    """
    network = open_network(_network_class(folder), folder)
    return network, processor_for(network, read_own_tokenizer(preprocessing or folder), preprocessing or folder)


def read_model_config(folder: Path) -> HBIConfig:
    """Return the configuration of the network of a folder, without its weights.

    Raises:
        DamageError, CheckpointError: As `open_model_folder`.
    """
    require_unchanged(folder / CONFIG)
    return read_config(_network_class(folder).config_class, folder / CONFIG)


def read_own_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Return the tokenizer of a model folder or run folder.

    Raises:
        DamageError, ModelError: As `open_model_folder`.
    """
    places = (folder, folder / "tokenizer")  # now, and in earlier versions
    place = next((each for each in places if any(os.path.lexists(each / name) for name in _VOCABULARIES)), None)
    if place is None:
        raise ModelError(
            f"{folder} has no tokenizer: run hbi convert again with --tokenizer, or restore it from a copy"
        )
    tokenizer = read_tokenizer(place, ("pad_token_id",))
    if isinstance(tokenizer, CLIPTokenizer):  # those of other families need no start or end
        require_words(tokenizer, place)
    return tokenizer


def processor_for(
    network: Network,
    tokenizer: PreTrainedTokenizerBase,
    source: str | Path,
    *,
    is_scaled_by_decoder: bool | None = None,
    released_loader: bool | None = None,
) -> Processor:
    """Return the processor of a network, which prepares pictures as its source says, else as CLIP does.

    Args:
        network: Sizes and padding rule are in its configuration.
        tokenizer: Its tokenizer.
        source: A folder or hub name that may say how pictures are prepared.
        is_scaled_by_decoder: Whether the decoder makes the pictures, and only the normalizing of colors is the
            source's; None: as the source says, else for a network with CLIP's towers.
        released_loader: Whether videos are seen as the authors' released loader shows them; its pictures are not made
            by the decoder. None: as the source says, else not.

    Raises:
        ModelError: The tokenizer is of another network, what the source says of pictures cannot be read, or the network
            prepares videos by itself and is asked for the released loader.
    """
    encoder: Any = network.encoder
    if encoder.brings_processor:
        if released_loader:
            raise ModelError(f"{source} prepares videos by itself, not as the released loader: leave that out")
        own: Processor = encoder.processor
        return own
    config, pictures, stated = network.config, read_picture_processor(source), _stated(source)
    is_clip = config.encoder_config.model_type == "clip"
    if released_loader is None:
        released_loader = _names_released_loader(stated)
    if is_scaled_by_decoder is None:
        is_scaled_by_decoder = stated.get("is_scaled_by_decoder", is_clip) is not False
    if is_scaled_by_decoder and not released_loader:
        mean, std = color_statistics(pictures) if pictures else (CLIP_MEAN, CLIP_STD)
        return HBIProcessor.for_model(config, tokenizer, mean=mean, std=std)
    if pictures is None and not is_clip:
        raise ModelError(f"{source} does not say how pictures are prepared (no preprocessor_config.json): restore it")
    pictures = pictures or picture_processor(config)
    return HBIProcessor.for_model(config, tokenizer, pictures=pictures, released_loader=released_loader)


def sees_as_released_loader(folder: Path) -> bool:
    """Return whether the processor of a folder of ours says that videos are seen as the released loader shows them.

    Raises:
        ModelError: It cannot be read.
    """
    return _names_released_loader(_stated(folder))


def _names_released_loader(stated: Mapping[str, Any]) -> bool:
    return stated.get("released_loader") is True


def _stated(source: str | Path) -> Mapping[str, Any]:
    """Return what the processor of a folder of ours says of itself; nothing for another source."""
    file = Path(source) / PROCESSOR
    if not is_regular(file):
        return {}
    try:
        values = json.loads(read_regular_text(file, _MOST_CONFIG_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{file} cannot be read ({reason(error)}): restore it from a copy") from error
    return values if isinstance(values, dict) else {}


def model_type(folder: Path) -> str | None:
    """Return the `model_type` that the configuration of a folder names; None where it has none.

    Raises:
        CheckpointError: The configuration cannot be read.
    """
    file = folder / CONFIG
    if not is_regular(file):
        return None
    try:
        values = json.loads(read_regular_text(file, _MOST_CONFIG_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{file} cannot be read ({reason(error)}): restore it from a copy") from error
    kind = values.get("model_type") if isinstance(values, dict) else None
    return kind if isinstance(kind, str) else None


def _network_class(folder: Path) -> NetworkClass:
    kind = model_type(folder)
    if kind is None:
        raise CheckpointError(f"{folder} has no {CONFIG}, or one that names no network: restore it from a copy")
    if kind not in NETWORKS:
        raise CheckpointError(
            f"{folder / CONFIG} is of type {kind!r}, a network of ours is needed: {', '.join(NETWORKS)}"
        )
    if kind == "hbi" and _is_global(folder / WEIGHTS):
        return GlobalContrastModel
    network: NetworkClass = NETWORKS[kind]
    return network


def _is_global(weights: Path) -> bool:
    """Return whether weights of type "hbi" are of the global baseline, as it was written before it had its own type."""
    try:
        with safe_open(weights, "pt") as file:
            return not any(name.startswith("words.") for name in file.keys())  # noqa: SIM118 (no mapping)
    except Exception as error:  # damaged files raise many kinds
        require_unchanged(weights)
        raise CheckpointError(f"{weights} is not a whole safetensors file ({reason(error)})") from error
