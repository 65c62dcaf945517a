"""An explanation as JSON: a documented, versioned record that reads back to the same numbers.

format        "hbi-explanation"
version       1
text, video, model, remark, duration_seconds, similarity
words         [{text, start, end}]                 characters [start, end) of the text
frames        [{timestamp_seconds, start_seconds, end_seconds, thumbnail}]   thumbnail: PNG in base64
levels        [{level, similarity, word_groups, frame_groups, interactions}] interactions: one list per word group
"""

import json
from typing import Any

from hbi.errors import HBIError
from hbi.explanation.explanation import Explanation, Frame, LevelExplanation, Word
from hbi.explanation.thumbnail import decode_image, encode_png

FORMAT = "hbi-explanation"
VERSION = 1


class ExplanationFileError(HBIError):
    """A text that was given as an explanation is none, or is of another version."""


def explanation_to_json(explanation: Explanation) -> str:
    """The record of an explanation; floats keep all their digits."""
    record = {
        "format": FORMAT,
        "version": VERSION,
        "text": explanation.text,
        "video": explanation.video,
        "model": explanation.model,
        "remark": explanation.remark,
        "duration_seconds": explanation.duration_seconds,
        "similarity": explanation.similarity,
        "words": [{"text": word.text, "start": word.start, "end": word.end} for word in explanation.words],
        "frames": [_frame_record(frame) for frame in explanation.frames],
        "levels": [_level_record(part) for part in explanation.levels],
    }
    return json.dumps(record, allow_nan=False)


def explanation_from_json(text: str) -> Explanation:
    """The explanation of a record; raises ExplanationFileError when it is damaged, foreign or of another version."""
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
        return _explanation(record)
    except (KeyError, TypeError, ValueError, OSError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ExplanationFileError(f"This explanation is damaged: {reason}; make it again with hbi explain") from None


def _frame_record(frame: Frame) -> dict[str, Any]:
    return {
        "timestamp_seconds": frame.timestamp_seconds,
        "start_seconds": frame.start_seconds,
        "end_seconds": frame.end_seconds,
        "thumbnail": encode_png(frame.thumbnail),
    }


def _level_record(part: LevelExplanation) -> dict[str, Any]:
    return {
        "level": part.level,
        "similarity": part.similarity,
        "word_groups": part.word_groups,
        "frame_groups": part.frame_groups,
        "interactions": part.interactions.tolist(),
    }


def _explanation(record: dict[str, Any]) -> Explanation:
    return Explanation(
        text=record["text"],
        video=record["video"],
        duration_seconds=record["duration_seconds"],
        words=tuple(Word(**word) for word in record["words"]),
        frames=tuple(Frame(**{**frame, "thumbnail": decode_image(frame["thumbnail"])}) for frame in record["frames"]),
        levels=tuple(LevelExplanation(**part) for part in record["levels"]),
        similarity=record["similarity"],
        model=record["model"],
        remark=record["remark"],
    )
