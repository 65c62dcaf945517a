"""Shapes as signed distances: negative inside, positive outside, in units of the shape's radius."""

from math import cos, pi, sin

import numpy as np

Array = np.ndarray


def coverage(shape: str, x: Array, y: Array, radius: Array) -> Array:
    """Return how much of each pixel, 0 to 1, the shape covers: its edge is blurred over one pixel.

    Args:
        shape: Name of the shape.
        x: Pixels to the right of the shape's center, already turned back by the shape's angle.
        y: Pixels below it, turned back likewise.
        radius: Of the shape, in pixels; broadcasts against `x` and `y`.
    """
    distance = DISTANCES[shape](x / radius, y / radius)
    distance *= -radius
    distance += 0.5
    return np.clip(distance, 0.0, 1.0, out=distance)


def _circle(x: Array, y: Array) -> Array:
    return np.sqrt(x * x + y * y) - 0.97


def _ring(x: Array, y: Array) -> Array:
    return np.abs(np.sqrt(x * x + y * y) - 0.75) - 0.24


def _square(x: Array, y: Array) -> Array:
    return np.maximum(np.abs(x), np.abs(y)) - 0.84


def _cross(x: Array, y: Array) -> Array:
    x, y = np.abs(x), np.abs(y)
    return np.maximum(np.maximum(x, y) - 1.0, np.minimum(x, y) - 0.3)


def _triangle(x: Array, y: Array) -> Array:
    return np.maximum(cos(pi / 6) * np.abs(x) - 0.5 * y, y) - 0.58


def _star(x: Array, y: Array) -> Array:
    """Five tips at radius 1.12: fold the plane into one half tip, then measure to its single edge."""
    outer, inner = 1.12, 0.47
    x, y = np.abs(x), -y
    for normal_x, normal_y in ((cos(pi / 5), -sin(pi / 5)), (-cos(pi / 5), -sin(pi / 5))):
        overshoot = 2.0 * np.maximum(normal_x * x + normal_y * y, 0.0)
        x, y = x - overshoot * normal_x, y - overshoot * normal_y
    edge_x, edge_y = inner * sin(pi / 5), inner * cos(pi / 5) - outer
    length = (edge_x**2 + edge_y**2) ** 0.5
    return (np.abs(x) * -edge_y + (y - outer) * edge_x) / length


DISTANCES = {"circle": _circle, "square": _square, "triangle": _triangle, "star": _star, "cross": _cross, "ring": _ring}
