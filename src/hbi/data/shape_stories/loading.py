"""ShapeStories on disk: one JSON object a story and line, read back as `Story`."""

import json
from pathlib import Path
from typing import Any

from hbi.data.shape_stories.folder import MANIFEST, ShapeStoriesError, annotations_path
from hbi.data.shape_stories.records import SPLITS, Caption, Event, Mention, MinimalPair, Question, Split, Story


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
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ShapeStoriesError(f"{path} cannot be read ({error}); generate ShapeStories again") from None
    return [_read_line(root, path, number, line) for number, line in enumerate(lines, start=1)]


def _read_line(root: Path, path: Path, number: int, line: str) -> Story:
    try:
        return story_from_json(root, json.loads(line))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        cause = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise ShapeStoriesError(f"{path}, line {number} is malformed ({cause}); generate ShapeStories again") from None


def story_to_json(story: Story) -> dict[str, Any]:
    """Return a story as JSON objects with short lists where a record repeats often."""
    return {
        "video_id": story.video_id,
        "video": story.video.as_posix(),
        "duration_seconds": story.duration_seconds,
        "events": [vars(event) for event in story.events],
        "captions": [
            {
                "text": caption.text,
                "mentions": [[m.start, m.end, m.event, m.attribute] for m in caption.mentions],
                "satisfied_by": caption.satisfied_by,
            }
            for caption in story.captions
        ],
        "minimal_pairs": [vars(pair) for pair in story.minimal_pairs],
        "questions": [vars(question) for question in story.questions],
    }


def story_from_json(root: Path, value: dict[str, Any]) -> Story:
    """Return the story that `story_to_json` wrote, its path under `root`."""
    return Story(
        video_id=value["video_id"],
        video=root / value["video"],
        duration_seconds=value["duration_seconds"],
        events=tuple(Event(**event) for event in value["events"]),
        captions=tuple(
            Caption(
                text=caption["text"],
                mentions=tuple(Mention(*mention) for mention in caption["mentions"]),
                satisfied_by=tuple(caption["satisfied_by"]),
            )
            for caption in value["captions"]
        ),
        minimal_pairs=tuple(MinimalPair(**pair) for pair in value["minimal_pairs"]),
        questions=tuple(Question(**question) for question in value["questions"]),
    )
