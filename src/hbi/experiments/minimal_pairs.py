"""Whether a model tells true captions from the same made wrong by one word or by the order, on any data set."""

import json
from dataclasses import dataclass
from pathlib import Path

from hbi.data.benchmark import SplitName
from hbi.data.exchanged_captions import CaptionExchanger
from hbi.evaluation.minimal_pairs import MinimalPairReport, minimal_pair_report
from hbi.experiments.bars import Bars, no_bars
from hbi.experiments.schema import Recipe
from hbi.experiments.splits import decode_split, read_split
from hbi.files import write_atomically
from hbi.matching import Matcher


@dataclass(frozen=True)
class MinimalPairEvaluation:
    """Minimal pairs of a split, and how a model does on them.

    Attributes:
        name: Of the model.
        report: By kind.
    """

    name: str
    report: MinimalPairReport

    def write(self, folder: Path) -> Path:
        """Write the measures as JSON into a folder; return the file."""
        split = self.report.split
        file = folder / ("minimal-pairs.json" if split == "test" else f"minimal-pairs-{split}.json")
        write_atomically(file, json.dumps(self.report.to_dict(), indent=2) + "\n")
        return file


def exchanger_of(recipe: Recipe) -> CaptionExchanger:
    """Return what exchanges words of captions as the training captions of a recipe's data set allow; no video is read.

    Raises:
        DataError: The data set is not there, or not as it should be.
    """
    textual = recipe.model_copy(update={"data": recipe.data.model_copy(update={"blank": True})})
    train = read_split(textual, "train").split
    return CaptionExchanger.of([[train.texts[text].text for text in owned] for owned in train.texts_of_video])


def measure_minimal_pairs(
    matcher: Matcher, recipe: Recipe, *, split: SplitName = "test", bars: Bars = no_bars
) -> MinimalPairEvaluation:
    """Return how well a model tells the captions of a split from exchanged ones.

    Args:
        matcher: The opened model.
        recipe: Names the data.
        split: Which videos and captions.
        bars: Shows how far the work has come.

    Raises:
        DataError: The data set is not there, or not as it should be.
    """
    exchanger = exchanger_of(recipe)
    with bars("decoding videos") as progress:
        decoded = decode_split(recipe, split, progress, matcher.picture)
    with bars("comparing pairs") as progress:
        report = minimal_pair_report(matcher, decoded.split, decoded.frames, exchanger, progress=progress)
    return MinimalPairEvaluation(matcher.name, report)
