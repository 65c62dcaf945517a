"""What the authors' loader shows of a video, by plain PyAV and Pillow: all frames decoded, numbered, and cut out."""

from pathlib import Path

import av
import numpy as np
from PIL import Image


def plain_frames(path: Path) -> tuple[list[Image.Image], float]:
    """All pictures of a file in the order of showing, upright, as they are stored; and the average rate of frames."""
    with av.open(str(path)) as container:
        stream = container.streams.best("video")
        frames = list(container.decode(stream))
        if container.format.name != "avi":  # whose times are those of decoding
            frames.sort(key=lambda frame: frame.pts)
        images = [Image.fromarray(frame.to_ndarray(format="rgb24")) for frame in frames]
        turned = [image.rotate(frame.rotation, expand=True) for image, frame in zip(images, frames, strict=True)]
        return turned, float(stream.average_rate)


def plain_numbers(first: int, last: int, rate: float, most: int) -> list[int]:
    """The numbers of the frames, one after another."""
    numbers, number = [], first
    while number <= last:
        numbers.append(number)
        number += max(1, round(rate))
    if len(numbers) > most:
        numbers = [numbers[int(place)] for place in np.linspace(0, len(numbers) - 1, most)]
    return numbers


def plain_picture(image: Image.Image, side: int) -> np.ndarray:
    """What `Resize(side, BICUBIC)` and `CenterCrop(side)` of torchvision make of a picture."""
    width, height = image.size
    short, long = sorted(image.size)
    longest = int(side * long / short)
    size = (side, longest) if width <= height else (longest, side)
    left, top = (round((length - side) / 2.0) for length in size)
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC).crop((left, top, left + side, top + side)))


def plain_pixels(path: Path, num_frames: int, side: int) -> np.ndarray:
    """The pictures [frame, height, width, 3] of a whole video."""
    images, rate = plain_frames(path)
    numbers = plain_numbers(0, len(images) - 1, rate, num_frames)
    return np.stack([plain_picture(images[number], side) for number in numbers])
