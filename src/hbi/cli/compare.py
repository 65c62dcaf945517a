"""`hbi compare`: two evaluated models, query by query."""

from pathlib import Path
from typing import Annotated

import typer

from hbi.cli.arguments import Split
from hbi.cli.tables import TextTable


def compare(
    first: Annotated[
        Path, typer.Argument(help="A run folder that was evaluated, or the --out folder of hbi evaluate.")
    ],
    second: Annotated[Path, typer.Argument(help="Another one, evaluated on the same split.")],
    split: Annotated[Split, typer.Option(help="The split to compare on.")] = "test",
) -> None:
    """Test whether two models differ by more than chance, with a paired test over the videos of a split.

    Reads the ranks that hbi evaluate wrote. The interval is a bootstrap over
    videos. The p-value is that of a permutation test that exchanges the two
    models video by video. Neither covers the choice of the seed: to compare
    methods, train with several seeds.
    """
    from hbi.experiments.comparing import compare as compare_ranks

    for compared in compare_ranks(first, second, split=split):
        table = TextTable(
            compared.direction.replace("-", " "),
            *compared.names,
            "difference",
            "95 %",
            "p",
            title=f"{split}, {compared.num_queries} queries",
        )
        for row in compared.differences:
            interval = f"{row.low:+.1f} … {row.high:+.1f}"
            values = (f"{row.first:.1f}", f"{row.second:.1f}", f"{row.difference:+.1f}", interval, f"{row.p_value:.4f}")
            table.add_row(row.measure, *values)
        table.print()
