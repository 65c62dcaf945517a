"""Questions about one video, each with exactly one right answer from a small closed vocabulary."""

from collections.abc import Sequence

import numpy as np

from hbi.shape_stories.captions import choose, choose_word
from hbi.shape_stories.records import ATTRIBUTES, Attribute, Question
from hbi.shape_stories.truth import agrees
from hbi.shape_stories.wording import ACTION_VERBS, COLOR_WORDS, SHAPE_WORDS
from hbi.shape_stories.world import VALUES, Look

NUMBERS = ("none", "one", "two", "three", "four", "five")
ANSWERS: tuple[str, ...] = (*VALUES["color"], *VALUES["shape"], *VALUES["action"], *NUMBERS)

# By what is asked for and what the question tells of the event; {color}, {shape} are words, {does}, {doing} verbs.
FORMS: dict[tuple[Attribute, frozenset[Attribute]], tuple[str, ...]] = {
    ("color", frozenset({"shape"})): (
        "what color is the {shape}?",
        "which color does the {shape} have?",
        "the {shape} is what color?",
    ),
    ("color", frozenset({"action"})): (
        "what color is the thing that {does}?",
        "the shape that {does} is what color?",
        "what is the color of the shape that {does}?",
    ),
    ("color", frozenset({"shape", "action"})): (
        "what color is the {shape} that {does}?",
        "what color is the {shape} we see {doing}?",
        "which color does the {shape} that {does} have?",
    ),
    ("shape", frozenset({"color"})): (
        "what shape is {color}?",
        "which shape is the {color} one?",
        "what is the shape of the {color} thing?",
    ),
    ("shape", frozenset({"action"})): (
        "which shape {does}?",
        "what shape is the thing that {does}?",
        "what kind of shape {does}?",
    ),
    ("shape", frozenset({"color", "action"})): (
        "which {color} shape {does}?",
        "what shape is the {color} thing that {does}?",
        "what is the {color} thing that {does}?",
    ),
    ("action", frozenset({"color"})): (
        "what does the {color} shape do?",
        "what is the {color} thing doing?",
        "what happens to the {color} shape?",
    ),
    ("action", frozenset({"shape"})): (
        "what does the {shape} do?",
        "what is the {shape} doing?",
        "what happens to the {shape}?",
    ),
    ("action", frozenset({"color", "shape"})): (
        "what does the {color} {shape} do?",
        "what is the {color} {shape} doing?",
        "what happens to the {color} {shape}?",
    ),
}
COUNT_FORMS: dict[Attribute | None, tuple[str, ...]] = {
    None: (
        "how many things happen in the video?",
        "how many events are there?",
        "how many times does something happen?",
    ),
    "color": ("how many times does something {color} appear?", "how many times do we see something {color}?"),
    "shape": ("how many times does a {shape} appear?", "how many times do we see a {shape}?"),
    "action": ("how many of the shapes are {doing}?", "how many times do we see a shape {doing}?"),
}
FIRST_FORMS: dict[Attribute, tuple[str, ...]] = {
    "color": ("which comes first, {a} or {b}?", "what color appears first, {a} or {b}?", "do we see {a} or {b} first?"),
    "shape": (
        "which comes first, the {a} or the {b}?",
        "what appears first, the {a} or the {b}?",
        "do we see the {a} or the {b} first?",
    ),
}
FIRST_EVENT_FORMS = (
    "what is the first thing that happens?",
    "what does the first shape do?",
    "what happens at the very beginning?",
)


def draw_questions(rng: np.random.Generator, looks: Sequence[Look]) -> tuple[Question, ...]:
    """Return one question of each kind that the video allows."""
    asked = (
        *(_ask_attribute(rng, looks, attribute) for attribute in ATTRIBUTES),
        _ask_count(rng, looks),
        _ask_first(rng, looks),
    )
    return tuple(question for question in asked if question is not None)


def _ask_attribute(rng: np.random.Generator, looks: Sequence[Look], asked: Attribute) -> Question | None:
    """Ask for one attribute of an event that the other two, or one of them, single out."""
    subsets = [given for attribute, given in FORMS if attribute == asked]
    for event in rng.permutation(len(looks)).tolist():
        look = looks[event]
        for number in rng.permutation(len(subsets)).tolist():
            given = subsets[number]
            color, shape, action = (getattr(look, name) if name in given else None for name in ATTRIBUTES)
            if sum(agrees(other, (color, shape, action)) for other in looks) == 1:
                text = choose(rng, FORMS[asked, given]).format(**_words(rng, look.color, look.shape, look.action))
                return Question(_as_typed(rng, text), getattr(look, asked), asked, event)
    return None


def _ask_count(rng: np.random.Generator, looks: Sequence[Look]) -> Question:
    """Ask how many events there are, or how many of one color, shape or action: none, one, or more of them."""
    if rng.random() < 0.4:
        return Question(_as_typed(rng, choose(rng, COUNT_FORMS[None])), NUMBERS[len(looks)], "count", None)
    attribute, wanted = choose(rng, ATTRIBUTES), rng.integers(3)
    seen = [getattr(look, attribute) for look in looks]
    distance = {value: abs(seen.count(value) - wanted) for value in VALUES[attribute]}
    value = choose(rng, [value for value in distance if distance[value] == min(distance.values())])
    text = choose(rng, COUNT_FORMS[attribute]).format(**_words(rng, **{attribute: value}))
    return Question(_as_typed(rng, text), NUMBERS[seen.count(value)], "count", None)


def _ask_first(rng: np.random.Generator, looks: Sequence[Look]) -> Question:
    """Ask which of two colors or shapes, each seen once, comes first; or else what happens first."""
    attribute = choose(rng, ATTRIBUTES)
    seen = [getattr(look, attribute) for look in looks]
    once = [event for event, value in enumerate(seen) if seen.count(value) == 1]
    if attribute == "action" or len(once) < 2:
        return Question(_as_typed(rng, choose(rng, FIRST_EVENT_FORMS)), looks[0].action, "first", 0)
    events = rng.choice(once, size=2, replace=False).tolist()
    a, b = (_words(rng, **{attribute: seen[event]})[attribute] for event in events)
    text = choose(rng, FIRST_FORMS[attribute]).format(a=a, b=b)
    return Question(_as_typed(rng, text), seen[min(events)], "first", min(events))


def _words(
    rng: np.random.Generator, color: str | None = None, shape: str | None = None, action: str | None = None
) -> dict[str, str]:
    """Return a word for each attribute that is given, by the name of its place in a form."""
    words = {}
    if color is not None:
        words["color"] = choose_word(rng, COLOR_WORDS[color])
    if shape is not None:
        words["shape"] = choose_word(rng, SHAPE_WORDS[shape])
    if action is not None:
        verb = choose_word(rng, ACTION_VERBS[action])
        words["does"], words["doing"] = verb.present, verb.participle
    return words


def _as_typed(rng: np.random.Generator, text: str) -> str:
    return text[0].upper() + text[1:] if rng.random() < 0.6 else text
