"""The ShapeStories folder: where things lie in it, what it says of itself, and when it is finished."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hbi.errors import HBIError
from hbi.files import write_atomically
from hbi.shape_stories.records import Split
from hbi.shape_stories.wording import ACTION_VERBS, COLOR_WORDS, SHAPE_WORDS
from hbi.shape_stories.world import World

FORMAT_VERSION = 1  # to be raised whenever the same seed would no longer give the same frames or texts
MANIFEST = "shape_stories.json"
UNFINISHED = "shape_stories.unfinished.json"


class ShapeStoriesError(HBIError):
    """A ShapeStories folder is missing, unfinished, of other settings, damaged, or cannot be written."""


def video_path(split: Split, index: int) -> Path:
    """Return where a video lies, from the folder."""
    return Path("videos") / split / f"{index:05d}.mp4"


def annotations_path(split: Split) -> Path:
    """Return where the stories of a split lie, from the folder."""
    return Path(f"{split}.jsonl")


def describe(world: World, seed: int, counts: dict[Split, int]) -> dict[str, Any]:
    """Return what the folder says of itself, in JSON's own types: all that decides its contents, and its words.

    Args:
        world: The numbers that decide how hard the benchmark is.
        seed: Of the whole benchmark.
        counts: Number of videos of each split.
    """
    actions = {action: [asdict(verb) for verb in verbs] for action, verbs in ACTION_VERBS.items()}
    manifest = {
        "format": FORMAT_VERSION,
        "seed": seed,
        "counts": counts,
        "world": asdict(world),
        "vocabulary": {"color": COLOR_WORDS, "shape": SHAPE_WORDS, "action": actions},
    }
    return json.loads(json.dumps(manifest))


def claim(out: Path, manifest: dict[str, Any]) -> bool:
    """Make the folder this benchmark's own, and return whether the benchmark already lies in it, finished.

    Raises:
        ShapeStoriesError: the folder holds something else, which is left alone.
    """
    for name in (MANIFEST, UNFINISHED):
        if (out / name).exists():
            _refuse_other(out / name, manifest)
            return name == MANIFEST
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ShapeStoriesError(f"{out} exists and is not ShapeStories; choose a new or an empty folder")
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / UNFINISHED, json.dumps(manifest, indent=1))
    return False


def finish(out: Path) -> None:
    """Mark the folder as complete, and remove what killed runs left half written."""
    for leftover in (out / "videos").rglob("*.partial"):
        leftover.unlink()
    os.replace(out / UNFINISHED, out / MANIFEST)


def _refuse_other(path: Path, manifest: dict[str, Any]) -> None:
    advice = f"delete {path.parent} or choose another folder"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise ShapeStoriesError(f"{path} is not JSON; {advice}") from None
    if found != manifest:
        keys = [key for key in manifest if not isinstance(found, dict) or found.get(key) != manifest[key]]
        raise ShapeStoriesError(
            f"{path.parent} holds ShapeStories of another {' and '.join(keys) or 'version'}; {advice}"
        )
