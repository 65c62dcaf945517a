"""Explanations: which words of a text go with which seconds of a video, as types, figures, pages and files."""

from hbi.explanation.collection import Explained, Failure, comparison_page, failures_page, videos_page
from hbi.explanation.comparison import Comparison
from hbi.explanation.comparison_section import comparison_section
from hbi.explanation.curves import loss_curves_svg
from hbi.explanation.explanation import Explanation, Frame, Word
from hbi.explanation.figure import draw_figure, render_figure
from hbi.explanation.level import LevelExplanation
from hbi.explanation.page import fragment, page, render_page
from hbi.explanation.section import explanation_section
from hbi.explanation.timeline_figure import draw_timeline, render_timeline
from hbi.explanation.write import ExplanationWriteError, write_explanation, write_page

__all__ = [
    "Comparison",
    "Explained",
    "Explanation",
    "ExplanationWriteError",
    "Failure",
    "Frame",
    "LevelExplanation",
    "Word",
    "comparison_page",
    "comparison_section",
    "draw_figure",
    "draw_timeline",
    "explanation_section",
    "failures_page",
    "fragment",
    "loss_curves_svg",
    "page",
    "render_figure",
    "render_page",
    "render_timeline",
    "videos_page",
    "write_explanation",
    "write_page",
]
