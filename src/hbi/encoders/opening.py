"""From a folder or hub name to the towers of a pretrained encoder: whole, in float32, or one line that says why not."""

import os
from pathlib import Path
from typing import Any

from safetensors import safe_open
from transformers import AutoConfig, CLIPModel, PreTrainedConfig, PreTrainedModel

from hbi.encoders.families import FAMILIES, family_of
from hbi.encoders.openai_clip import clip_config, clip_source
from hbi.encoders.sentence_towers import read_sentence_towers
from hbi.encoders.sentence_transformers import is_plain_encoder, kind_of_sentence_transformer
from hbi.encoders.sizes import ModelError
from hbi.encoders.state_files import CheckpointError, fill, listing, read_state, reason, require_numbers, without_report
from hbi.files import is_regular
from hbi.files.checksums import require_unchanged_folder
from hbi.hub import HubError, asking_hub


def read_towers(name_or_path: str | Path) -> PreTrainedModel:
    """Return a pretrained encoder in float32, whole.

    Args:
        name_or_path: A folder or hub name of a `transformers` model of a family that is known, or of a model of
            sentence-transformers; a file with the state dict of a CLIP in OpenAI's naming, or one of OpenAI's own files
            (ViT-B-32.pt, a TorchScript archive, whose code is not run).

    Raises:
        CheckpointError: It is missing (and the hub cannot be asked for it), incomplete, or of no family that is known.
        ModelError: It is of sentence-transformers, and cannot be followed.
    """
    path = Path(name_or_path)
    if is_regular(path):
        state = read_state(path)
        clip = CLIPModel(clip_config(state, origin=str(path)))
        fill(clip, state, clip_source, origin=str(path))
        return clip
    try:
        if _is_of_sentences(name_or_path):
            return read_sentence_towers(name_or_path)
        with asking_hub(name_or_path) as is_local:
            return _load(str(name_or_path), is_local=is_local)
    except HubError as error:
        raise CheckpointError(f"no encoder: {error}") from error


def _is_of_sentences(name_or_path: str | Path) -> bool:
    """Return whether a model is of sentence-transformers, and more than one of `transformers`."""
    try:
        return kind_of_sentence_transformer(name_or_path) is not None and not is_plain_encoder(name_or_path)
    except CheckpointError:  # of a damaged file, which is told of where it is read in full
        return False


def _load(name: str, *, is_local: bool) -> PreTrainedModel:
    if os.path.isdir(name):
        require_unchanged_folder(Path(name))
    config = _config(name, is_local=is_local)
    for file in Path(name).glob("*.safetensors"):
        _require_floats(file)
    try:
        with without_report():
            towers, found = FAMILIES[config.model_type].model_class.from_pretrained(
                name,
                config=config,
                output_loading_info=True,
                dtype="float32",
                local_files_only=is_local,
                ignore_mismatched_sizes=True,  # told below, by name
            )
    except Exception as error:  # the library's readers raise many kinds for damaged files
        raise CheckpointError(f"{name} cannot be loaded ({reason(error)})") from error
    kind = type(towers).__name__
    if others := sorted(str(key[0] if isinstance(key, tuple) else key) for key in found["mismatched_keys"]):
        raise CheckpointError(f"{name}: its weights have other sizes than its config.json says: {listing(others)}")
    if gaps := sorted(found["missing_keys"]):
        raise CheckpointError(f"{name} is no whole {kind}: it lacks {listing(gaps)}")
    if unknown := sorted(found["unexpected_keys"]):
        raise CheckpointError(
            f"{name} is of another {kind} than its config.json: it has no place for {listing(unknown)}"
        )
    require_numbers(towers.state_dict(), origin=name)
    return towers


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


def _config(name: str, *, is_local: bool) -> PreTrainedConfig:
    try:
        with without_report():
            config: Any = AutoConfig.from_pretrained(name, local_files_only=is_local)
    except Exception as error:  # what `transformers` raises for a wrong field is of many kinds
        hint = "it needs config.json and weights" if is_local else "no such folder or file, nor a hub name"
        if is_regular(Path(name) / "config.json"):
            hint = "its config.json cannot be used"
        raise CheckpointError(f"{name} is no encoder: {hint} ({reason(error)})") from error
    if config.model_type not in FAMILIES:
        raise CheckpointError(
            f"{name} holds a model of type {config.model_type!r}: give an encoder of one of {', '.join(FAMILIES)}"
        )
    try:
        family_of(config).require_sizes(config)
    except ModelError as error:
        raise CheckpointError(f"{name}: {error}") from error
    return config
