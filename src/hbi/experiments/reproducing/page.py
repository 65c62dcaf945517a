"""The report of a reproduction: as rows of text for the terminal, and as a page that needs no other file."""

import json
from collections.abc import Sequence

from hbi.experiments.reproducing.needs import in_hours
from hbi.experiments.reproducing.report import ComparedMeasure, Reproduction
from hbi.explanation import page, plain_table
from hbi.explanation.html.markup import escape

_NAMES = {"median_rank": "median rank", "mean_rank": "mean rank"}
INTERVAL = (
    "95 %: bootstrap interval over the test videos. It says how far other videos would move the figure, not seeds"
)


def report_rows(reproduction: Reproduction) -> list[tuple[str, ...]]:
    """Return our measures beside the paper's as rows of text, the header first.

    Args:
        reproduction: That is done.
    """
    rows: list[tuple[str, ...]] = [("", "ours", "95 %", "paper", "inside")]
    for each in reproduction.measures:
        name = _NAMES.get(each.measure, each.measure.replace("recall", "R"))
        title = f"{each.task} {name}" if len(reproduction.measures) > 1 else f"{name} of {each.task}"
        paper = "" if each.paper is None else f"{each.paper:.1f}"
        rows.append((title, f"{each.ours:.1f}", _interval(each), paper, _verdict(each)))
    return rows


def reproduction_page(reproduction: Reproduction) -> str:
    """Return the report as an HTML page.

    Args:
        reproduction: That is done.
    """
    counts = ", ".join(f"{number:,} {what}" for what, number in reproduction.sizes.items())
    source = f"Paper: {reproduction.paper}. " if reproduction.paper else ""
    why = f"The paper's figures are not shown: {reproduction.why_no_paper}. " if reproduction.why_no_paper else ""
    measured = f"{counts} of the test split. {source}{why}{INTERVAL}. Recalls and accuracies in percent."
    trained = (
        f"{reproduction.num_steps:,} steps in {in_hours(reproduction.training_seconds)}, validation not counted; "
        "frames were decoded once and kept as JPEG pictures of quality 95."
    )
    environment = [("", "value"), *((name, _plain(value)) for name, value in reproduction.environment.items())]
    sections = [
        _section("Ours and the paper’s", f"<p>{escape(measured)}</p>{plain_table(report_rows(reproduction))}"),
        _section(
            "In what it differs from the paper’s experiment",
            _list(reproduction.differences, "In nothing that its recipe and the published sizes of the data say."),
        ),
        _section("What else the check of the data found", _list(reproduction.remarks, "Nothing.")),
        _section("What it was made with", f"<p>{escape(trained)}</p>{plain_table(environment)}"),
    ]
    return page(f"{reproduction.title} {reproduction.protocol}: hbi reproduce {reproduction.benchmark}", sections)


def _section(title: str, markup: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{markup}</section>"


def _list(lines: Sequence[str], otherwise: str) -> str:
    if not lines:
        return f"<p>{escape(otherwise)}</p>"
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _interval(measure: ComparedMeasure) -> str:
    return "" if measure.low is None or measure.high is None else f"{measure.low:.1f} – {measure.high:.1f}"


def _verdict(measure: ComparedMeasure) -> str:
    return {True: "yes", False: "no", None: ""}[measure.is_paper_inside]


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
