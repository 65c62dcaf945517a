"""From a decoded frame to an RGB tensor: colors, resizing with square pixels, orientation, cropping."""

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import av
import numpy as np
import torch
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from jaxtyping import UInt8
from numpy.typing import NDArray
from torch import Tensor

from hbi.video.colors import color_space, to_screen
from hbi.video.error import VideoError, may_pass
from hbi.video.opening import OpenVideo

Fit: TypeAlias = Literal["crop", "squash"]
PictureSize: TypeAlias = int | tuple[int, int] | Callable[[int, int], tuple[int, int]] | None
"""Side of a square; (height, width); what makes that of the first frame's (height, width); or None: the frame's own."""


class PictureMaker:
    """Makes upright RGB pictures of one size, for an ordinary screen, from the frames of one video.

    All pictures share one scaler.
    """

    def __init__(self, video: OpenVideo, image_size: PictureSize, fit: Fit) -> None:
        self._video = video
        self._size_of = image_size if callable(image_size) else None
        self._size = (
            None if callable(image_size) else (image_size, image_size) if isinstance(image_size, int) else image_size
        )
        if self._size is not None and min(self._size) < 1:
            cause = f"pictures of size {self._size} were asked for"
            raise VideoError(video.path, cause, "ask for at least one pixel a side")
        self._fit = fit
        self._reformatter = VideoReformatter()

    def picture(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """Return `frame` upright as RGB [height, width, 3] in the size asked for."""
        own_size = upright_size(self._video, frame)
        if self._size is None:
            self._size = self._size_of(*own_size) if self._size_of else own_size
        height, width = _scaled_size(own_size, self._size, self._fit)
        orientation = self._video.orientation(frame)
        stored_height, stored_width = orientation.size(height, width)
        pixels = orientation.upright(self._scaled(frame, stored_width, stored_height))
        top, left = (height - self._size[0]) // 2, (width - self._size[1]) // 2
        return np.asarray(pixels[top : top + self._size[0], left : left + self._size[1]], np.uint8)

    def _scaled(self, frame: VideoFrame, width: int, height: int) -> NDArray[np.uint8]:
        """Return `frame` as stored, in RGB, scaled to `width` and `height`."""
        convert = to_screen(frame)
        try:
            scaled = self._reformatter.reformat(
                frame,
                width,
                height,
                "rgb24" if convert is None else "rgb48le",
                src_colorspace=color_space(frame),
                interpolation=Interpolation.BICUBIC,
                threads=1,
            )
        except av.error.FFmpegError as error:
            cause = f"its {frame.format.name} pictures cannot be turned into {width}x{height} RGB ({error.strerror})"
            advice = "convert it, for instance to H.264 in MP4"
            raise VideoError(self._video.path, cause, advice, may_pass(error)) from error
        if convert is None:
            return np.asarray(scaled.to_ndarray(), np.uint8)
        return convert(np.asarray(scaled.to_ndarray(), np.uint16))


def upright_size(video: OpenVideo, frame: VideoFrame) -> tuple[int, int]:
    """Return (height, width) of a frame of a video as it is shown: upright, with square pixels."""
    width = max(1, round(frame.width * video.pixel_aspect))
    return video.orientation(frame).size(frame.height, width)


def stack_pictures(pictures: Sequence[NDArray[np.uint8]]) -> UInt8[Tensor, "frames 3 height width"]:
    """Return pictures [height, width, 3] as one tensor."""
    height, width, _ = pictures[0].shape
    stacked = np.empty((len(pictures), 3, height, width), np.uint8)
    # Copied by numpy: torch would wake its thread pool for these few bytes, in every reading thread.
    for number, pixels in enumerate(pictures):
        stacked[number] = pixels.transpose(2, 0, 1)
    return torch.from_numpy(stacked)


def _scaled_size(size: tuple[int, int], target: tuple[int, int], fit: Fit) -> tuple[int, int]:
    """Return the (height, width) to scale `size` to: `target`, or what covers it in the shape of `size`."""
    if fit == "squash":
        return target
    scale = max(target[0] / size[0], target[1] / size[1])
    return max(target[0], round(size[0] * scale)), max(target[1], round(size[1] * scale))
