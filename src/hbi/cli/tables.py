"""Tables that stay legible in any terminal: words are not cut, and what has no room for columns is printed as lines."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from hbi.cli.terminal import WHOLE, console, say, styled, visible

Cell = str | Text
BORDER = 3
"""Cells of a terminal beside the content of a column: two of padding and a line."""
_SPACES, _JOINTS = re.compile("(?<= )"), re.compile("(?<=[ _/:-])")
"""Where a cell may be broken: between words, or also inside of compound ones."""


@dataclass(frozen=True)
class _Row:
    cells: tuple[Text, ...]
    style: str | None = None


class TextTable:
    """Rows of text under a title.

    Args:
        *columns: Their headings.
        title: Printed above; None: nothing.
    """

    def __init__(self, *columns: Cell, title: Cell | None = None) -> None:
        self.header = _Row(tuple(map(_text, columns)))
        self.title = title
        self.rows: list[_Row] = []

    def add_row(self, *cells: Cell, style: str | None = None) -> None:
        """Add a row.

        Args:
            *cells: One for each column; the last ones may be left out.
            style: Of the whole row, as `rich` names styles.
        """
        missing = len(self.header.cells) - len(cells)
        self.rows.append(_Row(tuple(map(_text, (*cells, *[""] * missing))), style))

    def print(self) -> None:
        """Print it: in columns, or, where the terminal is too narrow for their words, as lines."""
        if self.title:
            say("[bold]{title}[/]", title=self.title)
        room = console.width - BORDER * len(self.header.cells) - 1
        for joints in (_SPACES, _JOINTS):
            widths = _widths([self.header.cells, *(row.cells for row in self.rows)], room, joints)
            if widths is not None:
                console.print(self._in_columns(widths, joints))
                return
        self._print_lines()

    def _in_columns(self, widths: Sequence[int], joints: "re.Pattern[str]") -> Table:
        table = Table()
        for heading, width in zip(self.header.cells, widths, strict=True):
            table.add_column(_broken(heading, width, joints), width=width)
        for row in self.rows:
            cells = [_broken(cell, width, joints) for cell, width in zip(row.cells, widths, strict=True)]
            table.add_row(*cells, style=row.style)
        return table

    def _print_lines(self) -> None:
        for row in self.rows:
            first, *others = zip(self.header.cells, row.cells, strict=True)
            heading = styled(" ").join(part for part in first if part.plain.strip())
            say("[bold]{heading}[/]", heading=heading)
            values = [styled("{name} {value}", name=name, value=cell) for name, cell in others if cell.plain]
            for value in values:
                value.stylize(WHOLE)
            if values:
                say("  {values}", values=Text("; ").join(values))


def _text(cell: Cell) -> Text:
    return cell if isinstance(cell, Text) else Text(visible(cell))


def _widths(rows: Sequence[Sequence[Text]], room: int, joints: "re.Pattern[str]") -> list[int] | None:
    """Return how wide columns are that take `room` together; None where their words do not fit."""
    columns = list(zip(*rows, strict=True))
    widths = [max(cell_len(cell.plain) for cell in column) for column in columns]
    least = [
        max(cell_len(piece.rstrip(" ")) for cell in column for piece in _pieces(cell.plain, joints))
        for column in columns
    ]
    if sum(least) > room:
        return None
    while sum(widths) > room:
        shrinking = max((at for at, width in enumerate(widths) if width > least[at]), key=widths.__getitem__)
        widths[shrinking] -= 1
    return widths


def _pieces(plain: str, joints: "re.Pattern[str]") -> list[str]:
    """Return what a cell may be broken into; numbers (12.5 – 14.0, 3 %) stay whole."""
    return joints.split(plain) if any(letter.isalpha() for letter in plain) else [plain]


def _broken(cell: Text, width: int, joints: "re.Pattern[str]") -> Text:
    lines, start, end = [], 0, 0
    for piece in _pieces(cell.plain, joints):
        if end > start and cell_len((cell.plain[start:end] + piece).rstrip(" ")) > width:
            lines.append(cell[start:end])
            start = end
        end += len(piece)
    lines.append(cell[start:end])
    for line in lines:
        line.rstrip()
    return Text("\n").join(lines)
