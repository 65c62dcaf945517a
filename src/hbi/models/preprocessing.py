"""Pixels as the towers take them."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

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
    return (pixels.float() / 255.0 - shift) / scale


def network_input(frames: Tensor, *, mean: Sequence[float] = CLIP_MEAN, std: Sequence[float] = CLIP_STD) -> Tensor:
    """Return what is kept of frames as a network takes it: pixels normalized, features in float32.

    Args:
        frames: Pixels in uint8 [video, frame, 3, height, width], or features [video, frame, width].
        mean: Of red, green and blue.
        std: The same.
    """
    return normalize_pixels(frames, mean=mean, std=std) if frames.dtype == torch.uint8 else frames.float()
