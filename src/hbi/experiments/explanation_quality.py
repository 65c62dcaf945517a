"""Whether explanations are true: ways to explain, compared on the first pairs of a split."""

import json
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from hbi.data.benchmark import SplitName
from hbi.data.frames import decode_frames
from hbi.evaluation.attributions import methods, samples_in_the_time_of_exact
from hbi.evaluation.explained_pairs import encode_pairs, explained_pairs
from hbi.evaluation.faithfulness import MethodScore, explanation_scores, summary
from hbi.experiments.bars import Bars, no_bars
from hbi.experiments.schema import Recipe
from hbi.experiments.splits import read_split
from hbi.files import write_atomically
from hbi.matching import ExplanationError, Matcher

NUM_PAIRS = 100


@dataclass(frozen=True)
class ExplanationQuality:
    """How well each way to explain says what matters to a model.

    Attributes:
        name: Of the model.
        split: Whose pairs were explained.
        scores: One for each way to explain.
    """

    name: str
    split: SplitName
    scores: tuple[MethodScore, ...]

    def write(self, folder: Path) -> Path:
        """Write the scores as JSON into a folder; return the file."""
        file = folder / ("explanations.json" if self.split == "test" else f"explanations-{self.split}.json")
        values = _without_nan([asdict(score) for score in self.scores])
        write_atomically(file, json.dumps(values, indent=2) + "\n")
        return file


def measure_explanations(
    matcher: Matcher, recipe: Recipe, *, split: SplitName = "test", num_pairs: int = NUM_PAIRS, bars: Bars = no_bars
) -> ExplanationQuality:
    """Return scores of the exact interactions and of other ways to explain, on the first pairs of a split.

    Args:
        matcher: The model that is explained.
        recipe: Names the data.
        split: Which videos and texts.
        num_pairs: How many of its pairs.
        bars: Shows how far the work has come.

    Raises:
        ExplanationError: The model plays no game.
        DataError: The data set is not there, or not as it should be.
    """
    if not matcher.has_games:
        raise ExplanationError(f"{matcher.name} plays no game: there are no explanations to measure")
    loaded = read_split(recipe, split).split
    chosen = explained_pairs(loaded, num_pairs)
    pairs = [replace(pair, video=row) for row, pair in enumerate(chosen)]
    videos = [loaded.videos[pair.video] for pair in chosen]
    with bars("decoding videos") as progress:
        frames = decode_frames(videos, num_frames=matcher.num_frames, picture=matcher.picture, progress=progress)
    first = next(encode_pairs(matcher, pairs, frames, batch_size=128))
    compared = methods(samples_in_the_time_of_exact(first.games["entity"]))
    with bars("taking words and frames away") as progress:
        _, scores = explanation_scores(matcher, pairs, frames, compared, progress=progress)
    return ExplanationQuality(matcher.name, split, tuple(summary(compared, scores)))


def _without_nan(value: object) -> object:
    """Return the same with None for NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
