"""Captions made wrong by one word of another meaning, or by the order: found from captions alone, of any data set.

A word is exchanged for another of its class and form that stands between the same neighbors elsewhere, so that the
sentence stays one that somebody could have written. Nobody knows that the sentence is wrong; what could be true is left
out: words of the same meaning, and what another caption of the video says in that place.
"""

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from hbi.data.caption_units import END, START, CaptionUnits, Unit
from hbi.data.exchanged_clauses import Span, reordered
from hbi.data.word_classes import WordClasses, find_word_classes

ORDER = "order"
ARTICLE = re.compile(r"\b(an?)\s+(\w+)", re.IGNORECASE)
INFLECTION = 3
"""Words of which one is the other and so many letters more, at most, are forms of one word."""


@dataclass(frozen=True)
class ExchangedCaption:
    """A caption that is taken to be wrong.

    Attributes:
        text: The caption.
        kind: The class of the word, or "order".
        span: Its characters [start, end) that differ.
        replaced: The characters of the true caption that they stand for.
    """

    text: str
    kind: str
    span: Span
    replaced: Span


class CaptionExchanger:
    """Makes wrong captions out of true ones.

    Attributes:
        units: Cuts captions.
        classes: Says which words can stand in each other's place, and which mean the same.
        kinds: The names of the classes, and "order".
    """

    def __init__(self, units: CaptionUnits, classes: WordClasses, articles: dict[str, str]) -> None:
        """Take what was found in captions; `articles` says whether "a" or "an" stands before a word."""
        self.units, self.classes, self._articles = units, classes, articles
        self.kinds = (*classes.names, ORDER)
        self._row = {unit: row for row, unit in enumerate(classes.units)}
        self._forms = forms_of(classes.units)
        members: dict[tuple[int, str], list[int]] = {}
        for row, (number, form) in enumerate(zip(classes.class_of, self._forms, strict=True)):
            if number >= 0:
                members.setdefault((number, form), []).append(row)
        self._members = members
        self._fitting = lru_cache(maxsize=100_000)(self._find_fitting)
        self._frames = lru_cache(maxsize=200_000)(self._find_frames)

    @classmethod
    def of(cls, captions_of_videos: Sequence[Sequence[str]]) -> "CaptionExchanger":
        """Return what exchanges words as these captions allow.

        Args:
            captions_of_videos: The captions of each video of the training split. Where videos have several, words of
                the same meaning are known.
        """
        captions = [caption for captions in captions_of_videos for caption in captions]
        units = CaptionUnits.of(captions)
        counts = Counter(
            (match[1].lower(), match[2].lower()) for caption in captions for match in ARTICLE.finditer(caption)
        )
        articles = {word: max(("a", "an"), key=lambda each: counts[each, word]) for _, word in counts}
        return cls(units, find_word_classes(captions_of_videos, units), articles)

    def exchanges(self, caption: str, others: Sequence[str] = ()) -> list[ExchangedCaption]:
        """Return all wrong captions that differ from a true one in one thing.

        Args:
            caption: The true caption.
            others: The other captions of its video.
        """
        units = self.units.cut(caption)
        found = [
            self._exchanged(caption, units, place, row)
            for place in range(len(units))
            for row in self._options(units, place, (caption, *others))
        ]
        return found + list(_orders(caption))

    def draw(
        self, caption: str, others: Sequence[str] = (), *, seed: int, step: int, number: int = 1
    ) -> tuple[ExchangedCaption, ...]:
        """Return some wrong captions of different kinds, fewer where there are no more; the same for the same numbers.

        A kind is drawn first, all alike, then a place, then a word as often as captions have it: who does not look at
        the video cannot tell a wrong caption by its rare words.

        Args:
            caption: The true caption.
            others: The other captions of its video.
            seed: Of the training.
            step: Of the training.
            number: How many at most.
        """
        chance = random.Random(f"{seed} {step} {caption}")
        units = self.units.cut(caption)
        places: dict[int, list[int]] = {-1: []}
        for place, unit in enumerate(units):
            row = self._row.get(unit.text)
            if row is not None and self.classes.class_of[row] >= 0:
                places.setdefault(self.classes.class_of[row], []).append(place)
        found: list[ExchangedCaption] = []
        kinds = list(places)
        chance.shuffle(kinds)
        for kind in kinds:
            if len(found) == number:
                break
            if kind < 0:
                orders = list(_orders(caption))
                found += [chance.choice(orders)] if orders else []
                continue
            chance.shuffle(places[kind])
            for place in places[kind]:
                if options := self._options(units, place, (caption, *others)):
                    counts = [self.classes.counts[row] for row in options]
                    found.append(self._exchanged(caption, units, place, chance.choices(options, counts)[0]))
                    break
        return tuple(found)

    def _options(self, units: Sequence[Unit], place: int, captions: Sequence[str]) -> list[int]:
        """Return the words (rows) that can stand in a place and are not known to be true there."""
        left, right = _neighbors(units, place)
        fitting = self._fitting(left, units[place].text, right)
        if not fitting:
            return []
        said = [row for each in captions for row in self._frames(each).get((left, right), ())]
        same = self.classes.means_same
        return [row for row in fitting if not any(row == one or same[row, one] for one in said)]

    def _find_fitting(self, left: str, text: str, right: str) -> tuple[int, ...]:
        """Return the words (rows) of the same class and form and of another meaning that were seen beside both."""
        own = self._row.get(text)
        if own is None or self.classes.class_of[own] < 0:
            return ()
        beside, same = self.classes.neighbors, self.classes.means_same[own]
        return tuple(
            row
            for row in self._members[self.classes.class_of[own], self._forms[own]]
            if row != own
            and not same[row]
            and (left, self.classes.units[row]) in beside
            and (self.classes.units[row], right) in beside
            and not are_inflections(text, self.classes.units[row])
        )

    def _find_frames(self, caption: str) -> dict[tuple[str, str], tuple[int, ...]]:
        """Return what a caption says (rows) between which neighbors."""
        units = self.units.cut(caption)
        frames: dict[tuple[str, str], tuple[int, ...]] = {}
        for place, unit in enumerate(units):
            if (row := self._row.get(unit.text)) is not None:
                frame = _neighbors(units, place)
                frames[frame] = (*frames.get(frame, ()), row)
        return frames

    def _exchanged(self, caption: str, units: Sequence[Unit], place: int, row: int) -> ExchangedCaption:
        unit, word = units[place], self.classes.units[row]
        before, after = caption[: unit.start], caption[unit.end :]
        if place and units[place - 1].text == "a":
            article = units[place - 1]
            first = word.split()[0]
            right = self._articles.get(first, "an" if first[0] in "aeiou" else "a")
            right = right.capitalize() if caption[article.start].isupper() else right
            before = caption[: article.start] + right + caption[article.end : unit.start]
        if caption[unit.start].isupper():
            word = word[0].upper() + word[1:]
        span = (len(before), len(before) + len(word))
        kind = self.classes.names[self.classes.class_of[row]]
        return ExchangedCaption(before + word + after, kind, span, (unit.start, unit.end))


def are_inflections(one: str, other: str) -> bool:
    """Return whether two words look like forms of one, as "dog" and "dogs" do."""
    short, long = sorted((one, other), key=len)
    return long.startswith(short) and len(long) - len(short) <= INFLECTION and " " not in long[len(short) :]


def forms_of(units: Sequence[str]) -> list[str]:
    """Return the form of each unit's first word: "s" and "ing" of verbs that have both, "" of all else.

    An English rule: sentences stay right where "spins" is exchanged for "rises" and "spinning" for "rising".
    """
    words = {unit.split()[0] for unit in units}
    present: dict[str, str] = {}
    for word in words:
        if word.endswith("ing"):
            stem = word[:-3]
            single = stem[:-1] if len(stem) > 2 and stem[-1] == stem[-2] else stem
            present.update({each: word for each in (f"{stem}s", f"{stem}es", f"{single}s") if each in words})
    forms = dict.fromkeys(present, "s") | dict.fromkeys(present.values(), "ing")
    return [forms.get(unit.split()[0], "") for unit in units]


def _neighbors(units: Sequence[Unit], place: int) -> tuple[str, str]:
    left = units[place - 1].text if place else START
    return left, units[place + 1].text if place + 1 < len(units) else END


def _orders(caption: str) -> Iterator[ExchangedCaption]:
    for text, replaced, span in reordered(caption):
        yield ExchangedCaption(text, ORDER, span, replaced)
