"""What the command line says. Names appear as they are, whatever is in them.

A file may be called `Trip [official video].mp4`, which would be markup to `rich`. So `console` reads none, in tables,
titles and rules neither. Style comes from a template that stands in the code, and names are put in afterwards:

    say("[yellow]passed over:[/] {fault}", fault=fault)
"""

import json
import re
from typing import LiteralString

from rich.console import Console
from rich.text import Text

_TURNING = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_BREAKING = (0x2028, 0x2029)
_VISIBLE = {
    code: ascii(chr(code))[1:-1]
    for code in (*range(32), *range(127, 160), *_TURNING, *_BREAKING, *range(0xD800, 0xE000))
}
"""Characters that would do something to a terminal or to the line around them (turn its direction, break it), or that a
terminal cannot be sent; and how they are shown."""

_VISIBLE_IN_JSON = {code: f"\\u{code:04x}" for code in _VISIBLE if code >= 127}


def visible(text: object) -> str:
    r"""Return a name, or whatever comes from outside, as one line that does nothing to a terminal.

    >>> visible("two\nlines")
    'two\\nlines'
    """
    return str(text).translate(_VISIBLE)


def visible_json(value: object, *, indent: int | None = None) -> str:
    r"""Return a value as JSON that is as harmless on a terminal, and that any encoding takes which holds its letters.

    >>> visible_json({"name": "名\x9b"})
    '{"name": "名\\u009b"}'
    """
    return json.dumps(value, indent=indent, ensure_ascii=False).translate(_VISIBLE_IN_JSON)


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
