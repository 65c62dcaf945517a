"""The words that people use for each color, shape and action, and when nothing is said of one of them."""

from dataclasses import dataclass
from typing import Literal

Tense = Literal["present", "past", "progressive"]


@dataclass(frozen=True)
class Verb:
    """One way to name an action, in the forms that sentences need: slides left, slid left, sliding left."""

    present: str
    past: str
    participle: str


def _verb(present: str, past: str, participle: str, tail: str = "") -> Verb:
    return Verb(*(f"{form} {tail}".rstrip() for form in (present, past, participle)))


# The first word of each is the usual one and comes most often.
COLOR_WORDS: dict[str, tuple[str, ...]] = {
    "red": ("red", "crimson", "scarlet"),
    "orange": ("orange", "tangerine"),
    "yellow": ("yellow", "golden"),
    "green": ("green", "emerald"),
    "cyan": ("cyan", "turquoise", "aqua"),
    "blue": ("blue", "cobalt"),
    "purple": ("purple", "violet"),
    "pink": ("pink", "rosy"),
    "white": ("white", "ivory"),
    "black": ("black", "ebony"),
    "lime": ("lime", "chartreuse"),
    "magenta": ("magenta", "fuchsia"),
}
SHAPE_WORDS: dict[str, tuple[str, ...]] = {
    "circle": ("circle", "disc", "ball"),
    "square": ("square", "box", "block"),
    "triangle": ("triangle", "pyramid"),
    "star": ("star", "five-pointed star"),
    "cross": ("cross", "plus sign"),
    "ring": ("ring", "hoop", "donut"),
}
ACTION_VERBS: dict[str, tuple[Verb, ...]] = {
    "slides left": (
        _verb("slides", "slid", "sliding", "left"),
        _verb("slides", "slid", "sliding", "to the left"),
        _verb("glides", "glided", "gliding", "left"),
        _verb("moves", "moved", "moving", "leftwards"),
        _verb("drifts", "drifted", "drifting", "to the left"),
        _verb("travels", "traveled", "traveling", "from right to left"),
    ),
    "slides right": (
        _verb("slides", "slid", "sliding", "right"),
        _verb("slides", "slid", "sliding", "to the right"),
        _verb("glides", "glided", "gliding", "right"),
        _verb("moves", "moved", "moving", "rightwards"),
        _verb("drifts", "drifted", "drifting", "to the right"),
        _verb("travels", "traveled", "traveling", "from left to right"),
    ),
    "rises": (
        _verb("rises", "rose", "rising"),
        _verb("goes", "went", "going", "up"),
        _verb("floats", "floated", "floating", "up"),
        _verb("moves", "moved", "moving", "upwards"),
        _verb("climbs", "climbed", "climbing"),
    ),
    "falls": (
        _verb("falls", "fell", "falling"),
        _verb("goes", "went", "going", "down"),
        _verb("drops", "dropped", "dropping", "down"),
        _verb("moves", "moved", "moving", "downwards"),
        _verb("sinks", "sank", "sinking"),
    ),
    "spins": (
        _verb("spins", "spun", "spinning"),
        _verb("rotates", "rotated", "rotating"),
        _verb("turns", "turned", "turning", "around"),
        _verb("twirls", "twirled", "twirling"),
    ),
    "grows": (
        _verb("grows", "grew", "growing"),
        _verb("gets", "got", "getting", "bigger"),
        _verb("expands", "expanded", "expanding"),
        _verb("becomes", "became", "becoming", "larger"),
        _verb("swells", "swelled", "swelling"),
    ),
    "blinks": (
        _verb("blinks", "blinked", "blinking"),
        _verb("flashes", "flashed", "flashing"),
        _verb("flickers", "flickered", "flickering"),
        _verb("blinks", "blinked", "blinking", "on and off"),
    ),
    "bounces": (
        _verb("bounces", "bounced", "bouncing"),
        _verb("hops", "hopped", "hopping"),
        _verb("bounces", "bounced", "bouncing", "up and down"),
        _verb("jumps", "jumped", "jumping", "up and down"),
    ),
}
# For an event whose shape, or whose action, is left unsaid.
ANY_NOUNS: tuple[str, ...] = ("shape", "object", "thing")
ANY_VERBS: tuple[Verb, ...] = (
    _verb("appears", "appeared", "appearing"),
    _verb("shows", "showed", "showing", "up"),
    _verb("comes", "came", "coming", "into view"),
)
