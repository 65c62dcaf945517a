"""An explanation as a record of plain values, versioned; docs/reference/explanation-schema.md describes every field."""

import base64
import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np

from hbi.data.json_values import is_number, is_whole, parse_json, shown
from hbi.errors import HBIError
from hbi.explanation.checks import MOST_FRAMES, MOST_PIXELS, MOST_PIXELS_OF_ALL, MOST_WORDS, require
from hbi.explanation.explanation import Explanation, Frame, Word
from hbi.explanation.level import LevelExplanation
from hbi.explanation.thumbnail import decode_png, encode_png
from hbi.shapes import LEVELS

FORMAT = "hbi-explanation"
VERSION = 2
"""1 had interactions only; 2 has all that the score is made of."""

DATA_URI = "data:image/png;base64,"

MOST_BYTES = 2**28
"""Of a record: the largest pictures that there may be, as text."""

ReadImage = Callable[[str, int], np.ndarray]
"""From the address of a picture and the most pixels that it may have to the pixels; ValueError where it is no such."""


class ExplanationFileError(HBIError):
    """What was given as an explanation is none, or is of another version."""


def explanation_to_json(explanation: Explanation) -> str:
    """The record of an explanation as one JSON text; floats keep all their digits, thumbnails are data URIs."""
    images = [f"{DATA_URI}{encode_png(frame.thumbnail)}" for frame in explanation.frames]
    return json.dumps(to_record(explanation, images), allow_nan=False)


def explanation_from_json(text: str) -> Explanation:
    """The explanation of a JSON text; raises ExplanationFileError when it is damaged, foreign or of another version."""
    return parse(text, embedded_image)


def to_record(explanation: Explanation, images: list[str]) -> dict[str, Any]:
    """The plain values of an explanation; `images` are the URIs of its thumbnails."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "text": explanation.text,
        "video": explanation.video,
        "model": explanation.model,
        "remark": explanation.remark,
        "duration_seconds": explanation.duration_seconds,
        "similarity": explanation.similarity,
        "words": [_plain(word) for word in explanation.words],
        "frames": [_plain(frame) | {"thumbnail": uri} for frame, uri in zip(explanation.frames, images, strict=True)],
        "levels": [_plain(part) for part in explanation.levels],
    }


def parse(text: str, read_image: ReadImage) -> Explanation:
    """The explanation of a JSON text whose images `read_image` finds; raises ExplanationFileError when it is none.

    Every value is what it should be, and of a size that can be drawn: whatever is returned, every drawing takes.
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
    version = record.get("version")
    if not is_whole(version) or version != VERSION:
        raise ExplanationFileError(
            f"This explanation is of version {shown(version)}, and this program reads version {VERSION}; "
            "make it again with hbi explain"
        )
    try:
        return _explanation(record, read_image)
    except (KeyError, ValueError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ExplanationFileError(f"This explanation is damaged: {reason}; make it again with hbi explain") from None


def _explanation(record: dict[str, Any], read_image: ReadImage) -> Explanation:
    words, frames = _parts(record, "words", Word, MOST_WORDS), _parts(record, "frames", Frame, MOST_FRAMES)
    levels = _parts(record, "levels", LevelExplanation, len(LEVELS))
    for part in levels:
        for name in ("interactions", "token_similarity"):
            for row in _list(part[name], name, MOST_WORDS):
                _numbers(row, name, MOST_FRAMES)
        for name in ("word_weights", "word_values", "word_groups"):
            _numbers(part[name], name, MOST_WORDS)
        for name in ("frame_weights", "frame_values", "frame_groups"):
            _numbers(part[name], name, MOST_FRAMES)
    most_pixels = min(MOST_PIXELS, MOST_PIXELS_OF_ALL // len(frames))
    return Explanation(
        text=record["text"],
        video=record["video"],
        duration_seconds=record["duration_seconds"],
        words=tuple(Word(**word) for word in words),
        frames=tuple(Frame(**frame | {"thumbnail": _image(frame, read_image, most_pixels)}) for frame in frames),
        levels=tuple(LevelExplanation(**part) for part in levels),
        similarity=record["similarity"],
        model=record["model"],
        remark=record["remark"],
    )


def _parts(record: dict[str, Any], name: str, kind: type, most: int) -> list[dict[str, Any]]:
    """The values of the words, frames or levels: some, not too many, each with all fields and no other."""
    parts, wanted = _list(record[name], name, most), {field.name for field in fields(kind)}
    require(bool(parts), f"it has no {name}")
    for part in parts:
        require(isinstance(part, dict), f"one of the {name} is {shown(part)}, not an object")
        missing, foreign = sorted(wanted - part.keys()), sorted(part.keys() - wanted)
        require(not missing, f"{missing[:1]} of one of the {name} is missing")
        require(not foreign, f"one of the {name} has {shown(foreign[:1])}, which none has")
    return parts


def _list(values: object, name: str, most: int) -> list[Any]:
    if not isinstance(values, list):
        raise ValueError(f"its {name} are {shown(values)}, not a list")
    require(len(values) <= most, f"{len(values)} {name} are too many to be drawn")
    return values


def _numbers(values: object, name: str, most: int) -> None:
    odd = [value for value in _list(values, name, most) if not is_number(value)]
    require(not odd, f"its {name} hold {shown(odd[:1])}, which is no number")


def _image(frame: dict[str, Any], read_image: ReadImage, most_pixels: int) -> np.ndarray:
    uri = frame["thumbnail"]
    require(isinstance(uri, str), f"the thumbnail of a frame is {shown(uri)}, not a text")
    return read_image(uri, most_pixels)


def _plain(part: Word | Frame | LevelExplanation) -> dict[str, Any]:
    """The fields of a part by their names, arrays as lists; a frame without its picture."""
    values = {field.name: getattr(part, field.name) for field in fields(part) if field.name != "thumbnail"}
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in values.items()}


def embedded_image(uri: str, most_pixels: int) -> np.ndarray:
    """The picture that a record holds itself; ValueError where it is none, or larger."""
    if not uri.startswith(DATA_URI):
        raise ValueError(f"its image {uri[:40]!r} is no PNG inside the record: load the folder that it was saved in")
    return decode_png(base64.b64decode(uri.removeprefix(DATA_URI), validate=True), most_pixels)
