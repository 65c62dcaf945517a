"""When in its video a hit is: the span that fits the question best, in the best segment and its neighbors.

What ranks is a segment; what a person looks for is a moment. The index keeps what the model sees of every frame, so
that the moment is found from it, by the rule of `hbi.matching.moment_spans`, and nothing is decoded. Where nothing is
known of single frames (indexes of earlier versions, some video models) the moment is the segment.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from jaxtyping import Float

from hbi.encoders.sentence_networks import FrameTokens, MultiVectorNetwork
from hbi.matching.frame_scores import scores_of_patches
from hbi.matching.moment_spans import MomentEvidence, evidence_of_tokens, frame_edges, overlap, rank_spans
from hbi.models import HBIModel
from hbi.search.segment_encoding import SegmentCodec
from hbi.search.snapshot import TOUCH_SECONDS, Segments, Snapshot
from hbi.shapes import LEVELS

TimesOfFrames: TypeAlias = Callable[[float, float, int], Sequence[float]]
"""Of a segment: from its start, its end and the number of its frames to when they are shown."""
SAME_OVERLAP = 0.5
"""Intersection over union from which two hits in a video are the same moment."""


@dataclass(frozen=True)
class HitMoment:
    """A part of a video, in seconds."""

    start_seconds: float
    end_seconds: float

    def holds(self, seconds: float) -> bool:
        """Return whether a second is inside."""
        return self.start_seconds <= seconds < self.end_seconds

    def is_same_as(self, other: "HitMoment") -> bool:
        """Return whether two moments of one video are much the same."""
        own, others = ((each.start_seconds, each.end_seconds) for each in (self, other))
        return overlap(own, others) > SAME_OVERLAP


@dataclass(frozen=True)
class _Stretch:
    """Neighboring frames of a video.

    Attributes:
        edges: In seconds: frame i stands for edge i to i + 1. They lie half-way between frames, or where a better
            segment begins.
        times: When the frames are shown.
        evidence: What they are worth for the question.
    """

    edges: Float[np.ndarray, " edge"]
    times: Float[np.ndarray, " frame"]
    evidence: MomentEvidence

    @classmethod
    def of_segment(cls, times_of: TimesOfFrames, start: float, end: float, evidence: MomentEvidence) -> "_Stretch":
        """Return the frames of a segment."""
        times = times_of(start, end, len(evidence.alone))
        edges = frame_edges(times, start, end) if times else np.array([start])
        return cls(edges, np.array(times, float), evidence)

    def widened(self, other: "_Stretch") -> "tuple[_Stretch, int]":
        """Return this with the frames of another that are shown before or after it; and how many came before."""
        before = int(np.searchsorted(other.times, self.edges[0]))
        after = int(np.searchsorted(other.times, self.edges[-1]))
        parts = other.evidence[slice(0, before)], self.evidence, other.evidence[slice(after, None)]
        edges = np.concatenate([other.edges[:before], self.edges, other.edges[after + 1 :]])
        times = np.concatenate([other.times[:before], self.times, other.times[after:]])
        cosines = np.concatenate([part.cosines for part in parts], 1)
        alone = np.concatenate([part.alone for part in parts])
        return _Stretch(edges, times, MomentEvidence(cosines, self.evidence.word_weights, alone)), before


@torch.inference_mode()
def hit_moments(codec: SegmentCodec, snapshot: Snapshot, encoding: Any, best: Segments) -> list[HitMoment]:
    """Return the moment of each hit.

    Args:
        codec: Of the index's model.
        snapshot: The index.
        encoding: One text or video, as the model gives it.
        best: The segment of each hit that fits best.
    """
    if not len(best):
        return []
    near = snapshot.beside(best)
    evidence = frame_evidence(codec, encoding, near, snapshot.frame_vectors(near) if codec.keeps_frames else None)
    return [_moment(codec.frame_times, best, row, near, evidence) for row in range(len(best))]


def frame_evidence(
    codec: SegmentCodec, encoding: Any, segments: Segments, frames: Float[np.ndarray, "segment frame width"] | None
) -> list[MomentEvidence] | None:
    """Return what the frames of each segment are worth for a question; None where nothing is known of single frames.

    Args:
        codec: Of the index's model.
        encoding: One text or video, as the model gives it.
        segments: Some of the index.
        frames: What the index has of each frame by itself, see `SegmentArrays.frames`; None where it has nothing.
    """
    model: Any = codec.matcher.model
    evidence = []
    if isinstance(model, HBIModel):
        sequence = codec.decode(segments.arrays).levels[LEVELS[0]].sequence
        for tokens, is_frame in zip(sequence.tokens, sequence.mask, strict=True):
            evidence += evidence_of_tokens(model, encoding, tokens[is_frame])
        return evidence
    if isinstance(model, MultiVectorNetwork):
        shown: FrameTokens = codec.decode(segments.arrays)
        for tokens, mask in zip(shown.tokens, shown.mask, strict=True):
            is_frame = mask.any(-1)
            score = scores_of_patches(model, FrameTokens(tokens[is_frame][None], mask[is_frame][None]))
            evidence.append(MomentEvidence.of_whole(score(encoding)[0].double().cpu().numpy()))
        return evidence
    if frames is None:
        return None
    for vectors in torch.from_numpy(frames).to(codec.matcher.device).float():
        scores = model.similarity(encoding.float(), vectors[vectors.abs().amax(-1) > 0])[0]
        evidence.append(MomentEvidence.of_whole(scores.double().cpu().numpy()))
    return evidence


def _moment(
    times_of: TimesOfFrames, best: Segments, row: int, near: Segments, evidence: Sequence[MomentEvidence] | None
) -> HitMoment:
    """Return the best span that holds a frame of the best segment."""
    start, end = float(best.start_seconds[row]), float(best.end_seconds[row])
    places = [place for place in range(len(near)) if near.content[place] == best.content[row]]
    places.sort(key=lambda place: abs(float(near.start_seconds[place]) - start))
    if evidence is None or not places or not len(evidence[places[0]].alone):
        return HitMoment(start, end)
    stretch, num_before = _Stretch.of_segment(times_of, start, end, evidence[places[0]]), 0
    count = len(stretch.times)
    for place in places[1:]:
        seconds = float(near.start_seconds[place]), float(near.end_seconds[place])
        if seconds[0] <= end + TOUCH_SECONDS and seconds[1] >= start - TOUCH_SECONDS:
            stretch, before = stretch.widened(_Stretch.of_segment(times_of, *seconds, evidence[place]))
            num_before += before
    within = range(num_before, num_before + count)
    (span,) = rank_spans(stretch.evidence, stretch.edges, count=1, within=within, unit_seconds=end - start)
    return HitMoment(*span.seconds)
