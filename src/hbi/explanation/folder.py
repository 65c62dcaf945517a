"""An explanation as a folder: `explanation.json` and the pictures of its frames beside it."""

import base64
import json
import os
from pathlib import Path, PurePosixPath

import numpy as np

from hbi.explanation.explanation import Explanation
from hbi.explanation.record import DATA_URI, MOST_BYTES, ExplanationFileError, embedded_image, parse, to_record
from hbi.explanation.thumbnail import decode_png, encode_png
from hbi.files import open_regular, read_regular_text, write_atomically

RECORD = "explanation.json"


def save_explanation(explanation: Explanation, folder: Path) -> None:
    """Write the record and one PNG a frame; the record comes last, so that a folder that has one is whole.

    Raises:
        StorageError: The folder cannot be written.
    """
    names = [f"frames/{index:04d}.png" for index in range(len(explanation.frames))]
    for name, frame in zip(names, explanation.frames, strict=True):
        write_atomically(folder / name, base64.b64decode(encode_png(frame.thumbnail)))
    write_atomically(folder / RECORD, json.dumps(to_record(explanation, names), allow_nan=False, indent=1) + "\n")


def load_explanation(path: Path) -> Explanation:
    """Return the explanation of a folder that `save_explanation` wrote, or of a single `.json` file.

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

    def read_image(uri: str, most_pixels: int) -> np.ndarray:
        if uri.startswith(DATA_URI):
            return embedded_image(uri, most_pixels)
        name = PurePosixPath(uri)
        if name.is_absolute() or ".." in name.parts:
            raise ValueError(f"its image {uri[:200]!r} lies outside its folder")
        try:
            with open_regular(record.parent / name) as file:
                content = file.read(4 * most_pixels + 2**20)  # more than a PNG of so many pixels takes
        except OSError as error:
            raise ValueError(f"its image {uri[:200]!r} cannot be read ({error.strerror})") from error
        return decode_png(content, most_pixels)

    return parse(text, read_image)
