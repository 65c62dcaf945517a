"""`hbi data pack`: decode the videos of a recipe once."""

from pathlib import Path
from typing import Annotated

import typer

from hbi.cli.progress import progress_bar
from hbi.cli.terminal import say

SHOWN = 5


def pack(
    recipe: Annotated[str, typer.Argument(help="The name of a built-in recipe, a YAML file, or a run folder.")],
    out: Annotated[
        Path | None,
        typer.Argument(
            help="The folder to write to. An interrupted run continues there.",
            show_default="packed-frames, in the folder of the data set",
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the recipe, as in hbi train. Repeatable."),
    ] = None,
    split: Annotated[list[str] | None, typer.Option(help="train, val or test. Repeatable. Default: all.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Number of processes.", show_default="all cores")] = None,
) -> None:
    """Decode the frames that a recipe needs once, so that training does not wait for video decoding.

    Then run hbi train RECIPE with the same --set options: it finds the frames
    (a note in the folder of the data set, packed-frames.json, says where they
    are) and says so. It uses none that were sampled in another way, that lack
    videos, or whose videos were changed since. --set data.frames=OUT names
    them, --set data.frames=null decodes the videos. Once frames are packed,
    the videos are no longer needed.
    """
    from hbi.data.benchmark import SPLIT_NAMES, split_name
    from hbi.experiments.packed import leave_note, usual_folder
    from hbi.experiments.packing import pack_frames
    from hbi.experiments.reading import read_recipe

    content = read_recipe(recipe, [*(overrides or ()), "data.frames=null"])
    names = [split_name(name) for name in split or SPLIT_NAMES]
    folder, is_noted = out or usual_folder(content), False
    for packed in pack_frames(content, folder, splits=names, num_workers=workers, bars=progress_bar):
        is_noted = leave_note(content, folder)  # the first of them are there, and the data set is what it should be
        sampling, size = packed.sampling, packed.size_bytes / 2**20
        picture = sampling.picture
        each = "frames" if picture.tubelet_size == 1 else f"tubelets of {picture.tubelet_size} frames"
        sides = f"{picture.height}" if picture.height == picture.width else f"{picture.height} x {picture.width}"
        frames = f"{sampling.num_frames} {each} of {sides} pixels each, {size:.1f} MiB"
        count = f"{packed.num_packed} of {packed.num_videos} videos"
        say("{folder}: {count}, {frames}", folder=packed.folder, count=count, frames=frames)
        for problem in packed.problems[:SHOWN]:
            say("[yellow]not whole:[/] {problem}", problem=problem)
        if len(packed.problems) > SHOWN:
            more = len(packed.problems) - SHOWN
            say("[yellow]… and {count} more, in {file}[/]", count=more, file=packed.problems_file)
    if is_noted:
        say("Next: [bold]hbi train {recipe}[/] with the same --set options: it finds these frames", recipe=recipe)
    else:  # the folder of the data set cannot be written
        say("Next: [bold]hbi train {recipe} … --set data.frames={out}[/]", recipe=recipe, out=folder)
