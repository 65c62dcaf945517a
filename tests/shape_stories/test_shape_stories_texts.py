"""ShapeStories' texts against the truth, read back word by word by a reader that knows nothing of how they are made."""

import re
from collections import Counter, defaultdict
from itertools import combinations

import pytest

from hbi.shape_stories import Caption, Event, Story, World
from hbi.shape_stories.annotation import annotate_split
from hbi.shape_stories.captions import PATTERNS
from hbi.shape_stories.questions import ANSWERS
from hbi.shape_stories.wording import ACTION_VERBS, COLOR_WORDS, SHAPE_WORDS
from hbi.shape_stories.world import SHAPES

NUM_VIDEOS = 80
WORLD = World()
NUMBERS = ("none", "one", "two", "three", "four", "five")

# Every phrase that names an attribute: what it names, and as what.
PHRASES = {word: ("color", color) for color, words in COLOR_WORDS.items() for word in words}
PHRASES |= {word: ("shape", shape) for shape, words in SHAPE_WORDS.items() for word in words}
PHRASES |= {
    form: ("action", action) for action, verbs in ACTION_VERBS.items() for v in verbs for form in vars(v).values()
}
READER = re.compile(r"\b(" + "|".join(sorted(map(re.escape, PHRASES), key=len, reverse=True)) + r")\b")


@pytest.fixture(scope="module", params=["train", "test"])
def stories(request) -> list[Story]:
    return annotate_split(WORLD, 5, request.param, NUM_VIDEOS)


@pytest.fixture(scope="module")
def test_stories() -> list[Story]:
    return annotate_split(WORLD, 5, "test", NUM_VIDEOS)


def read(text: str) -> list[tuple[str, str]]:
    return [PHRASES[match.group()] for match in READER.finditer(text.lower())]


def told_in(caption: Caption) -> list[dict[str, str]]:
    """What a caption tells of each event, in the order in which they happen, from the words of its spans."""
    told: dict[int, dict[str, str]] = defaultdict(dict)
    for mention in caption.mentions:
        attribute, value = PHRASES[caption.text[mention.start : mention.end].lower()]
        told[mention.event][attribute] = value
    return [told[event] for event in sorted(told)]


def agrees(event: Event, told: dict[str, str]) -> bool:
    return all(getattr(event, attribute) == value for attribute, value in told.items())


def is_true(events: tuple[Event, ...], told: list[dict[str, str]]) -> bool:
    """The relation by its definition: try every way of choosing as many events, in order."""
    return any(all(map(agrees, chosen, told)) for chosen in combinations(events, len(told)))


def test_vocabularies_do_not_overlap():
    num_phrases = sum(map(len, COLOR_WORDS.values())) + sum(map(len, SHAPE_WORDS.values()))
    num_phrases += len({form for verbs in ACTION_VERBS.values() for verb in verbs for form in vars(verb).values()})
    assert len(PHRASES) == num_phrases


def test_spans_are_exactly_the_words_that_name_attributes(stories):
    for story in stories:
        for caption in story.captions:
            spans = [(m.start, m.end) for m in caption.mentions]
            assert spans == [match.span() for match in READER.finditer(caption.text.lower())], caption.text
            for mention in caption.mentions:
                named = PHRASES[caption.text[mention.start : mention.end].lower()]
                assert named == (mention.attribute, getattr(story.events[mention.event], mention.attribute))


def test_satisfied_by_is_what_brute_force_finds(stories):
    for story in stories:
        for caption in story.captions:
            told = told_in(caption)
            expected = tuple(other.video_id for other in stories if is_true(other.events, told))
            assert caption.satisfied_by == expected, caption.text
            assert story.video_id in expected


def test_captions_have_the_promised_form(stories):
    captions = [caption for story in stories for caption in story.captions]
    assert all(len(story.captions) == WORLD.captions_per_video for story in stories)
    assert all(len({caption.text for caption in story.captions}) == len(story.captions) for story in stories)
    assert max(len(caption.text.split()) for caption in captions) <= WORLD.caption_words
    assert not [caption.text for caption in captions if re.search(r"\ba [aeiou]|\ban [^aeiou]|  | ,|,,", caption.text)]
    num_told = Counter(len(told_in(caption)) for caption in captions)
    for count, share in zip((1, 2, 3), WORLD.told_events_shares, strict=True):
        assert num_told[count] / len(captions) == pytest.approx(share, abs=0.08)
    told = [one for caption in captions for one in told_in(caption)]
    assert {len(one) for one in told} == {2, 3}
    assert sum(len(one) == 2 for one in told) / len(told) == pytest.approx(WORLD.omission_probability, abs=0.06)


def test_vocabulary_is_that_of_a_person():
    stories = annotate_split(WORLD, 0, "train", 400)
    words = {word for s in stories for c in s.captions for word in re.findall(r"[a-z-]+", c.text.lower())}
    assert 100 < len(words) <= 220


@pytest.mark.parametrize("pattern", [p for patterns in PATTERNS.values() for p in patterns], ids=lambda p: p.text)
def test_sentence_forms_tell_the_slots_in_the_order_of_their_numbers(pattern):
    """What English says: "X before Y" and "before Y, X" put X first; "X after Y", "after Y, X" put Y first."""
    slots = re.findall(r"\{(\d)\}", pattern.text)
    text = pattern.text
    is_inverted = re.search(r"\} after \{|^before|preceded by", text) is not None
    if is_inverted:
        slots[0], slots[1] = slots[1], slots[0]
    assert slots == sorted(slots)
    assert len(set(slots)) == len(slots)


def test_minimal_pairs_are_false_and_differ_in_one_thing(test_stories):
    kinds = Counter(pair.kind for story in test_stories for pair in story.minimal_pairs)
    assert all(kinds[kind] >= 0.95 * NUM_VIDEOS for kind in ("color", "shape", "action", "order"))
    for story in test_stories:
        for pair in story.minimal_pairs:
            true = story.captions[pair.caption]
            told = told_in(true)
            assert is_true(story.events, told)
            wrongs = list(swapped(true, pair.text)) if pair.kind == "order" else [reworded(true, pair.text, pair.kind)]
            assert wrongs, (true.text, pair.text)
            assert not any(is_true(story.events, wrong) for wrong in wrongs), (true.text, pair.text)


def frame_of(text: str) -> str:
    """A sentence without the words that name attributes; "an" is "a"."""
    return re.sub(r"\ban\b", "a", READER.sub("_", text.lower()))


def reworded(true: Caption, wrong_text: str, kind: str) -> list[dict[str, str]]:
    """What the wrong text tells, after checking that one attribute of one event is all that differs."""
    assert frame_of(true.text) == frame_of(wrong_text)
    changed = [
        (mention, wrong)
        for mention, right, wrong in zip(true.mentions, read(true.text), read(wrong_text), strict=True)
        if right != wrong
    ]
    ((mention, (attribute, value)),) = changed
    assert attribute == mention.attribute == kind
    told = told_in(true)
    place = sorted({m.event for m in true.mentions}).index(mention.event)
    told[place] = told[place] | {attribute: value}
    assert (told[place].get("shape"), told[place].get("action")) not in {
        (shape, "spins") for shape, symmetry in SHAPES.items() if symmetry is None
    }
    return told


def swapped(true: Caption, wrong_text: str):
    """Every swap of two told events that gives the wrong text's words in the wrong text's order."""
    assert wrong_text != true.text
    assert sorted(re.findall(r"\w+", wrong_text.lower().replace("an ", "a "))) == sorted(
        re.findall(r"\w+", true.text.lower().replace("an ", "a "))
    )
    told = told_in(true)
    events = sorted({mention.event for mention in true.mentions})
    order = list(dict.fromkeys(mention.event for mention in true.mentions))
    for first, second in combinations(range(len(told)), 2):
        wrong = list(told)
        wrong[first], wrong[second] = wrong[second], wrong[first]
        by_place = [list(wrong[events.index(event)].items()) for event in order]
        if [phrase for phrases in by_place for phrase in phrases] == read(wrong_text):
            yield wrong


def test_train_has_no_minimal_pairs_and_val_has():
    assert not any(story.minimal_pairs for story in annotate_split(WORLD, 5, "train", 10))
    assert all(story.minimal_pairs for story in annotate_split(WORLD, 5, "val", 10))


def test_questions_have_one_answer(stories):
    for story in stories:
        kinds = [question.kind for question in story.questions]
        assert len(kinds) == len(set(kinds)) >= 4
        for question in story.questions:
            assert question.answer in ANSWERS
            answers, event = answer(question.text, question.kind, story.events)
            assert answers == {question.answer}, (question, story.events)
            assert question.event == event, (question, story.events)


def answer(text: str, kind: str, events: tuple[Event, ...]) -> tuple[set[str], int | None]:
    """Every answer that the events allow, and where the evidence lies."""
    named = read(text)
    if kind == "count":
        return {NUMBERS[sum(agrees(event, dict(named)) for event in events)]}, None
    if kind == "first":
        if not named:
            return {events[0].action}, 0
        places = [[place for place, event in enumerate(events) if agrees(event, dict([one]))] for one in named]
        assert len(named) == 2
        assert all(len(place) == 1 for place in places), "either is seen once"
        (first,) = min(places)
        return {getattr(events[first], named[0][0])}, first
    places = [place for place, event in enumerate(events) if agrees(event, dict(named))]
    return {getattr(events[place], kind) for place in places}, places[0] if len(places) == 1 else None


def test_no_answer_is_a_good_guess():
    answers: dict[str, Counter[str]] = defaultdict(Counter)
    for story in annotate_split(WORLD, 0, "test", 300):
        for question in story.questions:
            answers[question.kind][question.answer] += 1
    assert set(answers) == {"color", "shape", "action", "count", "first"}
    for kind, counts in answers.items():
        assert max(counts.values()) / counts.total() < 0.35, kind


@pytest.mark.parametrize(("split", "share"), [("train", 0.0), ("val", 0.0), ("test", WORLD.held_out_share)])
def test_held_out_combinations_are_seen_in_test_alone(split, share):
    events = [event for story in annotate_split(WORLD, 0, split, 300) for event in story.events]
    held_out = [
        event
        for event in events
        if (event.color, event.shape) in WORLD.held_out_color_shapes
        or (event.shape, event.action) in WORLD.held_out_shape_actions
    ]
    assert len(held_out) / len(events) == pytest.approx(share, abs=0.04 if share else 0.0)


def test_every_word_and_value_of_the_test_split_is_seen_in_training():
    train, test = (annotate_split(WORLD, 0, split, 300) for split in ("train", "test"))
    for attribute in ("color", "shape", "action"):
        seen = [{getattr(event, attribute) for s in stories for event in s.events} for stories in (train, test)]
        assert seen[0] == seen[1]


def test_stories_keep_to_the_worlds_times(stories):
    for story in stories:
        assert WORLD.num_events[0] <= len(story.events) <= WORLD.num_events[1]
        assert WORLD.story_seconds[0] <= story.duration_seconds <= WORLD.story_seconds[1]
        clock = 0.0
        for event in story.events:
            assert 0.0 <= event.start_seconds - clock <= WORLD.gap_seconds[1]
            assert WORLD.event_seconds[0] <= event.end_seconds - event.start_seconds <= WORLD.event_seconds[1]
            clock = event.end_seconds
        assert 0.0 <= story.duration_seconds - clock <= WORLD.gap_seconds[1]
        assert len({(e.color, e.shape, e.action) for e in story.events}) == len(story.events)


def test_annotations_depend_on_seed_split_and_index_alone():
    few, many = (annotate_split(WORLD, 7, "test", count) for count in (5, 9))
    for one, other in zip(few, many, strict=False):
        assert one.events == other.events
        assert [c.text for c in one.captions] == [c.text for c in other.captions]
        assert (one.minimal_pairs, one.questions) == (other.minimal_pairs, other.questions)
    assert annotate_split(WORLD, 8, "test", 1)[0].events != few[0].events
    assert annotate_split(WORLD, 7, "val", 1)[0].events != few[0].events


@pytest.mark.parametrize(
    "change",
    [{"num_events": (3, 11)}, {"story_seconds": (16.0, 20.0)}, {"num_events": (2, 5), "story_seconds": (6.0, 20.0)}],
)
def test_a_world_that_cannot_be_is_refused(change):
    with pytest.raises(ValueError, match="World: "):
        World(**change)
