"""Networks without a run folder: a CLIP as it is (`clip:NAME`), and a folder of `hbi convert` (`model:FOLDER`)."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hbi.errors import HBIError
from hbi.files import is_regular
from hbi.hub import is_only_here

if TYPE_CHECKING:
    import torch
    from transformers import CLIPTokenizer

    from hbi.models import GlobalContrastModel, HBIModel

CLIP, MODEL = "clip:", "model:"


@dataclass(frozen=True, eq=False)
class GivenModel:
    """A network and what belongs to it.

    Attributes:
        name: what to call it.
        what: one line on what it computes.
        origin: where it comes from, for the file of measures.
        num_frames: frames of a video that it is shown.
    """

    name: str
    what: str
    origin: dict[str, str]
    tokenizer: "CLIPTokenizer"
    model: "HBIModel | GlobalContrastModel"
    num_frames: int

    @property
    def image_size(self) -> int:
        """Height and width of a frame in pixels."""
        return int(self.model.config.clip_config.vision_config.image_size)


def is_given(name: str) -> bool:
    """Return whether a name on the command line is `clip:NAME` or `model:FOLDER`, and no run folder."""
    return name.startswith((CLIP, MODEL))


def require_given(name: str) -> None:
    """Raise HubError where `clip:NAME` cannot be had, before anything is loaded that takes time."""
    if name.startswith(CLIP):
        is_only_here(name.removeprefix(CLIP))


def open_given(name: str, *, num_frames: int, device: "torch.device") -> GivenModel:
    """Return the network that `clip:NAME` or `model:FOLDER` names, in evaluation mode.

    Raises:
        HBIError: There is none, it has no tokenizer, or it does not rank.
    """
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    if name.startswith(CLIP):
        return _open_clip(name.removeprefix(CLIP), num_frames, device)
    return _open_folder(Path(name.removeprefix(MODEL)), num_frames, device)


def _open_clip(name: str, num_frames: int, device: "torch.device") -> GivenModel:
    from hbi.models import GlobalContrastModel
    from hbi.models.processor import read_tokenizer, require_vocabulary

    model = GlobalContrastModel.from_clip(name, aggregator="none").to(device)
    tokenizer = read_tokenizer(name)
    require_vocabulary(model.config, tokenizer)
    what = (
        f"zero-shot: {name} was not trained by hbi; it ranks with global similarity, the end token of a text against "
        "the mean of a video's frames"
    )
    origin = {"clip": name, "similarity": "global, zero-shot"}
    return GivenModel(f"{name} (zero-shot)", what, origin, tokenizer, model, num_frames)


def _open_folder(folder: Path, num_frames: int, device: "torch.device") -> GivenModel:
    from hbi.models.processor import read_tokenizer, require_vocabulary
    from hbi.shapes import LEVELS

    model = _read_model(folder)
    if not is_regular(folder / "tokenizer_config.json"):
        raise HBIError(f"{folder} has no tokenizer: run hbi convert again with --tokenizer, into another folder")
    tokenizer = read_tokenizer(folder)
    config = model.config
    require_vocabulary(config, tokenizer)
    positions = config.max_frames
    if config.aggregator == "temporal" and num_frames > positions:
        raise HBIError(f"--frames {num_frames}: {folder} has places for {positions} frames, give no more")
    levels = ", ".join(f"{level} {weight:g}" for level, weight in zip(LEVELS, config.level_weights, strict=True))
    padded = f"texts padded to {config.max_words} tokens and videos to {num_frames} frames"
    computes = f"computes as the released code does, {padded}" if config.released_behavior else "is a network of hbi"
    what = f"{folder} {computes}; its levels weigh {levels}"
    origin = {"model": str(folder), "level_weights": levels}
    return GivenModel(folder.resolve().name, what, origin, tokenizer, model.to(device).eval(), num_frames)


def _read_model(folder: Path) -> "HBIModel":
    """Return the network of a folder, whole."""
    from hbi.models import HBIModel, open_network

    wanted = "give a folder that hbi convert wrote from a retrieval checkpoint"
    if not is_regular(folder / "config.json"):
        raise HBIError(f"{folder} holds no model: {wanted}")
    try:
        return open_network(HBIModel, folder)
    except HBIError as error:
        raise HBIError(f"the model in {folder} cannot be read ({error}): {wanted}") from error
