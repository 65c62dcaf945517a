"""Whole words of a text and their lines: what belongs together, what stands back, which numbers are shown."""

from dataclasses import replace

import numpy as np
import pytest

from explanation.made_up import build_explanation, drawn, words_of
from hbi.explanation import Explanation, Word
from hbi.explanation.whole_words import FUNCTION_WORDS, whole_words
from hbi.explanation.word_lines import FIT_MEANING, INTERACTION_MEANING, fit_meaning, word_lines


def cut(text: str, pieces: str) -> tuple[Word, ...]:
    """The tokens of a text, written with a bar between them."""
    words, end = [], 0
    for piece in pieces.split("|"):
        start = text.index(piece, end)
        end = start + len(piece)
        words.append(Word(piece, start, end))
    return tuple(words)


def texts_of(text: str, pieces: str) -> list[str]:
    found = whole_words(text, cut(text, pieces))
    assert sorted(index for word in found for index in word.words) == list(range(len(pieces.split("|"))))
    for word in found:
        assert text[word.start : word.end] == word.text
    return [word.text for word in found]


@pytest.mark.parametrize(
    ("text", "pieces", "expected"),
    [
        ("a pancake flips", "a|pan|cake|fl|ips", ["a", "pancake", "flips"]),
        ("a man's dog, red.", "a|man|'s|dog|,|red|.", ["a", "man's", "dog", ",", "red", "."]),
        ("don’t stop", "don|’|t|stop", ["don’t", "stop"]),
        ("“red circle,” she said", "“red|circle,”|she|said", ["red", "circle", "she", "said"]),
        ("two-colored", "two|-|colored", ["two", "-", "colored"]),
        ("mp3 x264", "mp|3|x|264", ["mp3", "x264"]),
        ("naïve café", "na|ï|ve|ca|fé", ["naïve", "café"]),
        ("हिन्दी में", "हि|न्|दी|में", ["हिन्दी", "में"]),
        ("красный круг", "крас|ный|круг", ["красный", "круг"]),
        ("赤い丸が回る", "赤い|丸|が|回る", ["赤い", "丸", "が", "回る"]),
        ("สีแดง", "สี|แดง", ["สี", "แดง"]),
        ("red圆spins", "red|圆|sp|ins", ["red", "圆", "spins"]),
        ("'twas the dogs'", "'|twas|the|dogs|'", ["'", "twas", "the", "dogs", "'"]),
        ("a red square", "a red|square", ["a red", "square"]),
    ],
)
def test_what_stands_together_is_one_word_and_no_token_is_lost(text, pieces, expected):
    assert texts_of(text, pieces) == expected


def test_tokens_that_share_a_character_are_one_word():
    text = "圆😀"
    words = (Word("圆", 0, 1), Word("😀", 1, 2), Word("😀", 1, 2))
    assert [word.words for word in whole_words(text, words)] == [(0,), (1, 2)]


def folded(text: str) -> list[str]:
    return [word.text for word in whole_words(text, words_of(text)) if word.stands_back]


def test_function_words_and_punctuation_stand_back():
    assert folded("There is a red square , and THE circle !") == ["There", "is", "a", ",", "and", "THE", "!"]
    kept = "no dog not before after then left under in on with two she her 3"
    assert folded(kept) == []
    assert not FUNCTION_WORDS & set(kept.split())


def test_a_sentence_of_function_words_only_keeps_them_all_but_not_its_punctuation():
    assert folded("it is there !") == ["!"]
    assert folded("... !") == ["...", "!"]


def test_pictures_of_things_do_not_stand_back():
    assert folded("a 🐕 runs →") == ["a", "→"]


def test_special_tokens_stand_back():
    words = (Word("(start)", 0, 0), Word("dog", 0, 3), Word("(end)", 3, 3))
    found = whole_words("dog", words)
    assert [(word.text, word.start, word.end, word.stands_back) for word in found] == [
        ("(start)", 0, 0, True),
        ("dog", 0, 3, False),
        ("(end)", 3, 3, True),
    ]


def in_subwords(explanation: Explanation) -> Explanation:
    """The same numbers, but that "square" is three tokens."""
    text = explanation.text
    words = cut(text, "a|red|sq|ua|re")
    assert len(words) == len(explanation.words)
    return replace(explanation, words=words, text=text)


def test_without_fits_a_line_is_the_sum_of_the_interactions_and_of_their_errors():
    explanation = drawn(in_subwords(build_explanation("a red square and falls")))
    line = next(line for line in word_lines(explanation) if line.text == "square")
    assert line.words == (2, 3, 4)
    for frame in range(len(explanation.frames)):
        parts = [explanation.interactions[word][frame] for word in (2, 3, 4)]
        assert line.fit[frame] == pytest.approx(sum(parts))
        bound = sum(explanation.interaction_errors[word][frame] for word in (2, 3, 4))
        assert line.errors[frame] == pytest.approx(bound)
        assert bound > 0
    assert fit_meaning(explanation) == INTERACTION_MEANING


def test_with_fits_a_line_is_theirs():
    values = np.arange(30.0).reshape(5, 6)
    values[2:] = values[2]
    explanation = replace(in_subwords(build_explanation("a red square and falls")), word_fits=values)
    lines = word_lines(explanation)
    assert [line.text for line in lines] == ["a", "red", "square"]
    assert [line.fit.tolist() for line in lines] == values[:3].tolist()
    assert not any(line.errors.any() for line in lines)
    assert fit_meaning(explanation) == FIT_MEANING


@pytest.mark.parametrize("odd", [np.zeros((5, 5)), np.full((5, 6), np.nan), np.zeros(6)])
def test_fits_are_finite_numbers_one_for_each_word_and_frame(odd):
    with pytest.raises(ValueError, match="word fits"):
        replace(build_explanation(), word_fits=odd)
