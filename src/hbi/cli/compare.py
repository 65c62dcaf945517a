"""`hbi compare`: two evaluated runs, query by query."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from hbi.cli.evaluate import Direction, Split, rank_file
from hbi.cli.terminal import console

DIRECTIONS: tuple[Direction, ...] = ("text-to-video", "video-to-text")


def compare(
    first: Annotated[Path, typer.Argument(help="Run folder, or --out of hbi evaluate, that was evaluated.")],
    second: Annotated[Path, typer.Argument(help="Another one, evaluated on the same split.")],
    split: Annotated[Split, typer.Option(help="Which split's ranks to compare.")] = "test",
) -> None:
    """Tell whether two runs differ by more than chance: a paired test over the videos of a split.

    Reads the ranks that hbi evaluate wrote. The interval is a bootstrap over videos; p is the share of random exchanges
    of the two runs, video by video, that differ at least as much. It says nothing of other seeds: train several.
    """
    from hbi.evaluation.confidence import paired_differences
    from hbi.evaluation.rank_files import pair_ranks

    names = (first.resolve().name, second.resolve().name)
    for direction in DIRECTIONS:
        paths = [rank_file(folder, split, direction) for folder in (first, second)]
        paired = pair_ranks(*paths)
        table = Table(
            direction.replace("-", " "),
            *(Column(name, overflow="fold") for name in names),
            "difference",
            "95 %",
            "p",
            title=f"{split}, {len(paired.videos)} queries",
        )
        for row in paired_differences(paired.first, paired.second, paired.videos):
            interval = f"{row.low:+.1f} … {row.high:+.1f}"
            values = (f"{row.first:.1f}", f"{row.second:.1f}", f"{row.difference:+.1f}", interval, f"{row.p_value:.4f}")
            table.add_row(row.measure, *values)
        console.print(table)
