"""Everything that is measured of a model on one split, in one object that prints and saves."""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hbi.data.frames import KeptFrames
from hbi.data.samples import Split
from hbi.evaluation.choice_accuracy import PairAccuracy, minimal_pair_accuracy
from hbi.evaluation.confidence import Interval, bootstrap_intervals
from hbi.evaluation.localization import Localization, localization
from hbi.evaluation.rank_files import RankedQuery, ranked_queries
from hbi.evaluation.ranks import (
    RECALLS,
    RetrievalScores,
    best_over_captions,
    chance_recall,
    dual_softmax,
    ranks,
    retrieval_scores,
)
from hbi.evaluation.similarity_matrix import similarity_matrix
from hbi.matching import Matcher
from hbi.processes import Progress


@dataclass(frozen=True)
class RetrievalReport:
    """A model on one split.

    Attributes:
        text_to_video, video_to_text: Retrieval in both directions. A query may have several right answers; the best
            ranked one counts. A video's right texts are all that are true of it.
        video_to_captions: Where videos have several captions: retrieval of a video's captions taken as one candidate
            that scores as its best caption, which is what the literature calls video to text.
        intervals_text_to_video, intervals_video_to_text: 95 % bootstrap intervals over videos.
        chance_text_to_video, chance_video_to_text: R@1, R@5, R@10 and R@50 of a random order.
        minimal_pairs: Accuracy by kind; chance is 50.
        localization: Interactions against the true seconds, by level; empty for a model without a game.
        problems: One line for each video that could not be decoded wholly.
        text_ranks, video_ranks: Every query with its rank, in the order of the split.
    """

    split: str
    num_texts: int
    num_videos: int
    text_to_video: RetrievalScores
    video_to_text: RetrievalScores
    chance_text_to_video: tuple[float, ...]
    chance_video_to_text: tuple[float, ...]
    intervals_text_to_video: tuple[Interval, ...]
    intervals_video_to_text: tuple[Interval, ...]
    video_to_captions: RetrievalScores | None = None
    minimal_pairs: tuple[PairAccuracy, ...] = ()
    localization: tuple[Localization, ...] = ()
    problems: tuple[str, ...] = ()
    text_ranks: tuple[RankedQuery, ...] = ()
    video_ranks: tuple[RankedQuery, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the field's names, for JSON; ranks go to files of their own."""
        values = asdict(self) | {
            "text_to_video": self.text_to_video.to_dict(),
            "video_to_text": self.video_to_text.to_dict(),
            "video_to_captions": self.video_to_captions.to_dict() if self.video_to_captions else None,
        }
        values["faults"] = values.pop("problems")
        return {name: value for name, value in values.items() if name not in ("text_ranks", "video_ranks")}


def evaluate(
    matcher: Matcher,
    split: Split,
    frames: KeptFrames,
    *,
    is_dual_softmax: bool = False,
    progress: Progress | None = None,
) -> RetrievalReport:
    """Return all measures of a model on a split whose videos were decoded to `frames`.

    With `is_dual_softmax` the ranks, and nothing else, come from `dual_softmax` of the similarities.

    Args:
        matcher: The opened model.
        split: Texts, videos and which belong together.
        frames: Of the videos.
        is_dual_softmax: Whether the ranks come from `dual_softmax`.
        progress: Called with the texts that are compared, and all.
    """
    texts = [text.text for text in split.texts]
    similarity = similarity_matrix(matcher, texts, frames, progress=progress)
    return report_of(matcher, split, frames, similarity, is_dual_softmax=is_dual_softmax)


def report_of(
    matcher: Matcher,
    split: Split,
    frames: KeptFrames,
    similarity: Float[Tensor, "text video"],
    *,
    is_dual_softmax: bool = False,
) -> RetrievalReport:
    """Return all measures of a model whose similarities of the split are already there.

    Args:
        matcher: The opened model.
        split: Texts, videos and which belong together.
        frames: Of the videos.
        similarity: What `similarity_matrix` returned.
        is_dual_softmax: Whether the ranks come from `dual_softmax`.
    """
    relevance = split.relevance
    to_video, to_text = similarity, similarity.T
    if is_dual_softmax:
        scale = matcher.logit_scale
        to_video, to_text = dual_softmax(to_video, scale), dual_softmax(to_text, scale)
    text_ranks, video_ranks = ranks(to_video, relevance), ranks(to_text, relevance.T)
    owners = torch.tensor([text.video for text in split.texts])
    has_several = len(split.texts) > len(split.videos)
    return RetrievalReport(
        split=split.name,
        num_texts=len(split.texts),
        num_videos=len(split.videos),
        text_to_video=retrieval_scores(text_ranks),
        video_to_text=retrieval_scores(video_ranks),
        video_to_captions=retrieval_scores(ranks(*best_over_captions(to_text, relevance.T, owners)))
        if has_several
        else None,
        intervals_text_to_video=tuple(bootstrap_intervals(text_ranks, owners)),
        intervals_video_to_text=tuple(bootstrap_intervals(video_ranks, torch.arange(len(video_ranks)))),
        chance_text_to_video=_chances(relevance),
        chance_video_to_text=_chances(relevance.T),
        minimal_pairs=tuple(minimal_pair_accuracy(matcher, split.minimal_pairs, frames)) if split.minimal_pairs else (),
        localization=tuple(localization(matcher, split.evidence, frames))
        if split.evidence and matcher.has_games
        else (),
        problems=frames.problems,
        text_ranks=tuple(
            ranked_queries([(split.videos[text.video].video_id, text.text) for text in split.texts], text_ranks)
        ),
        video_ranks=tuple(ranked_queries([(video.video_id, "") for video in split.videos], video_ranks)),
    )


def _chances(relevance: Bool[Tensor, "query candidate"]) -> tuple[float, ...]:
    return tuple(chance_recall(relevance, k) for k in RECALLS)
