"""An explanation as a record of plain values, versioned; docs/reference/explanation-schema.md describes every field."""

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np

from hbi.errors import HBIError
from hbi.explanation.explanation import Explanation, Frame, Word
from hbi.explanation.level import LevelExplanation
from hbi.explanation.thumbnail import decode_image, encode_png

FORMAT = "hbi-explanation"
VERSION = 2
"""1 had interactions only; 2 has all that the score is made of."""

DATA_URI = "data:image/png;base64,"


class ExplanationFileError(HBIError):
    """What was given as an explanation is none, or is of another version."""


def explanation_to_json(explanation: Explanation) -> str:
    """The record of an explanation as one JSON text; floats keep all their digits, thumbnails are data URIs."""
    images = [f"{DATA_URI}{encode_png(frame.thumbnail)}" for frame in explanation.frames]
    return json.dumps(to_record(explanation, images), allow_nan=False)


def explanation_from_json(text: str) -> Explanation:
    """The explanation of a JSON text; raises ExplanationFileError when it is damaged, foreign or of another version."""
    return parse(text, _embedded_image)


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


def parse(text: str, read_image: Callable[[str], np.ndarray]) -> Explanation:
    """The explanation of a JSON text whose images `read_image` finds; raises ExplanationFileError when it is none."""
    try:
        record = json.loads(text)
    except ValueError as error:
        raise ExplanationFileError(
            f"This is no explanation: not JSON ({error}); make it again with hbi explain"
        ) from None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise ExplanationFileError(f"This is no explanation: its format is not {FORMAT!r}; make it with hbi explain")
    if record.get("version") != VERSION:
        raise ExplanationFileError(
            f"This explanation is of version {record.get('version')}, and this program reads version {VERSION}; "
            "make it again with hbi explain"
        )
    try:
        return _explanation(record, read_image)
    except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ExplanationFileError(f"This explanation is damaged: {reason}; make it again with hbi explain") from None


def _explanation(record: dict[str, Any], read_image: Callable[[str], np.ndarray]) -> Explanation:
    return Explanation(
        text=record["text"],
        video=record["video"],
        duration_seconds=record["duration_seconds"],
        words=tuple(Word(**word) for word in record["words"]),
        frames=tuple(Frame(**{**frame, "thumbnail": read_image(frame["thumbnail"])}) for frame in record["frames"]),
        levels=tuple(LevelExplanation(**part) for part in record["levels"]),
        similarity=record["similarity"],
        model=record["model"],
        remark=record["remark"],
    )


def _plain(part: Word | Frame | LevelExplanation) -> dict[str, Any]:
    """The fields of a part by their names, arrays as lists; a frame without its picture."""
    values = {field.name: getattr(part, field.name) for field in fields(part) if field.name != "thumbnail"}
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in values.items()}


def _embedded_image(uri: str) -> np.ndarray:
    if not uri.startswith(DATA_URI):
        raise ValueError(f"its image {uri[:40]!r} is no PNG inside the record: load the folder that it was saved in")
    return decode_image(uri.removeprefix(DATA_URI))
