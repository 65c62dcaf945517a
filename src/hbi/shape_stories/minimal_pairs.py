"""Minimal pairs: a true caption and the same sentence made wrong by one color, shape, action, or the order."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from hbi.shape_stories.captions import choose_word, told_by
from hbi.shape_stories.records import PAIR_KINDS, Attribute, MinimalPair
from hbi.shape_stories.sentences import Clause, Plan, write
from hbi.shape_stories.truth import satisfies
from hbi.shape_stories.wording import ACTION_VERBS, COLOR_WORDS, SHAPE_WORDS
from hbi.shape_stories.world import VALUES, Look, is_possible


def draw_minimal_pairs(
    rng: np.random.Generator, looks: Sequence[Look], plans: Sequence[Plan]
) -> tuple[MinimalPair, ...]:
    """Return one pair of each kind that the video allows; each wrong text is false of the video.

    Args:
        rng: Where random numbers come from.
        looks: The events of the video, in the order in which they happen.
        plans: The captions that the wrong texts are made of.
    """
    pairs = []
    for kind in PAIR_KINDS:
        wrong_plans = _reordered(rng, plans) if kind == "order" else _reworded(rng, looks, plans, kind)
        for caption, plan in wrong_plans:
            if not satisfies(looks, told_by(plan.clauses)):
                pairs.append(MinimalPair(kind, caption, write(plan)[0]))
                break
    return tuple(pairs)


def _reordered(rng: np.random.Generator, plans: Sequence[Plan]) -> Iterator[tuple[int, Plan]]:
    """Yield captions with two of their events swapped, each keeping its words."""
    for caption in rng.permutation(len(plans)).tolist():
        plan = plans[caption]
        for first, second in rng.permutation(list(combinations(range(len(plan.clauses)), 2))).tolist():
            clauses = list(plan.clauses)
            clauses[first], clauses[second] = clauses[second], clauses[first]
            yield caption, replace(plan, clauses=tuple(clauses))


def _reworded(
    rng: np.random.Generator, looks: Sequence[Look], plans: Sequence[Plan], attribute: Attribute
) -> Iterator[tuple[int, Plan]]:
    """Yield captions with one attribute of one event replaced.

    Half of the time what other events of the video have is tried first: the wrong text then names nothing that the
    video does not show, and only who has what tells it from the truth.
    """
    seen = {getattr(look, attribute) for look in looks}
    for caption in rng.permutation(len(plans)).tolist():
        plan = plans[caption]
        for place in rng.permutation(len(plan.clauses)).tolist():
            values = rng.permutation(VALUES[attribute]).tolist()
            if rng.random() < 0.5:
                values.sort(key=lambda value: value not in seen)
            for value in values:
                if getattr(plan.clauses[place], attribute) in (None, value):
                    continue
                clause = _with_value(rng, plan.clauses[place], attribute, value)
                if clause.shape is None or clause.action is None or is_possible(clause.shape, clause.action):
                    clauses = (*plan.clauses[:place], clause, *plan.clauses[place + 1 :])
                    yield caption, replace(plan, clauses=clauses)


def _with_value(rng: np.random.Generator, clause: Clause, attribute: Attribute, value: str) -> Clause:
    """Return the clause with another color, shape or action, and a word for it."""
    match attribute:
        case "color":
            return replace(clause, color=value, color_word=choose_word(rng, COLOR_WORDS[value]))
        case "shape":
            return replace(clause, shape=value, noun=choose_word(rng, SHAPE_WORDS[value]))
        case "action":
            return replace(clause, action=value, verb=choose_word(rng, ACTION_VERBS[value]))
