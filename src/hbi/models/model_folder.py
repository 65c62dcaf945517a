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
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

from safetensors import safe_open
from transformers import PreTrainedTokenizerBase
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from hbi.files import StorageError, is_regular, read_regular_text
from hbi.files.checksums import require_unchanged, write_with_checksums
from hbi.hub import asking_hub
from hbi.models.config import ModelError
from hbi.models.global_contrast import GlobalContrastModel
from hbi.models.hbi import HBIModel
from hbi.models.processor import HBIProcessor
from hbi.models.question_answering import QuestionAnsweringModel
from hbi.models.state_files import CheckpointError, reason
from hbi.models.tokenizer import read_tokenizer
from hbi.models.weights import CONFIG, WEIGHTS, open_network, save_network

Network: TypeAlias = HBIModel | GlobalContrastModel | QuestionAnsweringModel
NETWORKS: dict[str, type[HBIModel] | type[GlobalContrastModel] | type[QuestionAnsweringModel]] = {
    network.config_class.model_type: network for network in (HBIModel, GlobalContrastModel, QuestionAnsweringModel)
}
"""Our networks by the `model_type` of their configuration."""
PROCESSOR = "processor_config.json"
_PICTURES = (PROCESSOR, "preprocessor_config.json")
"""Where `transformers` says how pictures are prepared: now, and in folders of earlier versions."""
_VOCABULARIES = ("tokenizer.json", "vocab.json")
"""One of them is in every folder of a tokenizer."""
_MOST_CONFIG_BYTES = 100_000_000


def save_model_folder(network: Network, processor: HBIProcessor, folder: Path) -> None:
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


def save_processor(processor: HBIProcessor | PreTrainedTokenizerBase, folder: Path) -> None:
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


def open_model_folder(folder: Path, *, preprocessing: Path | None = None) -> tuple[Network, HBIProcessor]:
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
    return read_tokenizer(place)


def processor_for(network: Network, tokenizer: PreTrainedTokenizerBase, source: str | Path) -> HBIProcessor:
    """Return the processor of a network with the mean and deviation of colors that its source names, else CLIP's.

    Args:
        network: Sizes and padding rule are in its configuration.
        tokenizer: Its tokenizer.
        source: A folder or hub name that may say how pictures are normalized.

    Raises:
        ModelError: The tokenizer is of another network, or what the source says of pictures cannot be read.
    """
    config = network.config
    if os.path.isdir(source) and not any(is_regular(Path(source) / name) for name in _PICTURES):
        return HBIProcessor.for_model(config, tokenizer)
    try:
        with asking_hub(source) as is_local:
            pictures = CLIPImageProcessorPil.from_pretrained(str(source), local_files_only=is_local)
        mean, std = ([float(value) for value in values] for values in (pictures.image_mean, pictures.image_std))
    except Exception as error:  # what `transformers` raises for a wrong field is of many kinds
        if not os.path.isdir(source):  # a model on the hub need not say it
            return HBIProcessor.for_model(config, tokenizer)
        raise ModelError(f"{source} does not say how pictures are prepared ({reason(error)}): restore it") from error
    if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
        raise ModelError(f"{source} normalizes pictures by {mean} and {std}: it needs a mean and deviation of 3 colors")
    return HBIProcessor.for_model(config, tokenizer, mean=mean, std=std)


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


def _network_class(folder: Path) -> type[HBIModel] | type[GlobalContrastModel] | type[QuestionAnsweringModel]:
    kind = model_type(folder)
    if kind is None:
        raise CheckpointError(f"{folder} has no {CONFIG}, or one that names no network: restore it from a copy")
    if kind not in NETWORKS:
        raise CheckpointError(
            f"{folder / CONFIG} is of type {kind!r}, a network of ours is needed: {', '.join(NETWORKS)}"
        )
    if kind == "hbi" and _is_global(folder / WEIGHTS):
        return GlobalContrastModel
    return NETWORKS[kind]


def _is_global(weights: Path) -> bool:
    """Return whether weights of type "hbi" are of the global baseline, as it was written before it had its own type."""
    try:
        with safe_open(weights, "pt") as file:
            return not any(name.startswith("words.") for name in file.keys())  # noqa: SIM118 (no mapping)
    except Exception as error:  # damaged files raise many kinds
        require_unchanged(weights)
        raise CheckpointError(f"{weights} is not a whole safetensors file ({reason(error)})") from error
