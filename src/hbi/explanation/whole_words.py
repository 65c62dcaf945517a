"""The whole words of a text: tokens of one word together, and which words a reader can do without at first."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from hbi.explanation.players import Word

FUNCTION_WORDS = frozenset(
    {"a", "an", "the", "is", "are", "am", "was", "were", "be", "been", "being", "of", "to", "and", "it", "its", "there"}
    | {"that", "this", "these", "those", "which", "who", "as"}
    | {f"{word}{mark}s" for word in ("it", "there", "that", "who") for mark in "'’"}
)
"""English words of closed classes that say nothing to look for. Not those that do: "not", "before", "in", "left"."""

APOSTROPHES = "'’"

WITHOUT_SPACES = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")
"""How the Unicode names of letters begin whose words are written without spaces between them."""


@dataclass(frozen=True)
class WholeWord:
    """A word as people count them.

    Attributes:
        text, start, end: its characters `[start, end)` of the text, without punctuation around them.
        words: the players that it is made of, as indices.
        stands_back: whether a first view folds it: a function word, punctuation, or a token without characters.
    """

    text: str
    start: int
    end: int
    words: tuple[int, ...]
    stands_back: bool


def whole_words(text: str, words: Sequence[Word]) -> tuple[WholeWord, ...]:
    """Return the whole words that tokens make, in reading order; every token is a part of one.

    Tokens belong together where they share a character, or where nothing but letters, digits and an apostrophe between
    letters lies at their border. In scripts without spaces the tokens are the words.

    Args:
        text: as it was written.
        words: the players of the text, in reading order.
    """
    is_inside = [_is_inside(text, place) for place in range(len(text))]
    groups: list[list[int]] = []
    end = 0
    for index, word in enumerate(words):
        is_token = word.end > word.start
        if groups and is_token and (word.start < end or _is_glued(text, is_inside, word.start, end)):
            groups[-1].append(index)
        else:
            groups.append([index])
        end = max(end, word.end) if is_token else end
    found = [_whole_word(text, is_inside, words, group) for group in groups]
    if any(not word.stands_back for word in found):
        return tuple(found)
    # A sentence of function words only keeps them all.
    return tuple(
        WholeWord(word.text, word.start, word.end, word.words, not any(is_inside[word.start : word.end]))
        for word in found
    )


def _whole_word(text: str, is_inside: Sequence[bool], words: Sequence[Word], group: Sequence[int]) -> WholeWord:
    start, end = words[group[0]].start, max(words[index].end for index in group)
    if start == end:
        return WholeWord(words[group[0]].text, start, end, tuple(group), stands_back=True)
    inside = [place for place in range(start, end) if is_inside[place]]
    if inside:
        start, end = inside[0], inside[-1] + 1
    piece = text[start:end]
    is_mark = not inside and not any(unicodedata.category(letter) == "So" for letter in piece)
    return WholeWord(piece, start, end, tuple(group), is_mark or piece.casefold() in FUNCTION_WORDS)


def _is_inside(text: str, place: int) -> bool:
    """Return whether a character is one of a word: a letter, digit or mark, or an apostrophe between letters."""
    if text[place] in APOSTROPHES:
        return 0 < place < len(text) - 1 and text[place - 1].isalnum() and text[place + 1].isalnum()
    return text[place].isalnum() or text[place] == "_" or unicodedata.category(text[place])[0] == "M"


def _is_glued(text: str, is_inside: Sequence[bool], start: int, previous_end: int) -> bool:
    """Return whether a token that starts here continues the word of the one that ended there."""
    if start != previous_end or not start:
        return False
    return all(is_inside[place] and not _is_without_spaces(text[place]) for place in (start - 1, start))


def _is_without_spaces(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith(WITHOUT_SPACES)
