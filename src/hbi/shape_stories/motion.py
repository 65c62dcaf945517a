"""How a shape moves: its place, size, angle and opacity in every frame of one event."""

from dataclasses import dataclass
from math import radians

import numpy as np

from hbi.shape_stories.world import SHAPES, Look, World

Array = np.ndarray


@dataclass(frozen=True)
class Track:
    """A shape's path, one number a frame: center and radius in pixels, angle in radians, opacity in [0, 1]."""

    x: Array
    y: Array
    radius: Array
    angle: Array
    opacity: Array


def draw_track(rng: np.random.Generator, world: World, look: Look, num_frames: int) -> Track:
    """Return one way of performing `look` within `num_frames` frames.

    Args:
        rng: Where random numbers come from.
        world: Says how large shapes are, and how far and how often they move.
        look: The shape and what it does.
        num_frames: How long the event lasts, in frames.
    """
    progress = np.linspace(0.0, 1.0, num_frames, dtype=np.float32)
    still = np.ones_like(progress)
    radius = rng.uniform(*world.radius_pixels)
    if look.action == "grows":
        radius = rng.uniform(*world.grown_radius_pixels)
    low, high = radius + 1.0, world.size_pixels - radius - 1.0
    x, y = (rng.uniform(low, high) * still for _ in range(2))
    radii, angle, opacity = radius * still, radians(rng.uniform(-8.0, 8.0)) * still, still
    match look.action:
        case "slides left" | "slides right":
            x = _across(rng, low, high, progress, is_backward=look.action == "slides left")
        case "rises" | "falls":
            y = _across(rng, low, high, progress, is_backward=look.action == "rises")
        case "spins":
            angle = angle + _turn(rng, look.shape) * progress
        case "grows":
            smallest = 1.0 / rng.uniform(*world.grow_factor)
            radii = radius * (smallest + (1.0 - smallest) * progress)
        case "blinks":
            opacity = _blinking(rng, world, num_frames)
        case "bounces":
            hops = rng.integers(*world.num_hops, endpoint=True)
            floor, height = high - rng.uniform(0.0, 6.0), rng.uniform(0.6, 0.9) * (high - low)
            y = floor - height * np.abs(np.sin(np.pi * hops * progress))
    return Track(*(track.astype(np.float32) for track in (x, y, radii, angle, opacity)))


def _across(rng: np.random.Generator, low: float, high: float, progress: Array, *, is_backward: bool) -> Array:
    """Return a path that covers most of the frame."""
    margin = 0.12 * (high - low)
    start, end = low + rng.uniform(0.0, margin), high - rng.uniform(0.0, margin)
    if is_backward:
        start, end = end, start
    return start + (end - start) * progress


def _turn(rng: np.random.Generator, shape: str) -> float:
    """Return the whole turn in radians: 1.2 to 1.9 symmetries, so that three looks at it never show the same angle."""
    symmetry = SHAPES[shape]
    assert symmetry is not None, f"a {shape} cannot spin"
    return float(radians(symmetry) * rng.uniform(1.2, 1.9) * rng.choice((-1.0, 1.0)))


def _blinking(rng: np.random.Generator, world: World, num_frames: int) -> Array:
    """Return an opacity that goes on and off at uneven times, so that evenly spaced looks do not miss it."""
    opacity = np.ones(num_frames, dtype=np.float32)
    frame, is_on = 0, True
    while frame < num_frames:
        low, high = world.blink_on_seconds if is_on else world.blink_off_seconds
        rate = world.frames_per_second
        length = int(rng.integers(round(low * rate), round(high * rate), endpoint=True))
        if not is_on:
            opacity[frame : frame + length] = world.blink_opacity
        frame, is_on = frame + length, not is_on
    return opacity
