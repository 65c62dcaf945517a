"""Captions as people write them: one to three events of a video, in order, in many forms."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from hbi.shape_stories.sentences import Clause, Pattern, Plan, write
from hbi.shape_stories.truth import Told
from hbi.shape_stories.wording import ACTION_VERBS, ANY_NOUNS, ANY_VERBS, COLOR_WORDS, SHAPE_WORDS, Tense
from hbi.shape_stories.world import Look, World

T = TypeVar("T")

# By the number of events told. "Before" and "after" want one simple tense for both clauses.
SIMPLE: tuple[Tense, ...] = ("present", "past")
PATTERNS: dict[int, tuple[Pattern, ...]] = {
    1: (Pattern("{0}"), Pattern("{0}", is_noun=True)),
    2: (
        Pattern("{0}, then {1}"),
        Pattern("{0} and then {1}"),
        Pattern("first {0}, then {1}"),
        Pattern("first {0}, and after that {1}"),
        Pattern("{0}, after which {1}"),
        Pattern("{0}; later {1}"),
        Pattern("{0}, and a little later {1}"),
        Pattern("{0}. then {1}"),
        Pattern("{0}. a moment later {1}"),
        Pattern("{0} before {1}", tenses=SIMPLE),
        Pattern("after {0}, {1}", tenses=SIMPLE),
        Pattern("{1} after {0}", tenses=SIMPLE),
        Pattern("before {1}, {0}", tenses=SIMPLE),
        Pattern("{0}, followed by {1}", is_noun=True),
        Pattern("{0} and then {1}", is_noun=True),
        Pattern("{0} and, later on, {1}", is_noun=True),
        Pattern("{1}, preceded by {0}", is_noun=True),
        Pattern("after {0} comes {1}", is_noun=True, has_verb=True),
        Pattern("{0} comes before {1}", is_noun=True, has_verb=True),
    ),
    3: (
        Pattern("{0}, then {1}, then {2}"),
        Pattern("{0}, then {1}, and finally {2}"),
        Pattern("first {0}, then {1}, and lastly {2}"),
        Pattern("first {0}, next {1}, then {2}"),
        Pattern("{0}. then {1}. after that {2}"),
        Pattern("{0}. next {1}, and later {2}"),
        Pattern("after {0}, {1}, and then {2}", tenses=SIMPLE),
        Pattern("{0} before {1}; later {2}", tenses=SIMPLE),
        Pattern("{1} after {0}, and finally {2}", tenses=SIMPLE),
        Pattern("{0}, followed by {1} and then {2}", is_noun=True),
        Pattern("{0}, then {1}, and finally {2}", is_noun=True),
        Pattern("{0}, {1} and {2}, one after the other", is_noun=True),
    ),
}
CLAUSE_LEADS = ("in this clip, ", "in the video, ", "on screen, ", "as far as I can see, ")
NOUN_LEADS = ("we see ", "the video shows ", "you can see ", "a clip of ", "this is a short video of ")
TAILS = (" in the video", ", on a noisy background", " in front of a grainy backdrop", ", it seems")


def told_by(clauses: Sequence[Clause]) -> tuple[Told, ...]:
    """Return what the clauses say of each event."""
    return tuple((clause.color, clause.shape, clause.action) for clause in clauses)


def choose(rng: np.random.Generator, options: Sequence[T]) -> T:
    """Return one of the options, all equally likely."""
    return options[int(rng.integers(len(options)))]


def choose_word(rng: np.random.Generator, words: Sequence[T]) -> T:
    """Return one of the words: the usual one more than half of the time."""
    return words[0] if rng.random() < 0.5 else choose(rng, words)


def draw_captions(rng: np.random.Generator, world: World, looks: Sequence[Look]) -> list[Plan]:
    """Return the plans of different captions, none too long, that are true of a video.

    Args:
        rng: Where random numbers come from.
        world: Says how many captions a video has, and how many words a caption at most.
        looks: The events of the video, in the order in which they happen.
    """
    plans: dict[str, Plan] = {}
    while len(plans) < world.captions_per_video:
        plan = _draw_caption(rng, world, looks)
        text, _ = write(plan)
        if len(text.split()) <= world.caption_words:
            plans[text] = plan
    return list(plans.values())


def _draw_caption(rng: np.random.Generator, world: World, looks: Sequence[Look]) -> Plan:
    num_told = 1 + int(rng.choice(3, p=world.told_events_shares))
    told = sorted(rng.choice(len(looks), size=num_told, replace=False).tolist())
    clauses = tuple(_draw_clause(rng, world, event, looks[event]) for event in told)
    pattern = choose(rng, PATTERNS[num_told])
    is_capitalized = bool(rng.random() < 0.6) or ". " in pattern.text
    lead = _draw_lead(rng, pattern)
    return Plan(
        clauses=clauses,
        pattern=pattern,
        tense=choose_word(rng, pattern.tenses),
        article="a" if rng.random() < 0.85 else "the",
        lead=lead,
        tail=choose(rng, TAILS) if not lead and rng.random() < 0.12 else "",
        is_capitalized=is_capitalized,
        full_stop="." if rng.random() < (0.8 if is_capitalized else 0.2) else "",
    )


def _draw_lead(rng: np.random.Generator, pattern: Pattern) -> str:
    """Return how the sentence opens, often with nothing; a noun phrase alone more often wants an opening."""
    if pattern.has_verb or rng.random() > (0.6 if pattern.is_noun else 0.25):
        return ""
    return choose(rng, NOUN_LEADS if pattern.is_noun else CLAUSE_LEADS)


def _draw_clause(rng: np.random.Generator, world: World, event: int, look: Look) -> Clause:
    """Return words for one event; now and then one attribute is left unsaid."""
    unsaid = choose(rng, ("color", "shape", "action")) if rng.random() < world.omission_probability else None
    return Clause(
        event=event,
        color=None if unsaid == "color" else look.color,
        shape=None if unsaid == "shape" else look.shape,
        action=None if unsaid == "action" else look.action,
        color_word=choose_word(rng, COLOR_WORDS[look.color]),
        noun=choose(rng, ANY_NOUNS) if unsaid == "shape" else choose_word(rng, SHAPE_WORDS[look.shape]),
        verb=choose(rng, ANY_VERBS) if unsaid == "action" else choose_word(rng, ACTION_VERBS[look.action]),
        is_something=bool(rng.random() < 0.5),
    )
