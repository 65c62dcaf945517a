"""What the command line says. Names appear as they are, whatever is in them.

A file may be called `Trip [official video].mp4`, which would be markup to `rich`. So `console` reads none, in tables,
titles and rules neither. Style comes from a template that stands in the code, and names are put in afterwards:

    say("[yellow]passed over:[/] {problem}", problem=problem)
"""

import json
import re
from typing import LiteralString

from rich.console import Console
from rich.text import Text

from hbi.files.visible_text import visible, visible_json


def styled(template: LiteralString, /, **values: object) -> Text:
    """Return the text of a template: its markup is read, the values stand in it as they are, in the style around them.

    >>> styled("[bold]{name}[/] is there", name="a [b].mp4").plain
    'a [b].mp4 is there'
    """
    frame = Text.from_markup(template, emoji=False)
    parts, end = [], 0
    for field in re.finditer(r"\{(\w+)\}", frame.plain):
        value = values[field[1]]
        part = value.copy() if isinstance(value, Text) else Text(visible(value))
        for span in frame[field.start() : field.end()].spans:
            part.stylize_before(span.style)
        parts += [frame[end : field.start()], part]
        end = field.end()
    return Text().join([*parts, frame[end:]])


class _LiteralConsole(Console):
    """Prints strings as they are; a line may still end inside of one."""

    def render_str(self, text: str, **options: object) -> Text:
        """Return a string as a text without markup."""
        # The options are rich's own, handed on as they came.
        return super().render_str("\n".join(map(visible, text.split("\n"))), **options)  # type: ignore[arg-type]


console = _LiteralConsole(markup=False, emoji=False, highlight=False)
_errors = _LiteralConsole(markup=False, emoji=False, highlight=False, stderr=True)


def say(template: LiteralString, /, **values: object) -> None:
    """Print the text of a template, see `styled`, as one line of any length: no name is broken in two."""
    console.print(styled(template, **values), soft_wrap=True)


def say_json(value: object) -> None:
    """Print a value as JSON, whatever letters stdout takes."""
    is_ascii = not console.encoding.startswith("utf")
    print(json.dumps(value, indent=2) if is_ascii else visible_json(value, indent=2))


def say_error(template: LiteralString, /, **values: object) -> None:
    """Do as `say` does, on stderr."""
    _errors.print(styled(template, **values), soft_wrap=True)
