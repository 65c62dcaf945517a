"""From a decoded frame to an RGB tensor: colors, resizing with square pixels, orientation, cropping."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

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
from hbi.video.picture_format import Fit, PictureFormat

PictureSize: TypeAlias = PictureFormat | int | tuple[int, int] | Callable[[int, int], tuple[int, int]] | None
"""A format; the side of a square; (height, width); what makes that of the first frame's (height, width); or None: the
frame's own."""
MOST_PIXELS = 2**26
"""Of what Pillow scales a frame to before its middle is cut out: of a long and thin one it would fill the memory."""
NARROW = "cut it to a more usual shape"


class PictureMaker:
    """Makes upright RGB pictures of one format, for an ordinary screen, from the frames of one video.

    All pictures share one scaler. `fit` counts where `size` is no `PictureFormat`.
    """

    def __init__(self, video: OpenVideo, size: PictureSize, fit: Fit = "crop") -> None:
        self._video, self._fit = video, fit
        self._size_of = size if callable(size) else None
        self._format: PictureFormat | None = None
        self._is_released = isinstance(size, PictureFormat) and size.released_loader
        if isinstance(size, PictureFormat):
            self._format = size
        elif size is not None and not callable(size):
            height, width = (size, size) if isinstance(size, int) else size
            if min(height, width) < 1:
                cause = f"pictures of size {(height, width)} were asked for"
                raise VideoError(video.path, cause, "ask for at least one pixel a side")
            self._format = PictureFormat(height, width, fit)
        self._reformatter = VideoReformatter()

    def picture(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """Return `frame` upright as RGB [height, width, 3] in the format asked for."""
        own_size = upright_size(self._video, frame, is_stored=self._is_released)
        if self._format is None:
            self._format = PictureFormat(*(self._size_of(*own_size) if self._size_of else own_size), self._fit)
        height, width = self._format.scaled_size(*own_size)
        if self._format.resampling == "swscale":
            scaled = self._upright(frame, height, width)
        elif height * width > MOST_PIXELS:
            cause = f"its pictures of {own_size[1]}x{own_size[0]} pixels would become {width}x{height} before a cut"
            raise VideoError(self._video.path, cause, NARROW)
        else:
            scaled = self._format.resampled(self._upright(frame, *own_size))
        try:
            return self._format.cut(scaled)
        except ValueError as error:
            cause = f"its pictures of {own_size[1]}x{own_size[0]} pixels are too narrow for this model ({error})"
            raise VideoError(self._video.path, cause, NARROW) from error

    def _upright(self, frame: VideoFrame, height: int, width: int) -> NDArray[np.uint8]:
        """Return `frame` upright in RGB, scaled by FFmpeg to `height` and `width`."""
        orientation = self._video.orientation(frame)
        stored_height, stored_width = orientation.size(height, width)
        return np.asarray(orientation.upright(self._scaled(frame, stored_width, stored_height)), np.uint8)

    def _scaled(self, frame: VideoFrame, width: int, height: int) -> NDArray[np.uint8]:
        """Return `frame` as stored, in RGB, scaled to `width` and `height`."""
        convert = None if self._is_released else to_screen(frame)
        try:
            scaled = self._reformatter.reformat(
                frame,
                width,
                height,
                "rgb24" if convert is None else "rgb48le",
                src_colorspace=None if self._is_released else color_space(frame),
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


def upright_size(video: OpenVideo, frame: VideoFrame, *, is_stored: bool = False) -> tuple[int, int]:
    """Return (height, width) of a frame of a video as it is shown: upright, with square pixels.

    Args:
        video: The open video.
        frame: One of its frames.
        is_stored: Take pixels as they are stored, whatever shape the file says they have.
    """
    width = frame.width if is_stored else max(1, round(frame.width * video.pixel_aspect))
    return video.orientation(frame).size(frame.height, width)


def stack_pictures(pictures: Sequence[NDArray[np.uint8]]) -> UInt8[Tensor, "frames 3 height width"]:
    """Return pictures [height, width, 3] as one tensor."""
    height, width, _ = pictures[0].shape
    stacked = np.empty((len(pictures), 3, height, width), np.uint8)
    # Copied by numpy: torch would wake its thread pool for these few bytes, in every reading thread.
    for number, pixels in enumerate(pictures):
        stacked[number] = pixels.transpose(2, 0, 1)
    return torch.from_numpy(stacked)
