"""`hbi reproduce`: an experiment of the paper, from the data to a report."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hbi.cli.arguments import DEVICE
from hbi.cli.progress import progress_bar
from hbi.cli.terminal import say, say_command

if TYPE_CHECKING:
    from hbi.experiments.reproducing.plan import Plan


def reproduce(
    benchmark: Annotated[str, typer.Argument(help="msrvtt, activitynet, didemo or msrvtt-qa.")],
    root: Annotated[
        Path | None,
        typer.Option(help="The data set, with annotations/ and videos/ in it.", show_default="data/BENCHMARK"),
    ] = None,
    clip: Annotated[
        str | None,
        typer.Option(
            help="The CLIP that training starts from: a folder, or a hub name.", show_default="that of the recipe"
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder to write to.", show_default="runs/reproduce-BENCHMARK")
    ] = None,
    packed: Annotated[
        Path | None,
        typer.Option(help="The folder of packed frames.", show_default="packed-frames, in the folder of the data set"),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a value of the recipe, as in hbi train. Told in the report."
        ),
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Go on without videos that are missing, or that cannot be decoded.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan only: exit code 1 if something is in the way.")
    ] = False,
    until: Annotated[
        Literal["check", "pack", "train", "evaluate", "report"], typer.Option(help="The last stage to do.")
    ] = "report",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Number of processes that decode.", show_default="all cores")
    ] = None,
    device: Annotated[str, typer.Option(help=DEVICE)] = "auto",
) -> None:
    """Do an experiment of the paper: check the data, pack frames, train from CLIP, evaluate, report.

    First it says what that takes: disk, memory, hours. For this it decodes a few
    videos and times a few training steps. If something is missing, it says what,
    and nothing is begun.

    The result stands beside the paper's, with confidence intervals, in
    OUT/report.json and OUT/report.html. The run folder is OUT/run.

    After an interruption, at any moment, run the same command again: it goes on.

    On several GPUs, train between two calls; the first prints the line:
    hbi reproduce … --until pack
    torchrun --no-python --nproc-per-node 8 hbi train …
    hbi reproduce …
    """
    from hbi.errors import HBIError
    from hbi.matching.device import choose_device

    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise HBIError("hbi reproduce is one process: under torchrun comes hbi train (see hbi reproduce --help)")
    from hbi.cli.reproduce_tables import print_plan, print_reproduction
    from hbi.experiments.reproducing.planning import make_plan

    plan = make_plan(
        benchmark,
        out=out,
        root=root,
        clip=clip,
        packed=packed,
        overrides=overrides or (),
        device=choose_device(device),
        num_workers=workers,
        is_partial=partial,
    )
    print_plan(plan)
    if dry_run:
        raise typer.Exit(1 if plan.obstacles else 0)
    from hbi.cli.train import watch_training
    from hbi.experiments.reproducing.stages import reproduce as work

    done = work(plan, until=until, bars=progress_bar, watch=watch_training, tell=_tell)
    if done is not None:
        print_reproduction(done, plan.out)
    elif until == "pack":
        _say_torchrun(plan)


def _tell(stage: str, line: str) -> None:
    from hbi.experiments.reproducing.plan import STAGES

    if line:
        say("{line}", line=line)
    else:
        number = [*STAGES].index(stage) + 1  # type: ignore[arg-type]  # they are the same words
        say("\n[bold]{number}/{of}  {stage}[/]", number=number, of=len(STAGES), stage=stage)


def _say_torchrun(plan: "Plan") -> None:
    say("Next: the same command without --until. On several GPUs, train before that:")
    say_command("torchrun", "--no-python", "--nproc-per-node", "8", *plan.training_command)
