"""From a decoded frame to an RGB tensor: rotation, resizing, cropping."""

from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import torch
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from jaxtyping import UInt8
from torch import Tensor

from hbi.video.error import VideoError

Fit: TypeAlias = Literal["crop", "squash"]


class PictureMaker:
    """Makes upright RGB pictures of one size from the frames of one video; all share one scaler.

    The size is `image_size` (the side of a square, or (height, width)), or that of the first frame where it is None.
    """

    def __init__(self, path: Path, image_size: int | tuple[int, int] | None, fit: Fit) -> None:
        self._size = (image_size, image_size) if isinstance(image_size, int) else image_size
        if self._size is not None and min(self._size) < 1:
            raise VideoError(path, f"pictures of size {image_size} were asked for", "ask for at least one pixel a side")
        self._fit = fit
        self._reformatter = VideoReformatter()

    def picture(self, frame: VideoFrame) -> UInt8[Tensor, "3 height width"]:
        """Return `frame` upright, in RGB, in the size asked for."""
        quarter_turns = round(frame.rotation / 90) % 4  # counterclockwise
        is_lying = quarter_turns % 2 == 1
        height, width = (frame.width, frame.height) if is_lying else (frame.height, frame.width)
        if self._size is None:
            self._size = (height, width)
        scaled_height, scaled_width = _scaled_size((height, width), self._size, self._fit)
        scaled = self._reformatter.reformat(
            frame,
            width=scaled_height if is_lying else scaled_width,
            height=scaled_width if is_lying else scaled_height,
            format="rgb24",
            interpolation=Interpolation.BICUBIC,
            threads=1,
        )
        pixels = np.rot90(scaled.to_ndarray(), quarter_turns)
        top, left = (scaled_height - self._size[0]) // 2, (scaled_width - self._size[1]) // 2
        pixels = pixels[top : top + self._size[0], left : left + self._size[1]]
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def _scaled_size(size: tuple[int, int], target: tuple[int, int], fit: Fit) -> tuple[int, int]:
    """Return the (height, width) to scale `size` to: `target`, or what covers it in the shape of `size`."""
    if fit == "squash":
        return target
    scale = max(target[0] / size[0], target[1] / size[1])
    return max(target[0], round(size[0] * scale)), max(target[1], round(size[1] * scale))
