"""From a decoded frame to an RGB tensor: rotation, resizing, cropping."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from jaxtyping import UInt8
from torch import Tensor

Fit: TypeAlias = Literal["crop", "squash"]


@dataclass(frozen=True)
class PictureSize:
    """The size wanted of every picture: `height` and `width` in pixels after rotation, None for the video's own."""

    height: int | None
    width: int | None
    fit: Fit


class PictureMaker:
    """Turns frames of one video into equally sized RGB pictures; one scaler is kept for all of them."""

    def __init__(self, image_size: int | tuple[int, int] | None, fit: Fit) -> None:
        self._image_size = (image_size, image_size) if isinstance(image_size, int) else image_size
        self._fit = fit
        self._reformatter = VideoReformatter()

    def picture(self, frame: VideoFrame) -> UInt8[Tensor, "3 height width"]:
        """Return `frame` upright as RGB in the size asked for."""
        quarter_turns = round(frame.rotation / 90) % 4
        upright = (frame.width, frame.height) if quarter_turns % 2 else (frame.height, frame.width)
        if self._image_size is None:
            self._image_size = upright
        height, width = self._scaled_size(*upright)
        stored_height, stored_width = (width, height) if quarter_turns % 2 else (height, width)
        scaled = self._reformatter.reformat(
            frame, stored_width, stored_height, "rgb24", interpolation=Interpolation.BICUBIC, threads=1
        )
        pixels = np.rot90(scaled.to_ndarray(), quarter_turns)
        top, left = (height - self._image_size[0]) // 2, (width - self._image_size[1]) // 2
        pixels = pixels[top : top + self._image_size[0], left : left + self._image_size[1]]
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))

    def _scaled_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the size to scale to: the target itself, or the smallest of the video's shape that covers it."""
        target_height, target_width = self._image_size
        if self._fit == "squash":
            return target_height, target_width
        scale = max(target_height / height, target_width / width)
        return max(target_height, round(height * scale)), max(target_width, round(width * scale))
