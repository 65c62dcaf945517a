"""What the command line says. Names appear as they are, whatever is in them; lines fit the terminal.

A file may be called `Trip [official video].mp4`, which would be markup to `rich`. So `console` reads none, in tables,
titles and rules neither. Style comes from a template that stands in the code, and names are put in afterwards:

    say("[yellow]passed over:[/] {problem}", problem=problem)

Lines are broken between words, and where nobody looks at them (in a pipe or a file) not at all.
"""

import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import PurePath
from typing import LiteralString

from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.text import Text

from hbi.files.visible_text import visible, visible_json

WHOLE = Style(meta={"hbi": "whole"})
"""Marks what is not broken at its spaces: a path, a number with its name."""
HANG = 2
"""How much further the second line of a text begins than its first."""


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
        if isinstance(value, PurePath):
            part.stylize(WHOLE)
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
    """Print the text of a template, see `styled`, in lines as wide as the terminal; a path is never broken in two."""
    text = styled(template, **values)
    console.print(folded(text, console.width) if is_width_known() else text, soft_wrap=True)


def say_command(*arguments: object) -> None:
    """Print a command that may be copied: what does not fit one line goes on after a backslash, as a shell reads it.

    Args:
        *arguments: Its words, as they are: quotes are put around those that need them.
    """
    words: list[str] = []
    for argument in arguments:
        word = visible(shlex.quote(str(argument)))
        if words and words[-1].startswith("--"):  # an option and its value stay together
            words[-1] += f" {word}"
        else:
            words.append(word)
    lines, limit = [f"  {words[0]}"], console.width - len(" \\") if is_width_known() else None
    for word in words[1:]:
        if limit is not None and cell_len(f"{lines[-1]} {word}") > limit:
            lines.append(f"      {word}")
        else:
            lines[-1] += f" {word}"
    console.print(Text(" \\\n".join(lines)), soft_wrap=True)


def say_json(value: object) -> None:
    """Print a value as JSON, whatever letters stdout takes."""
    is_ascii = not console.encoding.startswith("utf")
    print(json.dumps(value, indent=2) if is_ascii else visible_json(value, indent=2))


def say_lines(text: str) -> None:
    """Print a text of several lines as it is, for a file or another program: no line is broken."""
    for line in text.rstrip("\n").split("\n"):
        print(visible(line))


def say_error(template: LiteralString, /, **values: object) -> None:
    """Print the text of a template on stderr, as one line of any length."""
    _errors.print(styled(template, **values), soft_wrap=True)


def is_width_known() -> bool:
    """Return whether lines are broken: somebody looks at them, or has said how wide they may be."""
    return console.is_terminal or "COLUMNS" in os.environ


def folded(text: Text, width: int) -> Text:
    """Return a text in lines of at most `width` cells, broken at spaces; a longer word or path has a line of its own.

    Args:
        text: May have several lines. The lines that are made of one begin further right than it.
        width: In cells of a terminal.
    """
    return Text("\n").join(part for line in text.split("\n", allow_blank=True) for part in _folded_line(line, width))


def _folded_line(line: Text, width: int) -> Iterator[Text]:
    if cell_len(line.plain) <= width:
        yield line
        return
    first, *others = _words(line)
    margin = len(line.plain) - len(line.plain.lstrip(" ")) + HANG
    start, end, before = 0, first[1], 0
    for word_start, word_end in others:
        if before + cell_len(line.plain[start:word_end]) > width:
            yield Text(" " * before) + line[start:end]
            start, before = word_start, margin
        end = word_end
    yield Text(" " * before) + line[start:end]


def _words(line: Text) -> list[tuple[int, int]]:
    """Return where the words of a line stand; what is marked as `WHOLE` is one."""
    wholes = [
        (span.start, span.end) for span in line.spans if isinstance(span.style, Style) and "hbi" in span.style.meta
    ]
    words: list[tuple[int, int]] = []
    for found in re.finditer("[^ ]+", line.plain):
        start, end = found.span()
        if words and any(first < start < last for first, last in wholes):
            words[-1] = (words[-1][0], end)
        else:
            words.append((start, end))
    return words
