"""Explanations: which words of a text go with which seconds of a video, as types, figures, pages and files."""

from hbi.explanation.curves import loss_curves_svg
from hbi.explanation.explanation import Explanation, Frame, Word
from hbi.explanation.figure import draw_figure, render_figure
from hbi.explanation.level import LevelExplanation
from hbi.explanation.page import page, render_fragment, render_page
from hbi.explanation.section import explanation_section
from hbi.explanation.write import ExplanationWriteError, write_explanation

__all__ = [
    "Explanation",
    "ExplanationWriteError",
    "Frame",
    "LevelExplanation",
    "Word",
    "draw_figure",
    "explanation_section",
    "loss_curves_svg",
    "page",
    "render_figure",
    "render_fragment",
    "render_page",
    "write_explanation",
]
