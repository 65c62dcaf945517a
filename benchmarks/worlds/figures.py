"""A stick figure that does one thing after the other, all in shades of grey: nothing but motion tells films apart.

There is one figure, always of the same build, and no color. Captions tell one to three of the things that it does, in
their order.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import pi

import numpy as np

from worlds.films import Film, World

Array = np.ndarray
SIZE, FRAMES_PER_SECOND = 64, 8
HEIGHT = (34.0, 40.0)
"""Of the figure, in pixels; its limbs are in these units."""
TORSO, HEAD, ARM, LEG, NECK, HALF_WIDTH = 0.32, 0.085, 0.16, 0.23, 0.07, 0.04
"""An arm and a leg have two such parts."""
SECONDS = (1.25, 2.25)
"""How long one thing takes."""
NUM_DONE = (3, 4)
TOLD_SHARES = (0.15, 0.35, 0.5)
"""Captions that tell one, two, three things."""
ARMS_AT_REST, LEGS_AT_REST = 0.25, 0.12
"""Angles from straight down, in radians."""
LIMBS = ("left_arm", "left_elbow", "right_arm", "right_elbow", "left_leg", "left_knee", "right_leg", "right_knee")


@dataclass(frozen=True)
class Pose:
    """How the figure stands, frame by frame [frame]; angles in radians from straight down, counted to the right."""

    limbs: dict[str, Array]
    lean: Array
    turn: Array
    height: Array
    shift: Array


@dataclass(frozen=True)
class Claim:
    """Things that are done, one after the other, perhaps with others in between."""

    told: tuple[str, ...]


Motion = Callable[[Array, Array, float], dict[str, Array]]
"""From time (0 to 1), a hold (0 to 1 and back to 0) and a side (-1 or 1) to what changes."""


def waves(time: Array, hold: Array, side: float) -> dict[str, Array]:
    """Return the arm of a side that is up and sways."""
    arm, sway = side * 2.5 * hold, 0.7 * hold * np.sin(6.0 * pi * time)
    return {"right_arm": arm, "right_elbow": sway} if side > 0 else {"left_arm": arm, "left_elbow": sway}


def squats(time: Array, hold: Array, side: float) -> dict[str, Array]:
    """Return thighs to the sides and shins back in."""
    bend = 1.1 * hold
    return {"left_leg": -bend, "left_knee": 2.0 * bend, "right_leg": bend, "right_knee": -2.0 * bend}


def marches(time: Array, hold: Array, side: float) -> dict[str, Array]:
    """Return knees that come up in turn."""
    left, right = (1.2 * hold * np.clip(sign * np.sin(6.0 * pi * time), 0.0, None) for sign in (1.0, -1.0))
    return {"left_leg": left, "left_knee": -1.5 * left, "right_leg": right, "right_knee": -1.5 * right}


def steps(time: Array, hold: Array, side: float) -> dict[str, Array]:
    """Return a walk to a side."""
    swing = 0.5 * hold * np.sin(6.0 * pi * time)
    legs = {"left_leg": swing, "right_leg": -swing, "left_arm": -swing, "right_arm": swing}
    return legs | {"shift": side * 0.55 * _smooth(time)}


MOTIONS: dict[str, Motion] = {
    "waves": waves,
    "raises both arms": lambda time, hold, side: {"left_arm": -2.6 * hold, "right_arm": 2.6 * hold},
    "claps": lambda time, hold, side: {
        name: sign * hold * (2.0 + 0.85 * np.sin(6.0 * pi * time))
        for name, sign in (("left_arm", -1), ("right_arm", 1))
    },
    "jumps": lambda time, hold, side: {"height": 0.32 * abs(np.sin(2.0 * pi * time))},
    "squats": squats,
    "bows": lambda time, hold, side: {"lean": side * 1.3 * hold},
    "kicks": lambda time, hold, side: {
        "right_leg" if side > 0 else "left_leg": side * 1.5 * np.sin(2.0 * pi * time) ** 2
    },
    "marches in place": marches,
    "walks to the left": lambda time, hold, side: steps(time, hold, -1.0),
    "walks to the right": lambda time, hold, side: steps(time, hold, 1.0),
    "falls over": lambda time, hold, side: {"turn": side * 0.5 * pi * hold},
    "turns a cartwheel": lambda time, hold, side: {
        "turn": side * 2.0 * pi * _smooth(time),
        "shift": side * 0.25 * _smooth(time),
        "left_arm": -2.3 * hold,
        "right_arm": 2.3 * hold,
        "left_leg": -0.4 * hold,
        "right_leg": 0.4 * hold,
    },
}
INWARD = ("bows", "falls over", "turns a cartwheel")
"""What takes room, and is done towards the middle."""
PATTERNS: dict[int, tuple[str, ...]] = {
    1: ("{who} {0}", "{who} {0}"),
    2: (
        "{who} {0}, then {1}",
        "{who} {0} and then {1}",
        "first {who} {0}, then it {1}",
        "{who} {0} before it {1}",
        "{who} {1} after it {0}",
        "after it {0}, {who} {1}",
    ),
    3: (
        "{who} {0}, then {1}, then {2}",
        "{who} {0}, then it {1}, and finally it {2}",
        "first {who} {0}, then it {1}, then it {2}",
        "after it {0}, {who} {1}, and then it {2}",
    ),
}
WHO = ("a figure", "the figure", "a person")


def draw(rng: np.random.Generator) -> Film:
    """Return the film of a figure that does three or four things."""
    done = draw_done(rng)
    told = draw_told(rng, done)
    scale = float(rng.uniform(*HEIGHT))
    while True:
        start = float(rng.uniform(14.0, SIZE - 14.0))
        pose = poses(rng, done, (start - SIZE / 2.0) / scale)
        x = start + scale * pose.shift
        if x.min() > 10.0 and x.max() < SIZE - 10.0:
            break
        done = draw_done(rng)
        told = draw_told(rng, done)
    light = painted(skeleton(pose), x, float(rng.uniform(SIZE - 10.0, SIZE - 6.0)), scale)
    background, ink = rng.uniform(40.0, 90.0), rng.uniform(150.0, 215.0)
    slope = np.add.outer(*(np.linspace(-1.0, 1.0, SIZE) * rng.uniform(-15.0, 15.0) for _ in range(2)))
    film = background + slope + light * (ink - background - slope) + rng.normal(0.0, 4.0, light.shape)
    film = np.clip(film, 0.0, 255.0).round().astype(np.uint8)
    return Film(np.repeat(film[..., None], 3, axis=-1), sentence(rng, told), Claim(told), done)


def is_true(claim: Claim, seen: tuple[str, ...]) -> bool:
    """Return whether all that is claimed is done, in this order.

    Args:
        claim: What is said.
        seen: What is done in the film, in its order.
    """
    remaining = iter(seen)
    return all(any(one == other for other in remaining) for one in claim.told)


def draw_done(rng: np.random.Generator) -> tuple[str, ...]:
    """Return different things to do, in an order."""
    count = int(rng.integers(*NUM_DONE, endpoint=True))
    return tuple(rng.choice(list(MOTIONS), count, replace=False).tolist())


def draw_told(rng: np.random.Generator, done: tuple[str, ...]) -> tuple[str, ...]:
    """Return some of what is done, in its order."""
    count = 1 + int(rng.choice(len(TOLD_SHARES), p=TOLD_SHARES))
    return tuple(done[place] for place in sorted(rng.choice(len(done), count, replace=False).tolist()))


def sentence(rng: np.random.Generator, told: tuple[str, ...]) -> str:
    """Return what is told in words."""
    patterns = PATTERNS[len(told)]
    return patterns[rng.integers(len(patterns))].format(*told, who=WHO[rng.integers(len(WHO))])


def poses(rng: np.random.Generator, done: tuple[str, ...], place: float) -> Pose:
    """Return how the figure stands while it does one thing after the other, with short rests.

    Args:
        rng: Says how long each takes, and to which side.
        done: What it does.
        place: Where it begins, in its heights to the right of the middle.
    """
    rest = round(0.25 * FRAMES_PER_SECOND)
    parts: dict[str, list[Array]] = {name: [np.zeros(rest)] for name in (*LIMBS, "lean", "turn", "height", "shift")}
    for name in done:
        count = round(float(rng.uniform(*SECONDS)) * FRAMES_PER_SECOND)
        time = np.linspace(0.0, 1.0, count)
        hold = _smooth(np.clip(4.0 * np.minimum(time, 1.0 - time), 0.0, 1.0))
        side = float(rng.choice((-1.0, 1.0)))
        if name in INWARD:
            side = -1.0 if place + parts["shift"][-1][-1] > 0 else 1.0
        changes = MOTIONS[name](time, hold, side)
        for part, values in parts.items():
            before = values[-1][-1] if part == "shift" else 0.0
            values.append(before + changes.get(part, np.zeros(count)))
            values.append(np.full(rest, values[-1][-1] if part == "shift" else 0.0))
    whole = {name: np.concatenate(values) for name, values in parts.items()}
    return Pose({name: whole.pop(name) for name in LIMBS}, **whole)


def skeleton(pose: Pose) -> Array:
    """Return the segments of the figure `[frame, segment, 2, 2]`, (x, y) with y down, its hip at x = 0, its lowest
    point on the ground at y = 0, less the height of a jump."""
    still = np.zeros_like(pose.lean)
    back = pose.turn + pose.lean
    hip = np.zeros((len(still), 2))
    shoulder = hip - _pointing(-back, TORSO)
    segments = [(hip, shoulder), (shoulder, shoulder - _pointing(-back, NECK))]
    for side, sign in (("left", -1.0), ("right", 1.0)):
        for root, name, joint, rest, length, base in (
            (shoulder, "arm", "elbow", ARMS_AT_REST, ARM, -back),
            (hip, "leg", "knee", LEGS_AT_REST, LEG, -pose.turn),
        ):
            # At rest limbs hang a little to their side; what a motion adds comes on top.
            angle = base + sign * rest + pose.limbs[f"{side}_{name}"]
            middle = root + _pointing(angle, length)
            end = middle + _pointing(angle + pose.limbs[f"{side}_{joint}"], length)
            segments += [(root, middle), (middle, end)]
    found = np.stack([np.stack(pair, 1) for pair in segments], 1)
    found[..., 1] -= found[..., 1].max((1, 2))[:, None, None] + pose.height[:, None, None]
    return found


def painted(segments: Array, x: Array, ground: float, scale: float) -> Array:
    """Return how much of each pixel the figure covers, `[frame, SIZE, SIZE]` in 0 to 1.

    Args:
        segments: [frame, segment, 2, 2], in units of the figure's height; the second one ends at the head's rim.
        x: Where the hip is, in pixels [frame].
        ground: Where the ground is, in pixels from above.
        scale: The figure's height in pixels.
    """
    hip = np.stack([x, np.full(len(x), ground)], -1)[:, None, None]
    neck = segments[:, 1, 1] - segments[:, 1, 0]
    head = segments[:, 1, 1] + neck * (HEAD / np.maximum(np.hypot(*neck.T), 1e-6))[:, None]
    lines = np.concatenate([segments, np.stack([head, head], 1)[:, None]], 1) * scale + hip
    half_widths = scale * np.array([*[HALF_WIDTH] * segments.shape[1], HEAD])
    box = int(scale * (TORSO + 2.0 * HEAD)) + 4
    canvas = np.zeros((len(x), SIZE + 2 * box, SIZE + 2 * box), dtype=np.float32)
    pixels = np.arange(box)
    for line, half_width in zip(lines.swapaxes(0, 1), half_widths, strict=True):
        corner = np.clip(np.floor(line.mean(1) - box / 2.0).astype(np.int64), -box, SIZE)
        columns, rows = ((corner[:, axis, None] + pixels) for axis in (0, 1))
        covered = np.clip(0.5 + half_width - distance(line, columns + 0.5, rows + 0.5), 0.0, 1.0)
        place = (np.arange(len(x))[:, None, None], rows[:, :, None] + box, columns[:, None, :] + box)
        canvas[place] = np.maximum(canvas[place], covered)
    return canvas[:, box:-box, box:-box]


def distance(line: Array, x: Array, y: Array) -> Array:
    """Return how far pixels are from a line, [frame, row, column].

    Args:
        line: Its two ends, [frame, 2, 2].
        x: Of the columns, [frame, column].
        y: Of the rows, [frame, row].
    """
    (start_x, start_y), (end_x, end_y) = (line[:, end].T[..., None, None] for end in (0, 1))
    along_x, along_y = end_x - start_x, end_y - start_y
    from_x, from_y = x[:, None, :] - start_x, y[:, :, None] - start_y
    length = np.maximum(along_x**2 + along_y**2, 1e-9)
    share = np.clip((from_x * along_x + from_y * along_y) / length, 0.0, 1.0)
    return np.hypot(from_x - share * along_x, from_y - share * along_y)


def _pointing(angle: Array, length: float) -> Array:
    """Return steps `[frame, 2]` at angles from straight down."""
    return length * np.stack([np.sin(angle), np.cos(angle)], -1)


def _smooth(values: Array) -> Array:
    return values * values * (3.0 - 2.0 * values)


WORLD = World("figures", FRAMES_PER_SECOND, draw, is_true)
