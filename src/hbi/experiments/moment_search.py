"""Measuring how well a model finds the moments of a split's videos: `hbi evaluate --moments`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hbi.data.benchmark import SplitName
from hbi.data.frames import decode_frames
from hbi.data.moment_queries import moment_split
from hbi.evaluation.moment_retrieval import MomentReport, measure_moments
from hbi.experiments.bars import Bars, no_bars
from hbi.experiments.schema import Recipe
from hbi.experiments.splits import read_split
from hbi.files import write_atomically
from hbi.files.visible_text import visible_json
from hbi.matching import Matcher


@dataclass(frozen=True, eq=False)
class MomentEvaluation:
    """How well a model finds the moments of a split.

    Attributes:
        name: Of the model.
        report: All measures.
        origin: Where the model comes from.
    """

    name: str
    report: MomentReport
    origin: Mapping[str, str]

    def write(self, folder: Path) -> Path:
        """Write the measures, and the spans that were proposed for every text; return the file of the measures.

        Args:
            folder: A run folder, or any other; it is made if need be.
        """
        name = "moments" if self.report.split == "test" else f"moments-{self.report.split}"
        lines = (visible_json(found.to_dict()) + "\n" for found in self.report.found)
        write_atomically(folder / f"{name}.jsonl", "".join(lines))
        values: dict[str, Any] = {**self.origin, **self.report.to_dict()}
        write_atomically(folder / f"{name}.json", json.dumps(values, indent=2) + "\n")
        return folder / f"{name}.json"


def evaluate_moments(
    matcher: Matcher, recipe: Recipe, *, split: SplitName = "test", bars: Bars = no_bars
) -> MomentEvaluation:
    """Return how well a model finds when its videos show what texts tell.

    Args:
        matcher: The opened model.
        recipe: Names the data.
        split: Which videos and texts.
        bars: Shows how far the work has come.

    Raises:
        DataError: The data set is not there, not as it should be, or says of no text when it is seen.
    """
    # Frames that were packed are of the videos that are ranked: of parts, where own data has parts.
    of_files = recipe.data.model_copy(update={"frames": None, "blank": False})
    loaded = read_split(recipe.model_copy(update={"data": of_files}), split)
    wanted = moment_split(loaded.split)
    with bars("decoding videos") as progress:
        frames = decode_frames(wanted.videos, num_frames=matcher.num_frames, picture=matcher.picture, progress=progress)
    wanted, frames = wanted.only(frames.is_usable), frames.only(frames.is_usable)
    with bars("looking for moments") as progress:
        report = measure_moments(matcher, wanted, frames, progress=progress)
    return MomentEvaluation(matcher.name, report, matcher.origin)
