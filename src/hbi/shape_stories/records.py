"""What a ShapeStories split holds: stories with their events, captions, minimal pairs and questions."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

Attribute = Literal["color", "shape", "action"]
PairKind = Literal["color", "shape", "action", "order"]
QuestionKind = Literal["color", "shape", "action", "count", "first"]
Split = Literal["train", "val", "test"]

ATTRIBUTES: tuple[Attribute, ...] = get_args(Attribute)
PAIR_KINDS: tuple[PairKind, ...] = get_args(PairKind)
SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True)
class Event:
    """One colored shape doing one thing, visible from `start_seconds` (included) to `end_seconds` (excluded)."""

    color: str
    shape: str
    action: str
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True)
class Mention:
    """The characters `[start, end)` of a caption that name one attribute of `Story.events[event]`."""

    start: int
    end: int
    event: int
    attribute: Attribute


@dataclass(frozen=True)
class Caption:
    """A sentence about one to three events; `satisfied_by` names every video of the split that it is true of."""

    text: str
    mentions: tuple[Mention, ...]
    satisfied_by: tuple[str, ...]

    @property
    def told_events(self) -> frozenset[int]:
        """The indices of the events that the sentence tells."""
        return frozenset(mention.event for mention in self.mentions)


@dataclass(frozen=True)
class MinimalPair:
    """A wrong `text` that differs from `Story.captions[caption]` in exactly one color, shape, action, or the order."""

    kind: PairKind
    caption: int
    text: str


@dataclass(frozen=True)
class Question:
    """A question with one right answer; `event` holds the evidence (None where the whole video does)."""

    text: str
    answer: str
    kind: QuestionKind
    event: int | None


@dataclass(frozen=True)
class Story:
    """One video with everything that is known to be true of it."""

    video_id: str
    video: Path
    duration_seconds: float
    events: tuple[Event, ...]
    captions: tuple[Caption, ...]
    minimal_pairs: tuple[MinimalPair, ...]
    questions: tuple[Question, ...]

    @property
    def repeats_a_color(self) -> bool:
        """Whether two events show the same color."""
        return len({event.color for event in self.events}) < len(self.events)
