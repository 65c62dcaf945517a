"""`hbi evaluate-choices`: multiple choice about videos, answered by ranking."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from hbi.cli.progress import progress_bar
from hbi.cli.terminal import console, say, styled


def evaluate_choices(
    run: Annotated[Path, typer.Argument(help="Run folder of hbi train, of a recipe that ranks.")],
    data: Annotated[
        Path, typer.Argument(help="Folder with annotations/ (msrvtt_mc_test.jsonl or .json) and videos/ in it.")
    ],
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, … or auto.")] = "auto",
) -> None:
    """Choose, of a few texts, the one most similar to a video; print how often it is the right one (MSR-VTT MC)."""
    from hbi.cli.device import choose_device
    from hbi.data.choices import load_choices
    from hbi.data.frames import decode_frames
    from hbi.evaluation.choices import choice_accuracy
    from hbi.files import write_atomically
    from hbi.recipes.runs import open_run

    trained = open_run(run, device=choose_device(device))
    split = load_choices(data / "annotations", data / "videos")
    sampling = trained.recipe.data
    with progress_bar("decoding videos") as progress:
        bank = decode_frames(
            split.videos, num_frames=sampling.num_frames, image_size=sampling.image_size, progress=progress
        )
    report = choice_accuracy(trained.model, trained.tokenizer, split, bank)
    title = styled("{name}, multiple choice", name=trained.name)
    table = Table("right", "chance", "questions", "videos", title=title)
    table.add_row(
        f"{report.accuracy:.1f} %", f"{report.chance:.1f} %", str(report.num_questions), str(report.num_videos)
    )
    console.print(table)
    for fault in report.faults[:5]:
        say("[yellow]left out or not decoded wholly:[/] {fault}", fault=fault)
    out = run / "metrics-choices.json"
    write_atomically(out, json.dumps({"run": trained.name, **report.to_dict()}, indent=2) + "\n")
    say("Written to {out}", out=out)
