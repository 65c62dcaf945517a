"""Curves of a training run as inline SVG: every line bears its own name and last value."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap

from hbi.explanation.checks import LARGEST
from hbi.explanation.html.markup import escape

Points = Sequence[tuple[int, float]]

COLORS = ("#d96a12", "#3b82d6", "#1f9d78", "#b268d8", "#8a8f98")
"""At least 3:1 against white and against the dark page; told apart by every kind of color vision, and by dashes."""

DASHES = ("", "7 3", "2 3", "9 3 2 3", "1 2")

MOST_STRETCHES = 80
"""A longer series is drawn as the mean of so many stretches, with a band from the least to the greatest of each."""

FEWEST_FOR_A_LINE_ALONE = 40
"""A shorter series shows its points, each with its number."""

LABEL_LETTERS = 17
LINE_HEIGHT, LABEL_GAP = 14, 4
LEFT, RIGHT, TOP, BOTTOM = 52, 136, 34, 38


@dataclass(frozen=True)
class Stretch:
    """Neighbouring points as one: where they lie, their mean, the least and the greatest."""

    step: float
    mean: float
    least: float
    greatest: float


@dataclass(frozen=True)
class Axes:
    """From steps and values to places in the picture."""

    first_step: float
    last_step: float
    value_ticks: tuple[float, ...]
    width: int
    height: int

    def x(self, step: float) -> float:
        """Return pixels from the left."""
        share = (step - self.first_step) / (self.last_step - self.first_step)
        return LEFT + share * (self.width - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Return pixels from the top."""
        lowest, highest = self.value_ticks[0], self.value_ticks[-1]
        return self.height - BOTTOM - (value - lowest) / (highest - lowest) * (self.height - TOP - BOTTOM)


def loss_curves_svg(
    series: Mapping[str, Points], title: str, *, step_name: str = "step", width: int = 560, height: int = 280
) -> str:
    """Return one chart of several series as SVG, to stand inside an HTML page, in its text color.

    Values that are not finite, or beyond 1e300, are left out (a gap in a loss is no zero); a series without points is
    named as such.

    Args:
        series: By name, its points (step, value).
        title: Over the chart.
        step_name: Below the horizontal axis.
        width: Pixels.
        height: Pixels at least; many lines need room for their names.
    """
    finite = {
        name: sorted((step, float(value)) for step, value in points if abs(value) <= LARGEST)
        for name, points in series.items()
    }
    drawn = {name: points for name, points in finite.items() if points}
    rows = sum(len(_label(name, points)) for name, points in drawn.items())
    height = max(height, rows * LINE_HEIGHT + len(drawn) * LABEL_GAP + TOP)  # many lines need room for their names
    absent = [f"{name}: no points yet" for name, points in finite.items() if not points]
    head = (
        f'<svg class="hbi-curves" role="img" viewBox="0 0 {width} {height}" font-size="12" fill="currentColor" '
        f'font-family="inherit" style="max-width:{width}px;width:100%;height:auto">'
        f"<title>{escape(title)}</title><desc>{escape('; '.join([*map(_told, drawn.items()), *absent]))}</desc>"
        f'<text x="{LEFT}" y="16" font-size="13" font-weight="600">{escape(title)}</text>'
    )
    if not drawn:
        return f'{head}<text x="{LEFT}" y="{height / 2:.0f}" opacity="0.7">no points yet</text></svg>'
    axes = _axes(drawn, width, height)
    styles = dict(zip(finite, _styles(len(finite)), strict=True))
    lines = "".join(_line(axes, points, *styles[name]) for name, points in drawn.items())
    return f"{head}{_grid(axes, step_name)}{lines}{_labels(axes, drawn, styles)}</svg>"


def stretches_of(points: Points, most: int = MOST_STRETCHES) -> list[Stretch]:
    """Return the points in order, a long series cut into `most` stretches of as good as equal length."""
    count = min(len(points), most)
    edges = [index * len(points) // count for index in range(count + 1)]
    pieces = [points[start:stop] for start, stop in itertools.pairwise(edges)]
    return [
        Stretch(
            step=sum(step for step, _ in piece) / len(piece),
            mean=sum(value for _, value in piece) / len(piece),
            least=min(value for _, value in piece),
            greatest=max(value for _, value in piece),
        )
        for piece in pieces
    ]


def round_ticks(lowest: float, highest: float, most: int = 5) -> tuple[float, ...]:
    """Return round numbers (1, 2 or 5 times a power of ten apart) from at most `lowest` to at least `highest`.

    Args:
        lowest: The least value of an axis.
        highest: Its greatest value.
        most: Steps that the range is divided into at most; rounding outwards may add one.
    """
    if math.isclose(lowest, highest, abs_tol=1e-300):
        margin = abs(lowest) / 2 or 1.0
        lowest, highest = lowest - margin, highest + margin
    rough = (highest - lowest) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.floor(lowest / step + 1e-9), math.ceil(highest / step - 1e-9)
    return tuple(index * step for index in range(first, last + 1))


def _axes(drawn: Mapping[str, Points], width: int, height: int) -> Axes:
    steps = [step for points in drawn.values() for step, _ in points]
    values = [value for points in drawn.values() for _, value in points]
    first, last = min(steps), max(steps)
    return Axes(
        first_step=first,
        last_step=last if last > first else first + 1,
        value_ticks=round_ticks(min(values), max(values)),
        width=width,
        height=height,
    )


def _styles(count: int) -> list[tuple[str, str]]:
    return [(COLORS[index % len(COLORS)], DASHES[index % len(DASHES)]) for index in range(count)]


def _grid(axes: Axes, step_name: str) -> str:
    right, bottom = axes.width - RIGHT, axes.height - BOTTOM
    pieces = []
    for tick in axes.value_ticks:
        y = axes.y(tick)
        pieces.append(f'<path d="M{LEFT} {y:.1f}H{right}" stroke="currentColor" opacity="0.16"/>')
        pieces.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" opacity="0.7">{tick:.6g}</text>')
    for tick in round_ticks(axes.first_step, axes.last_step, most=4):
        if axes.first_step <= tick <= axes.last_step and tick == round(tick):
            x = axes.x(tick)
            pieces.append(f'<path d="M{x:.1f} {bottom}v4" stroke="currentColor" opacity="0.5"/>')
            pieces.append(
                f'<text x="{x:.1f}" y="{bottom + 17}" text-anchor="middle" opacity="0.7">{round(tick)}</text>'
            )
    middle = (LEFT + right) / 2
    pieces.append(
        f'<text x="{middle:.0f}" y="{axes.height - 5}" text-anchor="middle" opacity="0.7">{escape(step_name)}</text>'
    )
    return "".join(pieces)


def _line(axes: Axes, points: Points, color: str, dash: str) -> str:
    stretches = stretches_of(points)
    pieces = []
    if len(points) > len(stretches):
        upper = [f"{axes.x(part.step):.1f},{axes.y(part.greatest):.1f}" for part in stretches]
        lower = [f"{axes.x(part.step):.1f},{axes.y(part.least):.1f}" for part in reversed(stretches)]
        pieces.append(f'<polygon points="{" ".join(upper + lower)}" fill="{color}" opacity="0.18"/>')
    path = " ".join(f"{axes.x(part.step):.1f},{axes.y(part.mean):.1f}" for part in stretches)
    pieces.append(
        f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2" stroke-linejoin="round" '
        f'stroke-dasharray="{dash}"/>'
    )
    if len(points) < FEWEST_FOR_A_LINE_ALONE:
        pieces += [
            f'<circle cx="{axes.x(step):.1f}" cy="{axes.y(value):.1f}" r="3" fill="{color}">'
            f"<title>{step}: {value:.4g}</title></circle>"
            for step, value in points
        ]
    return "".join(pieces)


def _labels(axes: Axes, drawn: Mapping[str, Points], styles: Mapping[str, tuple[str, str]]) -> str:
    """Return the names at the line ends, moved apart where they would cover each other, with threads to the lines."""
    ends = {name: stretches_of(points)[-1] for name, points in drawn.items()}
    texts = {name: _label(name, points) for name, points in drawn.items()}
    order = sorted(drawn, key=lambda name: -ends[name].mean)
    tops = _apart(
        [axes.y(ends[name].mean) - LINE_HEIGHT * len(texts[name]) / 2 for name in order],
        [LINE_HEIGHT * len(texts[name]) + LABEL_GAP for name in order],
        bottom=axes.height - 6,
    )
    left = axes.width - RIGHT + 18
    pieces = []
    for name, top in zip(order, tops, strict=True):
        color, _ = styles[name]
        end_x, end_y = axes.x(ends[name].step), axes.y(ends[name].mean)
        middle = top + LINE_HEIGHT * len(texts[name]) / 2
        pieces.append(
            f'<path d="M{end_x + 3:.1f} {end_y:.1f}L{left - 4} {middle:.1f}" stroke="{color}" opacity="0.6"/>'
        )
        for row, text in enumerate(texts[name]):
            y = top + LINE_HEIGHT * (row + 0.8)
            weight = ' font-weight="600"' if row < len(texts[name]) - 1 else ""
            pieces.append(f'<text x="{left}" y="{y:.1f}" fill="{color}"{weight}>{escape(text)}</text>')
    return "".join(pieces)


def _label(name: str, points: Points) -> list[str]:
    """Return a name in rows, and where its line ends."""
    return [*wrap(name, LABEL_LETTERS), f"{stretches_of(points)[-1].mean:.4g}"]


def _apart(tops: Sequence[float], heights: Sequence[float], *, bottom: float) -> list[float]:
    """Return tops moved down where they cover the one above, then up where they leave the picture."""
    moved: list[float] = []
    for top, _height in zip(tops, heights, strict=True):
        free_from = moved[-1] + heights[len(moved) - 1] if moved else 0.0
        moved.append(max(top, free_from))
    limit = bottom
    for index in range(len(moved) - 1, -1, -1):
        moved[index] = min(moved[index], limit - heights[index])
        limit = moved[index]
    return moved


def _told(named: tuple[str, Points]) -> str:
    name, points = named
    (first_step, first), (last_step, last) = points[0], points[-1]
    return f"{name}: from {first:.4g} at {first_step} to {last:.4g} at {last_step}"
