"""The columns of a panel: where each frame stands, and the pictures, times and labels that say which it is."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from hbi.explanation.explanation import Explanation
from hbi.explanation.frame_times import TimeFormat
from hbi.figures.layout import INK, QUIET, SMALLEST, shortened, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEAST_PICTURE, HIGHEST_PICTURE, WIDEST_PICTURE = 0.52, 1.3, 1.6
TIME_HEIGHT, AXIS_HEIGHT = 0.16, 0.32
LABEL_POINTS, LABEL_STEP = 7.0, 0.115
"""Size of a label, and inches from one upright label to the next."""


@dataclass(frozen=True)
class Columns:
    """The frames of an explanation as columns, side by side or over their seconds.

    Attributes:
        explanation: whose frames they are.
        is_over_time: whether a frame is as wide as its seconds. Columns with labels always stand side by side.
    """

    explanation: Explanation
    is_over_time: bool

    @property
    def edges(self) -> list[tuple[float, float]]:
        """Where each column begins and ends: in seconds, or counted in columns."""
        if not self.is_over_time:
            return [(place, place + 1) for place in range(len(self.explanation.frames))]
        return [(frame.start_seconds, frame.end_seconds) for frame in self.explanation.frames]

    @property
    def limits(self) -> tuple[float, float]:
        """Where the first begins and the last ends."""
        start, end = self.edges[0][0], self.edges[-1][1]
        return start, end if end > start else start + 1

    @property
    def foot_height(self) -> float:
        """Inches below the cells: of an axis of seconds, if there is one."""
        return AXIS_HEIGHT * (self.is_over_time and not self.explanation.is_labelled)

    def head_height(self, width: float) -> float:
        """Return inches above the cells, of the pictures and what is written below them.

        Args:
            width: Of all columns, in inches.
        """
        return self._pictures_height(width) + self._texts_height(width)

    def draw_head(self, axes: Axes, width: float) -> None:
        """Draw pictures, times and labels.

        Args:
            axes: As wide as the columns, and as high as the head.
            width: Of all columns, in inches.
        """
        axes.set_axis_off()
        axes.set_xlim(*self.limits)
        axes.set_ylim(0, self.head_height(width) or 1.0)
        if self._pictures_height(width):
            (self._draw_pictures_at_seconds if self.is_over_time else self._draw_pictures_of_columns)(axes, width)
        if self.explanation.is_labelled:
            self._draw_labels(axes, width)

    def draw_axis(self, axes: Axes) -> None:
        """Draw the seconds below the cells."""
        from matplotlib.ticker import MaxNLocator

        times = TimeFormat(self.explanation)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(lambda seconds, _: times.digits(float(seconds)))
        axes.tick_params(axis="x", length=2, pad=2, labelcolor=QUIET, labelsize=6.5, color=QUIET)
        axes.set_xlabel(times.unit, fontsize=6.5, color=QUIET, labelpad=1)
        axes.spines["bottom"].set(visible=True, color=QUIET)

    def draw_ticks(self, axes: Axes, width: float) -> None:
        """Say below the cells which column is which, where there is no head: seconds, times or labels.

        Args:
            axes: Those of the cells.
            width: Of all columns, in inches.
        """
        if self.is_over_time:
            return self.draw_axis(axes)
        names, count = self._names(), len(self.explanation.frames)
        is_upright = self.explanation.is_labelled and not self._is_flat(width)
        room = LABEL_STEP if is_upright else max(text_width(f"{name}  ", LABEL_POINTS) for name in names)
        step = max(1, int(np.ceil(room * count / width)))
        places = np.arange(0, count, step)
        axes.set_xticks(places + 0.5, [names[place] for place in places], parse_math=False)
        axes.tick_params(axis="x", length=0, pad=2, labelcolor=QUIET, labelsize=LABEL_POINTS)
        if is_upright:
            axes.tick_params(axis="x", labelrotation=90)
        if not self.explanation.is_labelled:
            axes.set_xlabel(TimeFormat(self.explanation).unit, fontsize=LABEL_POINTS, color=QUIET, labelpad=1)
        return None

    def _names(self) -> list[str]:
        times = TimeFormat(self.explanation)
        frames = self.explanation.frames
        return [
            times.digits(frame.timestamp_seconds) if frame.label is None else shortened(frame.label) for frame in frames
        ]

    def _is_flat(self, width: float) -> bool:
        """Return whether every label fits over its column as it is read."""
        room = width / len(self.explanation.frames)
        return max(text_width(f"{name} ", LABEL_POINTS) for name in self._names()) <= room

    def _texts_height(self, width: float) -> float:
        if not self.explanation.is_labelled:
            return 0.0 if self.is_over_time else TIME_HEIGHT
        if self._is_flat(width):
            return TIME_HEIGHT
        return max(text_width(name, LABEL_POINTS) for name in self._names()) + 0.08

    def _pictures_height(self, width: float) -> float:
        frames = self.explanation.frames
        if not frames[0].has_picture:
            return 0.0
        if self.is_over_time:
            return min(width / max(6, min(len(frames), 12)), 1.0)
        _, pixels_high, pixels_wide = frames[0].thumbnail.shape
        narrowest = width / len(frames) * min(stop - start for start, stop in self._stretches(width))
        return min(narrowest * 0.96 * pixels_high / pixels_wide, HIGHEST_PICTURE)

    def _stretches(self, width: float) -> list[tuple[int, int]]:
        """Return which columns share a picture, so that it is wide enough to be seen."""
        count = len(self.explanation.frames)
        together = int(np.ceil(LEAST_PICTURE * count / width - 0.2))
        pictures = int(np.clip(count / together, 1, count)) if together > 1 else count
        edges = [count * index // pictures for index in range(pictures + 1)]
        return list(pairwise(edges))

    def _draw_pictures_of_columns(self, axes: Axes, width: float) -> None:
        """Draw a picture for one column or several, and its time below."""
        explanation = self.explanation
        times, top = TimeFormat(explanation), axes.get_ylim()[1]
        bottom, column = self._texts_height(width), width / len(explanation.frames)
        _, pixels_high, pixels_wide = explanation.frames[0].thumbnail.shape
        for start, stop in self._stretches(width):
            frame, middle = explanation.frames[(start + stop - 1) // 2], (start + stop) / 2
            half = min((stop - start) * 0.48, (top - bottom) * pixels_wide / pixels_high / column / 2)
            self._draw_picture(axes, frame.thumbnail, (middle - half, middle + half, bottom, top))
            if not explanation.is_labelled:
                time = (times.time if start == 0 else times.digits)(frame.timestamp_seconds)
                axes.text(middle, bottom - 0.02, time, color=QUIET, fontsize=SMALLEST, ha="center", va="top")

    def _draw_pictures_at_seconds(self, axes: Axes, width: float) -> None:
        """Draw pictures at their seconds; where they would cover each other, the later one is left out."""
        (start, end), height = self.limits, self._pictures_height(width)
        _, high, wide = self.explanation.frames[0].thumbnail.shape
        seconds = min(height * 0.92 * wide / high, WIDEST_PICTURE) / width * (end - start)
        bottom, top = axes.get_ylim()
        free_from = start
        for frame in self.explanation.frames:
            middle = min(max(frame.timestamp_seconds, start + seconds / 2), max(end - seconds / 2, start + seconds / 2))
            if middle - seconds / 2 < free_from - 1e-9:
                continue
            place = (middle - seconds / 2, middle + seconds / 2, bottom + 0.08 * (top - bottom), top)
            self._draw_picture(axes, frame.thumbnail, place)
            free_from = middle + seconds / 2

    def _draw_picture(self, axes: Axes, pixels: np.ndarray, place: tuple[float, float, float, float]) -> None:
        limits = axes.get_xlim(), axes.get_ylim()
        axes.imshow(pixels.transpose(1, 2, 0), extent=place, aspect="auto", interpolation="antialiased")
        axes.set(xlim=limits[0], ylim=limits[1])

    def _draw_labels(self, axes: Axes, width: float) -> None:
        """Write the labels below the pictures: flat where they fit, else upright, some left out where they are many."""
        names, count = self._names(), len(self.explanation.frames)
        is_flat = self._is_flat(width)
        step = 1 if is_flat else max(1, int(np.ceil(LABEL_STEP * count / width)))
        for place in range(0, count, step):
            axes.text(
                place + 0.5,
                0.03,
                names[place],
                color=INK,
                fontsize=LABEL_POINTS,
                ha="center",
                va="bottom",
                rotation=0 if is_flat else 90,
                parse_math=False,
            )
