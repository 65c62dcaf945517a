"""Thumbnails to image files in memory and back."""

import base64
import io
import struct
import zlib
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from hbi.explanation.checks import require

TooLarge = Image.DecompressionBombError

MAX_PAGE_PIXELS = 180


def encode_png(thumbnail: UInt8[np.ndarray, "3 height width"]) -> str:
    """Return a thumbnail as base64 PNG: without loss, for files that are read again."""
    return _encode(_image(thumbnail), format="PNG")


def encode_jpeg(thumbnail: UInt8[np.ndarray, "3 height width"]) -> str:
    """Return a thumbnail as base64 JPEG of at most 180 pixels a side: small, for pages that are looked at."""
    image = _image(thumbnail)
    image.thumbnail((MAX_PAGE_PIXELS, MAX_PAGE_PIXELS))
    return _encode(image, format="JPEG", quality=78, optimize=True)


def decode_png(content: bytes, most_pixels: int) -> UInt8[np.ndarray, "3 height width"]:
    """Return the RGB pixels of a PNG as `encode_png` makes it; raises ValueError when it is none, or larger."""
    width, height = struct.unpack(">II", content[16:24].ljust(8, b"\0"))  # before Pillow, which warns of large ones
    try:
        require(width * height <= most_pixels, f"a picture of {width} x {height} pixels is too large")
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            image.verify()  # what was cut off or changed is not always met on the way to the pixels
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            require(image.size == (width, height) and image.mode == "RGB", "a picture is no PNG in red, green and blue")
            return np.asarray(image).transpose(2, 0, 1)
    except (OSError, SyntaxError, EOFError, IndexError, OverflowError, struct.error, zlib.error, TooLarge) as error:
        raise ValueError(f"a picture is damaged ({error})") from error


def _image(thumbnail: UInt8[np.ndarray, "3 height width"]) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(thumbnail.transpose(1, 2, 0)))


def _encode(image: Image.Image, **options: Any) -> str:
    buffer = io.BytesIO()
    image.save(buffer, **options)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
