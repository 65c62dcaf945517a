"""Comparisons of two models as tables: for the terminal, for Markdown, for LaTeX."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from hbi.cli.tables import TextTable

if TYPE_CHECKING:
    from hbi.evaluation.confidence import PairedDifference
    from hbi.experiments.comparing import RankComparison

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "…": r"\,\ldots\,",
    "−": "$-$",
}
SHORT = {"mean_rank": "MnR"}
"""What papers call a measure; recall@1 is R@1."""


def print_comparison(compared: "RankComparison", split: str) -> None:
    """Print how two models differ in one direction.

    Args:
        compared: One direction.
        split: That was compared on.
    """
    title = f"{split}, {compared.num_queries} queries{_runs(compared)}"
    table = TextTable(compared.direction.replace("-", " "), *_headings(compared), title=title)
    for row in compared.differences:
        table.add_row(row.measure, *_cells(row, has_several_runs=compared.has_several_runs))
    table.print()


def comparison_markdown(comparisons: "Sequence[RankComparison]", split: str) -> str:
    """Return both directions as one table of Markdown.

    Args:
        comparisons: A direction each.
        split: That was compared on.
    """
    first = comparisons[0]
    headings = ["", *_headings(first)]
    lines = [f"| {' | '.join(_escaped(heading) for heading in headings)} |"]
    lines.append(f"| --- |{' ---: |' * (len(headings) - 1)}")
    for compared in comparisons:
        for name, cells in _rows(compared):
            lines.append(f"| {' | '.join([name, *cells])} |")
    return "\n".join([*lines, "", f"{_under(comparisons, split)}"])


def comparison_latex(comparisons: "Sequence[RankComparison]", split: str) -> str:
    r"""Return both directions as a `tabular` of LaTeX, with the rules of the package booktabs.

    Args:
        comparisons: A direction each.
        split: That was compared on.
    """
    headings = ["", *_headings(comparisons[0])]
    lines = [f"% {_under(comparisons, split)}", r"% \usepackage{booktabs}"]
    lines += [rf"\begin{{tabular}}{{l{'r' * (len(headings) - 1)}}}", r"\toprule", _latex_row(headings)]
    for compared in comparisons:
        lines += [r"\midrule", *(_latex_row([name, *cells]) for name, cells in _rows(compared))]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def latex(text: str) -> str:
    """Return a text as LaTeX sets it.

    >>> latex("50 % of a_b")
    '50 \\\\% of a\\\\_b'
    """
    return "".join(_LATEX.get(sign, sign) for sign in text)


def _latex_row(cells: "Sequence[str]") -> str:
    return f"{' & '.join(map(latex, cells))} \\\\"


def _headings(compared: "RankComparison") -> list[str]:
    if compared.has_several_runs:
        return [*compared.names, "difference", "95 %", "p, videos", "p, runs"]
    return [*compared.names, "difference", "95 %", "p"]


def _rows(compared: "RankComparison") -> "Iterator[tuple[str, list[str]]]":
    """Yield the measures of a direction, as papers call them, with their cells."""
    direction = compared.direction.replace("-", " ")
    for row in compared.differences:
        name = SHORT.get(row.measure, row.measure.replace("recall@", "R@"))
        yield f"{direction} {name}", _cells(row, has_several_runs=compared.has_several_runs)


def _cells(row: "PairedDifference", *, has_several_runs: bool) -> list[str]:
    values = [
        f"{mean:.1f}" if deviation is None else f"{mean:.1f} ± {deviation:.1f}"
        for mean, deviation in zip((row.first, row.second), row.deviations, strict=True)
    ]
    cells = [*values, f"{row.difference:+.1f}", f"{row.low:+.1f} … {row.high:+.1f}", f"{row.p_value:.4f}"]
    if has_several_runs:
        cells.append("–" if row.p_value_of_runs is None else f"{row.p_value_of_runs:.4f}")
    return cells


def _runs(compared: "RankComparison") -> str:
    """Return how many runs were compared; nothing for one a side."""
    if not compared.has_several_runs:
        return ""
    first, second = (len(side.runs) for side in compared.sides)
    return f", {first} and {second} runs{', seed by seed' if compared.are_paired else ''}"


def _under(comparisons: "Sequence[RankComparison]", split: str) -> str:
    """Return what a reader of the table has to know."""
    queries = " and ".join(str(compared.num_queries) for compared in comparisons)
    spread = "; mean ± standard deviation over runs" if comparisons[0].has_several_runs else ""
    return (
        f"{split}, {queries} queries{_runs(comparisons[0])}{spread}; recalls in percent; 95 % intervals by bootstrap, "
        "p by exchanging the two video by video"
        + (", and by a t-test of the runs" if comparisons[0].has_several_runs else "")
    )


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
