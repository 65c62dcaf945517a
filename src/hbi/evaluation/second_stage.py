"""What ranking the best candidates of a text again changes, and what it costs."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hbi.data.samples import Split
from hbi.evaluation.confidence import PairedDifference, paired_differences
from hbi.evaluation.ranks import Ranks, RetrievalScores, ranks, retrieval_scores
from hbi.matching.encoded_split import Candidates, EncodedSplit
from hbi.matching.second_stage import SecondStage

ALL = "all"
_TIMED = 20


@dataclass(frozen=True)
class RerankedGroup:
    """Texts that tell the same number of events, or all, before and after they were ranked again.

    Attributes:
        name: Such as "1 event".
        before, after: Text to video.
        differences: By measure, with the p-value of a paired test over videos.
    """

    name: str
    before: RetrievalScores
    after: RetrievalScores
    differences: tuple[PairedDifference, ...]


@dataclass(frozen=True)
class SecondStageReport:
    """A second stage on one split.

    Attributes:
        split: Its name.
        num_videos: Candidates of the first stage.
        num_reranked: Candidates of the second.
        reachable: Percent of the texts with a right video among these: the most that R@1 can become.
        milliseconds: To rank the candidates of one text again, all else being there.
        groups: All texts, then by the number of events where that is known.
    """

    split: str
    num_videos: int
    num_reranked: int
    reachable: float
    milliseconds: float
    groups: tuple[RerankedGroup, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the field's names, for JSON."""
        groups = [
            asdict(group) | {"before": group.before.to_dict(), "after": group.after.to_dict()} for group in self.groups
        ]
        return asdict(self) | {"groups": groups}


def second_stage_report(second_stage: SecondStage, split: Split, encoded: EncodedSplit) -> SecondStageReport:
    """Return what a second stage changes on a split.

    Args:
        second_stage: Ranks again.
        split: Texts and videos.
        encoded: The same, encoded by the first stage.
    """
    candidates = encoded.candidates()
    scores = second_stage.of_candidates(encoded.words, encoded.frames, candidates.videos, candidates.similarity)
    before = ranks(encoded.similarity, encoded.relevance)
    after = ranks(reranked(encoded.similarity, candidates, scores), encoded.relevance)
    owners = torch.tensor([text.video for text in split.texts])
    return SecondStageReport(
        split=split.name,
        num_videos=len(split.videos),
        num_reranked=candidates.videos.shape[1],
        reachable=100.0 * float(encoded.relevance.gather(1, candidates.videos).any(1).double().mean()),
        milliseconds=_milliseconds(second_stage, encoded, candidates),
        groups=tuple(_group(name, before[rows], after[rows], owners[rows]) for name, rows in _groups(split)),
    )


def reranked(
    similarity: Float[Tensor, "text video"], candidates: Candidates, scores: Float[Tensor, "text candidate"]
) -> Float[Tensor, "text video"]:
    """Return a matrix that ranks the candidates of each text by their scores, and all other videos behind, as before.

    >>> best = Candidates(torch.tensor([[0, 2]]), torch.tensor([[0.9, 0.5]]))
    >>> reranked(torch.tensor([[0.9, 0.1, 0.5]]), best, torch.tensor([[0.0, 0.25]]))
    tensor([[1.1000, 0.1000, 1.3500]])

    Args:
        similarity: Of the first stage.
        candidates: The best of each text.
        scores: Of the second stage.
    """
    others = similarity.scatter(1, candidates.videos, -torch.inf).amax(1, keepdim=True)
    others = torch.where(others.isfinite(), others, 0.0)  # there are no others
    raised = scores - scores.amin(1, keepdim=True) + others + 1.0
    return similarity.scatter(1, candidates.videos, raised.to(similarity.dtype))


def _groups(split: Split) -> Iterator[tuple[str, Int[Tensor, " text"]]]:
    """Yield the rows of all texts, and of those that tell one event, two, …"""
    yield ALL, torch.arange(len(split.texts))
    told = {(query.video, query.text): query.num_events for query in split.moments if query.num_events}
    counts = [told.get((text.video, text.text)) for text in split.texts]
    for count in sorted({count for count in counts if count}):
        rows = [row for row, own in enumerate(counts) if own == count]
        yield f"{count} event{'s' if count > 1 else ''}", torch.tensor(rows)


def _group(name: str, before: Ranks, after: Ranks, owners: Int[Tensor, " text"]) -> RerankedGroup:
    differences = paired_differences(before, after, owners)
    return RerankedGroup(name, retrieval_scores(before), retrieval_scores(after), tuple(differences))


def _milliseconds(second_stage: SecondStage, encoded: EncodedSplit, candidates: Candidates) -> float:
    """Return the median time for the candidates of one text."""
    times = []
    for row in range(min(_TIMED, len(candidates.videos))):
        one = torch.tensor([row])
        begun = time.perf_counter()
        second_stage.of_candidates(
            encoded.words[one], encoded.frames, candidates.videos[one], candidates.similarity[one]
        )
        times.append(1000.0 * (time.perf_counter() - begun))
    return float(torch.tensor(times).median())
