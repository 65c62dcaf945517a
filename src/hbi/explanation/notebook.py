"""Explanations in a notebook: a section with its own style and script."""

from uuid import uuid4

from hbi.explanation.comparison import Comparison
from hbi.explanation.comparison_section import comparison_section
from hbi.explanation.explanation import Explanation
from hbi.explanation.page import fragment
from hbi.explanation.section import explanation_section


def explanation_html(explanation: Explanation) -> str:
    """The output of a cell; every one has an id of its own, so that several do not disturb each other."""
    return fragment(explanation_section(explanation, _anchor()))


def comparison_html(comparison: Comparison) -> str:
    """The same for a comparison."""
    return fragment(comparison_section(comparison, _anchor()))


def _anchor() -> str:
    return f"hbi-{uuid4().hex[:12]}"
