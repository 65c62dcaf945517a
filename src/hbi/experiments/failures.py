"""The failures of an evaluation: texts whose right video does not come first, explained with what came instead."""

from dataclasses import dataclass

import torch

from hbi.data.benchmark import SplitName
from hbi.data.samples import Video
from hbi.evaluation.ranks import ranks
from hbi.evaluation.similarity_matrix import similarity_matrix
from hbi.experiments.bars import Bars, no_bars
from hbi.experiments.schema import Recipe
from hbi.experiments.splits import decode_split
from hbi.explanation import Explanation
from hbi.matching import Matcher


@dataclass(frozen=True, eq=False)
class ExplainedFailure:
    """A text, explained with the video that came before the right one, and with the right one.

    Attributes:
        found: The best ranked of the wrong videos, and its explanation.
        wanted: The best ranked of the right ones.
        rank: Of the right one.
    """

    found: tuple[Video, Explanation]
    wanted: tuple[Video, Explanation]
    rank: float


@dataclass(frozen=True, eq=False)
class Failures:
    """The worst failures of a split, the worst first.

    Attributes:
        explained: As many as were asked for, or all where there are fewer.
        num_failures: Texts whose right video does not come first.
        num_texts: Texts of the split.
    """

    explained: tuple[ExplainedFailure, ...]
    num_failures: int
    num_texts: int


def explain_failures(
    matcher: Matcher, recipe: Recipe, count: int, *, split: SplitName = "test", bars: Bars = no_bars
) -> Failures:
    """Return the failures of a model on a split of a recipe's data, each explained with two videos.

    Args:
        matcher: The model.
        recipe: Names the data.
        count: How many failures to explain.
        split: Which videos and texts.
        bars: Shows how far the work has come.

    Raises:
        DataError: The data set is not there, or not as it should be.
        ExplanationError: A text holds no words, or the model cannot be explained (`Matcher.explain`).
    """
    with bars("decoding videos") as progress:
        decoded = decode_split(recipe, split, progress, matcher.picture)
    texts, videos = [text.text for text in decoded.split.texts], decoded.split.videos
    with bars("comparing texts") as progress:
        similarity = similarity_matrix(matcher, texts, decoded.frames, progress=progress)
    relevance = decoded.split.relevance
    text_ranks = ranks(similarity, relevance).expected
    worst = [text for text in text_ranks.argsort(descending=True, stable=True).tolist() if text_ranks[text] > 1]

    def explain(text: int, is_candidate: torch.Tensor) -> tuple[Video, Explanation]:
        video = videos[int(similarity[text].masked_fill(~is_candidate, -torch.inf).argmax())]
        start, end = video.start_seconds, video.end_seconds
        return video, matcher.explain(video.path, texts[text], start_seconds=start, end_seconds=end)

    explained = []
    with bars("explaining failures") as progress:
        for number, text in enumerate(worst[:count], start=1):
            found, wanted = explain(text, ~relevance[text]), explain(text, relevance[text])
            explained.append(ExplainedFailure(found, wanted, float(text_ranks[text])))
            if progress:
                progress(number, min(count, len(worst)))
    return Failures(tuple(explained), len(worst), len(texts))
