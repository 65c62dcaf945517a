"""What a network is given of a frame: how large a picture, cut or squashed, and scaled by which filter.

Networks of ours take FFmpeg's scaler, which makes small pictures at once. Those of others were trained on what Pillow
makes of a whole picture, as the image processors of transformers do; their pixels are met bit for bit.
"""

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import torch
from jaxtyping import UInt8
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from hbi.files.json_values import is_number, is_whole

Fit: TypeAlias = Literal["crop", "squash"]
FITS = (*get_args(Fit), "patches")
Resampling: TypeAlias = Literal["swscale", "nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"]
"""FFmpeg's bicubic scaler, or a filter of Pillow by its name there."""
LARGEST_SCALE, SCALE_STEP = 100.0, 1e-5
"""What a frame is enlarged by at most to fill its patches, and how exactly the factor is found: as SigLIP 2 does."""
MOST_IN_A_TUBELET = 64
"""Frames; far above what anybody trains."""
_LATER = {"tubelet_size": 1, "tubelet_seconds": None, "released_loader": False}
"""Fields that earlier versions did not have, with what they did: files say nothing of these where it is that."""


@dataclass(frozen=True)
class PictureFormat:
    """How a frame becomes a picture of `height` x `width` pixels.

    Attributes:
        height, width: Of the picture in pixels.
        fit: "crop" keeps the shape of what is seen and cuts the middle out; "squash" scales both sides apart;
            "patches" keeps the shape and lays the frame's square patches, row by row, into a strip as high as one of
            them. The last patch of the strip says by its number of white pixels how many rows of patches there are (in
            red) and how many columns (in green).
        resampling: The scaler, see `Resampling`.
        shortest_edge: With "crop", the length in pixels that the shorter side is scaled to before the middle is cut
            out, with black around it where it is too small; None: the frame is scaled to just cover the picture.
        tubelet_size: Pictures that a position of a video reads: the one on screen there and those around it.
        tubelet_seconds: How far these are apart; None: they follow one another in the file.
        released_loader: Whether a video is seen as the loader of the authors' released code shows it: one frame a
            second (`hbi.video.places`), pixels as they are stored, whatever shape or colors the file says they have,
            and a middle that is cut out as torchvision cuts it.
    """

    height: int
    width: int
    fit: Fit | Literal["patches"] = "crop"
    resampling: Resampling = "swscale"
    shortest_edge: int | None = None
    tubelet_size: int = 1
    tubelet_seconds: float | None = None
    released_loader: bool = False

    def __post_init__(self) -> None:
        sides = [self.height, self.width] + ([] if self.shortest_edge is None else [self.shortest_edge])
        if not all(is_whole(side) and side > 0 for side in sides):
            raise ValueError(f"a picture with sides of {sides} pixels: they should be whole numbers from 1 on")
        for value, allowed in ((self.fit, FITS), (self.resampling, get_args(Resampling))):
            if value not in allowed:
                raise ValueError(f"{value!r} is none of {', '.join(allowed)}")
        if self.fit != "crop" and self.shortest_edge is not None:
            raise ValueError("a picture that is not cut out has no shortest_edge")
        if self.fit == "patches" and (self.width % self.height or self.num_patches < 1 or self.height < 2):
            raise ValueError(f"a strip of {self.height}x{self.width} pixels is none of square patches and their counts")
        if not isinstance(self.released_loader, bool):
            raise ValueError(f"released_loader is {self.released_loader!r}: it should be true or false")
        if not is_whole(self.tubelet_size) or not 1 <= self.tubelet_size <= MOST_IN_A_TUBELET:
            raise ValueError(f"tubelets of {self.tubelet_size!r} frames: give a whole number up to {MOST_IN_A_TUBELET}")
        if self.tubelet_seconds is not None:
            if not is_number(self.tubelet_seconds) or not 0 < self.tubelet_seconds < math.inf:
                raise ValueError(f"frames {self.tubelet_seconds!r} s apart: give a number of seconds above 0")
            if self.tubelet_size == 1:
                raise ValueError("single frames have no tubelet_seconds")

    @classmethod
    def square(cls, side: int) -> "PictureFormat":
        """Return the format of our own networks: a square that FFmpeg scales and whose middle is kept."""
        return cls(side, side)

    @classmethod
    def strip(cls, patch_size: int, num_patches: int, resampling: Resampling = "bilinear") -> "PictureFormat":
        """Return the format of networks that take pictures of any shape as so many patches at most.

        Args:
            patch_size: Height and width of a patch in pixels.
            num_patches: The most patches of a picture.
            resampling: The scaler.
        """
        return cls(patch_size, patch_size * (num_patches + 1), "patches", resampling)

    @classmethod
    def released(cls, side: int) -> "PictureFormat":
        """Return the format of the authors' released loader: a square that Pillow scales and whose middle is kept."""
        return cls(side, side, "crop", "bicubic", side, released_loader=True)

    @property
    def is_plain_square(self) -> bool:
        """Whether it is the format of our own networks."""
        return self == PictureFormat(self.height, self.height)

    def in_tubelets(self, size: int, seconds: float | None) -> "PictureFormat":
        """Return this format where a position of a video reads several pictures.

        Args:
            size: How many; 1: the format itself.
            seconds: How far they are apart; None: they follow one another in the file.
        """
        return replace(self, tubelet_size=size, tubelet_seconds=seconds)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of what a position reads: (3, height, width), or (frames of a tubelet, 3, height, width)."""
        tubelet = () if self.tubelet_size == 1 else (self.tubelet_size,)
        return (*tubelet, 3, self.height, self.width)

    def difference(self, other: "PictureFormat") -> str | None:
        """Return in what another format, which is wanted, differs; None if in nothing.

        >>> PictureFormat.square(48).difference(PictureFormat.square(48).in_tubelets(3, 0.25))
        'tubelet_size 1, not 3'
        """
        single, wanted = (each.in_tubelets(1, None) for each in (self, other))
        if single != wanted:
            return f"image_size {single}, not {wanted}"
        if self.tubelet_size != other.tubelet_size:
            return f"tubelet_size {self.tubelet_size}, not {other.tubelet_size}"
        if self.tubelet_seconds != other.tubelet_seconds:
            return f"tubelet_seconds {self.tubelet_seconds}, not {other.tubelet_seconds}"
        return None

    @property
    def chooses_frames(self) -> bool:
        """Whether it reads others than the single frames at the middles of equal parts."""
        return self.tubelet_size > 1 or self.released_loader

    @property
    def num_patches(self) -> int:
        """The most patches of a strip."""
        return self.width // self.height - 1

    def __str__(self) -> str:
        """Return the side of a square of ours, as recipes write it, or all of another format."""
        if self.tubelet_size > 1:
            apart = "" if self.tubelet_seconds is None else f", {self.tubelet_seconds:g} s apart"
            return f"{self.in_tubelets(1, None)} in tubelets of {self.tubelet_size} frames{apart}"
        if self.is_plain_square:
            return str(self.height)
        edge = "" if self.shortest_edge is None else f" from a shortest edge of {self.shortest_edge}"
        loader = ", as the released loader" if self.released_loader else ""
        return f"{self.height}x{self.width} ({self.fit}{edge}, {self.resampling}{loader})"

    def to_json(self) -> int | dict[str, Any]:
        """Return what stands for this format in files: the side of a square of ours, all fields of another one.

        Nothing is said of what earlier versions did not know, where it is as it was there.

        >>> PictureFormat.square(224).to_json()
        224
        """
        if self.is_plain_square:
            return self.height
        values = asdict(self)
        unsaid = {"released_loader"} if self.tubelet_size > 1 else _LATER.keys()
        return {name: value for name, value in values.items() if name not in unsaid or value != _LATER[name]}

    @classmethod
    def from_json(cls, value: Any) -> "PictureFormat":
        """Return the format that `to_json` wrote.

        Raises:
            ValueError: It is something else.
        """
        if is_whole(value):
            return cls.square(value)
        names = {field.name for field in fields(cls)}
        if not isinstance(value, dict) or not names - _LATER.keys() <= value.keys() <= names:
            raise ValueError("it does not say how pictures are made")
        return cls(**value)

    def scaled_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) that a frame of a size is scaled to before it is cut."""
        if self.fit == "squash":
            return self.height, self.width
        if self.fit == "patches":
            return self._size_in_patches(height, width)
        if self.shortest_edge is not None:  # rounded as the image processors of transformers do
            longest = int(self.shortest_edge * max(height, width) / min(height, width))
            return (longest, self.shortest_edge) if width <= height else (self.shortest_edge, longest)
        scale = max(self.height / height, self.width / width)
        return max(self.height, round(height * scale)), max(self.width, round(width * scale))

    def resampled(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a whole frame [height, width, 3] scaled by Pillow; it is not cut yet."""
        height, width = self.scaled_size(*pixels.shape[:2])
        filter_ = Image.Resampling[self.resampling.upper()]
        return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize((width, height), filter_))

    def cut(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the picture [height, width, 3] of a scaled frame: its middle, with black around it, or its patches.

        Raises:
            ValueError: The frame has more rows or columns of patches than the last patch can say.
        """
        if self.fit == "patches":
            return self._strip_of(pixels)
        scaled_height, scaled_width, _ = pixels.shape
        top, left = self._half(scaled_height - self.height), self._half(scaled_width - self.width)
        middle = pixels[max(0, top) :, max(0, left) :][: self.height, : self.width]
        if middle.shape[:2] == (self.height, self.width):
            return middle
        picture = np.zeros((self.height, self.width, 3), np.uint8)
        picture[max(0, -top) :, max(0, -left) :][: middle.shape[0], : middle.shape[1]] = middle
        return picture

    def _half(self, length: int) -> int:
        """Return half of what is cut off, or added: rounded down, but by torchvision to the even number."""
        return round(length / 2) if self.released_loader else length // 2

    def black(self, *counts: int) -> UInt8[Tensor, "*positions 3 height width"]:
        """Return black pictures, as many as asked for along each axis; or black tubelets."""
        pixels = torch.zeros(*counts, *self.shape, dtype=torch.uint8)
        if self.fit == "patches":
            picture = self.cut(np.zeros((*self.scaled_size(self.height, self.height), 3), np.uint8))
            pixels[:] = torch.from_numpy(picture).permute(2, 0, 1)
        return pixels

    def _size_in_patches(self, height: int, width: int) -> tuple[int, int]:
        """Return the largest size in whole patches that a frame can be scaled to with no more of them than there are.

        As SigLIP 2 finds it (NaFlex): the factor is found by halving, and either side is rounded up to whole patches.
        """

        def counts(scale: float) -> tuple[int, int]:
            rows, columns = (math.ceil(side * scale / self.height) for side in (height, width))
            return max(1, rows), max(1, columns)

        least, most = SCALE_STEP / 10, LARGEST_SCALE
        while most - least >= SCALE_STEP:
            middle = (least + most) / 2
            if math.prod(counts(middle)) <= self.num_patches:
                least = middle
            else:
                most = middle
        rows, columns = counts(least)
        return rows * self.height, columns * self.height

    def _strip_of(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        side, marks = self.height, np.zeros((self.height**2, 3), np.uint8)
        rows, columns = pixels.shape[0] // side, pixels.shape[1] // side
        if max(rows, columns) >= side**2:  # one pixel stays black: it tells what is white
            raise ValueError(f"{rows}x{columns} patches are more than a patch of {side} pixels a side can say")
        marks[:rows, 0] = marks[:columns, 1] = 255
        strip = np.zeros((side, self.num_patches + 1, side, 3), np.uint8)
        patches = pixels.reshape(rows, side, columns, side, 3).swapaxes(0, 1)
        strip[:, : rows * columns] = patches.reshape(side, rows * columns, side, 3)
        strip[:, -1] = marks.reshape(side, side, 3)
        return strip.reshape(side, self.width, 3)
