"""`hbi evaluate`: measure a trained run, a converted checkpoint, or a CLIP that never saw a video, on a split."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from hbi.cli.evaluate_answers import answers_questions, evaluate_answers, print_answer_report
from hbi.cli.evaluate_explanations import evaluate_explanations
from hbi.cli.given_model import GivenModel, is_given, open_given
from hbi.cli.progress import console, progress_bar

if TYPE_CHECKING:
    from hbi.evaluation.report import Report
    from hbi.recipes.schema import Recipe


Split = Literal["train", "val", "test"]
Weights = Literal["best", "last"]


def evaluate(
    run: Annotated[
        str,
        typer.Argument(
            help="Run folder of hbi train, model:FOLDER of hbi convert, or clip:NAME_OR_FOLDER for a CLIP as it is."
        ),
    ],
    split: Annotated[Split, typer.Option(help="Which videos and texts.")] = "test",
    weights: Annotated[Weights, typer.Option(help="Best on the validation split, or after the last step.")] = "best",
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, … or auto.")] = "auto",
    data: Annotated[
        Path | None, typer.Option(help="Folder of the data set. Only for clip:… and model:…, a run has its own.")
    ] = None,
    dataset: Annotated[
        str, typer.Option(help="Which data set that is. Only for clip:… and model:….")
    ] = "shape-stories",
    frames: Annotated[int, typer.Option(min=1, help="Frames of a video. Only for clip:… and model:….")] = 12,
    out: Annotated[Path | None, typer.Option(help="Where to write the measures. Only for clip:… and model:….")] = None,
    explanations: Annotated[
        bool, typer.Option("--explanations", help="Measure as well whether explanations are true. Takes minutes.")
    ] = False,
) -> None:
    """Rank all videos for each text and all texts for each video; print a table and write metrics.json.

    Ties count as half. All videos that satisfy a text count as right; of several right ones the best ranked counts.
    A run that answers questions is measured by how many of them it answers rightly.
    """
    from hbi.errors import HBIError

    if is_given(run):
        if data is None:
            raise HBIError(f"{run} has no data set of its own: give its folder with --data")
        if explanations:
            raise HBIError(f"--explanations measures what a run explains, and {run} is no run folder: leave it out")
        evaluate_given(run, data, dataset, split=split, num_frames=frames, device=device, out=out)
        folder = out
    else:
        if data is not None or out is not None:
            raise HBIError(f"{run} is a run folder, which has its data set and its place: leave out --data and --out")
        folder = Path(run)
        if answers_questions(folder):
            written = metrics_file(folder, split)
            answers = evaluate_answers(folder, split=split, weights=weights, device=device, out=written)
            print_answer_report(folder.resolve().name, answers)
        else:
            report = evaluate_run(folder, split=split, weights=weights, device=device)
            print_report(folder.resolve().name, report)
            if explanations:
                evaluate_explanations(folder, split=split, weights=weights, device=device)
    if folder is not None:
        console.print(f"Written to {metrics_file(folder, split)}")


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
    from hbi.recipes.runs import open_run

    trained = open_run(run, weights=weights, device=choose_device(device))
    origin = {"run": trained.name, "weights": weights}
    return _measure(trained.model, trained.tokenizer, trained.recipe, split, origin=origin, out=run)


def evaluate_given(
    name: str, data: Path, dataset: str, *, split: Split, num_frames: int, device: str, out: Path | None
) -> "Report":
    """Measure a network without a run folder, and say what it is; write the measures into `out` if there is one."""
    from hbi.cli.device import choose_device

    given = open_given(name, num_frames=num_frames, device=choose_device(device))
    console.print(given.what, markup=False)
    recipe = _recipe_of_data(given, data, dataset)
    report = _measure(given.model, given.tokenizer, recipe, split, origin=given.origin, out=out)
    print_report(given.name, report)
    return report


def _recipe_of_data(given: GivenModel, data: Path, dataset: str) -> "Recipe":
    """Return a recipe that names the data; its network and its training are none that anybody runs."""
    from pydantic import ValidationError

    from hbi.errors import HBIError
    from hbi.recipes.schema import Recipe

    section = {
        "dataset": dataset,
        "root": str(data),
        "num_frames": given.num_frames,
        "image_size": given.image_size,
        "max_words": given.model.config.max_words,
    }
    try:
        return Recipe.model_validate({"data": section, "model": {"kind": "global"}, "training": {"num_steps": 1}})
    except ValidationError as error:
        raise HBIError(f"--dataset {dataset}: {error.errors()[0]['msg']}") from error


def _measure(
    model: Any, tokenizer: Any, recipe: "Recipe", split: Split, *, origin: dict[str, str], out: Path | None
) -> "Report":
    from hbi.evaluation.report import evaluate as measure
    from hbi.files import write_atomically
    from hbi.recipes.splits import decode_split

    with progress_bar("decoding videos") as progress:
        decoded = decode_split(recipe, split, progress)
    with progress_bar("comparing texts") as progress:
        report = measure(model, tokenizer, decoded.split, decoded.bank, progress=progress)
    if out is not None:
        write_atomically(metrics_file(out, split).with_name(f"ranks-{split}.csv"), report.ranks_csv(decoded.split))
        write_atomically(metrics_file(out, split), json.dumps({**origin, **report.to_dict()}, indent=2) + "\n")
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
