"""Which words a model has never seen, as far as its tokenizer tells.

A tokenizer that was trained on the captions of a small data set makes one token of every word that it met there: a word
that falls into pieces was in no caption, and no training can have given it a meaning. Of a large vocabulary, in which
pieces are how rare words are written, nothing is claimed.
"""

import re

from transformers import CLIPTokenizer, PreTrainedTokenizerBase

from hbi.encoders.tokenizer import ids_of_words, special_ids_of
from hbi.explanation.explanation import Explanation
from hbi.explanation.whole_words import whole_words
from hbi.explanation.word_lines import Verdict
from hbi.matching.opened_model import OpenedModel

NUM_SYMBOLS, MOST_MERGES = 512, 2000
"""Bytes inside and at the end of a word; and what `train_tokenizer` merges at most: where it has merged less, it has
run out of words, and all of them are whole."""
_LETTERS = re.compile(r"[^\W\d_]+")


def has_never_seen(tokenizer: PreTrainedTokenizerBase, word: str) -> bool:
    """Return whether a model cannot know a word, since its tokenizer met it nowhere.

    Args:
        tokenizer: Of the model.
        word: Without spaces.
    """
    ids = ids_of_words(tokenizer, [word])[0]
    unknown = tokenizer.unk_token_id
    if unknown in ids and unknown not in special_ids_of(tokenizer):
        return True
    if not _knows_its_words_whole(tokenizer):
        return False
    pieces: list[str] = _LETTERS.findall(word)
    return any(len(ids) > 1 for ids in ids_of_words(tokenizer, pieces))


def unknown_words(opened: OpenedModel, explanation: Explanation) -> dict[tuple[int, int], Verdict]:
    """Return the whole words of an explained text that a model has never seen, by their characters `[start, end)`.

    That needs no index, unlike the other verdicts: of other words nothing is said.

    Args:
        opened: The model that was explained.
        explanation: Of a text and a video.
    """
    words = whole_words(explanation.text, explanation.words)
    return {
        (word.start, word.end): "unknown"
        for word in words
        if word.start < word.end and has_never_seen(opened.tokenizer, word.text)
    }


def _knows_its_words_whole(tokenizer: PreTrainedTokenizerBase) -> bool:
    num_merged = len(tokenizer) - NUM_SYMBOLS - len(set(tokenizer.all_special_ids))
    return isinstance(tokenizer, CLIPTokenizer) and 0 < num_merged < MOST_MERGES
