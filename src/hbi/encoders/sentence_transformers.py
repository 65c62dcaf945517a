"""Models of sentence-transformers that read texts and pictures: one vector each (dense), or a vector a token (MaxSim).

A video is its frames, each encoded by itself as a document, texts are queries. `hbi[sentence]` installs the library.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from transformers import ProcessorMixin
from transformers import modeling_utils as loading
from transformers.utils import cached_file, is_torchvision_available

from hbi.encoders.sentence_networks import DenseNetwork, MultiVectorNetwork
from hbi.encoders.sentence_processor import PICTURE_SIDE, SentenceProcessor
from hbi.encoders.sizes import ModelError
from hbi.encoders.state_files import CheckpointError, listing, reason, require_numbers, without_report
from hbi.files.checksums import require_unchanged_folder
from hbi.hub import HubError, asking_hub

KINDS = {"SentenceTransformer": "dense", "MultiVectorEncoder": "multi-vector", "ColBERT": "multi-vector"}
"""What the library's models give for a text, by the name that their folder holds; ColBERT is pylate's."""


def kind_of_sentence_transformer(name_or_path: str | Path) -> str | None:
    """Return "dense" or "multi-vector" for a model that this module opens, None for anything else.

    Args:
        name_or_path: A folder, or a hub name.

    Raises:
        HubError: It is not on this machine, and the hub cannot be asked.
    """
    with asking_hub(name_or_path) as is_local:
        if (settings := _json(name_or_path, "config_sentence_transformers.json", is_local)) is not None:
            return KINDS.get(str(settings.get("model_type", "SentenceTransformer")))
        if _json(name_or_path, "modules.json", is_local) is not None:  # before the library had settings of its own
            return "dense"
        config = _json(name_or_path, "config.json", is_local) or {}
    names = config.get("architectures") or []
    return "multi-vector" if any(str(each).endswith("ForRetrieval") for each in names) else None


def is_plain_encoder(name_or_path: str | Path) -> bool:
    """Return whether a model of sentence-transformers is one of `transformers` and nothing more.

    Args:
        name_or_path: A folder, or a hub name.

    Raises:
        HubError: As `kind_of_sentence_transformer`.
    """
    with asking_hub(name_or_path) as is_local:
        modules = _json(name_or_path, "modules.json", is_local, list)
    return modules is not None and [str(each.get("type")).split(".")[-1] for each in modules][1:] in ([], ["Normalize"])


def open_sentence_transformer(
    name_or_path: str | Path, *, picture_side: int = PICTURE_SIDE
) -> tuple[DenseNetwork | MultiVectorNetwork, SentenceProcessor]:
    """Return a model of sentence-transformers, in evaluation mode, and what prepares texts and frames for it.

    Args:
        name_or_path: A folder or hub name of a `SentenceTransformer` or `MultiVectorEncoder`, or of a ...ForRetrieval
            model of `transformers` (ColPali, ColQwen2).
        picture_side: Height and width in pixels of a picture where the model takes any size.

    Raises:
        CheckpointError: It is missing (and the hub cannot be asked for it), incomplete, or no such model.
        ModelError: The library is not installed, or the model has no picture side or cannot be followed.
    """
    library = library_of_sentences(name_or_path)
    try:
        kind = kind_of_sentence_transformer(name_or_path)
        if kind is None:
            raise CheckpointError(f"{name_or_path} is no SentenceTransformer or MultiVectorEncoder")
        with asking_hub(name_or_path) as is_local:
            model_class = library.SentenceTransformer if kind == "dense" else library.MultiVectorEncoder
            model = _load(model_class, name_or_path, is_local)
            settings = _json(name_or_path, "processor_config.json", is_local) or {}
    except HubError as error:
        raise CheckpointError(f"no model: {error}") from error
    try:
        processor = SentenceProcessor(model, picture_side)
        network_class = DenseNetwork if kind == "dense" else MultiVectorNetwork
        return network_class(model, processor, settings.get("video_processor") or {}), processor
    except ModelError as error:
        raise ModelError(f"{name_or_path}: {error}") from error


def library_of_sentences(name: str | Path) -> Any:
    """Return sentence-transformers, ready to open models that have video processors.

    Args:
        name: Of what needs it, for the error.

    Raises:
        ModelError: It is not installed.
    """
    try:
        import sentence_transformers as library
    except ImportError:
        raise ModelError(
            f"{name} needs sentence-transformers, which is not installed: pip install 'hbi-video[sentence]'"
        ) from None
    leave_out_video_processors()
    return library


def _load(model_class: Any, name: str | Path, is_local: bool) -> Any:
    """Return a model that is whole and reads texts and pictures."""
    if Path(name).is_dir():
        require_unchanged_folder(Path(name))
    try:
        with without_report(), _noting_gaps() as gaps:
            model = model_class(str(name), device="cpu", local_files_only=is_local)
    except Exception as error:  # the library's readers raise many kinds for damaged files
        raise CheckpointError(f"{name} cannot be loaded ({reason(error)})") from error
    if gaps:
        raise CheckpointError(f"{name} is no whole model: it lacks {listing(gaps)}")
    if missing := [each for each in ("text", "image") if each not in model.modalities]:
        sides = " and no ".join({"text": "text", "image": "picture"}[each] for each in missing)
        raise ModelError(f"{name} has no {sides} side (it reads {listing([str(each) for each in model.modalities])})")
    require_numbers(model.state_dict(), origin=str(name))
    _require_tokenizer(model, str(name))
    return model


def _require_tokenizer(model: Any, name: str) -> None:
    """Raise CheckpointError where the tokenizer is none of the model: a library makes up a small one for lost files."""
    if model.tokenizer is None or not getattr(model.tokenizer, "is_fast", False):
        raise CheckpointError(f"{name} lacks the files of its tokenizer (tokenizer.json)")
    try:
        num_known = model.transformers_model.get_input_embeddings().num_embeddings
    except (AttributeError, NotImplementedError):  # some models of `transformers` do not say which their embeddings are
        num_known = model.config.get_text_config().vocab_size
    numbers = model.tokenizer.get_vocab().values()
    if len(numbers) < num_known / 2 or max(numbers) >= num_known:
        raise CheckpointError(
            f"the tokenizer of {name} has {len(numbers)} tokens, the model {num_known}: its files are lost, or others"
        )


def _json(name: str | Path, file: str, is_local: bool, kind: type = dict) -> Any:
    """Return the object (or array: `kind` list) that a file of a model's folder holds; None where there is no file.

    Raises:
        CheckpointError: It is damaged.
    """
    path = cached_file(
        str(name),
        file,
        local_files_only=is_local,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    if path is None:
        return None
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file} of {name} is damaged ({reason(error)})") from error
    return content if isinstance(content, kind) else kind()


@contextmanager
def _noting_gaps() -> Iterator[list[str]]:
    """Give the names of tensors that the weights lack: the library would make them up and say so in a table."""
    gaps: list[str] = []
    report = loading.log_state_dict_report

    def noting(*arguments: Any, **options: Any) -> None:
        gaps.extend(sorted(options["loading_info"].missing_and_mismatched()))
        report(*arguments, **options)

    loading.log_state_dict_report = noting
    try:
        yield gaps
    finally:
        loading.log_state_dict_report = report


@cache
def leave_out_video_processors() -> None:
    """Let processors of `transformers` be opened without torchvision, for their texts and pictures.

    Its video processors need torchvision, and so a processor that has one (Qwen-VL) could not be opened at all.
    """
    if is_torchvision_available():
        return
    every = ProcessorMixin.get_attributes.__func__

    def get_attributes(cls: type[ProcessorMixin]) -> list[str]:
        return [name for name in every(cls) if name != "video_processor"]

    ProcessorMixin.get_attributes = classmethod(get_attributes)
