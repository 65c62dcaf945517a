"""Captions with words left out: which, and how many."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hbi.training.dropped_words import DroppedWords

WORDS = st.lists(st.sampled_from(["a", "red", "circle", "spins", "then,", "falls."]), max_size=9)


@given(st.lists(WORDS.map(" ".join), max_size=9), st.floats(0.01, 0.99), st.floats(0.01, 1), st.integers(0, 99))
def test_what_is_left_are_some_of_the_words_in_order(captions, chance, share, step):
    shorter = DroppedWords(chance, share).of_step(captions, seed=1, step=step)
    assert shorter == DroppedWords(chance, share).of_step(captions, seed=1, step=step)
    for caption, left in zip(captions, shorter, strict=True):
        words = iter(caption.split())
        assert all(word in words for word in left.split()), "a subsequence"
        assert bool(left) == bool(caption)


def test_share_and_chance_are_what_they_say():
    captions = [" ".join(f"w{place}" for place in range(20))] * 4_000
    shorter = DroppedWords(chance=0.4, share=0.5).of_step(captions, seed=3, step=7)
    lengths = np.array([len(caption.split()) for caption in shorter])
    assert np.mean(lengths < 20) == pytest.approx(0.5, abs=0.03)
    assert np.mean(lengths[lengths < 20]) == pytest.approx(12, abs=0.2)
    assert shorter != DroppedWords(0.4, 0.5).of_step(captions, seed=3, step=8)
    assert shorter != DroppedWords(0.4, 0.5).of_step(captions, seed=4, step=7)


def test_text_without_spaces_stays():
    captions = ["一个红色的圆在旋转"] * 50
    assert DroppedWords(0.9, 1.0).of_step(captions, seed=0, step=0) == captions
