"""An explanation as a folder: `explanation.json` and the pictures of its frames beside it."""

import base64
import json
from pathlib import Path, PurePosixPath

import numpy as np

from hbi.explanation.explanation import Explanation
from hbi.explanation.record import DATA_URI, ExplanationFileError, parse, to_record
from hbi.explanation.thumbnail import decode_image, encode_png
from hbi.files import write_atomically

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
    record = path / RECORD if path.is_dir() else path
    try:
        text = record.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ExplanationFileError(
            f"Cannot read an explanation from {record}: {getattr(error, 'strerror', None) or error}; "
            "make it with hbi explain"
        ) from None

    def read_image(uri: str) -> np.ndarray:
        if uri.startswith(DATA_URI):
            return decode_image(uri.removeprefix(DATA_URI))
        name = PurePosixPath(uri)
        if name.is_absolute() or ".." in name.parts:
            raise ValueError(f"its image {uri!r} lies outside its folder")
        return decode_image(base64.b64encode((record.parent / name).read_bytes()).decode("ascii"))

    return parse(text, read_image)
