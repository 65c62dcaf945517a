"""Explanations as one self-contained HTML page: no other file, no host, readable without JavaScript."""

import base64
import hashlib
from collections.abc import Sequence

from hbi.explanation.explanation import Explanation
from hbi.explanation.markup import escape, template, template_text
from hbi.explanation.section import explanation_section


def render_page(explanation: Explanation, *, address: str | None = None) -> str:
    """The HTML page of one explanation; `address` is where its video is to be found (see `hbi.explanation.player`)."""
    title = f"{explanation.text} · {explanation.video}"
    section = explanation_section(explanation, "explanation", address=address)
    return page(title, [section], heading="Which words go with which seconds")


def page(title: str, sections: Sequence[str], *, heading: str | None = None) -> str:
    """An HTML page around sections that are markup already, with the style and script that explanations share.

    The heading is the title unless another is given. The page's own policy lets it load nothing from outside and run
    no script but this one, whatever the sections hold.
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
    """A section with its style and script, to stand inside a foreign page (a notebook's output)."""
    return f"<style>{template_text('style.css')}</style>{section}<script>{template_text('script.js')}</script>"
