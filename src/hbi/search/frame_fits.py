"""Whether any frame of a moment matches a word by itself: what a verdict on the word must not contradict.

The verdicts of `word_matching` compare the segments of an index with one another, so that some are always the best. An
explanation shows how well each frame matches each word against ordinary words (`hbi.matching.word_fits`). Both have to
agree before a word is called found, or not found.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hbi.encoders.sentence_networks import FrameTokens, MultiVectorNetwork
from hbi.matching.frame_scores import ScoreFrames, scores_of_frame_tokens, scores_of_patches
from hbi.matching.matcher import EncodedTexts
from hbi.matching.word_fits import fits_of_words
from hbi.models import HBIModel
from hbi.search.hit_moments import HitMoment
from hbi.search.results import WordMatch
from hbi.search.segment_encoding import SegmentCodec
from hbi.search.snapshot import Segments
from hbi.search.word_matching import NUM_COMPARED, match_words
from hbi.shapes import LEVELS

Matches: TypeAlias = list[tuple[WordMatch, ...]]
FrameVectors: TypeAlias = Float[np.ndarray, "segment frame width"]


def judged_words(
    codec: SegmentCodec,
    query: EncodedTexts | None,
    segments: Segments,
    references: Segments,
    frames: FrameVectors | None,
    moments: Sequence[HitMoment] | None = None,
) -> Matches:
    """Return for each segment the words of the (one) text, with verdicts that the index and the frames agree on.

    Args:
        codec: Of the index's model.
        query: The text that was searched for; None for a clip, which has no words.
        segments: What was found.
        references: Segments of the index, drawn at random.
        frames: As in `agreed_matches`.
        moments: The part of each segment that the verdicts are of; None: all of it.
    """
    references = references[:NUM_COMPARED]

    def fits_alone(words: Sequence[str]) -> Float[np.ndarray, "word segment"] | None:
        of_index = best_fits(codec, words, references, None)
        of_found = None if of_index is None else best_fits(codec, words, segments, frames, moments)
        return None if of_index is None or of_found is None else np.concatenate([of_index, of_found], axis=1)

    matches = match_words(codec, query, segments, references, fits_alone)
    return agreed_matches(codec, matches, segments, frames, moments)


def agreed_matches(
    codec: SegmentCodec,
    matches: Matches,
    segments: Segments,
    frames: FrameVectors | None,
    moments: Sequence[HitMoment] | None = None,
) -> Matches:
    """Return the words of segments with the verdicts that the frames bear out; of others the model cannot tell.

    Args:
        codec: Of the index's model.
        matches: Of `match_words`, for each segment.
        segments: What they are of.
        frames: What the index has of each frame by itself, see `SegmentArrays.frames`; None where it has nothing.
        moments: The part of each segment whose frames are asked; None: all of it.
    """
    told = sorted({word.text for words in matches for word in words if word.verdict in ("found", "not found")})
    if not told:
        return matches
    shown = frames_that_match(codec, told, segments, frames, moments)
    if shown is None:
        return matches
    rows = {word: row for row, word in enumerate(told)}
    return [
        tuple(_agreed(word, shown[rows[word.text], place] if word.text in rows else None) for word in words)
        for place, words in enumerate(matches)
    ]


def _agreed(match: WordMatch, is_shown: np.bool_ | None) -> WordMatch:
    if match.verdict not in ("found", "not found") or is_shown is None:
        return match
    return match if bool(is_shown) == (match.verdict == "found") else replace(match, verdict="cannot tell")


def frames_that_match(
    codec: SegmentCodec,
    words: Sequence[str],
    segments: Segments,
    frames: FrameVectors | None,
    moments: Sequence[HitMoment] | None = None,
) -> Bool[np.ndarray, "word segment"] | None:
    """Return whether a frame of each segment matches each word; None where single frames or words tell nothing.

    Args:
        codec, segments, frames, moments: As in `agreed_matches`.
        words: Each by itself.
    """
    fits = best_fits(codec, words, segments, frames, moments)
    return None if fits is None else fits > 0


@torch.inference_mode()
def best_fits(
    codec: SegmentCodec,
    words: Sequence[str],
    segments: Segments,
    frames: FrameVectors | None,
    moments: Sequence[HitMoment] | None = None,
) -> Float[np.ndarray, "word segment"] | None:
    """Return how well the best frame of each segment fits each word; None where single frames or words tell nothing.

    Args:
        codec, segments, frames, moments: As in `agreed_matches`.
        words: Each by itself.
    """
    score, is_frame = _scorer(codec, segments, frames)
    fits = None if score is None else fits_of_words(codec.matcher, words, score)
    if fits is None:
        return None
    count = is_frame.shape[1]
    if moments is not None:
        is_frame = is_frame.cpu() & _are_inside(codec, segments, moments, is_frame)
    of_frames = fits.unflatten(1, (len(is_frame), count)).masked_fill(~is_frame.cpu(), -torch.inf)
    best: Float[np.ndarray, "word segment"] = of_frames.amax(2).numpy()
    return best


def _are_inside(
    codec: SegmentCodec, segments: Segments, moments: Sequence[HitMoment], is_frame: Bool[Tensor, "segment frame"]
) -> Bool[Tensor, "segment frame"]:
    """Return which frames of each segment its moment holds; all where it holds none, as of a still picture."""
    inside = torch.zeros(is_frame.shape, dtype=torch.bool)
    for row, moment in enumerate(moments):
        count = max(int(is_frame[row].sum()), 1)
        span = float(segments.start_seconds[row]), float(segments.end_seconds[row])
        own = torch.tensor([moment.holds(time) for time in codec.frame_times(*span, count)])
        inside[row, : len(own)] = own | ~own.any()
    return inside


def _scorer(
    codec: SegmentCodec, segments: Segments, frames: FrameVectors | None
) -> tuple[ScoreFrames | None, Bool[Tensor, "segment frame"]]:
    """Return what scores texts with every frame of all segments in a row, and which of these are frames."""
    network: Any = codec.matcher.model
    if isinstance(network, HBIModel):
        sequence = codec.decode(segments.arrays).levels[LEVELS[0]].sequence
        return scores_of_frame_tokens(network, sequence.tokens.flatten(0, 1)), sequence.mask
    if isinstance(network, MultiVectorNetwork):
        video: FrameTokens = codec.decode(segments.arrays)
        together = FrameTokens(video.tokens.flatten(0, 1)[None], video.mask.flatten(0, 1)[None])
        return scores_of_patches(network, together), video.mask.any(-1)
    if frames is None:
        return None, torch.zeros(len(segments), 0, dtype=torch.bool)
    vectors = torch.from_numpy(frames).to(codec.matcher.device).float()
    flat = vectors.flatten(0, 1)
    return lambda texts: network.similarity(texts.float(), flat), vectors.abs().amax(-1) > 0
