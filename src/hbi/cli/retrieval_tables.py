"""What `hbi evaluate` prints of retrieval."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from hbi.cli.terminal import console, say, styled

if TYPE_CHECKING:
    from hbi.evaluation.confidence import Interval
    from hbi.evaluation.protocol import EvaluationProtocol
    from hbi.evaluation.published import PublishedRow
    from hbi.evaluation.ranks import RetrievalScores
    from hbi.evaluation.report import Report

Rows = Sequence["PublishedRow"]


def print_report(name: str, report: "Report", protocol: "EvaluationProtocol", published: Rows = ()) -> None:
    """Print the measures as tables, with how they came about, and published rows beside them."""
    title = f"{name} on {report.split}: {report.num_texts} texts, {report.num_videos} videos"
    table = Table("direction", "R@1", "R@5", "R@10", "MdR", "MnR", title=styled("{title}", title=title))
    _add_direction(table, "text to video", report.text_to_video, report.intervals_text_to_video)
    table.add_row("  chance", *map(_number, report.chance_text_to_video), "", "", style="dim")
    _add_published(table, "text to video", published)
    _add_direction(table, "video to text", report.video_to_text, report.intervals_video_to_text)
    table.add_row("  chance", *map(_number, report.chance_video_to_text), "", "", style="dim")
    if report.video_to_captions:
        _add_direction(table, "video to a video's captions", report.video_to_captions)
    _add_published(table, "video to text", published)
    console.print(table)
    say("{protocol}; ± 95 % bootstrap interval over videos", protocol=protocol)
    if protocol.is_reduced:
        say(
            "[yellow]reduced gallery:[/] {counts} published videos: with fewer to choose from every number looks "
            "better, so these compare with no published ones",
            counts=f"{protocol.num_videos:,} of {protocol.published_videos:,}",
        )
    _print_details(report)


def _add_direction(table: Table, name: str, scores: "RetrievalScores", intervals: "Sequence[Interval]" = ()) -> None:
    recalls = (scores.recall_at_1, scores.recall_at_5, scores.recall_at_10)
    table.add_row(name, *map(_number, (*recalls, scores.median_rank, scores.mean_rank)))
    if intervals:
        *recall_cells, mean_cell = (f"{interval.low:.1f} – {interval.high:.1f}" for interval in intervals)
        table.add_row("  95 %", *recall_cells, "", mean_cell, style="dim")


def _add_published(table: Table, direction: str, rows: Rows) -> None:
    for row in rows:
        if row.direction == direction:
            cells = (*row.recalls, row.median_rank, row.mean_rank)
            table.add_row(f"  {row.model}", *("" if cell is None else _number(cell) for cell in cells), style="cyan")


def _number(value: float) -> str:
    return f"{value:.1f}"


def _print_details(report: "Report") -> None:
    if report.minimal_pairs:
        table = Table("minimal pairs", "accuracy", "pairs", title="true text above the false one, chance 50 %")
        for pair in report.minimal_pairs:
            table.add_row(pair.kind, f"{pair.accuracy:.1f} %", str(pair.num_pairs))
        console.print(table)
    if report.localization:
        columns = ("level", "interaction inside the event", "its share of frames", "strongest frame inside")
        table = Table(*columns, title="do words point at their seconds?")
        for level in report.localization:
            shares = (level.share_inside, level.share_of_frames, level.pointing)
            table.add_row(level.level, *(f"{share:.1f} %" for share in shares))
        console.print(table)
    for fault in report.faults[:5]:
        say("[yellow]not decoded wholly:[/] {fault}", fault=fault)
    if len(report.faults) > 5:
        say("[yellow]… and {count} more, in the metrics file[/]", count=len(report.faults) - 5)
