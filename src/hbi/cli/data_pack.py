"""`hbi data pack`: decode the videos of a recipe once."""

import json
from pathlib import Path
from typing import Annotated

import typer

from hbi.cli.progress import progress_bar
from hbi.cli.terminal import say, visible

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
    from hbi.data.packed_frames import PICTURES, FrameSampling
    from hbi.data.packing import pack_videos
    from hbi.experiments.reading import read_recipe
    from hbi.experiments.splits import frames_of_split, packed_folder, read_split
    from hbi.files import write_atomically

    content = read_recipe(recipe, [*(overrides or ()), "data.frames=null"])
    where = read_recipe(recipe, [*(overrides or ()), f"data.frames={json.dumps(str(out))}"])
    names = [split_name(name) for name in split or SPLIT_NAMES]
    for folder, name in {packed_folder(where, name): name for name in reversed(names)}.items():
        loaded = read_split(content, name)
        sampling = FrameSampling(frames_of_split(content, name), content.data.image_size)
        with progress_bar(f"packing {folder.name}") as progress:
            packed = pack_videos(loaded.split.videos, folder, sampling, num_workers=workers, progress=progress)
        faults = [*loaded.problems, *(f"{video.video_id}: {video.fault}" for video in packed if video.fault)]
        write_atomically(folder / "faults.txt", "".join(f"{visible(fault)}\n" for fault in faults))
        num_packed = sum(bool(video.offsets) for video in packed)
        size = (folder / PICTURES).stat().st_size / 2**20
        frames = f"{sampling.num_frames} frames of {sampling.image_size} pixels each, {size:.1f} MiB"
        count = f"{num_packed} of {len(packed)} videos"
        say("{folder}: {count}, {frames}", folder=folder, count=count, frames=frames)
        for fault in faults[:SHOWN]:
            say("[yellow]not whole:[/] {fault}", fault=fault)
        if len(faults) > SHOWN:
            say("[yellow]… and {count} more, in {file}[/]", count=len(faults) - SHOWN, file=folder / "faults.txt")
    say("Next: [bold]hbi train {recipe} … --set data.frames={out}[/]", recipe=recipe, out=out)
