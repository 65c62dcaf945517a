"""`load`: from a folder or a name to an opened model. What it is, is seen from its files.

a run folder of `hbi train`      recipe.yaml
an index folder of `hbi index`   index.json
a model folder                   config.json: what `save_pretrained` or `hbi convert` wrote
an encoder's folder              config.json: of a family that `hbi.encoders` knows, CLIP or SigLIP for example
a model of sentence-transformers  modules.json, or a ...ForRetrieval model of transformers
a hub name                       "author/name": any of these models, downloaded
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import torch
from transformers.utils import logging as transformers_logging

from hbi.encoders.families import FAMILIES
from hbi.encoders.opening import read_towers
from hbi.encoders.sentence_transformers import kind_of_sentence_transformer, open_sentence_transformer
from hbi.encoders.state_files import reason, without_report
from hbi.encoders.tokenizer import SPECIAL_TOKENS, read_tokenizer, special_ids_of
from hbi.errors import HBIError
from hbi.files import is_regular, read_regular_text
from hbi.hub import HubError, asking_hub, without_prefix
from hbi.matching.answerer import Answerer
from hbi.matching.device import choose_device
from hbi.matching.matcher import Matcher
from hbi.matching.opened_model import CARD, weights_in_words
from hbi.models import GlobalConfig, GlobalContrastModel, HBIModel, QuestionAnsweringModel
from hbi.models.config import PAPER_FRAMES
from hbi.models.model_folder import model_type, open_model_folder, processor_for
from hbi.models.networks import NETWORKS, Network
from hbi.models.processor import Processor

Source: TypeAlias = str | os.PathLike[str]
Which: TypeAlias = Literal["best", "last"]
RECIPE, INDEX, WEIGHTS = "recipe.yaml", "index.json", "model.safetensors"
EXPECTED = (
    "give a run folder of hbi train, a model folder (hbi convert writes one), an index folder of hbi index, or an "
    "encoder (CLIP, SigLIP, …) by folder or hub name"
)


class SourceError(HBIError):
    """There is no model at a source, or one that is of no use here."""


def load(
    source: Source,
    *,
    device: str | torch.device = "auto",
    num_frames: int | None = None,
    weights: Which = "best",
) -> Matcher | Answerer:
    """Return the model of a source, opened: a `Matcher`, or an `Answerer` where it answers questions.

    Args:
        source: A run folder, an index folder, the folder of a model or of an encoder, or a hub name of either.
        device: "auto" (a GPU if there is one), "cpu", "cuda", "cuda:1", …
        num_frames: Frames of a video that it is shown; None: as it was trained, 12 for most encoders.
        weights: Of a run: those that were best on the validation split, or those of the last step.

    Raises:
        SourceError: The source is none of these, or a run without weights yet.
        HBIError: A file of it is damaged, or the hub cannot be asked.
    """
    if weights not in get_args(Which):
        raise SourceError(f"weights={weights!r}: choose one of {', '.join(get_args(Which))}")
    if not os.fspath(source):
        raise SourceError(f"the name of a model is empty: {EXPECTED}")
    if num_frames is not None and num_frames < 1:
        raise SourceError(f"{num_frames} frames of a video: take at least one")
    transformers_logging.disable_progress_bar()
    name = without_prefix(source)
    chosen = device if isinstance(device, torch.device) else choose_device(device)
    with without_report():
        opened = _open(name, num_frames, weights)
    opened.model.to(chosen).eval()
    return opened


def load_matcher(
    source: Source,
    *,
    device: str | torch.device = "auto",
    num_frames: int | None = None,
    weights: Which = "best",
) -> Matcher:
    """Return the `Matcher` of a source; errors are those of `load`.

    Args:
        source: A folder or hub name, as for `load`.
        device: "auto" (a GPU if there is one), "cpu", "cuda", "cuda:1", …
        num_frames: Frames of a video that the model is shown; None: as it was trained, 12 for most encoders.
        weights: Of a run: those that were best on the validation split, or those of the last step.

    Raises:
        SourceError: Also where the model answers questions.
    """
    opened = load(source, device=device, num_frames=num_frames, weights=weights)
    if not isinstance(opened, Matcher):
        raise SourceError(
            f"{source} answers questions and ranks nothing: ask it with hbi answer, or give another model"
        )
    return opened


def load_answerer(
    source: Source,
    *,
    device: str | torch.device = "auto",
    num_frames: int | None = None,
    weights: Which = "best",
) -> Answerer:
    """Return the `Answerer` of a source; errors are those of `load`.

    Args:
        source: A folder or hub name, as for `load`.
        device: "auto" (a GPU if there is one), "cpu", "cuda", "cuda:1", …
        num_frames: Frames of a video that the model is shown; None: as it was trained, 12 for most encoders.
        weights: Of a run: those that were best on the validation split, or those of the last step.

    Raises:
        SourceError: Also where the model answers no questions.
    """
    opened = load(source, device=device, num_frames=num_frames, weights=weights)
    if not isinstance(opened, Answerer):
        raise SourceError(
            f"{source} matches videos with texts and answers no questions: train a model that does, hbi train "
            "shape-stories-qa, or convert a VideoQA checkpoint"
        )
    return opened


def is_run(source: Source) -> bool:
    """Return whether a source is a run folder of `hbi train`, with a recipe and data of its own."""
    return is_regular(Path(without_prefix(source)) / RECIPE)


def model_folder_of_run(run: Path, weights: Which) -> Path:
    """Return where a run folder keeps its best or last weights: the best at its top, in earlier versions in best/.

    Raises:
        SourceError: The run has not got that far.
    """
    places = [run / "last"] if weights == "last" else [run, run / "best"]
    found = next((place for place in places if is_regular(place / WEIGHTS)), None)
    if found is None:
        raise SourceError(f"{run} has no {weights} weights yet: let it train on with hbi train … --resume")
    return found


def is_own_model(source: Source) -> bool:
    """Return whether a source is a folder with a network of ours: a run, or what `save_pretrained` or `hbi convert`
    wrote."""
    name = without_prefix(source)
    return is_run(name) or (os.path.isdir(name) and model_type(Path(name)) in NETWORKS)


def folders_of_model(source: Source) -> tuple[Path, Path]:
    """Return where the network of a source is, and where its tokenizer: folders for `open_model_folder`.

    Args:
        source: A run folder (its best weights are meant), an index folder, or a model folder or hub name of a network
            that was trained or converted here.

    Raises:
        SourceError: There is no such network: nothing, or somebody's encoder.
    """
    name = without_prefix(source)
    folder = Path(name)
    if os.path.isdir(name) and is_run(name):
        return model_folder_of_run(folder, "best"), folder
    _require_whole_source(name)
    folder = folder / "model" if is_regular(folder / INDEX) else folder
    is_here = os.path.isdir(folder)
    kind = model_type(folder) if is_here else _type_on_hub(name)
    if kind in NETWORKS:
        place = folder if is_here else _downloaded(name)
        return place, place
    if kind in FAMILIES:
        raise SourceError(f"{name} holds an encoder of type {kind!r}, of which only towers can be taken: model.encoder")
    raise SourceError(f"{name} holds no model that was trained or converted here: give a run or model folder")


def _require_whole_source(name: str) -> None:
    """Raise SourceError where a part of a run, or a file, is given in the place of a folder."""
    folder = Path(name)
    if folder.name in ("best", "last") and is_run(folder.parent):
        raise SourceError(f"{name} is a part of the run {folder.parent}: give that folder")
    if is_regular(name):
        raise SourceError(
            f"{name} is a file: open a released checkpoint with hbi convert {name} --to FOLDER, and give that folder"
        )


def _open(name: str, num_frames: int | None, weights: Which) -> Matcher | Answerer:
    folder = Path(name)
    if os.path.isdir(name) and is_run(name):
        return _open_run(folder, num_frames, weights)
    _require_whole_source(name)
    if weights != "best":
        raise SourceError(f"{name} is no run folder, and a run alone has {weights} weights: leave that out")
    if is_regular(folder / INDEX):
        return _open_index(folder, num_frames)
    return _open_model(name, num_frames)


def _open_index(index: Path, num_frames: int | None) -> Matcher | Answerer:
    """Return the model of an index, under the name and with the frames that the index was made with."""
    try:
        statement = json.loads(read_regular_text(index / INDEX, 2**20))
        name, own_frames = str(statement["model"]), int(statement["num_frames"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise SourceError(f"{index / INDEX} cannot be read ({reason(error)}): restore it or index anew") from error
    opened = _open_model(str(index / "model"), num_frames or own_frames)
    return replace(opened, name=name, origin={"index": str(index)})


def _open_run(run: Path, num_frames: int | None, weights: Which) -> Matcher | Answerer:
    network, processor = open_model_folder(model_folder_of_run(run, weights), preprocessing=run)
    name = run.resolve().name
    opened = _opened(network, processor, name, {"run": name, "weights": weights}, num_frames)
    return replace(opened, card=_card(run), run=run)


def _open_model(name: str, num_frames: int | None) -> Matcher | Answerer:
    """Return the model of a folder or hub name that is neither a run nor an index."""
    kind = model_type(Path(name)) if os.path.isdir(name) else _type_on_hub(name)
    if kind not in NETWORKS and kind_of_sentence_transformer(name) is not None:
        return _open_sentence_transformer(name, num_frames)
    if kind is None and is_regular(Path(name) / "adapter_config.json"):
        raise SourceError(f"{name} holds an adapter alone: merge it into its model, and give that folder")
    if kind is None:
        raise SourceError(f"{name} holds no model (no recipe.yaml, config.json or index.json in it): {EXPECTED}")
    if kind in NETWORKS:
        return _open_ours(name, num_frames)
    if kind in FAMILIES:
        return _open_encoder(name, num_frames)
    raise SourceError(f"{name} holds a model of type {kind!r}, which hbi does not know: {EXPECTED}")


def _open_ours(name: str, num_frames: int | None) -> Matcher | Answerer:
    folder = Path(name) if os.path.isdir(name) else _downloaded(name)
    network, processor = open_model_folder(folder)
    title = Path(name).resolve().name if os.path.isdir(name) else name
    learned = network.weight_of_level if isinstance(network, HBIModel) else network.config.weight_of_level
    weights = weights_in_words(learned)
    opened = _opened(network, processor, title, {"model": name, "level_weights": weights}, num_frames)
    return replace(opened, card=_card(folder))


def _card(folder: Path) -> str:
    """Return the model card of a folder; "" where there is none, or none that can be read."""
    try:
        return read_regular_text(folder / CARD, 2**20)
    except (OSError, UnicodeDecodeError):
        return ""


def _opened(
    network: Network, processor: Processor, name: str, origin: Mapping[str, str], num_frames: int | None
) -> Matcher | Answerer:
    opened: Matcher | Answerer
    if isinstance(network, QuestionAnsweringModel):
        opened = Answerer(network, processor, name, origin)
    else:
        opened = Matcher(network, processor, name, origin)
    config = opened.config
    if num_frames and config.aggregator == "temporal" and num_frames > config.max_frames:
        raise SourceError(f"{name} has positions for {config.max_frames} frames, not for {num_frames}: give no more")
    return replace(opened, num_frames=num_frames) if num_frames else opened


def _open_encoder(name: str, num_frames: int | None) -> Matcher:
    """Return an encoder as it is, nothing trained: the vector of a text against the vector of a video."""
    towers = read_towers(name)
    family = FAMILIES[towers.config.model_type]
    own_frames = family.num_frames_of(towers.config)
    if own_frames and num_frames not in (None, own_frames):
        raise SourceError(f"{name} is made for {own_frames} frames of a video, not for {num_frames}: leave that out")
    is_clip = towers.config.model_type == "clip"
    tokenizer = read_tokenizer(name, SPECIAL_TOKENS if is_clip else ("pad_token_id",))
    num_frames = num_frames or own_frames or PAPER_FRAMES
    config = GlobalConfig(
        encoder_config=towers.config.to_dict(),
        max_words=family.max_words_of(towers.config),
        max_frames=num_frames,
        temporal_layers=0,
        special_token_ids=None if is_clip else special_ids_of(tokenizer),
    )
    model = GlobalContrastModel(config)
    model.encoder.towers.load_state_dict(towers.state_dict())
    processor = processor_for(model, tokenizer, name, is_scaled_by_decoder=False)
    title = Path(name).resolve().name if os.path.isdir(name) else name
    return Matcher(model, processor, title, {"encoder": name, "similarity": "global, zero-shot"}, num_frames)


def _open_sentence_transformer(name: str, num_frames: int | None) -> Matcher:
    """Return a model of sentence-transformers as it is: one vector for each text and video, or one for each token."""
    network, processor = open_sentence_transformer(name)
    title = Path(name).resolve().name if os.path.isdir(name) else name
    origin = {"encoder": name, "similarity": f"{network.score}, zero-shot"}
    return Matcher(network, processor, title, origin, num_frames or PAPER_FRAMES)


def _type_on_hub(name: str) -> str | None:
    """Return the `model_type` of a model on the hub, or of one that was downloaded before."""
    from transformers import PreTrainedConfig

    with _as_source_error(name), asking_hub(name) as is_local:
        try:
            values, _ = PreTrainedConfig.get_config_dict(name, local_files_only=is_local)
        except Exception as error:  # the hub's client raises many kinds
            raise SourceError(
                f"{name}: no such folder, and no model of that name ({reason(error)}): {EXPECTED}"
            ) from error
    kind = values.get("model_type")
    return kind if isinstance(kind, str) else None


@contextmanager
def _as_source_error(name: str) -> Iterator[None]:
    try:
        yield
    except HubError as error:
        raise SourceError(
            f"{error}: {EXPECTED}" if str(error).startswith("there is no folder") else str(error)
        ) from error


def _downloaded(name: str) -> Path:
    """Return where the files of a model on the hub are on this machine, after a download if need be."""
    from huggingface_hub import snapshot_download

    with _as_source_error(name), asking_hub(name) as is_local:
        try:
            files = ["*.json", "*.safetensors", "*.txt", "SHA256SUMS"]
            return Path(snapshot_download(name, allow_patterns=files, local_files_only=is_local))
        except Exception as error:  # as above
            raise SourceError(f"{name} cannot be downloaded ({reason(error)}): try again, or give a folder") from error
