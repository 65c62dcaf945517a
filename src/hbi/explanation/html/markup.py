"""Small tools of the page: the template files, and texts made safe for HTML and for JSON inside HTML."""

import html
import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from string import Template


@cache
def template(name: str) -> Template:
    """Return a template of this room; its `$names` are filled with markup that is already safe."""
    return Template(template_text(name))


@cache
def template_text(name: str) -> str:
    """Return the text of a file in `templates/`."""
    return resources.files("hbi.explanation.html").joinpath("templates", name).read_text(encoding="utf-8").strip()


_CONTROLS = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n\r"} | {0x7F: 0x2421}
"""Control characters, which HTML may not hold, and the pictures that Unicode has of them."""

_CONTROLS |= dict.fromkeys((*range(0x80, 0xA0), 0xFFFE, 0xFFFF), 0xFFFD)


def escape(text: str) -> str:
    """Return any text as HTML shows it, in an element or between double quotes.

    A control character becomes its picture; what UTF-8 cannot hold becomes `?`.
    """
    return html.escape(text.translate(_CONTROLS).encode("utf-8", "replace").decode("utf-8"), quote=True)


def plain_table(rows: Sequence[Sequence[str]]) -> str:
    """Return a table of plain text that stands in a page: the header first, the first cell of each row its title."""
    header, *body = rows
    head = "".join(f"<th scope='col'>{escape(cell)}</th>" for cell in header)
    lines = "".join(
        f"<tr><th scope='row'>{escape(row[0])}</th>" + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:]) + "</tr>"
        for row in body
    )
    return f"<div class='table'><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>"


def script_json(value: object) -> str:
    """Return a value as JSON that cannot end the script element around it."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
