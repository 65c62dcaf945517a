"""Packed frames that a training finds by itself: `hbi data pack` leaves a note of them in the data set's folder."""

import json
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from hbi.data.benchmark import SplitName
from hbi.data.packed_frames import VIDEOS, FrameSampling, is_packed, read_sampling, read_videos
from hbi.data.samples import DataError, Split
from hbi.errors import Note
from hbi.experiments.schema import FOUND, Recipe
from hbi.experiments.splits import frames_of_split, packed_folder, read_split, videos_folder
from hbi.files import StorageError, read_regular_text, write_atomically
from hbi.video import PictureFormat

NOTES = "packed-frames.json"
"""In the folder of a data set: where frames of its videos were packed, a folder each."""
USUAL_FOLDER = "packed-frames"


def usual_folder(recipe: Recipe) -> Path:
    """Return where frames are packed to, if nobody says where."""
    return Path(recipe.data.root) / USUAL_FOLDER


def leave_note(recipe: Recipe, folder: Path) -> bool:
    """Write down where frames of the recipe's videos are packed; return whether that could be written.

    Args:
        recipe: Names the data set and its videos.
        folder: Of `hbi data pack`.
    """
    root = Path(recipe.data.root)
    if not root.is_dir():
        return False
    note = {"folder": _from_root(folder, root), "videos": _from_root(videos_folder(recipe), root)}
    kept = [each for each in _notes(root) if each["folder"] != note["folder"]]
    try:
        write_atomically(root / NOTES, json.dumps([*kept, note], indent=1) + "\n")
    except StorageError:  # a data set that others own
        return False
    return True


def with_found_frames(recipe: Recipe, names: Sequence[SplitName], picture: PictureFormat) -> Recipe:
    """Return a recipe that names its packed frames, or none, where it had left that open (`data.frames=found`).

    What is found and used, and what is found and cannot be used, is said in a `Note`.

    Args:
        recipe: Says which data, and how many frames.
        names: The splits that are needed.
        picture: How a frame becomes the picture that the network takes.
    """
    if recipe.data.frames != FOUND:
        return recipe
    return with_frames(recipe, None if recipe.data.blank else _found(recipe, names, picture))


def with_frames(recipe: Recipe, frames: Path | None) -> Recipe:
    """Return a recipe with other packed frames, or without any."""
    named = None if frames is None else str(frames)
    return recipe.model_copy(update={"data": recipe.data.model_copy(update={"frames": named})})


def _found(recipe: Recipe, names: Sequence[SplitName], picture: PictureFormat) -> Path | None:
    for folder in _folders(recipe):
        packed = with_frames(recipe, folder)
        if not all(_is_of_this_form(packed, name, picture) for name in names):
            continue
        problem = next(filter(None, (_problem(packed, name) for name in names)), None)
        if problem is None:
            _say(f"frames are read from {folder} (hbi data pack); --set data.frames=null decodes the videos instead")
            return folder
        _say(f"{problem}; now the videos are decoded")
    return None


def _say(text: str) -> None:
    warnings.warn(text, Note, stacklevel=2)


def _folders(recipe: Recipe) -> Iterator[Path]:
    """Yield the folders that hold frames of the recipe's videos, by the notes, the latest first."""
    root, videos = Path(recipe.data.root), videos_folder(recipe)
    for note in reversed(_notes(root)):
        packed_of = root / note["videos"]
        is_within = packed_of.resolve().is_relative_to(videos.resolve())
        are_gone = recipe.data.videos is None and not videos.exists()
        if is_within or are_gone:
            yield root / note["folder"]


def _is_of_this_form(recipe: Recipe, name: SplitName, picture: PictureFormat) -> bool:
    folder = packed_folder(recipe, name)
    try:
        return is_packed(folder) and read_sampling(folder) == FrameSampling(frames_of_split(recipe, name), picture)
    except DataError:  # damaged: who packs there again is told
        return False


def _problem(recipe: Recipe, name: SplitName) -> str | None:
    """Return why the packed frames of a split should not be used unasked; None where nothing speaks against it."""
    folder, split = packed_folder(recipe, name), _split_with_files(recipe, name)
    try:
        packed = {video.key for video in read_videos(folder)}
        packed_at = os.stat(folder / VIDEOS).st_mtime
    except (DataError, OSError) as error:
        return f"the packed frames in {folder} cannot be read ({error})"
    if split is None:  # the videos are gone
        return None
    missing = sum((video.video_id, video.start_seconds, video.end_seconds) not in packed for video in split.videos)
    if missing:
        count = f"{missing} of {len(split.videos)} videos"
        return f"{folder} lacks {count}: the same hbi data pack again finishes it"
    newer = sum(_changed_at(video.path) > packed_at for video in split.videos)
    if newer:
        return f"{newer} videos were changed since {folder} was packed: remove that folder and pack again"
    return None


def _split_with_files(recipe: Recipe, name: SplitName) -> Split | None:
    """Return the split with the files of its videos; None where there are none any more."""
    try:
        split = read_split(with_frames(recipe, None), name).split
    except DataError:
        return None
    return split if any(video.path.exists() for video in split.videos) else None


def _changed_at(file: Path) -> float:
    try:
        return os.stat(file).st_mtime
    except OSError:  # it is gone, and its frames are there
        return 0.0


def _notes(root: Path) -> list[dict[str, str]]:
    """Return what is noted in the folder of a data set; nothing where that cannot be read."""
    try:
        notes = json.loads(read_regular_text(root / NOTES, 2**20))
    except (OSError, ValueError, RecursionError):
        return []
    names = ("folder", "videos")
    return [
        each
        for each in (notes if isinstance(notes, list) else [])
        if isinstance(each, dict) and all(isinstance(each.get(name), str) for name in names)
    ]


def _from_root(path: Path, root: Path) -> str:
    """Return a path as it is from `root`, which may be moved with all that is in it; the whole one from elsewhere."""
    whole = path.resolve()
    return str(whole.relative_to(root.resolve())) if whole.is_relative_to(root.resolve()) else str(whole)
