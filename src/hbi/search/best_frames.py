"""The frame of a hit's moment that is worth most for a question, from what the index stores: nothing is decoded.

- A model that compares words with frames: the frame's Banzhaf value at the first level, every word present and every
  other frame present or not with equal chance.
- One that compares each frame's patches: the frame that scores best by itself.
- One that has a vector for each frame: the frame whose vector scores best. Indexes of earlier versions lack these
  vectors, and some video models have none: then it is the middle of the segment.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hbi.encoders.sentence_networks import FrameTokens, MultiVectorNetwork
from hbi.games.extension import MultilinearExtension
from hbi.models import HBIModel, Hierarchy, Players
from hbi.models.outputs import matched_games
from hbi.ops import token_similarity
from hbi.search.hit_moments import HitMoment
from hbi.search.segment_encoding import SegmentCodec
from hbi.search.snapshot import Segments
from hbi.shapes import LEVELS


def best_frame_seconds(
    codec: SegmentCodec,
    encoding: Any,
    segments: Segments,
    moments: Sequence[HitMoment],
    frames: Float[np.ndarray, "segment frame width"] | None,
) -> list[float]:
    """Return for each segment where in its video the frame is shown that is worth most of those in the moment.

    Args:
        codec: Of the index's model.
        encoding: One text or video as the model gives it.
        segments: What was found.
        moments: Of each segment; it holds at least one of its frames.
        frames: What the index has of each frame by itself, see `SegmentArrays.frames`; None where it has nothing.
    """
    if not len(segments):
        return []
    worth = frame_worth(codec, encoding, segments, frames)
    seconds = []
    for row in range(len(segments)):
        span = float(segments.start_seconds[row]), float(segments.end_seconds[row])
        count = 1 if worth is None else max(int(worth[row].isfinite().sum()), 1)
        times = codec.frame_times(*span, count)
        inside = [place for place, time in enumerate(times) if moments[row].holds(time)] or list(range(len(times)))
        best = inside[0] if worth is None else inside[int(worth[row, inside].argmax())]
        seconds.append(times[best])
    return seconds


@torch.inference_mode()
def frame_worth(
    codec: SegmentCodec, encoding: Any, segments: Segments, frames: Float[np.ndarray, "segment frame width"] | None
) -> Float[Tensor, "segment frame"] | None:
    """Return what every frame is worth, -inf where there is none; None where nothing is known of single frames.

    Args:
        codec, encoding, segments, frames: As in `best_frame_seconds`.
    """
    model: Any = codec.matcher.model
    if isinstance(model, HBIModel):
        videos = codec.decode(segments.arrays)
        return _of_tokens(model, encoding, videos, has_games=codec.matcher.has_games).cpu()
    if isinstance(model, MultiVectorNetwork):
        shown: FrameTokens = codec.decode(segments.arrays)
        single = FrameTokens(shown.tokens.flatten(0, 1)[:, None], shown.mask.flatten(0, 1)[:, None])
        scores = model.similarity(encoding, single)[0].unflatten(0, shown.mask.shape[:2])
        return _masked(scores, shown.mask.any(-1)).cpu()
    if frames is None:
        return None
    vectors = torch.from_numpy(frames).to(codec.matcher.device).float()
    scores = model.similarity(encoding, vectors.flatten(0, 1))[0].unflatten(0, vectors.shape[:2])
    return _masked(scores, vectors.abs().amax(-1) > 0).cpu()


def _of_tokens(
    model: HBIModel, question: Hierarchy, videos: Hierarchy, *, has_games: bool
) -> Float[Tensor, "segment frame"]:
    """Return what every frame is worth at the first level."""
    words = model.compared(question[torch.zeros(len(videos), dtype=torch.long)], LEVELS[0])
    shown = model.compared(videos, LEVELS[0])
    if has_games:
        values = MultilinearExtension.of(matched_games(words, shown)).first_with_all_words(0.5)
    else:
        cosines = token_similarity(words.sequence.tokens[:1].float(), shown.sequence.tokens.float())[0]
        values = torch.einsum("t,btv->bv", words.weights[0], cosines)
    return _by_frame(values, shown)


def _by_frame(values: Float[Tensor, "segment token"], shown: Players) -> Float[Tensor, "segment frame"]:
    """Return for every frame what the token is worth that it is part of."""
    members = shown.sequence.members
    return _masked(values.gather(1, members.clamp(min=0)), members >= 0)


def _masked(values: Float[Tensor, "segment frame"], is_frame: Bool[Tensor, "segment frame"]) -> Tensor:
    return values.masked_fill(~is_frame, -torch.inf)
