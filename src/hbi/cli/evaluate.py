"""`hbi evaluate`: measure a trained run on a split."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table

from hbi.cli.progress import console, progress_bar

if TYPE_CHECKING:
    from hbi.evaluation.report import Report


Split = Literal["train", "val", "test"]
Weights = Literal["best", "last"]


def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder of hbi train.")],
    split: Annotated[Split, typer.Option(help="Which videos and texts.")] = "test",
    weights: Annotated[Weights, typer.Option(help="Best on the validation split, or after the last step.")] = "best",
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, … or auto.")] = "auto",
) -> None:
    """Rank all videos for each text and all texts for each video; print a table and write metrics.json.

    Ties count as half. All videos that satisfy a text count as right; of several right ones the best ranked counts.
    """
    report = evaluate_run(run, split=split, weights=weights, device=device)
    print_report(run.resolve().name, report)
    console.print(f"Written to {metrics_file(run, split)}")


def metrics_file(run: Path, split: str) -> Path:
    """Return where the measures of a split are written: metrics.json for the test split."""
    return run / ("metrics.json" if split == "test" else f"metrics-{split}.json")


def evaluate_run(
    run: Path,
    *,
    split: Split = "test",
    weights: Weights = "best",
    device: str = "auto",
) -> "Report":
    """Measure a run with bars on the terminal, and write the measures into its folder."""
    from hbi.cli.device import choose_device
    from hbi.evaluation.report import evaluate as measure
    from hbi.files import write_atomically
    from hbi.recipes.experiment import decode_split, open_run

    trained = open_run(run, weights=weights, device=choose_device(device))
    with progress_bar("decoding videos") as progress:
        decoded = decode_split(trained.recipe, split, progress)
    with progress_bar("comparing texts") as progress:
        report = measure(trained.model, trained.tokenizer, decoded.split, decoded.bank, progress=progress)
    record = {"run": trained.name, "weights": weights, **report.to_dict()}
    write_atomically(metrics_file(run, split).with_name(f"ranks-{split}.csv"), report.ranks_csv(decoded.split))
    write_atomically(metrics_file(run, split), json.dumps(record, indent=2) + "\n")
    return report


def print_report(name: str, report: "Report") -> None:
    """Print the measures as tables."""
    title = f"{name} on {report.split}: {report.num_texts} texts, {report.num_videos} videos"
    table = Table("direction", "R@1", "R@5", "R@10", "MdR", "MnR", title=title)
    for direction, scores, chances in (
        ("text to video", report.text_to_video, report.chance_text_to_video),
        ("video to text", report.video_to_text, report.chance_video_to_text),
    ):
        recalls = (scores.recall_at_1, scores.recall_at_5, scores.recall_at_10)
        numbers = (*recalls, scores.median_rank, scores.mean_rank)
        table.add_row(direction, *(f"{number:.1f}" for number in numbers))
        table.add_row("  chance", *(f"{chance:.1f}" for chance in chances), "", "", style="dim")
    console.print(table)
    if report.minimal_pairs:
        table = Table("minimal pairs", "accuracy", "pairs", title="true text above the false one, chance 50 %")
        for pair in report.minimal_pairs:
            table.add_row(pair.kind, f"{pair.accuracy:.1f} %", str(pair.num_pairs))
        console.print(table)
    if report.localization:
        table = Table(
            "level",
            "interaction inside the event",
            "its share of frames",
            "strongest frame inside",
            title="do words point at their seconds?",
        )
        for level in report.localization:
            table.add_row(
                level.level, f"{level.share_inside:.1f} %", f"{level.share_of_frames:.1f} %", f"{level.pointing:.1f} %"
            )
        console.print(table)
    for fault in report.faults[:5]:
        console.print(f"[yellow]not decoded wholly:[/] {fault}")
    if len(report.faults) > 5:
        console.print(f"[yellow]… and {len(report.faults) - 5} more, in the metrics file[/]")
