"""Thumbnails to image files in memory and back."""

import base64
import io

import numpy as np
from jaxtyping import UInt8
from PIL import Image


def encode_png(thumbnail: UInt8[np.ndarray, "3 height width"]) -> str:
    """A thumbnail as base64 PNG: without loss, for files that are read again."""
    return _encode(thumbnail, format="PNG", optimize=True)


def encode_jpeg(thumbnail: UInt8[np.ndarray, "3 height width"]) -> str:
    """A thumbnail as base64 JPEG: a tenth of the size, for pages that are looked at."""
    return _encode(thumbnail, format="JPEG", quality=85, optimize=True)


def decode_image(encoded: str) -> UInt8[np.ndarray, "3 height width"]:
    """The RGB pixels of a base64 image; raises ValueError or OSError when it is none."""
    with Image.open(io.BytesIO(base64.b64decode(encoded, validate=True))) as image:
        return np.asarray(image.convert("RGB")).transpose(2, 0, 1)


def _encode(thumbnail: UInt8[np.ndarray, "3 height width"], **options: object) -> str:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(thumbnail.transpose(1, 2, 0))).save(buffer, **options)  # type: ignore[arg-type]
    return base64.b64encode(buffer.getvalue()).decode("ascii")
