"""Captions made wrong: of ShapeStories, where the truth is known, and of a few that are made up."""

import time
from collections import Counter
from itertools import pairwise, product

import pytest

from hbi.data.exchanged_captions import CaptionExchanger, are_inflections, forms_of
from hbi.data.exchanged_clauses import clauses_of
from hbi.shape_stories.annotation import annotate_split
from hbi.shape_stories.records import ATTRIBUTES
from hbi.shape_stories.truth import satisfies
from hbi.shape_stories.wording import ACTION_VERBS, COLOR_WORDS, SHAPE_WORDS
from hbi.shape_stories.world import Look, World

MEANING = {word: ("color", name) for name, words in COLOR_WORDS.items() for word in words}
MEANING |= {word: ("shape", name) for name, words in SHAPE_WORDS.items() for word in words}
MEANING |= {f: ("action", name) for name, verbs in ACTION_VERBS.items() for verb in verbs for f in vars(verb).values()}
NUM_DRAWN = 250


@pytest.fixture(scope="module")
def stories():
    return annotate_split(World(), 0, "train", 600)


@pytest.fixture(scope="module")
def exchanger(stories):
    return CaptionExchanger.of([[caption.text for caption in story.captions] for story in stories])


@pytest.fixture(scope="module")
def drawn(stories, exchanger):
    """Story, caption, and what it was exchanged for."""
    found = []
    for story in stories[:NUM_DRAWN]:
        texts = [caption.text for caption in story.captions]
        for caption in story.captions:
            others = [text for text in texts if text != caption.text]
            wrong = exchanger.draw(caption.text, others, seed=0, step=0, number=len(exchanger.kinds))
            found += [(story, caption, each) for each in wrong]
    return found


def told(story, caption, wrong):
    """What the wrong caption says, and what kind of word it exchanges; None where it is no sentence of the world."""
    events, kind, swap = {}, "order", {}
    if wrong.kind == "order":
        spans = clauses_of(caption.text)
        at = next(at for at, span in enumerate(spans) if span[0] == wrong.replaced[0])
        first, second = (
            {mention.event for mention in caption.mentions if start <= mention.start < end}
            for start, end in spans[at : at + 2]
        )
        if len(first) != 1 or len(second) != 1:
            return None, kind
        (one,), (other,) = first, second
        swap = {one: other, other: one}
    start, end = wrong.replaced
    for mention in caption.mentions:
        value = getattr(story.events[mention.event], mention.attribute)
        if mention.start <= start and end <= mention.end:
            new = caption.text[mention.start : start] + wrong.text[slice(*wrong.span)] + caption.text[end : mention.end]
            kind, value = MEANING.get(new.lower(), (None, None))
        events.setdefault(swap.get(mention.event, mention.event), {})[mention.attribute] = value
    return [tuple(events[event].get(name) for name in ATTRIBUTES) for event in sorted(events)], kind


def test_what_is_exchanged_is_wrong(drawn):
    still_true, number = Counter(), Counter()
    for story, caption, wrong in drawn:
        said, kind = told(story, caption, wrong)
        if said is None:
            continue  # two clauses of which one tells of several events: not judged here
        assert kind is not None, wrong
        number[kind] += 1
        looks = [Look(event.color, event.shape, event.action) for event in story.events]
        still_true[kind] += satisfies(looks, said)
    assert set(number) == {"color", "shape", "action", "order"}
    for kind, count in number.items():
        assert count > 500
        assert still_true[kind] / count < 0.03, kind


def test_classes_are_the_attributes(exchanger):
    attributes = {}
    for unit, number in zip(exchanger.classes.units, exchanger.classes.class_of, strict=True):
        if number >= 0 and unit in MEANING:
            attributes.setdefault(number, Counter())[MEANING[unit][0]] += 1
    assert all(len(counts) == 1 for counts in attributes.values())
    largest = {next(iter(counts)): counts.total() for counts in attributes.values() if counts.total() > 10}
    assert set(largest) == {"color", "shape", "action"}
    assert largest["color"] == sum(map(len, COLOR_WORDS.values()))


def test_forms_are_kept_apart(exchanger, drawn):
    forms = {form: tense for verbs in ACTION_VERBS.values() for verb in verbs for tense, form in vars(verb).items()}
    number = 0
    for _, caption, wrong in drawn:
        before, after = (text[slice(*span)].lower() for text, span in
                         ((caption.text, wrong.replaced), (wrong.text, wrong.span)))  # fmt: skip
        if wrong.kind != "order" and before in forms and after in forms:
            assert forms[before] == forms[after]
            number += 1
    assert number > 500


def test_spans_say_what_differs_and_articles_fit(drawn):
    for _, caption, wrong in drawn:
        before, after = caption.text[: wrong.replaced[0]], wrong.text[: wrong.span[0]]
        assert after in (before, f"{before[:-1]}n ", f"{before[:-2]} ")
        assert caption.text[wrong.replaced[1] :] == wrong.text[wrong.span[1] :]
        assert wrong.text != caption.text
        words = wrong.text.lower().replace(".", "").split()
        for article, word in pairwise(words):
            if article in ("a", "an"):
                assert article == ("an" if word[0] in "aeiou" else "a")


def test_the_same_numbers_draw_the_same(stories, exchanger):
    text = stories[0].captions[0].text
    first = exchanger.draw(text, seed=1, step=2, number=3)
    assert first == exchanger.draw(text, seed=1, step=2, number=3)
    assert len({each.kind for each in first}) == len(first) == 3
    others = {exchanger.draw(text, seed=1, step=step) for step in range(20)}
    assert len(others) > 5
    everything = {(each.text, each.kind) for each in exchanger.exchanges(text)}
    assert {(each.text, each.kind) for draws in others for each in draws} <= everything


def test_a_training_step_is_quick(stories, exchanger):
    texts = [story.captions[0].text for story in stories[:128]]
    begin = time.process_time()
    for text in texts:
        exchanger.draw(text, seed=0, step=9)
    assert time.process_time() - begin < 0.05


def test_what_other_captions_say_in_a_place_is_left_out():
    captions = [[f"the {color} cat {verb}"] for color, verb in product(("red", "blue", "green"), ("sits", "runs"))] * 4
    exchanger = CaptionExchanger.of(captions)
    alone = {each.text for each in exchanger.exchanges("the red cat sits")}
    assert alone == {"the blue cat sits", "the green cat sits", "the red cat runs"}
    beside = {each.text for each in exchanger.exchanges("the red cat sits", ["The blue cat runs!"])}
    assert beside == {"the green cat sits", "the red cat runs"}


def test_words_that_captions_of_one_video_share_out_mean_the_same():
    pairs = (("couch", "sofa"), ("car", "auto"), ("street", "road"))
    captions = [[f"we see the {word} here" for word in pair] for pair in pairs for _ in range(60)]
    exchanger = CaptionExchanger.of(captions)
    found = {each.text.split()[3] for each in exchanger.exchanges("we see the sofa here")}
    assert found == {"car", "auto", "street", "road"}


def test_other_languages_exchange_words_and_no_order():
    captions = [
        [f"ein {color} Hund {verb}, dann {verb} eine Katze"]
        for color, verb in product(("roter", "blauer", "grüner"), ("sitzt", "bellt", "läuft"))
    ] * 4
    found = CaptionExchanger.of(captions).exchanges("ein roter Hund bellt, dann sitzt eine Katze")
    assert {each.kind for each in found} == {"roter, blauer, grüner", "sitzt, bellt, läuft"}
    assert "ein grüner Hund bellt, dann sitzt eine Katze" in {each.text for each in found}


def test_english_forms():
    words = ["spins", "spinning", "rises", "rising up", "falls", "ring", "cross", "sat", "going", "goes"]
    assert forms_of(words) == ["s", "ing", "s", "ing", "", "", "", "", "ing", "s"]
    assert are_inflections("dog", "dogs")
    assert are_inflections("walked", "walk")
    assert not are_inflections("cat", "cats eye")
    assert not are_inflections("red", "green")
