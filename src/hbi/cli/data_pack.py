"""`hbi data pack`: decode the videos of a recipe once."""

from pathlib import Path
from typing import Annotated

import typer

from hbi.cli.progress import progress_bar
from hbi.cli.terminal import say

SHOWN = 5


def pack(
    recipe: Annotated[str, typer.Argument(help="The name of a built-in recipe, or a YAML file.")],
    out: Annotated[Path, typer.Argument(help="The folder to write to. An interrupted run continues there.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the recipe, as in hbi train. Repeatable."),
    ] = None,
    split: Annotated[list[str] | None, typer.Option(help="train, val or test. Repeatable. Default: all.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Number of processes.", show_default="all cores")] = None,
) -> None:
    """Decode the frames that a recipe needs once, so that training does not wait for video decoding.

    Then run hbi train RECIPE with the same --set options and --set
    data.frames=OUT. The videos are no longer needed. Training refuses packed
    frames that were sampled differently from what its recipe says.
    """
    from hbi.data.benchmark import SPLIT_NAMES, split_name
    from hbi.experiments.packing import pack_frames
    from hbi.experiments.reading import read_recipe

    content = read_recipe(recipe, [*(overrides or ()), "data.frames=null"])
    names = [split_name(name) for name in split or SPLIT_NAMES]
    for packed in pack_frames(content, out, splits=names, num_workers=workers, bars=progress_bar):
        sampling, size = packed.sampling, packed.size_bytes / 2**20
        picture = sampling.picture.in_tubelets(1, None)
        each = "frames" if sampling.picture.tubelet_size == 1 else f"tubelets of {sampling.picture.tubelet_size} frames"
        frames = f"{sampling.num_frames} {each} of {picture} pixels each, {size:.1f} MiB"
        count = f"{packed.num_packed} of {packed.num_videos} videos"
        say("{folder}: {count}, {frames}", folder=packed.folder, count=count, frames=frames)
        for problem in packed.problems[:SHOWN]:
            say("[yellow]not whole:[/] {problem}", problem=problem)
        if len(packed.problems) > SHOWN:
            more = len(packed.problems) - SHOWN
            say("[yellow]… and {count} more, in {file}[/]", count=more, file=packed.problems_file)
    say("Next: [bold]hbi train {recipe} … --set data.frames={out}[/]", recipe=recipe, out=out)
