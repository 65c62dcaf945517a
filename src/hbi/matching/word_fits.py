"""How well each frame of a video matches each word of a text by itself: what an explanation shows first.

The numbers of the game say what a word and a frame are worth together within one text and one video. They cannot say
"this frame shows it": some frame is always the best. And the token of a word also knows its neighbors. So the word is
encoded alone, and the score of a frame with it is held against the same frame's scores with ordinary words of the
model's vocabulary:

    fit(word, frame) = (score(word, frame) - mean_v score(v, frame)) / deviation_v score(v, frame) - MATCHES_ABOVE

Chosen among others by what is true of ShapeStories (docs/results/words.md).
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hbi.encoders.tokenizer import ids_of_words
from hbi.explanation.explanation import Explanation
from hbi.explanation.whole_words import whole_words
from hbi.matching.frame_scores import ScoreFrames
from hbi.matching.opened_model import OpenedModel

NUM_ORDINARY = 64
"""Words that a word is compared with."""
FEWEST_ORDINARY = 8
"""With fewer, a deviation says nothing: there are no fits."""
FIRST_IDS = 5000
"""Tokens of a vocabulary among which ordinary words are looked for; vocabularies begin with what is frequent."""
MATCHES_ABOVE = 1.25
"""Deviations that a frame must lie above ordinary words to match; chosen on validation videos of ShapeStories."""
AT_ONCE = 64
"""Texts in one batch."""


@torch.inference_mode()
def with_word_fits(explanation: Explanation, opened: OpenedModel, score_frames: ScoreFrames) -> Explanation:
    """Return an explanation that also says how well each frame matches each word; punctuation matches none.

    Args:
        explanation: Of a pair.
        opened: The model that the explanation is of.
        score_frames: The model's score of texts with each frame of the video.
    """
    words = [word for word in whole_words(explanation.text, explanation.words) if _is_said(word.text)]
    texts = list(dict.fromkeys(word.text for word in words))
    found = fits_of_words(opened, texts, score_frames)
    if found is None:
        return explanation
    fits = dict(zip(texts, found.numpy(), strict=True))
    values = np.zeros((len(explanation.words), len(explanation.frames)))
    for word in words:
        values[list(word.words)] = fits[word.text]
    return replace(explanation, word_fits=values)


@torch.inference_mode()
def fits_of_words(
    opened: OpenedModel, words: Sequence[str], score_frames: ScoreFrames
) -> Float[Tensor, "word frame"] | None:
    """Return how well each frame matches each word; None without words, or with too few ordinary ones.

    Args:
        opened: The model.
        words: Each by itself.
        score_frames: The model's score of texts with each frame.
    """
    ordinary = ordinary_words(opened)
    if len(ordinary) < FEWEST_ORDINARY or not words:
        return None
    own, others = (_scores(opened, each, score_frames) for each in (words, ordinary))
    return fit_of_scores(own, others)


def fit_of_scores(
    own: Float[Tensor, "word frame"], others: Float[Tensor, "ordinary frame"]
) -> Float[Tensor, "word frame"]:
    """Return how far above those of ordinary words the scores of words lie, in their deviations, less `MATCHES_ABOVE`.

    Args:
        own: Scores of the words with each frame.
        others: Scores of ordinary words with the same frames.
    """
    deviation = others.std(0, correction=0)
    distance = (own - others.mean(0)) / deviation.clamp(min=1e-300)
    # A frame that scores alike with all words says nothing of any.
    return torch.where(deviation > 1e-6 * others.abs().amax(0), distance, 0.0) - MATCHES_ABOVE


def ordinary_words(opened: OpenedModel) -> tuple[str, ...]:
    """Return words that the model's tokenizer knows as one token, evenly from the beginning of its vocabulary.

    Args:
        opened: Whose tokenizer is asked.
    """
    tokenizer = opened.tokenizer
    special = set(tokenizer.all_special_ids)
    ids = [number for number in sorted(tokenizer.get_vocab().values())[:FIRST_IDS] if number not in special]
    # Without the space, or sentencepiece's mark for it, that a token begins with.
    texts = [text.strip(" \u2581") for text in tokenizer.batch_decode([[number] for number in ids])]
    words = [(text, number) for text, number in zip(texts, ids, strict=True) if len(text) > 2 and text.isalpha()]
    tokens = ids_of_words(tokenizer, [text for text, _ in words])
    known = list(dict.fromkeys(text for (text, number), own in zip(words, tokens, strict=True) if number in own))
    places = np.linspace(0, len(known) - 1, min(NUM_ORDINARY, len(known))).astype(int)
    return tuple(known[place] for place in places)


def _scores(opened: OpenedModel, texts: Sequence[str], score_frames: ScoreFrames) -> Float[Tensor, "text frame"]:
    parts = []
    for start in range(0, len(texts), AT_ONCE):
        tokens = opened.tokenize(texts[start : start + AT_ONCE])
        ids, mask = (each.to(opened.device) for each in (tokens.input_ids, tokens.attention_mask))
        parts.append(score_frames(opened.model.encode_texts(ids, mask)).double().cpu())
    return torch.cat(parts)


def _is_said(text: str) -> bool:
    """Return whether this is a word, or a picture of a thing, and not only punctuation."""
    return any(character.isalnum() or unicodedata.category(character) == "So" for character in text)
