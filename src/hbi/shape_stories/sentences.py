"""Sentences about events: a plan of words, and its text with the span of every word that names an attribute."""

from dataclasses import dataclass

from hbi.shape_stories.records import Attribute, Mention
from hbi.shape_stories.wording import Tense, Verb


@dataclass(frozen=True)
class Clause:
    """The words chosen for one event; a value is what they mean, None where the attribute is left unsaid."""

    event: int
    color: str | None
    shape: str | None
    action: str | None
    color_word: str
    noun: str
    verb: Verb
    is_something: bool  # "something red", the form for an unsaid shape


@dataclass(frozen=True)
class Pattern:
    """A sentence with a slot for each clause, numbered in the order in which the events happen.

    Slots take whole clauses ("a red circle slides left") or, where `is_noun`, noun phrases ("a red circle sliding
    left", "a red circle" where the action is unsaid), to which some patterns bring a verb of their own.
    """

    text: str
    is_noun: bool = False
    has_verb: bool = False
    tenses: tuple[Tense, ...] = ("present", "past", "progressive")


@dataclass(frozen=True)
class Plan:
    """Every choice behind one sentence; `clauses` are in the order in which their events happen."""

    clauses: tuple[Clause, ...]
    pattern: Pattern
    tense: Tense
    article: str  # "a" (or "an") or "the"
    lead: str
    tail: str
    is_capitalized: bool
    full_stop: str


class Writer:
    """A text that grows piece by piece and remembers which characters name which attribute."""

    def __init__(self) -> None:
        self.text = ""
        self.mentions: list[Mention] = []

    def add(self, piece: str) -> None:
        """Write a piece that names nothing."""
        self.text += piece

    def name(self, piece: str, event: int, attribute: Attribute) -> None:
        """Write a piece that names an attribute of an event.

        Args:
            piece: The words to write.
            event: Number of the event that they tell of.
            attribute: What they name: its color, shape or action.
        """
        start = len(self.text)
        self.text += piece
        self.mentions.append(Mention(start, len(self.text), event, attribute))


def write(plan: Plan) -> tuple[str, tuple[Mention, ...]]:
    """Return the sentence and its mentions, in the order of the text."""
    writer = Writer()
    writer.add(plan.lead)
    for piece in plan.pattern.text.replace("{", "|{").replace("}", "}|").split("|"):
        if piece.startswith("{"):
            write_clause(writer, plan.clauses[int(piece[1:-1])], plan)
        else:
            writer.add(piece)
    writer.add(plan.tail + plan.full_stop)
    text = writer.text
    if plan.is_capitalized:
        text = ". ".join(sentence[:1].upper() + sentence[1:] for sentence in text.split(". "))
    return text, tuple(writer.mentions)


def write_clause(writer: Writer, clause: Clause, plan: Plan) -> None:
    """Write one event as a clause or as a noun phrase, as the plan's pattern asks.

    Args:
        writer: The text so far; it grows.
        clause: The words for the event.
        plan: The sentence that the clause is part of: its pattern, tense and article.
    """
    write_noun_phrase(writer, clause, plan.article)
    if plan.pattern.is_noun:
        if clause.action is not None:
            writer.add(" ")
            writer.name(clause.verb.participle, clause.event, "action")
        return
    if plan.tense == "progressive" and clause.action is not None:
        writer.add(" is ")
        verb = clause.verb.participle
    else:
        writer.add(" ")
        verb = clause.verb.past if plan.tense == "past" else clause.verb.present
    if clause.action is None:
        writer.add(verb)
    else:
        writer.name(verb, clause.event, "action")


def write_noun_phrase(writer: Writer, clause: Clause, article: str) -> None:
    """Write "a red circle", "an object", "something red".

    Args:
        writer: The text so far; it grows.
        clause: The words for the event; its action plays no part.
        article: "a", which becomes "an" before a vowel, or "the".
    """
    if clause.shape is None and clause.is_something:
        writer.add("something")
        if clause.color is not None:
            writer.add(" ")
            writer.name(clause.color_word, clause.event, "color")
        return
    first = clause.noun if clause.color is None else clause.color_word
    writer.add("an " if article == "a" and first[0] in "aeiou" else f"{article} ")
    if clause.color is not None:
        writer.name(clause.color_word, clause.event, "color")
        writer.add(" ")
    if clause.shape is None:
        writer.add(clause.noun)
    else:
        writer.name(clause.noun, clause.event, "shape")
