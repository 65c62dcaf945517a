"""Multiple choice about videos, answered by ranking the options."""

import json
from pathlib import Path

from hbi.data.choices import load_choices
from hbi.data.frames import decode_frames
from hbi.evaluation.choice_accuracy import ChoiceReport, choice_accuracy
from hbi.experiments.bars import Bars, no_bars
from hbi.files import write_atomically
from hbi.matching import Matcher


def evaluate_choices(matcher: Matcher, data: Path, *, bars: Bars = no_bars) -> ChoiceReport:
    """Return how often the option most similar to a video is the right one.

    Args:
        matcher: The model that compares them.
        data: A folder with annotations/ and videos/ in it.
        bars: Shows how far the work has come.

    Raises:
        DataError: A file is missing or malformed, or not one of the videos is there.
    """
    split = load_choices(data / "annotations", data / "videos")
    with bars("decoding videos") as progress:
        frames = decode_frames(split.videos, num_frames=matcher.num_frames, picture=matcher.picture, progress=progress)
    return choice_accuracy(matcher, split, frames)


def write_choices(matcher: Matcher, report: ChoiceReport, folder: Path) -> Path:
    """Write the measures into a folder as metrics-choices.json; return the file.

    Args:
        matcher: The model that was measured; where its weights come from is written too.
        report: What was measured.
        folder: Where to write; an older file is replaced.
    """
    file = folder / "metrics-choices.json"
    write_atomically(file, json.dumps({**matcher.origin, **report.to_dict()}, indent=2) + "\n")
    return file
