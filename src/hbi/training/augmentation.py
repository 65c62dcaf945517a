"""RandAugment (Cubuk et al. 2020, arXiv 1909.13719) for videos: every frame of a video is changed in the same way.

Differs: the paper applies each operation that is drawn, with one magnitude. Here, as where timm writes it
`rand-m7-n4-mstd0.5-inc1`, each is applied with probability 1/2 and has its own magnitude, normal around the given one;
and every operation changes more, the larger its magnitude.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor

Operation: TypeAlias = Callable[[Image.Image], Image.Image]
MOST_MAGNITUDE = 10.0
PROBABILITY = 0.5
"""With which an operation that was drawn is applied."""
MOST_DEGREES, MOST_SHEAR, MOST_SHIFT, MOST_ENHANCED, MOST_ADDED = 30.0, 0.3, 0.45, 0.9, 110
"""At the largest magnitude: of a rotation, a shear, a shift (of the side), a color or sharpness, and a brightness."""
MIDDLE = 128
"""The gray of what comes in from outside, and below it what `solarize_add` makes brighter."""


def _affine(image: Image.Image, matrix: tuple[float, ...]) -> Image.Image:
    return image.transform(
        image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC, fillcolor=(MIDDLE,) * 3
    )


def _rotated(image: Image.Image, degrees: float) -> Image.Image:
    return image.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=(MIDDLE,) * 3)


def _shifted(image: Image.Image, right: float, down: float) -> Image.Image:
    return _affine(image, (1, 0, right * image.width, 0, 1, down * image.height))


def _solarized_by_adding(image: Image.Image, added: int) -> Image.Image:
    table = [min(255, value + added) if value < MIDDLE else value for value in range(256)]
    return image.point(table * 3)


def _enhanced(
    image: Image.Image, enhance: Callable[[Image.Image], ImageEnhance._Enhance], factor: float
) -> Image.Image:
    return enhance(image).enhance(factor)


def _operations(share: float, sign: int) -> list[Operation]:
    """Return the operations that a share of their strength, from 0 to 1, and a sign make."""
    strength = sign * share
    enhances = (ImageEnhance.Color, ImageEnhance.Contrast, ImageEnhance.Brightness, ImageEnhance.Sharpness)
    return [
        ImageOps.autocontrast,
        ImageOps.equalize,
        ImageOps.invert,
        partial(_rotated, degrees=strength * MOST_DEGREES),
        partial(ImageOps.posterize, bits=max(1, 4 - int(4 * share))),  # Pillow wants one bit
        partial(ImageOps.solarize, threshold=256 - int(256 * share)),
        partial(_solarized_by_adding, added=int(share * MOST_ADDED)),
        *(partial(_enhanced, enhance=enhance, factor=max(0.1, 1 + strength * MOST_ENHANCED)) for enhance in enhances),
        partial(_affine, matrix=(1, strength * MOST_SHEAR, 0, 0, 1, 0)),
        partial(_affine, matrix=(1, 0, 0, strength * MOST_SHEAR, 1, 0)),
        partial(_shifted, right=strength * MOST_SHIFT, down=0),
        partial(_shifted, right=0, down=strength * MOST_SHIFT),
    ]


NUM_KINDS = len(_operations(0.0, 1))


@dataclass(frozen=True)
class RandAugment:
    """Operations on the pictures of a video, drawn for each video of a step: a pure function of what is given.

    Attributes:
        num_operations: How many are drawn of the fifteen, one after another; the same may come twice.
        magnitude: How strong they are, from 0 to 10.
        deviation: The standard deviation of the magnitude.
    """

    num_operations: int
    magnitude: float = 7.0
    deviation: float = 0.5

    def drawn(self, seed: Sequence[int]) -> list[Operation]:
        """Return the operations that are applied, in order.

        Args:
            seed: What they depend on: the training's seed, the step, the video.
        """
        random = np.random.default_rng(tuple(seed))
        operations = []
        for _ in range(self.num_operations):
            kind, is_applied = int(random.integers(NUM_KINDS)), random.random() < PROBABILITY
            magnitude = float(np.clip(random.normal(self.magnitude, self.deviation), 0.0, MOST_MAGNITUDE))
            sign = 1 if random.random() < 0.5 else -1
            if is_applied:
                operations.append(_operations(magnitude / MOST_MAGNITUDE, sign)[kind])
        return operations

    def __call__(
        self,
        frames: UInt8[Tensor, "video frame *tubelet 3 height width"],
        mask: Bool[Tensor, "video frame"],
        seeds: Sequence[Sequence[int]],
    ) -> UInt8[Tensor, "video frame *tubelet 3 height width"]:
        """Return the frames of a step changed; padding stays as it is.

        Args:
            frames: RGB.
            mask: Which frames are real.
            seeds: Of each video, see `drawn`.
        """
        changed = frames.clone()

        def change(row: int) -> None:
            operations = self.drawn(seeds[row])
            if operations:
                shown = changed[row, mask[row]]
                pictures = shown.view(-1, *shown.shape[-3:]).permute(0, 2, 3, 1).contiguous().numpy()
                made = np.stack([np.asarray(_applied(operations, picture)) for picture in pictures])
                changed[row, mask[row]] = torch.from_numpy(made).permute(0, 3, 1, 2).reshape(shown.shape)

        for _ in self._threads.map(change, range(len(frames))):  # Pillow lets go of the interpreter
            pass
        return changed

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(os.cpu_count())


def _applied(operations: Sequence[Operation], pixels: UInt8[np.ndarray, "height width 3"]) -> Image.Image:
    image = Image.fromarray(pixels)
    for operation in operations:
        image = operation(image)
    return image
