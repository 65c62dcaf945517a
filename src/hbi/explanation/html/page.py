"""Explanations as one self-contained HTML page: no other file, no host, readable without JavaScript."""

import base64
import hashlib
from collections.abc import Sequence
from uuid import uuid4

from hbi.explanation.comparison import Comparison
from hbi.explanation.explanation import Explanation
from hbi.explanation.html.comparison_section import comparison_section
from hbi.explanation.html.explanation_section import explanation_section
from hbi.explanation.html.markup import escape, template, template_text
from hbi.explanation.notebook import notebook_html


def render_page(explanation: Explanation, *, address: str | None = None) -> str:
    """Return the HTML page of one explanation.

    Args:
        explanation: What is shown.
        address: Where its video is to be found (see `hbi.figures.VideoAddresses`); None: pictures only.
    """
    title = f"{explanation.text} · {explanation.video}"
    section = explanation_section(explanation, "explanation", address=address)
    return page(title, [section], heading="Which words go with which seconds")


def page(title: str, sections: Sequence[str], *, heading: str | None = None) -> str:
    """Return an HTML page around sections, with the style and script that explanations share.

    The page's own policy lets it load nothing from outside and run no script but this one, whatever the sections hold.

    Args:
        title: Plain text.
        sections: Markup, such as `explanation_section` gives.
        heading: Plain text; None: the title.
    """
    script = template_text("script.js")
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return template("page.html").substitute(
        title=escape(title),
        heading=f"<h1>{escape(heading or title)}</h1>",
        sections="\n".join(sections),
        style=template_text("style.css"),
        script=script,
        script_hash=f"sha256-{digest}",
    )


def fragment(section: str) -> str:
    """Return a section with its style and script, to stand inside a foreign page (a notebook's output)."""
    return f"<style>{template_text('style.css')}</style>{section}<script>{template_text('script.js')}</script>"


@notebook_html.register
def _(explanation: Explanation) -> str:
    return fragment(explanation_section(explanation, _fresh_anchor()))


@notebook_html.register
def _(comparison: Comparison) -> str:
    return fragment(comparison_section(comparison, _fresh_anchor()))


def _fresh_anchor() -> str:
    """Return an id for one output of a notebook, so that several do not disturb each other."""
    return f"hbi-{uuid4().hex[:12]}"
