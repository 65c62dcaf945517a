"""Tables of figures, put into the pages of docs/ between their marks: `<!-- name -->` and `<!-- /name -->`."""

import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path


def put(page: Path, tables: Mapping[str, Sequence[str]]) -> None:
    """Write the lines of each table between the marks of its name.

    Raises:
        SystemExit: The page has no place for one of them.
    """
    text = page.read_text()
    for name, lines in tables.items():
        between = re.compile(f"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not between.search(text):
            raise SystemExit(f"{page} has no place for the table {name}")
        content = "".join(f"{line}\n" for line in lines)
        text = between.sub(lambda match, content=content: f"{match[1]}{content}{match[2]}", text)
    page.write_text(text)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table; all columns but the first are figures."""
    lines = [f"| {' | '.join(header)} |", f"| --- {'| ---: ' * (len(header) - 1)}|"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows)]


def spread(values: Iterable[float | None], decimals: int) -> str:
    """Return mean ± standard deviation over runs; a dash where nothing was measured."""
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    deviation = f" ± {statistics.stdev(known):.{decimals}f}" if len(known) > 1 else ""
    return f"{statistics.mean(known):.{decimals}f}{deviation}"
