"""Clauses that change places, sentence by sentence as a person would write them."""

import pytest

from hbi.data.exchanged_clauses import clauses_of, reordered

EXCHANGED = {
    "a cat sits, then a dog barks": "a dog barks, then a cat sits",
    "A cat sits. Then a dog barks.": "A dog barks. Then a cat sits.",
    "First a cat sits, and after that a dog barks!": "First a dog barks, and after that a cat sits!",
    "a cat sits before a dog barks": "a dog barks before a cat sits",
    "after a cat sits, a dog barks": "after a dog barks, a cat sits",
    "In the video, before a cat sits, a dog barks.": "In the video, before a dog barks, a cat sits.",
    "a cat sits and, later on, a dog barks": "a dog barks and, later on, a cat sits",
    "a cat sitting, followed by a dog barking": "a dog barking, followed by a cat sitting",
    "after a cat comes a dog": "after a dog comes a cat",
    "a cat comes before a dog": "a dog comes before a cat",
    "a cat sits; a moment later a dog barks": "a dog barks; a moment later a cat sits",
    "pick up the key after you open the door": "open the door after you pick up the key",
    "after you pick up the key, open the door": "after you open the door, pick up the key",
    "go to the key and then open the door": "open the door and then go to the key",
}


@pytest.mark.parametrize("caption", EXCHANGED)
def test_two_clauses_change_places(caption):
    ((text, replaced, span),) = reordered(caption)
    assert text == EXCHANGED[caption]
    assert caption[: replaced[0]] == text[: span[0]]
    assert caption[replaced[1] :] == text[span[1] :]
    ((back, _, _),) = reordered(text)
    assert back == caption


def test_of_three_clauses_each_two_neighbors_do():
    texts = [text for text, _, _ in reordered("a cat sits, then a dog barks, and finally a bird sings")]
    assert texts == [
        "a dog barks, then a cat sits, and finally a bird sings",
        "a cat sits, then a bird sings, and finally a dog barks",
    ]


@pytest.mark.parametrize(
    "caption",
    [
        "a cat and a dog",
        "a cat sits",
        "a cat, a dog and a bird, one after the other",
        "the digit 3 is moving up and the digit 7 is moving down",
        "then",
        "",
        "ein Hund bellt, dann sitzt eine Katze",
        "a cat sits, then a cat sits",
    ],
)
def test_captions_without_an_order_of_two_things_give_none(caption):
    assert not list(reordered(caption))


def test_a_clause_of_one_word_is_none():
    assert clauses_of("wait then go") == []
