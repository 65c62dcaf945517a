"""Units and classes of words in made-up captions, and their numbers against slow obvious ones."""

from itertools import product
from math import log

import numpy as np
import pytest

from hbi.data.caption_units import CaptionUnits, words_of
from hbi.data.word_classes import cosines, find_word_classes, linked, recurrence

COLORS, ANIMALS = ("red", "blue", "pale green"), ("cat", "dog", "bird")
VERBS = ("sits down", "barks", "sings")
CAPTIONS = [f"A {color} {animal} {verb}." for color, animal, verb in product(COLORS, ANIMALS, VERBS)] * 3


def test_words_that_belong_together_are_one_unit():
    units = CaptionUnits.of(CAPTIONS)
    caption = "A pale green dog sits down."
    found = units.cut(caption)
    assert [unit.text for unit in found] == ["a", "pale green", "dog", "sits down", "."]
    assert [caption[unit.start : unit.end].lower() for unit in found] == [unit.text for unit in found]
    assert [unit.text for unit in units.cut("Down sits a green, pale dog")] == [
        "down", "sits", "a", "green", ",", "pale", "dog",
    ]  # fmt: skip


def test_words_and_marks_are_told_apart():
    assert [unit.text for unit in words_of("An ice-cream, the dog's!")] == ["a", "ice-cream", ",", "the", "dog's", "!"]
    assert [unit.is_word for unit in words_of("an 8, _")] == [True, True, False, True]


def test_words_between_the_same_neighbors_are_a_class():
    classes = find_word_classes([[caption] for caption in CAPTIONS], CaptionUnits.of(CAPTIONS))
    of_class = {}
    for unit, number in zip(classes.units, classes.class_of, strict=True):
        of_class.setdefault(number, set()).add(unit)
    assert of_class.pop(-1) == {"a"}
    assert sorted(map(sorted, of_class.values())) == sorted(map(sorted, (COLORS, ANIMALS, VERBS)))
    assert not classes.means_same[~np.eye(len(classes.units), dtype=bool)].any()
    assert ("pale green", "dog") in classes.neighbors
    assert ("dog", "pale green") not in classes.neighbors


def test_recurrence_is_counted_pair_by_pair():
    cut = [[["a", "b"], ["b", "c", "b"], ["c"]], [["a"], ["a", "c"]], [["b"]]]
    row = {"a": 0, "b": 1, "c": 2}
    observed, expected = recurrence(cut, row)
    slow, marginal, pairs = np.zeros((3, 3)), np.zeros(3), 0
    for texts in cut:
        for place, text in enumerate(texts):
            for other_place, other in enumerate(texts):
                if place != other_place:
                    pairs += 1
                    for unit in set(text):
                        marginal[row[unit]] += 1
                        for second in set(other):
                            slow[row[unit], row[second]] += 1
    assert np.array_equal(observed, slow)
    assert expected == pytest.approx(np.outer(marginal, marginal) / pairs)


@pytest.mark.parametrize("seed", range(5))
def test_average_linkage_is_that_of_the_definition(seed):
    vectors = np.random.default_rng(seed).normal(size=(12, 3))
    similarity = cosines(vectors)
    clusters = [{row} for row in range(12)]

    def mean(pair):
        return np.mean([similarity[one, other] for one in pair[0] for other in pair[1]])

    while len(clusters) > 1:
        pairs = [(one, other) for at, one in enumerate(clusters) for other in clusters[:at]]
        best = max(pairs, key=mean)
        if mean(best) < 0.3:
            break
        clusters = [each for each in clusters if each not in best] + [best[0] | best[1]]
    found = linked(similarity, 0.3)
    of_number = {}
    for row, number in enumerate(found.tolist()):
        of_number.setdefault(number, set()).add(row)
    assert sorted(map(sorted, of_number.values())) == sorted(map(sorted, clusters))
    assert 1 < len(clusters) < 12


def test_nothing_to_link_is_nothing():
    assert linked(np.zeros((0, 0)), 0.5).tolist() == []
    classes = find_word_classes([[]], CaptionUnits.of([]))
    assert classes.units == classes.names == ()


def test_information_of_neighbors_decides():
    captions = ["new york is large"] * 10 + ["the town is large"] * 30
    ((pair, information),) = CaptionUnits.of(captions).phrases[0].items()
    assert pair == ("new", "york")
    assert information == pytest.approx(log(10 * 160 / (10 * 10)) / log(160 / 10))
