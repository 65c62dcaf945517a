"""Everything that is measured of a model on one split, in one object that prints and saves."""

import csv
import io
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from jaxtyping import Bool
from torch import Tensor
from transformers import CLIPTokenizer

from hbi.data.frames import FrameBank
from hbi.data.samples import RetrievalSplit
from hbi.evaluation.localization import Localization, localization
from hbi.evaluation.minimal_pairs import PairAccuracy, minimal_pair_accuracy
from hbi.evaluation.ranks import RetrievalScores, chance_recall, ranks, retrieval_scores
from hbi.evaluation.similarity import Matcher, similarity_matrix
from hbi.models import HBIModel


@dataclass(frozen=True)
class Report:
    """A model on one split.

    Attributes:
        text_to_video, video_to_text: Retrieval in both directions. A query may have several right answers; the best
            ranked one counts. A video's right texts are all that are true of it.
        chance_text_to_video, chance_video_to_text: R@1, R@5 and R@10 of a random order.
        minimal_pairs: Accuracy by kind; chance is 50.
        localization: Interactions against the true seconds, by level; empty for a model without a game.
        faults: One line for each video that could not be decoded wholly.
        text_ranks: The rank of the best right video for each text, in the order of the split.
    """

    split: str
    num_texts: int
    num_videos: int
    text_to_video: RetrievalScores
    video_to_text: RetrievalScores
    chance_text_to_video: tuple[float, float, float]
    chance_video_to_text: tuple[float, float, float]
    minimal_pairs: tuple[PairAccuracy, ...] = ()
    localization: tuple[Localization, ...] = ()
    faults: tuple[str, ...] = ()
    text_ranks: tuple[float, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the field's names, for JSON; ranks go to a file of their own."""
        values = asdict(self) | {
            "text_to_video": self.text_to_video.to_dict(),
            "video_to_text": self.video_to_text.to_dict(),
        }
        del values["text_ranks"]
        return values

    def ranks_csv(self, split: RetrievalSplit) -> str:
        """Return one line for each text: its video, the rank of the best right video, the text."""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("video_id", "rank", "text"))
        for text, rank in zip(split.texts, self.text_ranks, strict=True):
            writer.writerow((split.videos[text.video].video_id, rank, text.text))
        return file.getvalue()


def evaluate(
    model: Matcher,
    tokenizer: CLIPTokenizer,
    split: RetrievalSplit,
    bank: FrameBank,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Return all measures of a model on a split whose videos were decoded to `bank`."""
    texts = [text.text for text in split.texts]
    similarity = similarity_matrix(model, tokenizer, texts, bank, progress=progress)
    relevance = split.relevance
    text_ranks = ranks(similarity, relevance)
    return Report(
        split=split.name,
        num_texts=len(split.texts),
        num_videos=len(split.videos),
        text_to_video=retrieval_scores(text_ranks),
        video_to_text=retrieval_scores(ranks(similarity.T, relevance.T)),
        chance_text_to_video=_chances(relevance),
        chance_video_to_text=_chances(relevance.T),
        minimal_pairs=tuple(minimal_pair_accuracy(model, tokenizer, split.minimal_pairs, bank))
        if split.minimal_pairs
        else (),
        localization=tuple(localization(model, tokenizer, split.evidence, bank))
        if split.evidence and isinstance(model, HBIModel)
        else (),
        faults=bank.faults,
        text_ranks=tuple(text_ranks.tolist()),
    )


def _chances(relevance: Bool[Tensor, "query candidate"]) -> tuple[float, float, float]:
    return chance_recall(relevance, 1), chance_recall(relevance, 5), chance_recall(relevance, 10)
