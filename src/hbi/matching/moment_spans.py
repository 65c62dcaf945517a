"""Moments of a video out of what a text is worth in its frames: spans [start, end), best first.

A span S is worth what its frames find of the text, and what they are worth beyond the other frames:

    score(S) = sum_t w_t max_{f in S} c[t, f]  +  1/2 sum_{f in S} l_f (a_f - mean - deviation / 2) / L

The first term, *coverage*, is the half of the weighted token-wise interaction that looks for each word among the
frames, with the frames of the span alone: a sentence of two events wants both of them inside. The second is the excess
of the whole text's score with each single frame, `a`, over this video's own distribution, in shares of its length: it
decides where a moment begins and ends. c are the cosines of words with frames, w the weights of words, l the seconds
that a frame stands for, L their sum. A network that compares wholes has one word, the text.

Chosen among others on other videos than those that measure it (docs/results/moments.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hbi.encoders.sentence_networks import MultiVectorNetwork
from hbi.matching.frame_scores import scores_of_frame_tokens, scores_of_patches, scores_of_whole_frames
from hbi.matching.opened_model import OpenedModel
from hbi.models import GlobalContrastModel, HBIModel, Hierarchy
from hbi.ops import token_similarity

EXCESS_WEIGHT, DEVIATIONS = 0.5, 0.5
"""Of the second term, and how many deviations above the mean a frame must lie to widen a moment."""
MOST_OVERLAP = 0.5
"""Intersection over union with a better span, above which a span is another view of the same moment."""


@dataclass(frozen=True)
class MomentSpan:
    """A part of a video, and how well it fits a text."""

    start_seconds: float
    end_seconds: float
    score: float

    @property
    def seconds(self) -> tuple[float, float]:
        """From when to when."""
        return self.start_seconds, self.end_seconds


@dataclass(frozen=True, eq=False)
class MomentEvidence:
    """What the frames of a video are worth for one text.

    Attributes:
        cosines: Of every word with every frame.
        word_weights: How much each word counts; they sum to 1.
        alone: The score of the whole text with each frame by itself.
    """

    cosines: Float[np.ndarray, "word frame"]
    word_weights: Float[np.ndarray, " word"]
    alone: Float[np.ndarray, " frame"]

    @classmethod
    def of_whole(cls, scores: Float[np.ndarray, " frame"]) -> "MomentEvidence":
        """Return the evidence of a network that has one score for a text and a frame, and no words."""
        return cls(scores[None], np.ones(1), scores)

    def __getitem__(self, frames: slice) -> "MomentEvidence":
        """Return that of some neighboring frames."""
        return MomentEvidence(self.cosines[:, frames], self.word_weights, self.alone[frames])


def evidence_of_tokens(
    network: HBIModel, texts: Hierarchy, frames: Float[Tensor, "frame width"]
) -> list[MomentEvidence]:
    """Return for each text what the frames of a video are worth at the entity level.

    Args:
        network: What encoded both.
        texts: Encoded texts (or videos, which are searched with as texts are).
        frames: Tokens of the frames of one video.
    """
    words = network.compared(texts, "entity")
    cosines = token_similarity(words.sequence.tokens.float(), frames.float()[None])[:, 0].double().cpu().numpy()
    alone = scores_of_frame_tokens(network, frames)(texts).double().cpu().numpy()
    mask, weights = words.sequence.mask.cpu().numpy(), words.weights.double().cpu().numpy()
    evidence = []
    for row, is_word in enumerate(mask):
        own = weights[row, is_word]
        evidence.append(MomentEvidence(cosines[row, is_word], own / max(own.sum(), 1e-12), alone[row]))
    return evidence


@torch.inference_mode()
def evidence_in_video(opened: OpenedModel, texts: Any, frames: Tensor) -> list[MomentEvidence]:
    """Return for each text what the frames of one video are worth, for every kind of network that ranks.

    Args:
        opened: The model.
        texts: What its `encode_texts` returned as encoding.
        frames: Pixels in uint8 [frame, 3, height, width], or features of frames [frame, width]; none is padding.
    """
    network = opened.model
    content = opened.network_input(frames[None])
    everybody = torch.ones(1, len(frames), dtype=torch.bool, device=content.device)
    if isinstance(network, HBIModel):
        tokens = network.encode_videos(content, everybody).levels["entity"].sequence.tokens[0]
        return evidence_of_tokens(network, texts, tokens)
    if isinstance(network, MultiVectorNetwork):
        score = scores_of_patches(network, network.encode_videos(content, everybody))
    else:
        has_video_side = isinstance(network, GlobalContrastModel) and network.encoder.has_video_side
        is_encoded = content.dim() == 3 or has_video_side
        score = scores_of_whole_frames(network, content if is_encoded else network.frame_features(content, everybody))
    return [MomentEvidence.of_whole(row) for row in score(texts).double().cpu().numpy()]


def frame_edges(
    times: Sequence[float], start_seconds: float | None = None, end_seconds: float | None = None
) -> Float[np.ndarray, " edge"]:
    """Return where the part of a video begins and ends that each frame stands for: edge i and i + 1 for frame i.

    Parts meet half-way between frames; a frame that is alone stands for a second where nothing else is said.

    >>> frame_edges([1.0, 3.0, 5.0], 0.0).tolist()
    [0.0, 2.0, 4.0, 6.0]

    Args:
        times: When the frames are shown, in ascending order.
        start_seconds: Where the first part begins; None: as far before its frame as it ends behind it.
        end_seconds: Where the last part ends; None: in the same way.
    """
    at = np.asarray(times, float)
    reach = np.diff(at) / 2 if len(at) > 1 else np.array([0.5])
    first = max(at[0] - reach[0], 0.0) if start_seconds is None else min(start_seconds, at[0])
    last = at[-1] + reach[-1] if end_seconds is None else max(end_seconds, at[-1])
    return np.array([first, *(at[1:] + at[:-1]) / 2, last])


def span_scores(
    evidence: MomentEvidence, edges: Float[np.ndarray, " edge"], *, unit_seconds: float | None = None
) -> Float[np.ndarray, "first past_last"]:
    """Return the score of every span of frames [first, past_last); -inf where there is no frame in it.

    Args:
        evidence: Of one text and the frames.
        edges: Of the frames, in seconds.
        unit_seconds: What the excess is counted in, L; None: how long all frames together are.
    """
    lengths = np.diff(edges)
    shares = lengths / lengths.sum()
    mean = shares @ evidence.alone
    deviation = np.sqrt(shares @ (evidence.alone - mean) ** 2)
    units = lengths / unit_seconds if unit_seconds else shares
    excess = np.concatenate([[0.0], np.cumsum(units * (evidence.alone - mean - DEVIATIONS * deviation))])
    num_frames = len(lengths)
    scores = np.full((num_frames, num_frames + 1), -np.inf)
    for first in range(num_frames):
        found = np.maximum.accumulate(evidence.cosines[:, first:], axis=1)
        beyond = excess[first + 1 :] - excess[first]
        scores[first, first + 1 :] = evidence.word_weights @ found + EXCESS_WEIGHT * beyond
    return scores


def rank_spans(
    evidence: MomentEvidence,
    edges: Float[np.ndarray, " edge"],
    *,
    count: int = 5,
    within: range | None = None,
    unit_seconds: float | None = None,
) -> list[MomentSpan]:
    """Return the moments of a video that fit a text, best first, none of them much the same as a better one.

    Args:
        evidence: Of the text and the frames.
        edges: Of the frames, in seconds.
        count: How many at most.
        within: Frames of which a moment has to hold one; None: any will do.
        unit_seconds: As in `span_scores`.
    """
    scores = span_scores(evidence, edges, unit_seconds=unit_seconds)
    chosen = within or range(len(evidence.alone))
    firsts, lasts = np.nonzero(np.isfinite(scores))
    holds_one = (firsts < chosen.stop) & (lasts > chosen.start)
    firsts, lasts = firsts[holds_one], lasts[holds_one]
    spans: list[MomentSpan] = []
    # Of spans that score alike the shortest is the moment: a frame that adds nothing is no part of it.
    for place in np.lexsort((edges[lasts] - edges[firsts], -scores[firsts, lasts])):
        first, last = int(firsts[place]), int(lasts[place])
        seconds = float(edges[first]), float(edges[last])
        if all(overlap(seconds, better.seconds) <= MOST_OVERLAP for better in spans):
            spans.append(MomentSpan(*seconds, float(scores[first, last])))
            if len(spans) == count:
                break
    return spans


def overlap(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the intersection over union of two spans of time.

    >>> overlap((0.0, 3.0), (1.0, 4.0))
    0.5

    Args:
        one: Start and end, in seconds.
        other: The same.
    """
    inside = min(one[1], other[1]) - max(one[0], other[0])
    if inside <= 0:
        return 0.0
    return inside / (max(one[1], other[1]) - min(one[0], other[0]))
