"""What a recipe says of how its numbers come about."""

from typing import Literal

from hbi.data.benchmark import Protocol, SplitName
from hbi.evaluation.evaluation_protocol import EvaluationProtocol
from hbi.evaluation.published import PublishedRow, published_rows
from hbi.experiments.schema import Recipe
from hbi.experiments.splits import benchmark_of, protocol_of

Selection = Literal["best", "last", "given"]
"""How weights were chosen: best on the validation split, after the last step, or by whoever made them."""


def evaluation_protocol(
    recipe: Recipe, split: SplitName, selection: Selection, *, num_videos: int, is_dual_softmax: bool
) -> EvaluationProtocol:
    """Return what is to be said beside numbers that were measured on a split.

    Args:
        recipe: Names the data set, and what the network sees of a video and of a text.
        split: Which split was measured.
        selection: How the weights were chosen.
        num_videos: Videos that were ranked.
        is_dual_softmax: Whether similarities went through a dual softmax before ranking.
    """
    benchmark, protocol = benchmark_of(recipe), protocol_of(recipe)
    read = protocol.resolve(split) if protocol else split
    published = protocol.published(split) if protocol else None
    return EvaluationProtocol(
        benchmark=benchmark.title if benchmark else "ShapeStories",
        split=f"{protocol.name} {read}" if protocol else read,
        selection=_selection(protocol, selection),
        num_videos=num_videos,
        published_videos=published.num_videos if published else None,
        num_frames=recipe.data.num_frames,
        max_words=recipe.data.max_words,
        post_processing="dual softmax" if is_dual_softmax else "none",
    )


def rows_beside(recipe: Recipe, split: SplitName, protocol: EvaluationProtocol) -> list[PublishedRow]:
    """Return published rows that measured numbers may be compared with: those of the whole test split.

    Args:
        recipe: Names the data set.
        split: Which split was measured.
        protocol: How it was measured.
    """
    split_rule = protocol_of(recipe)
    if split_rule is None or split_rule.resolve(split) != "test" or protocol.is_reduced:
        return []
    return published_rows(recipe.data.dataset, split_rule.name)


def _selection(protocol: Protocol | None, selection: Selection) -> str:
    match selection:
        case "given":
            return "as given"
        case "last":
            return "after the last step"
    if protocol and protocol.val is None:
        return "best on the test split itself, as in published work (there are no other validation videos)"
    return "best on the validation split"
