"""`hbi evaluate-choices`: multiple choice about videos, answered by ranking."""

from pathlib import Path
from typing import Annotated

import typer

from hbi.cli.arguments import DEVICE, SOURCE
from hbi.cli.progress import progress_bar
from hbi.cli.tables import TextTable
from hbi.cli.terminal import say


def evaluate_choices(
    source: Annotated[str, typer.Argument(metavar="MODEL", help=f"The model: {SOURCE}.")],
    data: Annotated[
        Path, typer.Argument(help="The folder of the data: annotations/ (msrvtt_mc_test.jsonl or .json) and videos/.")
    ],
    frames: Annotated[
        int | None,
        typer.Option(min=1, help="Number of frames of a video. Default: as in training, 12 for most encoders."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder to write results to. Default: the run folder; other models: none.")
    ] = None,
    device: Annotated[str, typer.Option(help=DEVICE)] = "auto",
) -> None:
    """Evaluate on multiple choice (MSR-VTT MC): how often is the right text the one most similar to the video?"""
    from hbi.experiments.multiple_choice import evaluate_choices as measure_choices
    from hbi.experiments.multiple_choice import write_choices
    from hbi.matching import is_run, load_matcher

    matcher = load_matcher(source, device=device, num_frames=frames)
    report = measure_choices(matcher, data, bars=progress_bar)
    table = TextTable("right", "chance", "questions", "videos", title=f"{matcher.name}, multiple choice")
    table.add_row(
        f"{report.accuracy:.1f} %", f"{report.chance:.1f} %", str(report.num_questions), str(report.num_videos)
    )
    table.print()
    for problem in report.problems[:5]:
        say("[yellow]left out or not decoded wholly:[/] {problem}", problem=problem)
    folder = out or (Path(source) if is_run(source) else None)
    if folder is not None:
        say("Written to {file}", file=write_choices(matcher, report, folder))
