"""Explanations for papers (PNG, SVG, PDF), pages of several, training curves, and `write_explanation` by ending."""

from hbi.figures.collected_pages import Explained, Failure, comparison_page, failures_page, videos_page
from hbi.figures.figure import draw_figure, render_figure
from hbi.figures.training_curves import loss_curves_svg
from hbi.figures.video_addresses import VideoAddresses, shown_span
from hbi.figures.write import ExplanationWriteError, write_explanation, write_page

__all__ = [
    "Explained",
    "ExplanationWriteError",
    "Failure",
    "VideoAddresses",
    "comparison_page",
    "draw_figure",
    "failures_page",
    "loss_curves_svg",
    "render_figure",
    "shown_span",
    "videos_page",
    "write_explanation",
    "write_page",
]
