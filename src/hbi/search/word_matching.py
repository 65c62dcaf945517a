"""Which words of a text match a segment: those that fit it better than they fit most of the index.

The sign of a word's interactions is no measure of it: a wrong word, too, has a frame that it fits least badly. The rank
of the word's best cosine among the index's segments is one (docs/results/search.md).
"""

import re
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from hbi.matching.matcher import EncodedTexts
from hbi.models import Hierarchy
from hbi.ops import token_similarity
from hbi.search.results import WordMatch
from hbi.search.segment_encoding import SegmentCodec
from hbi.search.snapshot import Segments

MATCHED_ABOVE = 0.7
"""Of the index's segments, a matched word must fit this share less well."""


def match_words(
    codec: SegmentCodec, query: EncodedTexts | None, segments: Segments, references: Segments
) -> list[tuple[WordMatch, ...]]:
    """Return for each segment the words of the (one) text; none for a clip (None), or a model without words."""
    if query is None or not isinstance(query.encoding, Hierarchy) or not len(references):
        return [()] * len(segments)
    here, elsewhere = (_best_cosines(codec, query.encoding, each) for each in (segments, references))
    words = _words(query)
    matches = []
    for row in range(len(segments)):
        found = []
        for start, end, tokens in words:
            own, others = here[row, tokens].mean(), elsewhere[:, tokens].mean(1)
            below = float((others < own - 1e-5).double().mean() + (others - own).abs().le(1e-5).double().mean() / 2)
            found.append(WordMatch(query.texts[0][start:end], start, end, below, below > MATCHED_ABOVE))
        matches.append(tuple(found))
    return matches


@torch.inference_mode()
def _best_cosines(codec: SegmentCodec, text: Hierarchy, segments: Segments) -> Float[Tensor, "segment word"]:
    """Return how well each token of a text fits the frame of a segment that it fits best."""
    frames = codec.decode(segments.arrays).levels["entity"].sequence
    cosines_ABTV = token_similarity(text.levels["entity"].sequence.tokens.float(), frames.tokens)
    return cosines_ABTV[0].masked_fill(~frames.mask[:, None, :], -1.0).amax(-1).cpu()


def _words(query: EncodedTexts) -> list[tuple[int, int, list[int]]]:
    """Return (start, end, its tokens) of every whole word of the text that the model has read."""
    mask: Any = query.encoding.levels["entity"].sequence.mask[0]
    tokens = [
        (index, *span) for index, span in enumerate(query.tokens.spans[0].tolist()) if mask[index] and span[0] < span[1]
    ]
    words = []
    for match in re.finditer(r"\w+(?:['’]\w+)*", query.texts[0]):
        inside = [index for index, start, end in tokens if start >= match.start() and end <= match.end()]
        if inside:
            words.append((match.start(), match.end(), inside))
    return words
