"""Handwritten-like digits that move: one or two, white on black, each doing something of its own.

The idea is that of the captioned moving digits of Sync-DRAW (Mittal et al., 2017); the digits are strokes drawn here,
bent by chance, so that no two look the same.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import cos, pi, radians, sin

import numpy as np

from worlds.films import Film, World

Array = np.ndarray
SIZE, FRAMES, FRAMES_PER_SECOND = 64, 32, 8
RADIUS = (10.0, 12.0)
"""Half the height of a digit in pixels, at its usual size."""
SMALL, LARGE = 0.55, 1.6
"""From where a digit grows, and to where, in usual sizes."""
EXTENT, KNOTS = 1.45, 72
"""A digit is drawn from distances to its strokes at so many knots a side, to so many radii from its center."""
TWO_DIGITS = 0.7
MOTIONS = (
    "moving up",
    "moving down",
    "moving left",
    "moving right",
    "moving up and down",
    "moving left and right",
    "moving in a circle",
    "growing",
    "shrinking",
    "standing still",
)


@dataclass(frozen=True)
class Claim:
    """Which digits do what: pairs of digit and motion."""

    told: tuple[tuple[int, str], ...]


def arc(center: tuple[float, float], radii: tuple[float, float], start: float, end: float) -> list[tuple[float, float]]:
    """Return points of an elliptic arc; x to the right, y down.

    Args:
        center: Of the ellipse.
        radii: Half its width and half its height.
        start: Where it begins, in degrees from the right, clockwise.
        end: Where it ends.
    """
    angles = np.linspace(radians(start), radians(end), max(5, int(abs(end - start) / 25)))
    return [(center[0] + radii[0] * cos(angle), center[1] + radii[1] * sin(angle)) for angle in angles]


STROKES: tuple[list[list[tuple[float, float]]], ...] = (
    [arc((0.0, 0.0), (0.55, 0.95), 0, 360)],
    [[(-0.3, -0.6), (0.05, -0.95), (0.05, 0.95)]],
    [[*arc((0.0, -0.45), (0.5, 0.5), 180, 395), (-0.5, 0.95), (0.55, 0.95)]],
    [[*arc((-0.05, -0.48), (0.48, 0.46), 200, 450), *arc((-0.05, 0.46), (0.55, 0.49), -90, 150)]],
    [[(0.2, -0.95), (-0.55, 0.3), (0.6, 0.3)], [(0.25, -0.3), (0.25, 0.95)]],
    [[(0.5, -0.95), (-0.38, -0.95), *arc((-0.02, 0.38), (0.52, 0.56), -135, 150)]],
    [arc((0.45, 0.35), (0.95, 1.3), -95, -180), arc((0.0, 0.45), (0.5, 0.5), 0, 360)],
    [[(-0.5, -0.95), (0.52, -0.95), (-0.1, 0.95)]],
    [arc((0.0, -0.48), (0.42, 0.46), 0, 360), arc((0.0, 0.46), (0.52, 0.49), 0, 360)],
    [arc((0.0, -0.45), (0.48, 0.49), 0, 360), [(0.48, -0.45), (0.42, 0.2), (0.2, 0.95)]],
)
"""What each digit is drawn of: lines through points; the digit is two high."""


def draw(rng: np.random.Generator) -> Film:
    """Return the film of one or two digits."""
    num_digits = 2 if rng.random() < TWO_DIGITS else 1
    digits = rng.choice(10, num_digits, replace=False).tolist()
    told = tuple((digit, str(rng.choice(MOTIONS))) for digit in digits)
    film = np.zeros((FRAMES, SIZE, SIZE), dtype=np.float32)
    for digit, motion in told:
        segments = handwritten(rng, digit)
        x, y, radius = track(rng, motion)
        np.maximum(film, painted(segments, float(rng.uniform(0.13, 0.2)), x, y, radius), out=film)
    film = np.clip(230.0 * film + rng.normal(0.0, 3.0, film.shape), 0.0, 255.0).round().astype(np.uint8)
    return Film(np.repeat(film[..., None], 3, axis=-1), sentence(told), Claim(told), frozenset(told))


def is_true(claim: Claim, seen: frozenset[tuple[int, str]]) -> bool:
    """Return whether all that is claimed is seen.

    Args:
        claim: What is said.
        seen: Every digit of the film with its motion.
    """
    return seen.issuperset(claim.told)


def sentence(told: tuple[tuple[int, str], ...]) -> str:
    """Return what digits do in words."""
    if len({motion for _, motion in told}) < len(told):
        return f"the digits {told[0][0]} and {told[1][0]} are {told[0][1]}"
    return " and ".join(f"the digit {digit} is {motion}" for digit, motion in told)


def handwritten(rng: np.random.Generator, digit: int) -> Array:
    """Return the segments `[segment, 2, 2]` of a digit as one hand writes it: slanted, narrowed and bent."""
    angle, slant, width = rng.uniform(-0.15, 0.15), rng.uniform(-0.25, 0.25), rng.uniform(0.8, 1.15)
    turn = np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]]) @ np.array([[width, -slant], [0.0, 1.0]])
    phases, waves = rng.uniform(0.0, 2.0 * pi, (2, 2)), rng.uniform(1.0, 3.0, (2, 2))
    segments = []
    for stroke in STROKES[digit]:
        points = np.array(stroke)
        points = points + 0.07 * np.sin(points @ waves + phases[0])
        points = points @ turn.T
        segments += list(pairwise(points))
    return np.array(segments, dtype=np.float32)


def track(rng: np.random.Generator, motion: str) -> tuple[Array, Array, Array]:
    """Return x, y and radius of a digit in pixels, each `[frame]`.

    Args:
        rng: Chooses where it begins, how far it goes and how fast it swings.
        motion: What it does.
    """
    base = rng.uniform(*RADIUS)
    radius = np.full(FRAMES, base)
    margin = base + 1.0
    x, y = (np.full(FRAMES, rng.uniform(margin, SIZE - margin)) for _ in range(2))
    way = np.linspace(0.0, 1.0, FRAMES)
    swing = 0.5 - 0.5 * np.cos(2.0 * pi * (rng.uniform(1.5, 2.5) * way + rng.choice((0.0, 0.5))))
    low, high = margin + rng.uniform(0.0, 6.0), SIZE - margin - rng.uniform(0.0, 6.0)
    match motion:
        case "moving up":
            y = high + (low - high) * way
        case "moving down":
            y = low + (high - low) * way
        case "moving left":
            x = high + (low - high) * way
        case "moving right":
            x = low + (high - low) * way
        case "moving up and down":
            y = low + (high - low) * swing
        case "moving left and right":
            x = low + (high - low) * swing
        case "moving in a circle":
            reach = (high - low) / 2.0
            turns = rng.choice((-1.0, 1.0)) * rng.uniform(1.0, 1.8) * 2.0 * pi * way + rng.uniform(0.0, 2.0 * pi)
            x, y = SIZE / 2.0 + reach * np.cos(turns), SIZE / 2.0 + reach * np.sin(turns)
        case "growing":
            radius = base * (SMALL + (LARGE - SMALL) * way)
        case "shrinking":
            radius = base * (LARGE + (SMALL - LARGE) * way)
    inside = radius.max() + 1.0
    if motion in ("growing", "shrinking"):
        x, y = (np.clip(place, inside, SIZE - inside) for place in (x, y))
    return x, y, radius


def painted(segments: Array, width: float, x: Array, y: Array, radius: Array) -> Array:
    """Return how much of each pixel the strokes cover, `[frame, SIZE, SIZE]` in 0 to 1.

    Args:
        segments: [segment, 2, 2], in units of the radius around the digit's center.
        width: Half the thickness of a stroke, in the same units.
        x: Of the center in pixels, [frame].
        y: Of the center in pixels, [frame].
        radius: In pixels, [frame].
    """
    field = distances(segments)
    film = np.zeros((len(x), SIZE, SIZE), dtype=np.float32)
    grid = np.arange(SIZE) + 0.5
    for frame, (center_x, center_y, size) in enumerate(zip(x, y, radius, strict=True)):
        columns, rows = (np.flatnonzero(abs(grid - center) < (EXTENT - 0.05) * size) for center in (center_x, center_y))
        distance = between(field, (grid[rows] - center_y) / size, (grid[columns] - center_x) / size)
        film[frame, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = np.clip(
            (width - distance) * size + 0.5, 0.0, 1.0
        )
    return film


def distances(segments: Array) -> Array:
    """Return how far the strokes are from each knot of a grid `[KNOTS, KNOTS]` over the digit and its surroundings."""
    knots = np.linspace(-EXTENT, EXTENT, KNOTS, dtype=np.float32)
    start, along = segments[:, 0], segments[:, 1] - segments[:, 0]
    points = np.stack(np.meshgrid(knots, knots), -1)[:, :, None] - start
    share = np.clip((points * along).sum(-1) / np.maximum((along**2).sum(-1), 1e-6), 0.0, 1.0)
    return np.sqrt(((points - share[..., None] * along) ** 2).sum(-1)).min(-1)


def between(field: Array, y: Array, x: Array) -> Array:
    """Return the field at places between its knots `[y, x]`, bilinearly.

    Args:
        field: [KNOTS, KNOTS].
        y: In units of the radius, less than EXTENT.
        x: As y.
    """
    for axis, places in enumerate((y, x)):
        at = (places + EXTENT) * (KNOTS - 1) / (2.0 * EXTENT)
        first = at.astype(np.int64)
        share = (at - first)[:, None] if axis == 0 else at - first
        field = (1.0 - share) * field.take(first, axis) + share * field.take(first + 1, axis)
    return field


WORLD = World("digits", FRAMES_PER_SECOND, draw, is_true)
