"""Explanations: which words of a text go with which seconds of a video, as types, HTML pages and files."""

from hbi.explanation.comparison import Comparison
from hbi.explanation.explanation import Explanation
from hbi.explanation.html.comparison_section import comparison_section
from hbi.explanation.html.explanation_section import explanation_section
from hbi.explanation.html.markup import plain_table
from hbi.explanation.html.page import fragment, page, render_page, section_assets
from hbi.explanation.level import LevelExplanation
from hbi.explanation.players import Frame, Word

__all__ = [
    "Comparison",
    "Explanation",
    "Frame",
    "LevelExplanation",
    "Word",
    "comparison_section",
    "explanation_section",
    "fragment",
    "page",
    "plain_table",
    "render_page",
    "section_assets",
]
