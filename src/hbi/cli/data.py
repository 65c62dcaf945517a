"""`hbi data`: make the data that ships with the method; check and pack benchmarks and own videos."""

from pathlib import Path
from typing import Annotated

import typer

from hbi.cli.data_check import check
from hbi.cli.data_pack import pack
from hbi.cli.progress import progress_bar
from hbi.cli.terminal import say

data_app = typer.Typer(help="Make, check and pack data sets.", no_args_is_help=True)


@data_app.callback()
def _data() -> None:
    """Make, check and pack data sets."""


data_app.command("check")(check)
data_app.command("pack")(pack)


@data_app.command("shape-stories")
def shape_stories(
    out: Annotated[Path, typer.Argument(help="The folder to write to. An interrupted run continues there.")],
    train: Annotated[int, typer.Option(min=0, help="Number of training videos.")] = 2500,
    val: Annotated[int, typer.Option(min=0, help="Number of validation videos.")] = 200,
    test: Annotated[int, typer.Option(min=0, help="Number of test videos.")] = 500,
    seed: Annotated[int, typer.Option(min=0, help="Random seed: the same seed gives the same frames and texts.")] = 0,
    workers: Annotated[int | None, typer.Option(min=1, help="Number of processes.", show_default="all cores")] = None,
) -> None:
    """Make ShapeStories: short videos of colored shapes, with captions, minimal pairs, questions and annotations."""
    from hbi.shape_stories import generate_shape_stories

    with progress_bar("Drawing videos") as progress:
        generate_shape_stories(
            out, num_train=train, num_val=val, num_test=test, seed=seed, num_workers=workers, progress=progress
        )
    counts = f"{train} train, {val} val and {test} test videos"
    say("ShapeStories in {out}: {counts}.", out=out, counts=counts)
