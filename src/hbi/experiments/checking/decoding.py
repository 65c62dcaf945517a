"""Every video decoded as training would, in processes; each result is kept at once, so that a stop costs little."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO, get_type_hints

from hbi.data.samples import DataError, Video
from hbi.files import open_regular, read_regular_text
from hbi.files.json_values import parse_json
from hbi.processes import Progress, map_in_processes
from hbi.video import VideoError, read_frames

FINGERPRINT_BYTES = 65_536
CRASH = "decoding it kills the process"


@dataclass(frozen=True)
class Task:
    """A video to decode, as its file is now."""

    path: str
    start_seconds: float | None
    end_seconds: float | None
    num_bytes: int
    modified_ns: int
    num_frames: int


@dataclass(frozen=True)
class DecodedVideo:
    """What came of it: the seconds that were asked for, what is damaged, or why there is no frame at all.

    `fingerprint` is the same for files of the same content: a hash of their size, beginning and end; it is empty where
    a part of a file is meant.
    """

    duration_seconds: float | None
    damage: str | None
    cause: str | None
    fingerprint: str


def decode_videos(
    videos: Sequence[Video],
    *,
    num_frames: int,
    journal: Path,
    num_workers: int | None,
    progress: Progress | None = None,
) -> list[DecodedVideo]:
    """Return what came of decoding each video.

    Args:
        videos: What to decode.
        num_frames: Frames to decode of each.
        journal: File of results, written as they come; a video that it tells of, and that is as it was then, is not
            redone.
        num_workers: Processes that decode; None: one for each core.
        progress: Called with the videos that are done, and all; None: nobody watches.
    """
    if not videos:
        return []
    tasks = [_task(video, num_frames) for video in videos]
    known = _read(journal)
    missing = [task for task in dict.fromkeys(tasks) if task not in known]
    done = len(tasks) - len(missing)
    with _appending(journal) as file:
        for index, result in map_in_processes(decode, missing, num_workers=num_workers):
            known[missing[index]] = result or DecodedVideo(None, None, CRASH, "")
            file.write(json.dumps([asdict(missing[index]), asdict(known[missing[index]])]) + "\n")
            file.flush()
            done += 1
            if progress:
                progress(done, len(tasks))
    return [known[task] for task in tasks]


def decode(task: Task) -> DecodedVideo:
    """Return what comes of decoding a video; never raises."""
    try:
        frames = read_frames(
            task.path, task.num_frames, image_size=64, start_seconds=task.start_seconds, end_seconds=task.end_seconds
        )
    except VideoError as error:
        return DecodedVideo(None, None, error.cause, _fingerprint(task))
    return DecodedVideo(frames.end_seconds - frames.start_seconds, frames.damage, None, _fingerprint(task))


def _task(video: Video, num_frames: int) -> Task:
    status = video.path.stat()
    return Task(str(video.path), video.start_seconds, video.end_seconds, status.st_size, status.st_mtime_ns, num_frames)


def _fingerprint(task: Task) -> str:
    if task.start_seconds is not None or task.end_seconds is not None:
        return ""
    try:
        with open_regular(task.path) as file:
            size = file.seek(0, 2)
            file.seek(0)
            digest = hashlib.sha256(str(size).encode() + file.read(FINGERPRINT_BYTES))
            file.seek(max(0, size - FINGERPRINT_BYTES))
            digest.update(file.read(FINGERPRINT_BYTES))
    except OSError:
        return ""
    return digest.hexdigest() if size else ""


def _read(journal: Path) -> dict[Task, DecodedVideo]:
    try:
        lines = read_regular_text(journal).splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {journal} ({error}): remove it, or choose another --json") from error
    known = {}
    for line in lines:
        try:
            entry = parse_json(line)
        except ValueError:
            continue  # the line that a killed run was writing
        match entry:
            case [dict(task), dict(result)] if _fits(Task, task) and _fits(DecodedVideo, result):
                known[Task(**task)] = DecodedVideo(**result)
    return known


def _fits(kind: type[Task] | type[DecodedVideo], values: dict[str, Any]) -> bool:
    """Return whether values are what a type's fields are declared to be: a damaged line says nothing."""
    hints = get_type_hints(kind)
    return values.keys() == hints.keys() and all(
        isinstance(value, hints[name]) and not isinstance(value, bool) for name, value in values.items()
    )


def _appending(journal: Path) -> TextIO:
    try:
        journal.parent.mkdir(parents=True, exist_ok=True)
        file = journal.open("a", encoding="utf-8")
    except OSError as error:
        raise DataError(f"cannot write {journal} ({error.strerror}): choose another --json") from error
    if file.tell():
        file.write("\n")  # ends the line that a killed run was writing
    return file
