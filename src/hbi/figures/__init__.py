"""Explanations for papers (PNG, SVG, PDF), pages of several, training curves, and `write_explanation` by ending."""

from hbi.figures.collected_pages import Explained, Failure, comparison_page, failures_page, videos_page
from hbi.figures.levels_figure import draw_figure, render_figure
from hbi.figures.timeline_figure import draw_timeline, render_timeline
from hbi.figures.training_curves import loss_curves_svg
from hbi.figures.write import ExplanationWriteError, VideoAddresses, write_explanation, write_page

__all__ = [
    "Explained",
    "ExplanationWriteError",
    "Failure",
    "VideoAddresses",
    "comparison_page",
    "draw_figure",
    "draw_timeline",
    "failures_page",
    "loss_curves_svg",
    "render_figure",
    "render_timeline",
    "videos_page",
    "write_explanation",
    "write_page",
]
