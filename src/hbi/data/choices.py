"""Multiple choice: which of a few texts is true of a video. MSR-VTT's questions (Yu et al., ECCV 2018) are such.

They circulate as JSON lines (`msrvtt_mc_test.jsonl`: clip_name, options, answer) and as a JSON list
(`msrvtt_mc_test.json`: video, caption, answer); the answer is the number of the right text, from 0.
"""

from dataclasses import dataclass
from pathlib import Path

from hbi.data.annotation_files import Record, read_json_records, require_file
from hbi.data.caption_records import text_of, video_of_record
from hbi.data.samples import DataError, Video
from hbi.data.video_files import VideoFiles
from hbi.files.json_values import is_whole, shown

PATTERNS = ("msrvtt_mc_test.jsonl", "msrvtt_mc_test.json", "*_mc_test.jsonl", "*_mc_test.json")


@dataclass(frozen=True)
class Choice:
    """Texts of which one (index) is true of a video (index)."""

    video: int
    options: tuple[str, ...]
    answer: int


@dataclass(frozen=True)
class ChoiceSplit:
    """Multiple choice questions, and one line for every video that had to be left out."""

    videos: tuple[Video, ...]
    choices: tuple[Choice, ...]
    problems: tuple[str, ...] = ()


def load_choices(annotations: Path, videos: Path) -> ChoiceSplit:
    """Return the questions whose videos have a file.

    Raises:
        DataError: A file is missing or malformed, or not one of the videos is there.
    """
    path = require_file(annotations, "multiple choice questions", *PATTERNS)
    files = VideoFiles(videos)
    found: dict[str, Video] = {}
    rows: dict[str, int] = {}
    choices, problems = [], dict[str, None]()
    for name, options, answer in map(_choice, read_json_records(path)):
        file = files.find(name)
        if file is None:
            problems[files.why_missing(name)] = None
            continue
        found.setdefault(name, Video(name, file))
        choices.append(Choice(rows.setdefault(name, len(rows)), options, answer))
    if not choices:
        raise DataError(f"{videos} holds none of the videos that {path} asks about")
    return ChoiceSplit(tuple(found.values()), tuple(choices), tuple(problems))


def _choice(record: Record) -> tuple[str, tuple[str, ...], int]:
    options, answer = record.first("options", "caption", "captions"), record["answer"]
    if not isinstance(options, list):
        raise DataError(f"{record.place}: the options {shown(options)} are no list of texts")
    texts = tuple(text_of(record.place, "option", option) for option in options)
    if not is_whole(answer) or answer not in range(len(texts)):
        raise DataError(f"{record.place}: the answer {shown(answer)} is the number of none of {len(texts)} options")
    return video_of_record(record, "clip_name", "video", "video_id"), texts, answer
