"""`hbi record-games`: the games that a model plays, for `hbi train-estimator`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from hbi.cli.arguments import DEVICE, SOURCE, Split
from hbi.cli.progress import progress_bar
from hbi.cli.terminal import say


def record_games(
    source: Annotated[str, typer.Argument(metavar="MODEL", help=f"The model: {SOURCE}.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The .safetensors file to write.")],
    split: Annotated[Split, typer.Option(help="The split whose texts and videos play.")] = "train",
    level: Annotated[
        Literal["all", "entity", "action", "event"], typer.Option(help="Whose games: of all levels, or of one.")
    ] = "all",
    pairs: Annotated[
        int, typer.Option(min=1, max=10**7, help="Texts at most, each with its video, spread evenly over the split.")
    ] = 2000,
    data: Annotated[Path | None, typer.Option(help="The folder of the data set. Default: that of the run.")] = None,
    dataset: Annotated[
        str, typer.Option(help="With --data: the kind of data set (msrvtt, msvd, didemo, own, …).")
    ] = "shape-stories",
    frames: Annotated[
        int | None, typer.Option(min=1, help="Number of frames of a video. Default: as in training.")
    ] = None,
    device: Annotated[str, typer.Option(help=DEVICE)] = "auto",
) -> None:
    """Record the games that a model plays, for hbi train-estimator --games.

    A game is the similarities of the words of a text with the frames of its
    video, and their weights; there is one at each level. The model may be any
    that compares words with frames: converted ones, and those that answer
    questions, among them.
    """
    from hbi.experiments.recording import record_games as record  # loads torch, which takes seconds
    from hbi.shapes import LEVELS

    recorded = record(
        source,
        out,
        split=split,
        levels=LEVELS if level == "all" else (level,),
        num_pairs=pairs,
        data=data,
        dataset=dataset,
        num_frames=frames,
        device=device,
        bars=progress_bar,
    )
    if recorded.num_unreadable:
        say("[yellow]passed over:[/] {count} texts whose video cannot be decoded", count=recorded.num_unreadable)
    games = recorded.games
    say(
        "{games} games of {pairs} texts, of up to {words} words and {frames} frames, are in {out}",
        games=len(games.similarity),
        pairs=recorded.num_pairs,
        words=games.num_words,
        frames=games.num_frames,
        out=out,
    )
    say("Next: [bold]hbi train-estimator --games {out} --out estimator.safetensors[/]", out=out)
