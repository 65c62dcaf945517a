"""Pixels as the towers take them: the format of a picture, and what is done to its colors."""

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from jaxtyping import Float, UInt8
from torch import Tensor
from transformers import AutoImageProcessor
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.utils import cached_file

from hbi.encoders.sizes import ModelError
from hbi.encoders.state_files import reason
from hbi.files import is_regular, read_regular_text
from hbi.hub import HubError, asking_hub
from hbi.video import PictureFormat

VIDEOS = "video_preprocessor_config.json"
PICTURES = ("processor_config.json", "preprocessor_config.json", VIDEOS)
"""Where `transformers` says how pictures are prepared: now, and in folders of earlier versions."""
_RESAMPLING = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")
"""Pillow's filters by their number there."""
_OF_PICTURES = (
    *("size", "resample", "crop_size", "do_center_crop", "do_resize", "do_rescale", "rescale_factor"),
    *("do_normalize", "image_mean", "image_std"),
)
"""What a video processor says of single frames."""
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
"""The mean and standard deviation of RGB in [0, 1] that CLIP's towers expect."""


def normalize_pixels(
    pixels: UInt8[Tensor, "*batch 3 height width"],
    *,
    mean: Sequence[float] = CLIP_MEAN,
    std: Sequence[float] = CLIP_STD,
) -> Float[Tensor, "*batch 3 height width"]:
    """Return RGB pixels in float32, brought to [0, 1], less a mean and divided by a standard deviation for each color.

    Args:
        pixels: RGB of any number of pictures, from 0 to 255.
        mean: Of red, green and blue.
        std: The same.
    """
    shift, scale = (torch.tensor(value, device=pixels.device).view(3, 1, 1) for value in (mean, std))
    return pixels.float().div_(255.0).sub_(shift).div_(scale)


def network_input(frames: Tensor, *, mean: Sequence[float] = CLIP_MEAN, std: Sequence[float] = CLIP_STD) -> Tensor:
    """Return what is kept of frames as a network takes it: pixels normalized, features in float32.

    Args:
        frames: Pixels in uint8 [video, frame, 3, height, width], or features [video, frame, width].
        mean: Of red, green and blue.
        std: The same.
    """
    return normalize_pixels(frames, mean=mean, std=std) if frames.dtype == torch.uint8 else frames.float()


def read_picture_processor(source: str | Path) -> Any | None:
    """Return how `transformers` prepares pictures for the model at a source; None where the source does not say.

    Args:
        source: A folder or hub name.

    Raises:
        ModelError: What it says cannot be read, or is nothing that can be done here.
    """
    if os.path.isdir(source) and not any(is_regular(Path(source) / name) for name in PICTURES):
        return None
    try:
        with asking_hub(source) as is_local:
            pictures: Any = _of_video_processor(source, is_local=is_local)
            if pictures is None:
                pictures = AutoImageProcessor.from_pretrained(str(source), local_files_only=is_local)
    except HubError as error:
        raise ModelError(f"no preparation of pictures: {error}") from error
    except Exception as error:  # what `transformers` raises for a wrong field is of many kinds
        if not os.path.isdir(source):  # a model on the hub need not say it
            return None
        raise ModelError(f"{source} does not say how pictures are prepared ({reason(error)}): restore it") from error
    try:
        picture_format(pictures)
        color_statistics(pictures)
    except (ValueError, TypeError, AttributeError, KeyError) as error:  # a field may be of any kind
        raise ModelError(f"{source} prepares pictures in a way that is not known here ({error})") from error
    return pictures


def _of_video_processor(source: str | Path, *, is_local: bool) -> Any | None:
    """Return an image processor that makes of each frame what a video processor does; None where there is none.

    The video processors of `transformers` need torchvision, this does not. Where both are stated, pictures count.
    """
    stated = {name: _json(source, name, is_local=is_local) for name in PICTURES}
    whole = stated[PICTURES[0]]
    if "image_processor" in whole or "image_processor_type" in stated[PICTURES[1]]:
        return None
    fields = next((each for each in (whole.get("video_processor"), *stated.values()) if _is_of_videos(each)), None)
    if not isinstance(fields, dict):
        return None
    # What the processor of a family says beside its video processor counts more: VideoPrism's pictures are not
    # normalized, for example.
    family = getattr(transformers, str(whole.get("processor_class") or fields.get("processor_class")), None)
    fields = fields | getattr(family, "video_kwargs", {})
    if missing := {"size", "resample"} - fields.keys():
        raise ValueError(f"the video processor does not say {' and '.join(sorted(missing))}")
    return CLIPImageProcessorPil(
        **{"do_center_crop": False} | {name: fields[name] for name in _OF_PICTURES if fields.get(name) is not None}
    )


def _is_of_videos(fields: Any) -> bool:
    return isinstance(fields, dict) and "video_processor_type" in fields


def _json(source: str | Path, name: str, *, is_local: bool) -> dict[str, Any]:
    """Return what a file of a folder or of a model on the hub says; nothing where it has none."""
    found = cached_file(str(source), name, local_files_only=is_local, _raise_exceptions_for_missing_entries=False)
    values = {} if found is None else json.loads(read_regular_text(Path(found), 2**24))
    return values if isinstance(values, dict) else {}


def picture_format(pictures: Any) -> PictureFormat:
    """Return the format of the pictures that an image processor of `transformers` makes.

    Args:
        pictures: The processor.

    Raises:
        ValueError: It makes none of one size, or by a filter that Pillow does not have.
    """
    if not 0 <= int(pictures.resample) < len(_RESAMPLING):
        raise ValueError(f"the filter of number {pictures.resample}")
    resampling: Any = _RESAMPLING[int(pictures.resample)]
    if getattr(pictures, "max_num_patches", None) is not None:
        return PictureFormat.strip(pictures.patch_size, pictures.max_num_patches, resampling)
    size = pictures.size if getattr(pictures, "do_resize", True) else {}
    cut = pictures.crop_size if getattr(pictures, "do_center_crop", False) else None
    edge = size.get("shortest_edge")
    if edge is not None and cut is not None:
        return PictureFormat(cut["height"], cut["width"], "crop", resampling, edge)
    if edge is None and size.get("height") and size.get("width"):
        sides = size["height"], size["width"]
        if cut is None or (cut["height"], cut["width"]) == sides:
            return PictureFormat(*sides, "squash", resampling)
    raise ValueError(f"size {dict(size)}, cut to {cut and dict(cut)}")


def color_statistics(pictures: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of the three colors by which an image processor normalizes.

    Args:
        pictures: The processor.

    Raises:
        ValueError: They are not of three colors, or colors are brought to another range than [0, 1].
    """
    scale = getattr(pictures, "rescale_factor", 1 / 255) if getattr(pictures, "do_rescale", True) else 1.0
    if abs(255 * scale - 1) > 1e-4:
        raise ValueError(f"colors times {scale:g}")
    if not getattr(pictures, "do_normalize", True):
        return (0.0,) * 3, (1.0,) * 3
    mean, std = (tuple(float(value) for value in values) for values in (pictures.image_mean, pictures.image_std))
    if len(mean) != 3 or len(std) != 3 or not all(map(math.isfinite, (*mean, *std))) or min(std) <= 0:
        raise ValueError(f"colors less {mean} divided by {std}: it needs a mean and deviation of 3 colors")
    return mean, std
