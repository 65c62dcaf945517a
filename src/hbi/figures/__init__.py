"""Figures: explanations for papers (PNG, SVG, PDF), curves of a training run, and `write_explanation` by ending."""

from hbi.figures.levels_figure import draw_figure, render_figure
from hbi.figures.timeline_figure import draw_timeline, render_timeline
from hbi.figures.training_curves import loss_curves_svg
from hbi.figures.write import ExplanationWriteError, VideoAddresses, write_explanation, write_page

__all__ = [
    "ExplanationWriteError",
    "VideoAddresses",
    "draw_figure",
    "draw_timeline",
    "loss_curves_svg",
    "render_figure",
    "render_timeline",
    "write_explanation",
    "write_page",
]
