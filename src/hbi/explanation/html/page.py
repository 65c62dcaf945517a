"""Explanations as one self-contained HTML page: no other file, no host, readable without JavaScript."""

import base64
import hashlib
from collections.abc import Sequence
from uuid import uuid4

from hbi.explanation.comparison import Comparison
from hbi.explanation.explanation import Explanation
from hbi.explanation.frame_times import FrameTimes
from hbi.explanation.html.comparison_section import comparison_section
from hbi.explanation.html.explanation_section import explanation_section
from hbi.explanation.html.first_view import FirstView, Verdicts
from hbi.explanation.html.markup import escape, template, template_text
from hbi.explanation.html.notebook_output import notebook_output
from hbi.explanation.notebook import notebook_html

STYLES = ("section.css", "first_view.css", "interactions.css")
"""Of every section, in this order."""

SCRIPTS = ("playing.js", "first_view.js", "interactions.js")
"""One script, in this order."""


def section_assets() -> tuple[str, str]:
    """Return the style and the script that every page with sections needs, once.

    No rule of the style touches anything outside a section; the script attaches itself to the sections that are there,
    and to later ones when the document gets the event `hbi:attach` (see `playing.js`).
    """
    script = "\n".join(template_text(name) for name in SCRIPTS)
    style = "\n".join(template_text(name) for name in STYLES)
    return style, f'"use strict";\n(() => {{\n{script}\nattachAll();\n}})();'


def render_page(explanation: Explanation, *, address: str | None = None, verdicts: Verdicts | None = None) -> str:
    """Return the HTML page of one explanation.

    Args:
        explanation: What is shown.
        address: Where its video is to be found (see `hbi.figures.VideoAddresses`); None: pictures only.
        verdicts: What a search says of its whole words, see `explanation_section`.
    """
    title = f"{explanation.text} · {explanation.video}"
    section = explanation_section(explanation, "explanation", address=address, verdicts=verdicts)
    columns = "columns" if explanation.is_labelled else "seconds"
    return page(title, [section], heading=f"Which words go with which {columns}")


def page(title: str, sections: Sequence[str], *, heading: str | None = None) -> str:
    """Return an HTML page around sections, with the style and script that explanations share.

    The page's own policy lets it load nothing from outside and run no script but this one, whatever the sections hold.

    Args:
        title: Plain text.
        sections: Markup, such as `explanation_section` gives.
        heading: Plain text; None: the title.
    """
    style, script = section_assets()
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return template("page.html").substitute(
        title=escape(title),
        heading=f"<h1>{escape(heading or title)}</h1>",
        sections="\n".join(sections),
        style=f"{template_text('page.css')}\n{style}",
        script=script,
        script_hash=f"sha256-{digest}",
    )


def fragment(section: str, sentences: Sequence[str] = ()) -> str:
    """Return a section with its style and script, to stand inside a foreign page (a notebook's output).

    Args:
        section: Markup, such as `explanation_section` gives.
        sentences: What it shows, in short, where the foreign page strips style and scripts.
    """
    return notebook_output(section, *section_assets(), sentences)


@notebook_html.register
def _(explanation: Explanation) -> str:
    view = FirstView(explanation, FrameTimes(explanation), None)
    sentences = [view.sentence_of(row) for row, line in enumerate(view.lines) if not line.stands_back]
    return fragment(explanation_section(explanation, _fresh_anchor()), sentences)


@notebook_html.register
def _(comparison: Comparison) -> str:
    return fragment(comparison_section(comparison, _fresh_anchor()))


def _fresh_anchor() -> str:
    """Return an id for one output of a notebook, so that several do not disturb each other."""
    return f"hbi-{uuid4().hex[:12]}"
