"""Thumbnails to image files in memory and back."""

import base64
import io
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

MAX_PAGE_PIXELS = 180


def encode_png(thumbnail: UInt8[np.ndarray, "3 height width"]) -> str:
    """A thumbnail as base64 PNG: without loss, for files that are read again."""
    return _encode(_image(thumbnail), format="PNG")


def encode_jpeg(thumbnail: UInt8[np.ndarray, "3 height width"]) -> str:
    """A thumbnail as base64 JPEG, at most 180 pixels a side: small, for pages that are looked at."""
    image = _image(thumbnail)
    image.thumbnail((MAX_PAGE_PIXELS, MAX_PAGE_PIXELS))
    return _encode(image, format="JPEG", quality=78, optimize=True)


def decode_image(encoded: str) -> UInt8[np.ndarray, "3 height width"]:
    """The RGB pixels of a base64 image; raises ValueError or OSError when it is none."""
    with Image.open(io.BytesIO(base64.b64decode(encoded, validate=True))) as image:
        return np.asarray(image.convert("RGB")).transpose(2, 0, 1)


def _image(thumbnail: UInt8[np.ndarray, "3 height width"]) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(thumbnail.transpose(1, 2, 0)))


def _encode(image: Image.Image, **options: Any) -> str:
    buffer = io.BytesIO()
    image.save(buffer, **options)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
