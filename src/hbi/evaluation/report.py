"""Everything that is measured of a model on one split, in one object that prints and saves."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from transformers import CLIPTokenizer

from hbi.data.frames import FrameBank
from hbi.data.samples import RetrievalSplit
from hbi.evaluation.confidence import Interval, bootstrap_intervals
from hbi.evaluation.localization import Localization, localization
from hbi.evaluation.minimal_pairs import PairAccuracy, minimal_pair_accuracy
from hbi.evaluation.post_processing import dual_softmax
from hbi.evaluation.rank_files import RankedQuery
from hbi.evaluation.ranks import RetrievalScores, best_over_captions, chance_recall, ranks, retrieval_scores
from hbi.evaluation.similarity import Matcher, similarity_matrix
from hbi.models import HBIModel


@dataclass(frozen=True)
class Report:
    """A model on one split.

    Attributes:
        text_to_video, video_to_text: Retrieval in both directions. A query may have several right answers; the best
            ranked one counts. A video's right texts are all that are true of it.
        video_to_captions: Where videos have several captions: retrieval of a video's captions taken as one candidate
            that scores as its best caption, which is what the literature calls video to text.
        intervals_text_to_video, intervals_video_to_text: 95 % bootstrap intervals over videos.
        chance_text_to_video, chance_video_to_text: R@1, R@5 and R@10 of a random order.
        minimal_pairs: Accuracy by kind; chance is 50.
        localization: Interactions against the true seconds, by level; empty for a model without a game.
        faults: One line for each video that could not be decoded wholly.
        text_ranks, video_ranks: Every query with its rank, in the order of the split.
    """

    split: str
    num_texts: int
    num_videos: int
    text_to_video: RetrievalScores
    video_to_text: RetrievalScores
    chance_text_to_video: tuple[float, float, float]
    chance_video_to_text: tuple[float, float, float]
    intervals_text_to_video: tuple[Interval, ...]
    intervals_video_to_text: tuple[Interval, ...]
    video_to_captions: RetrievalScores | None = None
    minimal_pairs: tuple[PairAccuracy, ...] = ()
    localization: tuple[Localization, ...] = ()
    faults: tuple[str, ...] = ()
    text_ranks: tuple[RankedQuery, ...] = ()
    video_ranks: tuple[RankedQuery, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the field's names, for JSON; ranks go to files of their own."""
        values = asdict(self) | {
            "text_to_video": self.text_to_video.to_dict(),
            "video_to_text": self.video_to_text.to_dict(),
            "video_to_captions": self.video_to_captions.to_dict() if self.video_to_captions else None,
        }
        return {name: value for name, value in values.items() if name not in ("text_ranks", "video_ranks")}


def evaluate(
    model: Matcher,
    tokenizer: CLIPTokenizer,
    split: RetrievalSplit,
    bank: FrameBank,
    *,
    is_dual_softmax: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Return all measures of a model on a split whose videos were decoded to `bank`.

    With `is_dual_softmax` the ranks, and nothing else, come from `dual_softmax` of the similarities.
    """
    texts = [text.text for text in split.texts]
    similarity = similarity_matrix(model, tokenizer, texts, bank, progress=progress)
    return report_of(model, tokenizer, split, bank, similarity, is_dual_softmax=is_dual_softmax)


def report_of(
    model: Matcher,
    tokenizer: CLIPTokenizer,
    split: RetrievalSplit,
    bank: FrameBank,
    similarity: Float[Tensor, "text video"],
    *,
    is_dual_softmax: bool = False,
) -> Report:
    """Return all measures of a model whose similarities of the split are already there."""
    relevance = split.relevance
    to_video, to_text = similarity, similarity.T
    if is_dual_softmax:
        scale = float(model.encoder.logit_scale.detach())
        to_video, to_text = dual_softmax(to_video, scale), dual_softmax(to_text, scale)
    text_ranks, video_ranks = ranks(to_video, relevance), ranks(to_text, relevance.T)
    owners = torch.tensor([text.video for text in split.texts])
    has_several = len(split.texts) > len(split.videos)
    return Report(
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
        minimal_pairs=tuple(minimal_pair_accuracy(model, tokenizer, split.minimal_pairs, bank))
        if split.minimal_pairs
        else (),
        localization=tuple(localization(model, tokenizer, split.evidence, bank))
        if split.evidence and isinstance(model, HBIModel)
        else (),
        faults=bank.faults,
        text_ranks=tuple(
            RankedQuery(split.videos[text.video].video_id, rank, text.text)
            for text, rank in zip(split.texts, text_ranks.tolist(), strict=True)
        ),
        video_ranks=tuple(
            RankedQuery(video.video_id, rank) for video, rank in zip(split.videos, video_ranks.tolist(), strict=True)
        ),
    )


def _chances(relevance: Bool[Tensor, "query candidate"]) -> tuple[float, float, float]:
    return chance_recall(relevance, 1), chance_recall(relevance, 5), chance_recall(relevance, 10)
