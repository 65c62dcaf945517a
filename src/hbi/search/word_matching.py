"""Which words of a text match a segment, as far as the model can be believed to know what the word means.

The token of a word also holds its neighbors, so that how well it fits a frame says little of the word itself
(docs/results/words.md). Here a word is judged by what it does to the score, which every model has:

    without:  what the score of a segment loses when the word is taken out of the text
    alone:    what the segment scores with the word by itself

A word is *consistent* where the two agree on which segments of the index have it. Only then is it called matched, or
not matched; of other words nothing is claimed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from hbi.encoders.tokenizer import TokenizedTexts
from hbi.matching.matcher import EncodedTexts
from hbi.search.ranking import full_scores
from hbi.search.results import WordMatch
from hbi.search.segment_encoding import SegmentCodec
from hbi.search.snapshot import Segments

MATCHED_ABOVE = 0.65
"""Of the index's segments, a matched word must fit this share less well."""
CONSISTENT_ABOVE = 0.5
"""The least correlation, over segments of the index, of a word's two effects. Both chosen on the validation videos of
ShapeStories (docs/results/words.md)."""
NUM_COMPARED = 128
"""Segments of the index that a moment is compared with."""
MOST_WORDS = 40
"""Of a longer text, its beginning is looked at: two texts are encoded for each word."""


@dataclass(frozen=True)
class _Word:
    """A word `[start, end)` of a text, and the text without it; None where nothing would be left."""

    text: str
    start: int
    end: int
    without: str | None


def match_words(
    codec: SegmentCodec, query: EncodedTexts | None, segments: Segments, references: Segments
) -> list[tuple[WordMatch, ...]]:
    """Return for each segment the words of the (one) text, and which of them match; none for a clip (None).

    Args:
        codec: Of the index's model.
        query: The text that was searched for.
        segments: What was found.
        references: Segments of the index, drawn at random.
    """
    references = references[:NUM_COMPARED]
    whole, words = _words(query.texts[0], query.tokens) if query else ("", [])
    if not words or not len(segments) or not len(references):
        return [()] * len(segments)
    of_text: dict[str, Tensor] = {}
    # Apart, as single words would be padded to the length of the text.
    for texts in ([whole, *(word.without for word in words if word.without)], [word.text for word in words]):
        encoding = codec.matcher.encode_texts(different := list(dict.fromkeys(texts))).encoding
        scores = torch.cat([full_scores(codec, encoding, each) for each in (references, segments)], 1).double()
        of_text |= dict(zip(different, scores, strict=True))
    matches = [_match(word, of_text, whole, len(references)) for word in words]
    return list(zip(*matches, strict=True))


def _match(word: _Word, scores: dict[str, Tensor], whole: str, num_references: int) -> list[WordMatch]:
    """Return how each segment fits one word; scores are of the references, and then of the segments."""
    effects = [scores[word.text]]
    if word.without is not None:
        effects.append(scores[whole] - scores[word.without])
    units = [_standardized(effect, num_references) for effect in effects]
    agreement = float((units[0] * units[-1])[:num_references].mean()) if len(units) == 2 else 0.0
    # Of few segments, chance alone makes high correlations: twice the standard error of one that is none.
    is_consistent = agreement > max(CONSISTENT_ABOVE, 2 / num_references**0.5)
    others, own = torch.stack(units).sum(0).split([num_references, len(effects[0]) - num_references])
    found = []
    for value in own:
        is_tied = (others - value).abs() <= 1e-5
        below = float(((others < value) & ~is_tied).double().mean() + is_tied.double().mean() / 2)
        found.append(
            WordMatch(word.text, word.start, word.end, below, is_consistent and below > MATCHED_ABOVE, is_consistent)
        )
    return found


def _standardized(effect: Float[Tensor, " segment"], num_references: int) -> Float[Tensor, " segment"]:
    """Return values with mean 0 and standard deviation 1 over the references; zeros where these are all equal."""
    others = effect[:num_references]
    spread = others.std(correction=0)
    return (effect - others.mean()) / spread if spread > 1e-9 else torch.zeros_like(effect)


def _words(text: str, tokens: TokenizedTexts) -> tuple[str, Sequence[_Word]]:
    """Return what the model has read of a text, and every whole word of it."""
    spans = [(start, end) for start, end in tokens.spans[0].tolist() if start < end]
    inside = [
        match
        for match in re.finditer(r"\w+(?:['’]\w+)*", text)
        if any(match.start() <= start and end <= match.end() for start, end in spans)
    ][:MOST_WORDS]
    whole = text[: inside[-1].end()] if inside else ""
    words = []
    for match in inside:
        rest = " ".join((whole[: match.start()] + " " + whole[match.end() :]).split())
        is_text = any(character.isalnum() for character in rest)
        words.append(_Word(match.group(), *match.span(), rest if is_text else None))
    return whole, words
