"""Decode the videos of a split once into a folder of packed frames; a run that was stopped goes on where it was."""

import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import numpy as np
from PIL import Image

from hbi.data.frames import distinct_pictures, read_video
from hbi.data.packed_frames import PICTURES, SAMPLING, VIDEOS, FrameSampling, PackedVideo, read_sampling, read_videos
from hbi.data.samples import DataError, Video
from hbi.files import write_atomically
from hbi.processes import Progress, map_in_processes
from hbi.video import VideoError

CRASH = "decoding it kills the process"


@dataclass(frozen=True)
class Task:
    """A video, and how its frames are chosen."""

    video: Video
    sampling: FrameSampling


@dataclass(frozen=True)
class Pictures:
    """The frames of a video as JPEG, or why there are none; for the last two see `PackedVideo`."""

    timestamps_seconds: tuple[float, ...]
    pictures: tuple[bytes, ...]
    fault: str | None
    picture_seconds: tuple[float, ...] = ()
    tubelets: tuple[tuple[int, ...], ...] = ()


def pack_videos(
    videos: Sequence[Video],
    folder: Path,
    sampling: FrameSampling,
    *,
    num_workers: int | None = None,
    progress: Progress | None = None,
) -> list[PackedVideo]:
    """Return what is packed of each video, after decoding those that the folder lacks.

    The pictures of a video are on disk before the line that tells of them: whatever kills this, no line is wrong.

    Args:
        videos: What to pack; one that the folder holds already is not decoded again.
        folder: Where to write; it is made where it is missing.
        sampling: How frames are chosen and stored; the same for all of the folder.
        num_workers: Processes that decode; None: one for each core.
        progress: Called with the videos that are done, and all; None: nobody watches.

    Raises:
        DataError: The folder holds frames that were chosen in another way, or something else; it cannot be written; or
            no video could be decoded.
    """
    _claim(folder, sampling)
    packed = {video.key: video for video in _cut_to_finished(folder)}
    missing = [video for video in videos if (video.video_id, video.start_seconds, video.end_seconds) not in packed]
    tasks = [Task(video, sampling) for video in missing]
    done = len(videos) - len(missing)
    try:
        with (folder / PICTURES).open("ab") as pictures, (folder / VIDEOS).open("a") as lines:
            for index, result in map_in_processes(picture_video, tasks, num_workers=num_workers):
                entry = _append(missing[index], result or Pictures((), (), CRASH), pictures, lines)
                packed[entry.key] = entry
                done += 1
                if progress:
                    progress(done, len(videos))
    except OSError as error:
        raise DataError(f"cannot write to {folder} ({error.strerror}): what is packed is kept; run it again") from error
    entries = [packed[video.video_id, video.start_seconds, video.end_seconds] for video in videos]
    if entries and not any(entry.offsets for entry in entries):
        raise DataError(f"none of the {len(videos)} videos could be decoded; the first: {entries[0].fault}")
    return entries


def picture_video(task: Task) -> Pictures:
    """Return the frames of a video as JPEG; never raises."""
    video, sampling = task.video, task.sampling
    try:
        frames = read_video(video, sampling.num_frames, sampling.picture)
    except VideoError as error:
        return Pictures((), (), str(error))
    distinct, of_tubelets, pictures = frames.pixels, dict[str, Any](), []
    if frames.tubelet_timestamps_seconds is not None:
        distinct, numbers = distinct_pictures(frames)
        seconds = np.unique(frames.tubelet_timestamps_seconds.numpy())
        of_tubelets = {"picture_seconds": tuple(seconds.tolist()), "tubelets": tuple(map(tuple, numbers.tolist()))}
    for pixels in distinct.numpy():
        file = io.BytesIO()
        Image.fromarray(pixels.transpose(1, 2, 0)).save(file, "JPEG", quality=sampling.quality, subsampling=0)
        pictures.append(file.getvalue())
    return Pictures(tuple(frames.timestamps_seconds.tolist()), tuple(pictures), frames.damage, **of_tubelets)


def _append(video: Video, result: Pictures, pictures: BinaryIO, lines: TextIO) -> PackedVideo:
    """Write the pictures of a video, then the line that tells where they are."""
    offsets = [pictures.tell()]
    for picture in result.pictures:
        pictures.write(picture)
        offsets.append(pictures.tell())
    pictures.flush()
    entry = PackedVideo(
        video.video_id,
        video.start_seconds,
        video.end_seconds,
        result.timestamps_seconds,
        tuple(offsets) if result.pictures else (),
        result.fault,
        result.picture_seconds,
        result.tubelets,
    )
    lines.write(json.dumps(entry.to_json()) + "\n")
    lines.flush()
    return entry


def _claim(folder: Path, sampling: FrameSampling) -> None:
    """Make the folder one of packed frames, chosen in this way."""
    if (folder / SAMPLING).is_file():
        read_sampling(folder).require(sampling, folder)
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} is not empty and holds no packed frames: choose another folder")
    else:
        write_atomically(folder / SAMPLING, json.dumps(sampling.to_json(), indent=1) + "\n")


def _cut_to_finished(folder: Path) -> list[PackedVideo]:
    """Return the videos with pictures, after cutting off what a killed run left of an unfinished one.

    Videos without any are tried again: their files may have been mended.
    """
    finished = [video for video in read_videos(folder) if video.offsets]
    if (folder / PICTURES).is_file():
        os.truncate(folder / PICTURES, max((video.offsets[-1] for video in finished), default=0))
    if (folder / VIDEOS).is_file():
        write_atomically(folder / VIDEOS, "".join(json.dumps(video.to_json()) + "\n" for video in finished))
    return finished
