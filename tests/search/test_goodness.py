"""How good a match is called, and the sentence on what that rests."""

import itertools

import pytest

from hbi.search.goodness import judge, reason
from hbi.search.results import WordMatch

ORDER = ["none", "weak", "fair", "strong"]


TEXTS = ("red", "circle", "spins", "star", "ring", "blue")


def words(*verdicts, texts=TEXTS):
    return tuple(WordMatch(text, 0, len(text), 0.5, each) for text, each in zip(texts, verdicts, strict=False))


@pytest.mark.parametrize(
    ("rarity", "verdicts", "expected"),
    [
        (0.97, ["found", "found", "cannot tell"], "strong"),
        (0.97, ["found", "cannot tell"], "strong"),
        (0.97, ["found", "cannot tell", "cannot tell"], "fair"),
        (0.97, ["cannot tell", "cannot tell"], "fair"),
        (0.97, ["found", "found", "not found"], "weak"),
        (0.97, ["found", "not found", "not found"], "none"),
        (0.97, ["not found"], "none"),
        (0.97, ["found", "found", "unknown"], "fair"),
        (0.97, ["found", "unknown"], "weak"),
        (0.97, ["unknown", "unknown"], "none"),
        (0.94, ["found", "found"], "weak"),
        (0.60, ["found", "found"], "weak"),
        (0.30, ["found", "found"], "none"),
        (0.85, [], "strong"),
        (0.60, [], "fair"),
        (0.30, [], "weak"),
        (0.10, [], "none"),
    ],
)
def test_goodness(rarity, verdicts, expected):
    assert judge(rarity, words(*verdicts), 0.95 if verdicts else 0.5) == expected


def test_function_words_count_for_nothing():
    function = words("found", "unknown", "cannot tell", texts=["the", "a", "is"])
    assert judge(0.97, (*function, *words("not found"))) == "none"
    assert judge(0.97, (*function, *words("found"))) == "strong"


def test_more_is_never_worse():
    """In rarity, and in a word that turns from missing to undecided to found."""
    for verdicts in itertools.product(["found", "not found", "cannot tell", "unknown"], repeat=3):
        called = [ORDER.index(judge(rarity / 20, words(*verdicts))) for rarity in range(21)]
        assert called == sorted(called)
        better = [
            ORDER.index(judge(0.97, words(each, *verdicts[1:]))) for each in ("not found", "cannot tell", "found")
        ]
        assert better == sorted(better)


def test_a_threshold_of_ones_own():
    assert judge(0.6, words("found"), 0.6) == "fair"
    assert judge(0.1, words("found"), 0.0) == "fair"
    assert judge(0.97, words("found"), 0.99) == "weak"
    assert judge(1.0, words("found"), 1.0) == "strong"


@pytest.mark.parametrize(
    ("rarity", "verdicts", "expected"),
    [
        (0.975, ["found", "found"], "Better than 97 of 100 unrelated sentences; “red” and “circle” found."),
        (0.7, ["found", "not found"], "Better than 70 of 100 unrelated sentences; “red” found; “circle” not found."),
        (0.0, ["unknown"], "Better than 0 of 100 unrelated sentences; the model has never seen “red”."),
        (
            1.0,
            ["cannot tell"],
            "Better than 100 of 100 unrelated sentences; the model can check the text as a whole only, no word by "
            "itself.",
        ),
        (
            0.9,
            ["found"] * 5,
            "Better than 90 of 100 unrelated sentences; “red”, “circle”, “spins” and 2 more found.",
        ),
        (0.58, [], "Closer to the clip than 58 of 100 moments of this index are to any other video."),
    ],
)
def test_reasons(rarity, verdicts, expected):
    assert reason(rarity, words(*verdicts)) == expected


def test_a_word_that_comes_twice_is_named_once():
    twice = words("found", "found", "found", texts=["A", "Red", "red"])
    assert reason(0.5, twice) == "Better than 50 of 100 unrelated sentences; “Red” found."
