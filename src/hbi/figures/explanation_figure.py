"""The figure of an explanation: a notebook shows its picture, and what it is written to keeps its text as text."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

from hbi.explanation.explanation import Explanation
from hbi.figures.fonts import drawable, families_for

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCREEN_DOTS, NOTEBOOK_DOTS = 96, 192
"""Dots an inch: of an ordinary screen, and of the picture in a notebook, sharp on a fine screen as well."""


def new_figure(explanation: Explanation, size: tuple[float, float]) -> Figure:
    """Return an empty figure that no window or pyplot knows of, and that a notebook shows once.

    A matplotlib Figure alone has no picture for a notebook: pyplot's inline backend shows figures, and only its own.

    Args:
        explanation: What it will show; its letters choose the fonts.
        size: Width and height in inches.
    """
    figure = _figure_class()(figsize=size)
    figure.settings = settings_for(explanation)
    return figure


def settings_for(explanation: Explanation) -> dict[str, Any]:
    """Return matplotlib's settings for the figure of an explanation: fonts for all of its letters, text as text.

    Args:
        explanation: What is drawn.
    """
    labels = [frame.label or "" for frame in explanation.frames]
    words = [word.text for word in explanation.words]  # special tokens are not in the text
    texts = (explanation.text, explanation.video, explanation.model, explanation.remark or "", *words, *labels)
    return {
        "font.family": families_for(drawable("".join(sorted(set("".join(texts)))))),
        "svg.hashsalt": "hbi",
        "svg.fonttype": "none",
        "pdf.fonttype": 42,
        "hatch.linewidth": 0.7,
    }


@contextmanager
def drawing_with(settings: dict[str, Any]) -> Iterator[None]:
    """Draw with these settings, silent about letters that no font has: they are boxes (see `families_for`)."""
    import matplotlib

    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


@cache
def _figure_class() -> Any:
    """Return the class of these figures; it is made late, for matplotlib takes long to import."""
    from matplotlib.figure import Figure

    class ExplanationFigure(Figure):
        """A Figure with a picture for notebooks; `settings` are in force whenever it is written."""

        settings: dict[str, Any]

        def savefig(self, fname: Any, **options: Any) -> None:
            with drawing_with(self.settings):
                super().savefig(fname, **options)

        def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
            """Return the picture, and its size on the screen."""
            picture = BytesIO()
            self.savefig(picture, format="png", dpi=NOTEBOOK_DOTS, facecolor="white")
            width, height = (round(SCREEN_DOTS * inches) for inches in self.get_size_inches())
            return picture.getvalue(), {"width": width, "height": height}

    return ExplanationFigure
