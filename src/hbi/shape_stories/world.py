"""The world of ShapeStories: its colors, shapes and actions, and every number that makes it easier or harder."""

from dataclasses import dataclass
from itertools import product

from hbi.shape_stories.records import Attribute

# Hue, saturation and value, each in [0, 1].
COLORS: dict[str, tuple[float, float, float]] = {
    "red": (0.995, 0.88, 0.85),
    "orange": (0.075, 0.92, 0.95),
    "yellow": (0.150, 0.88, 0.95),
    "green": (0.340, 0.80, 0.68),
    "cyan": (0.490, 0.75, 0.88),
    "blue": (0.620, 0.82, 0.88),
    "purple": (0.770, 0.70, 0.70),
    "pink": (0.915, 0.45, 0.98),
    "white": (0.0, 0.0, 0.97),
    "black": (0.0, 0.0, 0.05),
    "lime": (0.220, 0.85, 0.95),
    "magenta": (0.835, 0.85, 0.85),
}
# The angle after which a turned shape looks the same; None: it looks the same at every angle and cannot spin.
SHAPES: dict[str, float | None] = {
    "circle": None,
    "square": 90.0,
    "triangle": 120.0,
    "star": 72.0,
    "cross": 90.0,
    "ring": None,
}
ACTIONS: tuple[str, ...] = ("slides left", "slides right", "rises", "falls", "spins", "grows", "blinks", "bounces")
VALUES: dict[Attribute, tuple[str, ...]] = {"color": tuple(COLORS), "shape": tuple(SHAPES), "action": ACTIONS}


@dataclass(frozen=True)
class Look:
    """What a person would say of one event: a color, a shape, an action."""

    color: str
    shape: str
    action: str


@dataclass(frozen=True)
class World:
    """The numbers that decide how hard ShapeStories is; pairs are the lowest and highest value, both included."""

    # The film
    size_pixels: int = 96
    frames_per_second: int = 8
    # The plot
    num_events: tuple[int, int] = (3, 5)
    event_seconds: tuple[float, float] = (2.0, 4.5)
    gap_seconds: tuple[float, float] = (0.0, 0.375)
    story_seconds: tuple[float, float] = (8.0, 20.0)
    repeat_probability: float = 0.2  # how often an event takes its color or shape from an earlier one
    # The shapes
    radius_pixels: tuple[float, float] = (20.0, 22.0)
    hue_jitter: float = 0.008
    brightness_jitter: float = 0.06
    grow_factor: tuple[float, float] = (2.2, 2.6)
    grown_radius_pixels: tuple[float, float] = (26.0, 30.0)
    blink_on_seconds: tuple[float, float] = (0.4, 0.8)
    blink_off_seconds: tuple[float, float] = (0.25, 0.5)  # shorter: few looks at a blinking shape all miss it
    blink_opacity: float = 0.12  # what is left of a shape while it is off
    num_hops: tuple[int, int] = (2, 3)
    # The background
    background_luma: tuple[float, float] = (80.0, 130.0)
    texture_contrast: tuple[float, float] = (5.0, 12.0)
    noise_contrast: tuple[float, float] = (3.0, 6.0)
    drift_pixels: int = 8
    num_distractors: tuple[int, int] = (2, 3)
    distractor_radius_pixels: tuple[float, float] = (5.0, 8.0)
    distractor_contrast: tuple[float, float] = (20.0, 40.0)
    distractor_saturation: float = 14.0
    # The texts
    captions_per_video: int = 6
    caption_words: int = 30  # at most
    told_events_shares: tuple[float, float, float] = (0.05, 0.4, 0.55)  # captions that tell one, two, three events
    omission_probability: float = 0.1  # told events that leave out one attribute
    # What training never shows
    held_out_color_shapes: tuple[tuple[str, str], ...] = (
        ("red", "star"),
        ("yellow", "cross"),
        ("green", "ring"),
        ("blue", "triangle"),
        ("purple", "square"),
    )
    held_out_shape_actions: tuple[tuple[str, str], ...] = (("circle", "rises"), ("triangle", "grows"))
    held_out_share: float = 0.2  # of the test split's events

    def __post_init__(self) -> None:
        fewest, most = self.num_events
        longest = fewest * self.event_seconds[1] + (fewest + 1) * self.gap_seconds[1]
        shortest = most * self.event_seconds[0] + (most + 1) * self.gap_seconds[0]
        if longest < self.story_seconds[0] or shortest > self.story_seconds[1]:
            raise ValueError(
                f"World: {fewest} to {most} events last {shortest} to {longest} seconds at least and at most, "
                f"which story_seconds {self.story_seconds} rule out; change one of them"
            )
        if fewest < len(self.told_events_shares):
            raise ValueError(f"World: captions tell up to {len(self.told_events_shares)} events; raise num_events")


def is_possible(shape: str, action: str) -> bool:
    """Return whether a viewer could see it: a shape that looks the same at every angle does not spin."""
    return action != "spins" or SHAPES[shape] is not None


def is_held_out(look: Look, world: World) -> bool:
    """Return whether the look uses a combination that train and val never show."""
    is_new_color_shape = (look.color, look.shape) in world.held_out_color_shapes
    return is_new_color_shape or (look.shape, look.action) in world.held_out_shape_actions


def looks(world: World, *, held_out: bool) -> tuple[Look, ...]:
    """Return every possible look that is, or is not, held out, in a fixed order."""
    everything = (Look(*parts) for parts in product(COLORS, SHAPES, ACTIONS))
    return tuple(
        look for look in everything if is_possible(look.shape, look.action) and is_held_out(look, world) == held_out
    )
