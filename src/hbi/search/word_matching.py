"""Which words of a text are found in a segment, as far as the model can be believed to know what the word means.

The token of a word also holds its neighbors, so that how well it fits a frame says little of the word itself
(docs/results/words.md). Here a word is judged by what it does to the score, which every model has:

    without:  what the score of a segment loses when the word is taken out of the text
    alone:    how well the segment fits the word by itself: its best frame, beside ordinary words; or, where nothing is
              known of single frames, what it scores with the word

Over segments drawn from the index, both are standardized and added up: the *evidence*. A word is judged where

- the two agree on which segments have it: it means the same by itself and in this text;
- the text depends on it: `without` varies by a good share of what the score of the whole text varies by;
- the evidence falls into two groups, or a few segments have far more of it than the others.

A word beside which nothing else says anything has one effect only, and must have both: groups and a tail of few.
Where it is judged, it is "found" in a segment near the high group, and "not found" near the low one. Else the model
"cannot tell". Words that it has never seen are "unknown". No rule is proof: docs/results/search.md has what this one
is worth.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Float

from hbi.encoders.tokenizer import TokenizedTexts
from hbi.explanation.whole_words import FUNCTION_WORDS
from hbi.matching.matcher import EncodedTexts
from hbi.matching.seen_words import has_never_seen
from hbi.search.ranking import full_scores
from hbi.search.results import Verdict, WordMatch
from hbi.search.segment_encoding import SegmentCodec
from hbi.search.snapshot import Segments
from hbi.search.two_groups import TwoGroups

FitsAlone: TypeAlias = Callable[[Sequence[str]], Float[np.ndarray, "word segment"] | None]
"""From words to how well each segment fits them by themselves: references first, then what was found."""
_Scores: TypeAlias = dict[str, Float[np.ndarray, " segment"]]
AGREE_ABOVE = 0.6
"""The least correlation, over segments of the index, of a word's two effects."""
DEPENDS_ABOVE = 0.2
"""The least spread of what the word adds, of the spread of the whole text's score."""
EXPLAINED_ABOVE, SKEWED_ABOVE = 0.7, -0.2
"""Two groups, or a tail of few: one of the two is enough. All four were chosen on the validation videos of ShapeStories
(docs/results/search.md)."""
SINGLE_EXPLAINED_ABOVE, SINGLE_SKEWED_ABOVE = 0.72, 0.0
"""For a word with one effect: both."""
FOUND_ABOVE, NOT_FOUND_BELOW = 0.6, 0.3
"""Where between the groups, the low one at 0 and the high one at 1."""
NUM_COMPARED = 128
"""Segments of the index that a moment is compared with."""
LEAST_COMPARED, APART_SECONDS = 20, 60.0
"""Of fewer that are of different videos, or so far apart, nothing is claimed: neighbors look alike."""
MOST_WORDS = 40
"""Of a longer text, its beginning is looked at: two texts are encoded for each word."""


@dataclass(frozen=True)
class ReadWord:
    """A word `[start, end)` of a text, and the text without it.

    Attributes:
        without: None where nothing stands beside the word that says anything.
        is_weighed: Whether it may be judged: neither a function word nor an unknown one.
        is_unknown: The model has never seen it.
    """

    text: str
    start: int
    end: int
    without: str | None
    is_weighed: bool
    is_unknown: bool


@dataclass(frozen=True, eq=False)
class Evidence:
    """What there is for a word in the segments that were found, and whether it can be judged by it.

    Attributes:
        share_below: Of the index's segments, the share that has less of it.
        place: Where between the two groups of the index; NaN without groups.
        agreement: None for a word with one effect.
        dependence, explained, skewness: What decides whether the word is judged, see above.
    """

    share_below: Float[np.ndarray, " segment"]
    place: Float[np.ndarray, " segment"]
    agreement: float | None
    dependence: float
    explained: float
    skewness: float

    @property
    def is_judged(self) -> bool:
        """Whether the model separates segments that have the word from others, as far as can be seen."""
        if self.agreement is None:
            return self.explained > SINGLE_EXPLAINED_ABOVE and self.skewness > SINGLE_SKEWED_ABOVE
        has_groups = self.explained > EXPLAINED_ABOVE or self.skewness > SKEWED_ABOVE
        return self.agreement > AGREE_ABOVE and self.dependence > DEPENDS_ABOVE and has_groups

    def verdict(self, row: int) -> Verdict:
        """Return whether the word is found in one of the segments."""
        if self.is_judged and self.place[row] > FOUND_ABOVE:
            return "found"
        return "not found" if self.is_judged and self.place[row] < NOT_FOUND_BELOW else "cannot tell"


def match_words(
    codec: SegmentCodec,
    query: EncodedTexts | None,
    segments: Segments,
    references: Segments,
    fits_alone: FitsAlone | None = None,
) -> list[tuple[WordMatch, ...]]:
    """Return for each segment the words of the (one) text, and which of them are found; none for a clip (None).

    Args:
        codec: Of the index's model.
        query: The text that was searched for.
        segments: What was found.
        references: Segments of the index, drawn at random; the first `NUM_COMPARED` count.
        fits_alone: How well they fit words by themselves; None, or where it returns None: what the model scores.
    """
    references = references[:NUM_COMPARED]
    whole, words = words_of(codec, query.texts[0], query.tokens) if query else ("", [])
    if not words or not len(segments):
        return [()] * len(segments)
    weighed = [word for word in words if word.is_weighed] if _num_apart(references) >= LEAST_COMPARED else []
    of_text: _Scores = {}
    of_word: _Scores = {}
    if weighed:
        both = (references, segments)
        of_text = _scores(codec, [whole, *(word.without for word in weighed if word.without)], *both)
        # Apart, as single words would be padded to the length of the text.
        single = list(dict.fromkeys(word.text for word in weighed))
        fits = fits_alone(single) if fits_alone else None
        of_word = _scores(codec, single, *both) if fits is None else dict(zip(single, fits, strict=True))
    matches = []
    for word in words:
        evidence = None
        if word in weighed:
            without = of_text[word.without] if word.without else None
            evidence = weigh(of_text[whole], without, of_word[word.text], len(references))
        matches.append(_match(word, evidence, len(segments)))
    return list(zip(*matches, strict=True))


def _scores(codec: SegmentCodec, texts: Sequence[str], references: Segments, segments: Segments) -> _Scores:
    """Return what references and segments score with each text."""
    encoding = codec.matcher.encode_texts(different := list(dict.fromkeys(texts))).encoding
    scores = torch.cat([full_scores(codec, encoding, each) for each in (references, segments)], 1).double()
    return dict(zip(different, scores.numpy(), strict=True))


def _num_apart(segments: Segments) -> int:
    """Return of how many videos, or minutes of them, some segments are."""
    minutes = (segments.start_seconds // APART_SECONDS).astype(int)
    return len(set(zip(segments.content.tolist(), minutes.tolist(), strict=True)))


def weigh(
    whole: Float[np.ndarray, " segment"],
    without: Float[np.ndarray, " segment"] | None,
    alone: Float[np.ndarray, " segment"],
    num_references: int,
) -> Evidence:
    """Return what the scores of three texts say of a word.

    Args:
        whole, without, alone: Scores of the text and of the text without the word, and how well the word fits by
            itself; first of segments of the index, then of those that were found. None where nothing is left without
            the word.
        num_references: How many of them are of the index.
    """
    effects = alone[None] if without is None else np.stack([whole - without, alone])
    of_index = effects[:, :num_references]
    spread = of_index.std(1, keepdims=True)
    units = np.divide(
        effects - of_index.mean(1, keepdims=True), spread, out=np.zeros_like(effects), where=spread > 1e-9
    )
    evidence = units.sum(0)
    others, own = evidence[:num_references], evidence[num_references:]
    is_tied = np.abs(others - own[:, None]) <= 1e-5
    below = ((others < own[:, None]) & ~is_tied).mean(1) + is_tied.mean(1) / 2
    groups = TwoGroups.of(others)
    whole_spread = float(whole[:num_references].std())
    return Evidence(
        share_below=below,
        place=np.array([groups.place(value) if groups else np.nan for value in own]),
        agreement=None if without is None else float((units[0] * units[1])[:num_references].mean()),
        dependence=float(spread[0, 0]) / whole_spread if whole_spread > 1e-9 else 0.0,
        explained=groups.explained if groups else 0.0,
        skewness=groups.skewness if groups else -np.inf,
    )


def _match(word: ReadWord, evidence: Evidence | None, num_segments: int) -> list[WordMatch]:
    """Return how each segment fits one word."""
    if evidence is None:
        verdict: Verdict = "unknown" if word.is_unknown else "cannot tell"
        return [WordMatch(word.text, word.start, word.end, 0.5, verdict)] * num_segments
    return [
        WordMatch(word.text, word.start, word.end, float(evidence.share_below[row]), evidence.verdict(row))
        for row in range(num_segments)
    ]


def words_of(codec: SegmentCodec, text: str, tokens: TokenizedTexts) -> tuple[str, Sequence[ReadWord]]:
    """Return what the model has read of a text, and every whole word of it."""
    spans = [(start, end) for start, end in tokens.spans[0].tolist() if start < end]
    inside = [
        match
        for match in re.finditer(r"\w+(?:['’]\w+)*", text)
        if any(match.start() <= start and end <= match.end() for start, end in spans)
    ][:MOST_WORDS]
    whole = text[: inside[-1].end()] if inside else ""
    unknown = [has_never_seen(codec.matcher.tokenizer, match.group()) for match in inside]
    says_something = [
        not is_unknown and match.group().lower() not in FUNCTION_WORDS
        for match, is_unknown in zip(inside, unknown, strict=True)
    ]
    words = []
    for place, match in enumerate(inside):
        rest = " ".join((whole[: match.start()] + " " + whole[match.end() :]).split())
        others_say_something = sum(says_something) > says_something[place]
        without = rest if others_say_something else None
        words.append(ReadWord(match.group(), *match.span(), without, says_something[place], unknown[place]))
    return whole, words
