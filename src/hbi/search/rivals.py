"""How far ahead a text is of texts with one word exchanged, in one moment: what tells a match from a near miss.

A video that shows nearly what a text says scores nearly as high as one that shows all of it. But where a word is wrong,
some other word would fit better in its place. So each word is exchanged for a few ordinary words of the model's
vocabulary, its *rivals*, and

    lead = mean over words of (score of the text - best score of the text with a rival in the word's place)

Rivals need not be of the word's kind: no list of kinds is known to a model. That a rival means the same does no harm,
as it then scores the same. What it gains is in docs/results/search.md.
"""

import numpy as np
from jaxtyping import Float

from hbi.matching.matcher import EncodedTexts
from hbi.matching.word_fits import FEWEST_ORDINARY, ordinary_words
from hbi.search.ranking import full_scores
from hbi.search.segment_encoding import SegmentCodec
from hbi.search.snapshot import Segments
from hbi.search.word_matching import words_of

NUM_RIVALS, NUM_RIVALS_OF_LARGE = 16, 4
"""Of each word; fewer where encoding a text takes long."""
LARGE_FROM = 10_000_000
"""Parameters of a network."""
LEAD_WEIGHT = 3.0
"""How much the lead counts beside the score. Chosen, with the numbers above, on data whose videos report nothing."""
AT_ONCE = 128
"""Texts in one batch."""


def lead_of_text(codec: SegmentCodec, query: EncodedTexts, segments: Segments) -> Float[np.ndarray, " segment"]:
    """Return how far ahead of its rivals a text is in each segment; 0 where no word can be exchanged.

    Args:
        codec: Of the index's model.
        query: The (one) text that was searched for.
        segments: What was found.
    """
    text, words = words_of(codec, query.texts[0], query.tokens)
    weighed = [word for word in words if word.is_weighed]
    rivals = _rivals(codec, {word.text.lower() for word in words})
    if not weighed or not rivals or not len(segments):
        return np.zeros(len(segments))
    texts = [text, *(text[: word.start] + rival + text[word.end :] for word in weighed for rival in rivals)]
    parts = [
        full_scores(codec, codec.matcher.encode_texts(texts[start : start + AT_ONCE]).encoding, segments).numpy()
        for start in range(0, len(texts), AT_ONCE)
    ]
    own, *of_rivals = np.concatenate(parts).astype(float)
    best = np.reshape(of_rivals, (len(weighed), len(rivals), len(segments))).max(1)
    lead: Float[np.ndarray, " segment"] = (own - best).mean(0)
    return lead


def _rivals(codec: SegmentCodec, said: set[str]) -> list[str]:
    """Return ordinary words that a text does not say, evenly from those that there are; none of a tiny vocabulary."""
    words = [word for word in ordinary_words(codec.matcher) if word.lower() not in said]
    if len(words) < FEWEST_ORDINARY:
        return []
    is_large = sum(parameter.numel() for parameter in codec.matcher.model.parameters()) >= LARGE_FROM
    count = min(NUM_RIVALS_OF_LARGE if is_large else NUM_RIVALS, len(words))
    return [words[place] for place in np.linspace(0, len(words) - 1, count).astype(int)]
