"""What stands over and under the panels of a figure: the caption, where it comes from, how to read the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbi.explanation.certainty import exact_or_drawn, in_short
from hbi.explanation.explanation import Explanation
from hbi.explanation.frame_times import length_of
from hbi.figures.layout import INK, MARGIN, QUIET, Sizes, lines_height, wrapped
from hbi.figures.panel import Panel

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Captions:
    """The texts of a figure, in lines that fit it.

    Attributes:
        title: the text that is explained.
        about: video, model and score.
        note: how the panels are read.
        sizes: of the letters.
    """

    title: str
    about: str
    note: str
    sizes: Sizes

    @classmethod
    def of(cls, explanation: Explanation, panels: Sequence[Panel], width: float, sizes: Sizes) -> Captions:
        """Return the texts of a figure.

        Args:
            explanation: What is drawn.
            panels: What it is drawn as.
            width: Of the figure, in inches.
            sizes: Of the letters.
        """
        notes = "  ".join(dict.fromkeys(panel.note for panel in panels))
        return cls(
            wrapped(explanation.text, width, sizes.title),
            wrapped(_about(explanation), width, sizes.about),
            wrapped(f"{notes}  {in_short(explanation)}", width, sizes.note),
            sizes,
        )

    @property
    def top_height(self) -> float:
        """Inches of the title and what stands below it."""
        return self._title_height + lines_height(self.about, self.sizes.about) + 0.16

    @property
    def note_height(self) -> float:
        """Inches of the note."""
        return lines_height(self.note, self.sizes.note)

    def draw(self, figure: Figure) -> None:
        """Write the texts: the title on top, the note at the foot.

        Args:
            figure: Where to write.
        """
        width, height = figure.get_size_inches()
        left, top = MARGIN / width, height - MARGIN
        style: dict[str, Any] = {"linespacing": 1.2, "parse_math": False}
        about_top = (top - self._title_height) / height
        figure.text(left, top / height, self.title, color=INK, fontsize=self.sizes.title, va="top", **style)
        figure.text(left, about_top, self.about, color=QUIET, fontsize=self.sizes.about, va="top", **style)
        figure.text(left, MARGIN / height, self.note, color=QUIET, fontsize=self.sizes.note, va="bottom", **style)

    @property
    def _title_height(self) -> float:
        return lines_height(self.title, self.sizes.title) + 0.05


def _about(explanation: Explanation) -> str:
    parts = [
        explanation.video,
        length_of(explanation),
        explanation.model,
        f"{explanation.score_name} {explanation.similarity:.3f}",
        *([str(explanation.whole)] if explanation.whole else []),
        exact_or_drawn(explanation),
        *([explanation.remark] if explanation.remark else []),
    ]
    return "  ·  ".join(parts)
