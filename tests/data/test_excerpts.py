"""Excerpts of captions: what they are, and that each is true of the videos whose captions have it."""

import pytest

from hbi.data.excerpts import Excerpts, excerpts_of

CAPTIONS = [
    ["A red ring spins; then it falls.", "the ring is spinning"],
    ["A blue ring falls", "blue, then gone"],
    ["A red ring"],
]


@pytest.mark.parametrize(
    ("caption", "longest", "expected"),
    [
        ("A red ring spins, then it falls.", 1, {"red", "ring", "spins", "falls"}),
        ("A Red ring spins.", 2, {"red", "ring", "spins", "red ring", "ring spins"}),
        ("put the ball next to the key", 3, {"put", "ball", "key", "put the ball"}),
        ("red, ring", 3, {"red", "ring"}),
        ("it is the", 3, set()),
        ("", 3, set()),
    ],
)
def test_an_excerpt_begins_and_ends_with_a_word_that_says_something(caption, longest, expected):
    assert excerpts_of(caption, longest) == expected


def test_an_excerpt_is_true_of_the_videos_whose_captions_have_it():
    drawn = Excerpts(CAPTIONS, longest=2).draw([0, 1, 2], 100, seed=0, step=0)
    found = dict(zip(drawn.texts, drawn.is_true.tolist(), strict=True))
    assert found == {
        "red": [True, False, True],
        "red ring": [True, False, True],
        "ring spins": [True, False, False],
        "spins": [True, False, False],
        "spinning": [True, False, False],
        "falls": [True, True, False],
        "blue": [False, True, False],
        "blue ring": [False, True, False],
        "ring falls": [False, True, False],
        "gone": [False, True, False],
    }  # "ring" is true of all: it tells nothing


def test_some_are_drawn_anew_each_step_and_the_same_again():
    excerpts = Excerpts(CAPTIONS, longest=2)
    drawn = [excerpts.draw([0, 1, 2], 4, seed=3, step=step).texts for step in range(20)]
    assert {len(texts) for texts in drawn} == {4}
    assert len({frozenset(texts) for texts in drawn}) > 10
    assert drawn[5] == Excerpts(CAPTIONS, longest=2).draw([0, 1, 2], 4, seed=3, step=5).texts
    assert drawn[5] != excerpts.draw([0, 1, 2], 4, seed=4, step=5).texts


def test_videos_with_the_same_words_have_none():
    drawn = Excerpts([["a red ring"], ["red ring"]], longest=3).draw([0, 1], 9, seed=0, step=0)
    assert drawn.texts == ()
    assert drawn.is_true.shape == (0, 2)
