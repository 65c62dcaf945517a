"""Stories to lines of JSON and back, with every field checked; paths on disk start at the benchmark's folder."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from hbi.shape_stories.folder import MANIFEST, ShapeStoriesError, annotations_path
from hbi.shape_stories.records import SPLITS, Split, Story

if TYPE_CHECKING:
    from pydantic import TypeAdapter


def load_stories(root: Path, split: Split) -> list[Story]:
    """Return the stories of a split, in order, with paths that start at `root`.

    Raises:
        ShapeStoriesError: the folder is missing or unfinished, the split is unknown, or a line is malformed.
    """
    if split not in SPLITS:
        raise ShapeStoriesError(f"no split {split!r} in ShapeStories; choose one of {', '.join(SPLITS)}")
    if not (root / MANIFEST).is_file():
        state = "holds no finished ShapeStories" if root.is_dir() else "does not exist"
        raise ShapeStoriesError(f"{root} {state}; run: hbi data shape-stories {root}")
    path = root / annotations_path(split)
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ShapeStoriesError(f"{path} cannot be read ({error.strerror}); generate ShapeStories again") from None
    stories = (_read_line(path, number, line) for number, line in enumerate(lines, start=1))
    return [replace(story, video=root / story.video) for story in stories]


def to_line(story: Story) -> str:
    """Return a story, its path relative to the benchmark's folder, as one line of JSON."""
    return _adapter().dump_json(story).decode() + "\n"


def _read_line(path: Path, number: int, line: bytes) -> Story:
    from pydantic import ValidationError

    try:
        return _adapter().validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        cause = f"{place}: {first['msg']}" if place else first["msg"]
        raise ShapeStoriesError(f"{path}, line {number} is malformed ({cause}); generate ShapeStories again") from None


@lru_cache(maxsize=1)
def _adapter() -> TypeAdapter[Story]:
    # Imported here, since the processes that draw do without it and should start quickly.
    from pydantic import TypeAdapter

    return TypeAdapter(Story)
