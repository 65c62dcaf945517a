"""What sizes a network can have: a slip in a configuration is named before it fills the memory."""

from collections.abc import Mapping
from typing import Any

from transformers import CLIPConfig

from hbi.errors import HBIError


class ModelError(HBIError):
    """A network cannot be what a configuration asks for, or cannot do what is asked of it."""


WIDTH = (1, 2**17)
LAYERS = (1, 1000)
"""Least and most; far above what anybody trains."""
_TOWER = {
    "hidden_size": WIDTH,
    "intermediate_size": (1, 2**20),
    "num_hidden_layers": LAYERS,
    "num_attention_heads": WIDTH,
}
_TEXT = {"vocab_size": (1, 2**27), "max_position_embeddings": (1, 100_000)}
_VISION = {"image_size": (1, 2**14), "patch_size": (1, 2**14), "num_channels": (1, 1000)}


def require_whole_numbers(config: Any, sizes: Mapping[str, tuple[int, int]], *, of: str = "") -> None:
    """Raise ModelError where a field is no whole number from its least to its most."""
    for name, (least, most) in sizes.items():
        value = getattr(config, name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ModelError(f"{of}{name}={value!r}: give a whole number from {least} to {most}")


_MOST = {
    **dict.fromkeys(("hidden_size", "num_attention_heads", "projection_dim", "projection_size"), WIDTH[1]),
    **dict.fromkeys(("num_hidden_layers", "num_spatial_layers", "num_temporal_layers", "mit_num_hidden_layers"), 1000),
    **{"intermediate_size": 2**20, "vocab_size": 2**27, "max_position_embeddings": 2**20, "patch_size": 2**14},
    **{"num_frames": 10_000, "num_patches": 2**20, "num_auxiliary_layers": 1000},
}
"""By the names that families give them."""


def require_plausible_sizes(config: Any) -> None:
    """Raise ModelError where a family's configuration, or a part of it, asks for a size that no network has."""
    parts = {"": config} | {
        name: getattr(config, name, None) for name in ("text_config", "vision_config", "video_config")
    }
    for part, values in parts.items():
        for name, most in _MOST.items():
            value = getattr(values, name, 1)
            if isinstance(value, int) and not 1 <= value <= most:
                place = f"{part}.{name}" if part else name
                raise ModelError(f"{place}={value}: give a whole number from 1 to {most}")


def require_clip_sizes(clip: CLIPConfig) -> None:
    """Raise ModelError where a CLIP cannot have the sizes that its configuration asks for."""
    require_whole_numbers(clip, {"projection_dim": WIDTH}, of="CLIP's ")
    for tower, own in (("text", _TEXT), ("vision", _VISION)):
        config = getattr(clip, f"{tower}_config")
        require_whole_numbers(config, {**_TOWER, **own}, of=f"CLIP's {tower} ")
        width, heads = config.hidden_size, config.num_attention_heads
        if width % heads:
            raise ModelError(f"CLIP's {tower} tower of width {width} cannot be split among {heads} heads")
    if clip.vision_config.patch_size > clip.vision_config.image_size:
        sizes = f"{clip.vision_config.patch_size} pixels, a picture {clip.vision_config.image_size}"
        raise ModelError(f"a patch has {sizes}: it must fit in")
