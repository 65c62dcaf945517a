"""`hbi train-second-stage`: train a network that ranks the best candidates of a model again."""

import math
from pathlib import Path
from typing import Annotated

import typer

from hbi.cli.arguments import DEVICE, SOURCE
from hbi.cli.progress import progress_bar
from hbi.cli.terminal import say


def train_second_stage(
    source: Annotated[str, typer.Argument(metavar="MODEL", help=f"The first stage: {SOURCE}.")],
    out: Annotated[Path, typer.Option(help="The .safetensors file to write the second stage to.")],
    data: Annotated[Path | None, typer.Option(help="The folder of the data set. Default: that of the run.")] = None,
    dataset: Annotated[
        str, typer.Option(help="With --data: the kind of data set (msrvtt, msvd, didemo, own, …).")
    ] = "shape-stories",
    steps: Annotated[int, typer.Option(min=1, max=10**9, help="Number of training steps.")] = 400,
    batch_size: Annotated[int, typer.Option(min=1, max=100_000, help="Number of texts in a step.")] = 32,
    candidates: Annotated[
        int, typer.Option(min=2, max=1000, help="Number of videos that each text is compared with in a step.")
    ] = 4,
    learning_rate: Annotated[float, typer.Option(min=0.0, max=1e4, help="The peak learning rate.")] = 4e-3,
    channels: Annotated[int, typer.Option(min=1, max=2**14, help="Width of the network.")] = 24,
    layers: Annotated[int, typer.Option(min=1, max=64, help="Number of layers.")] = 2,
    seed: Annotated[
        int, typer.Option(min=0, max=2**63 - 1, help="Random seed of the initial weights and of what is drawn.")
    ] = 0,
    device: Annotated[str, typer.Option(help=DEVICE)] = "auto",
) -> None:
    """Train a small network that ranks the best 50 videos of a text again.

    It reads the words of the text and the frames of a video together, as the
    model has encoded them: an index keeps nothing more for it. The model stays
    as it is. How much the second stage counts is chosen on the validation
    split. Use it with hbi evaluate, search or explain --second-stage FILE.
    """
    from hbi.errors import HBIError
    from hbi.experiments.evaluating import recipe_of
    from hbi.experiments.second_stage import train_second_stage as fit
    from hbi.matching import load_matcher
    from hbi.training.second_stage_training import SecondStageTraining

    if math.isnan(learning_rate):
        raise HBIError("--learning-rate nan is no number")
    matcher = load_matcher(source, device=device)
    settings = SecondStageTraining(
        num_steps=steps,
        batch_size=batch_size,
        num_candidates=candidates,
        learning_rate=learning_rate,
        seed=seed,
    )
    choice = fit(
        matcher,
        recipe_of(matcher, data, dataset),
        out,
        settings=settings,
        channels=channels,
        num_layers=layers,
        bars=progress_bar,
    )
    before, after = (f"{choice.recall_at_1[strength]:.1f}" for strength in (0.0, choice.strength))
    say(
        "Validation split: R@1 {after} for {before} % without it. Written: [bold]{out}[/]",
        after=after,
        before=before,
        out=out,
    )
    if choice.strength == 0:
        say("[yellow]note:[/] it does not help on the validation split, so it leaves every ranking as it is")
