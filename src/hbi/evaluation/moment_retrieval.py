"""Moment retrieval: given a text and its video, when is seen what the text tells?"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from hbi.data.frames import KeptFrames
from hbi.data.moment_queries import until_the_end
from hbi.data.samples import MomentQuery, Split
from hbi.evaluation.confidence import Interval, interval_of_mean
from hbi.evaluation.moment_scores import (
    RANKS,
    MomentScores,
    mean_length,
    score_best_possible,
    score_random,
    score_ranked,
)
from hbi.matching import Matcher
from hbi.matching.moment_spans import evidence_in_video, frame_edges, rank_spans
from hbi.processes import Progress

ALL = "all"


@dataclass(frozen=True)
class FoundMoment:
    """A text of a split, the spans that were proposed for it, best first, and those that are annotated."""

    video_id: str
    text: str
    proposed: tuple[tuple[float, float], ...]
    annotated: tuple[tuple[float, float], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class MomentGroup:
    """Texts that tell the same number of events, or all, and what is measured of them.

    Attributes:
        name: Such as "1 event".
        num_texts: How many they are.
        scores: Of the model.
        interval: 95 % bootstrap interval over videos of its R@1 at an overlap of 0.5.
        whole_video: Were the whole video proposed.
        random: Were spans proposed that are as long as these moments are on average, and begin anywhere.
        best_possible: Were the best of all spans between frames proposed: what the frames' spacing allows.
    """

    name: str
    num_texts: int
    scores: MomentScores
    interval: Interval
    whole_video: MomentScores
    random: MomentScores
    best_possible: MomentScores

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        measured = ("scores", "whole_video", "random", "best_possible")
        return {
            "name": self.name,
            "num_texts": self.num_texts,
            **{name: getattr(self, name).to_dict() for name in measured},
            "interval": asdict(self.interval),
        }


@dataclass(frozen=True)
class MomentReport:
    """Moment retrieval on one split.

    Attributes:
        groups: All texts, then those that tell one event, two, …, where the annotation says how many.
        num_frames: Frames of a video that the model is shown, at most.
        seconds_between_frames: Mean over videos.
        has_several_annotators: Whether a span has to agree with two annotators.
        found: Every text with its spans, video by video.
        problems: One line for each video that could not be decoded wholly.
    """

    split: str
    num_videos: int
    groups: tuple[MomentGroup, ...]
    num_frames: int
    seconds_between_frames: float
    has_several_annotators: bool
    found: tuple[FoundMoment, ...]
    problems: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; the spans of every text go to a file of their own."""
        plain = ("split", "num_videos", "num_frames", "seconds_between_frames", "has_several_annotators", "problems")
        return {**{name: getattr(self, name) for name in plain}, "groups": [group.to_dict() for group in self.groups]}


def measure_moments(
    matcher: Matcher, split: Split, frames: KeptFrames, *, progress: Progress | None = None
) -> MomentReport:
    """Return how well a model finds the moments of a split.

    Args:
        matcher: The opened model.
        split: Whole videos and moments, see `hbi.data.moment_queries.moment_split`.
        frames: Of the videos.
        progress: Called with the texts that are done, and all.
    """
    of_video: dict[int, list[MomentQuery]] = {}
    for query in split.moments:
        of_video.setdefault(query.video, []).append(query)
    looked_at: list[MomentQuery] = []
    found: list[FoundMoment] = []
    edges: list[Float[np.ndarray, " edge"]] = []
    for video, queries in of_video.items():
        times = frames.timestamps_seconds[video][frames.mask[video]].tolist()
        own_edges = frame_edges(times, 0.0, queries[0].duration_seconds)
        own = [until_the_end(query, float(own_edges[-1])) for query in queries]
        for query, spans in zip(own, _proposed(matcher, own, frames, video, own_edges), strict=True):
            found.append(FoundMoment(split.videos[video].video_id, query.text, spans, query.spans))
        looked_at += own
        edges += [own_edges] * len(own)
        if progress:
            progress(len(looked_at), len(split.moments))
    spacing = [float(np.diff(each).mean()) for each in edges]
    return MomentReport(
        split=split.name,
        num_videos=len(of_video),
        groups=tuple(_groups(looked_at, found, edges)),
        num_frames=int(frames.mask.sum(1).max()),
        seconds_between_frames=sum(spacing) / len(spacing),
        has_several_annotators=any(len(query.spans) > 1 for query in looked_at),
        found=tuple(found),
        problems=frames.problems,
    )


def _proposed(
    matcher: Matcher,
    queries: Sequence[MomentQuery],
    frames: KeptFrames,
    video: int,
    edges: Float[np.ndarray, " edge"],
) -> list[tuple[tuple[float, float], ...]]:
    """Return the spans of a video that are proposed for each text, best first."""
    texts = matcher.encode_texts([query.text for query in queries])
    evidence = evidence_in_video(matcher, texts.encoding, frames.content[video][frames.mask[video]])
    return [tuple(span.seconds for span in rank_spans(each, edges, count=max(RANKS))) for each in evidence]


def _groups(
    queries: Sequence[MomentQuery], found: Sequence[FoundMoment], edges: Sequence[Float[np.ndarray, " edge"]]
) -> Iterator[MomentGroup]:
    lengths = np.array([mean_length(query.spans) for query in queries])
    durations = [float(each[-1]) for each in edges]
    rows = list(zip(queries, found, edges, durations, strict=True))
    scores = np.array([score_ranked(own.proposed, query.spans) for query, own, _, _ in rows])
    whole = np.array([score_ranked([(0.0, duration)], query.spans) for query, _, _, duration in rows])
    best = np.array([score_best_possible(own, query.spans) for query, _, own, _ in rows])
    videos = torch.tensor([query.video for query in queries])
    counts = sorted({query.num_events for query in queries if query.num_events is not None})
    for count in (None, *counts):
        kept = np.array([count is None or query.num_events == count for query in queries])
        length = float(lengths[kept].mean())
        random = [
            score_random(query.spans, length, duration)
            for (query, _, _, duration), is_kept in zip(rows, kept, strict=True)
            if is_kept
        ]
        at_half = torch.from_numpy(100 * scores[kept, 1])
        yield MomentGroup(
            name=ALL if count is None else f"{count} event{'s' * (count > 1)}",
            num_texts=int(kept.sum()),
            scores=MomentScores.of(scores[kept]),
            interval=interval_of_mean("recall@1, iou 0.5", at_half, videos[torch.from_numpy(kept)]),
            whole_video=MomentScores.of(whole[kept]),
            random=MomentScores.of(np.array(random)),
            best_possible=MomentScores.of(best[kept]),
        )
