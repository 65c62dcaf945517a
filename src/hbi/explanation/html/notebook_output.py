"""A section inside the output of a notebook, where the host's style must not reach it, and scripts may not run.

JupyterLab sets the text of tables to the right, stripes them and gives every column one width; VS Code takes all
borders away. Both mean other tables. Their rules are met in three ways: whatever they set is set back, ours weigh more,
and those of VS Code that are `!important` are answered in kind. A host that strips style and scripts (GitHub, a
notebook that is not trusted) shows sentences instead.
"""

import re
from collections.abc import Sequence

from hbi.explanation.html.markup import escape

SCOPE = ".hbi-notebook.hbi-notebook.hbi-notebook"
"""More classes than the selectors of the hosts have; fewer than an id, which the sections' own pictures have."""

EDGE = 10
"""Pixels of paper around a section: its color may be another than the host's."""

RESET = f"""
{SCOPE} {{ all: initial; display: block; padding: {EDGE}px; }}
{SCOPE} :where(:not(svg, svg *)) {{ all: revert; }}
{SCOPE} :where(table, tr) {{ text-align: inherit !important; }}
{SCOPE} :where(th) {{ text-align: center !important; }}
{SCOPE} .hbi-plain {{ display: none; }}
"""
"""`all: revert` leaves to each element what the browser gives it; parts of an SVG would lose their attributes by it."""

DARK_HOSTS = (
    'body[data-jp-theme-light="false"]',  # JupyterLab, Notebook 7, nbconvert
    "body.vscode-dark",
    "body.vscode-high-contrast:not(.vscode-high-contrast-light)",
    'html[theme="dark"]',  # Colab
)
LIGHT_HOSTS = (
    'body[data-jp-theme-light="true"]',
    "body.vscode-light",
    "body.vscode-high-contrast-light",
    'html[theme="light"]',
)
"""How a host says whether it is dark: the reader's system may be otherwise."""

ROOT_PIXELS = 16
"""Of a `rem`: a host may set its own, as the classic notebook does."""


def notebook_output(section: str, style: str, script: str, sentences: Sequence[str] = ()) -> str:
    """Return the output of a cell: a section with style and script of its own.

    Args:
        section: Markup, such as `explanation_section` gives.
        style: Of the sections.
        script: Of the sections.
        sentences: Plain text that says in short what the section shows, for a host that strips style and scripts.
    """
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    listed = f'<ul class="hbi-plain">{items}</ul>' if items else ""
    return f'<div class="hbi-notebook"><style>{_guarded(style)}</style>{listed}{section}<script>{script}</script></div>'


def _guarded(style: str) -> str:
    """Return the style with rules that weigh more than the host's, and the colors of the host's theme."""
    light, dark = (";".join(colors) for colors in map(_colors, _color_rules(style)))
    in_pixels = re.sub(r"(\d*\.?\d+)rem\b", lambda found: f"{float(found[1]) * ROOT_PIXELS:g}px", style)
    firm = re.sub(r"(?<![\w-])((?:border|text-align)[\w-]*:[^;{}!]+)(?=[;}])", r"\1 !important", in_pixels)
    return (
        f"{RESET}{SCOPE} {{\n{firm}\n}}\n"
        f"{SCOPE} > .hbi-explanation {{ margin: 0; outline: {EDGE}px solid var(--paper); }}\n"
        f":is({','.join(LIGHT_HOSTS)}) {SCOPE} .hbi-explanation {{{light}}}\n"
        f":is({','.join(DARK_HOSTS)}) {SCOPE} .hbi-explanation {{{dark}}}\n"
    )


def _color_rules(style: str) -> tuple[str, str]:
    """Return the declarations of the sections' light colors, and of their dark ones."""
    light, dark = re.findall(r"\.hbi-page, \.hbi-explanation \{([^}]*)\}", style)
    return light, dark


def _colors(rule: str) -> list[str]:
    return re.findall(r"--[\w-]+:[^;]+|color-scheme:[^;]+", rule)
