"""An explanation as a versioned JSON record, alone or in a folder with the pictures of its frames beside it.

docs/reference/explanation-schema.md describes every field. What a record is turned into is the caller's:
`Explanation.to_dict` gives the plain values that are written, `Explanation.from_dict` takes those that were read.
"""

import base64
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import numpy as np

from hbi.errors import HBIError
from hbi.explanation.checks import MOST_FRAMES, MOST_PIXELS, MOST_PIXELS_OF_ALL, require
from hbi.explanation.files.thumbnail import decode_png, encode_png
from hbi.explanation.plain_values import objects_of
from hbi.files import open_regular, read_regular_text, write_atomically
from hbi.files.json_values import is_whole, parse_json, shown

FORMAT = "hbi-explanation"
VERSION, OLDEST_READ = 6, 2
"""1 had interactions only; 2 has all that the score is made of; 3 says what the score is, and what was drawn; 4 knows
labelled columns, and how well frames match single words; 5 how alike text and video are as wholes; 6 which index the
interactions are of."""

RECORD = "explanation.json"
"""The record's name in a folder."""

DATA_URI = "data:image/png;base64,"

MOST_BYTES = 2**28
"""Of a record: the largest pictures that there may be, as text."""

Built = TypeVar("Built")
Build = Callable[[dict[str, Any]], Built]
"""From plain values, thumbnails as arrays, to what they describe; ValueError where they describe nothing."""


class ExplanationFileError(HBIError):
    """What was given as an explanation is none, or is of another version."""


def record_to_json(values: Mapping[str, Any]) -> str:
    """Return a record as one JSON text; floats keep all their digits, thumbnails are data URIs."""
    pictures = [frame["thumbnail"] for frame in values["frames"]]
    images = [f"{DATA_URI}{encode_png(picture)}" if picture.size else None for picture in pictures]
    return json.dumps(_record(values, images), allow_nan=False)


def record_from_json(text: str, build: Build[Built], folder: Path | None = None) -> Built:
    """Return what `build` makes of the values of a JSON text.

    Args:
        text: What `record_to_json` wrote.
        build: Checks the values: what it returns, every drawing takes.
        folder: Where the thumbnails may lie that the record does not hold itself; None: nowhere.

    Raises:
        ExplanationFileError: The text is no record, is damaged, or of another version.
    """
    try:
        require(len(text) <= MOST_BYTES, f"larger than {MOST_BYTES // 2**20} MiB")
        record = parse_json(text)
    except ValueError as error:
        raise ExplanationFileError(
            f"This is no explanation: not JSON ({error}); make it again with hbi explain"
        ) from None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise ExplanationFileError(f"This is no explanation: its format is not {FORMAT!r}; make it with hbi explain")
    version: Any = record.get("version")
    if not is_whole(version) or not OLDEST_READ <= version <= VERSION:
        raise ExplanationFileError(
            f"This explanation is of version {shown(version)}, and this program reads {OLDEST_READ} to {VERSION}; "
            "make it again with hbi explain"
        )
    try:
        return build(record | {"frames": _frames_with_images(record, folder)})
    except ValueError as error:
        raise ExplanationFileError(f"This explanation is damaged: {error}; make it again with hbi explain") from None


def save_record(values: Mapping[str, Any], folder: Path) -> None:
    """Write the record and one PNG a frame; the record comes last, so that a folder that has one is whole.

    Raises:
        StorageError: The folder cannot be written.
    """
    pictures = [frame["thumbnail"] for frame in values["frames"]]
    names = [f"frames/{index:04d}.png" if picture.size else None for index, picture in enumerate(pictures)]
    for name, picture in zip(names, pictures, strict=True):
        if name is not None:
            write_atomically(folder / name, base64.b64decode(encode_png(picture)))
    write_atomically(folder / RECORD, json.dumps(_record(values, names), allow_nan=False, indent=1) + "\n")


def load_record(path: Path, build: Build[Built]) -> Built:
    """Return what `build` makes of a folder that `save_record` wrote, or of a single `.json` file.

    Raises:
        ExplanationFileError: There is none, it is damaged, or of another version.
    """
    record = path / RECORD if os.path.isdir(path) else path
    try:
        text = read_regular_text(record, MOST_BYTES)
    except (OSError, ValueError, MemoryError) as error:
        raise ExplanationFileError(
            f"Cannot read an explanation from {record}: {getattr(error, 'strerror', None) or error}; "
            "make it with hbi explain"
        ) from None
    return record_from_json(text, build, record.parent)


def _record(values: Mapping[str, Any], images: list[str | None]) -> dict[str, Any]:
    """Return the plain values with the URIs of the thumbnails in place of the pixels, None where there is none."""
    frames = [frame | {"thumbnail": uri} for frame, uri in zip(values["frames"], images, strict=True)]
    return {"format": FORMAT, "version": VERSION} | dict(values) | {"frames": frames}


def _frames_with_images(record: dict[str, Any], folder: Path | None) -> list[dict[str, Any]]:
    """Return the frames with pixels in place of URIs; one without a thumbnail stays as it is, for `build` to refuse."""
    frames = objects_of(record, "frames", MOST_FRAMES)
    most_pixels = min(MOST_PIXELS, MOST_PIXELS_OF_ALL // len(frames))
    read = []
    for frame in frames:
        if "thumbnail" in frame:
            uri = frame["thumbnail"]
            require(uri is None or isinstance(uri, str), f"the thumbnail of a frame is {shown(uri)}, not a text")
            pixels = np.zeros((3, 0, 0), np.uint8) if uri is None else _read_image(uri, folder, most_pixels)
            frame = frame | {"thumbnail": pixels}
        read.append(frame)
    return read


def _read_image(uri: str, folder: Path | None, most_pixels: int) -> np.ndarray:
    """Return the picture that a record holds itself, or that lies beside it; ValueError where it is none, or larger."""
    if uri.startswith(DATA_URI):
        return decode_png(base64.b64decode(uri.removeprefix(DATA_URI), validate=True), most_pixels)
    if folder is None:
        raise ValueError(f"its image {uri[:40]!r} is no PNG inside the record: load the folder that it was saved in")
    name = PurePosixPath(uri)
    if name.is_absolute() or ".." in name.parts:
        raise ValueError(f"its image {uri[:200]!r} lies outside its folder")
    try:
        with open_regular(folder / name) as file:
            content = file.read(4 * most_pixels + 2**20)  # more than a PNG of so many pixels takes
    except OSError as error:
        raise ValueError(f"its image {uri[:200]!r} cannot be read ({error.strerror})") from error
    return decode_png(content, most_pixels)
