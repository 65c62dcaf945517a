"""`hbi compare`: two evaluated models, query by query, of one run or several seeds each."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from hbi.cli.arguments import Split
from hbi.cli.comparison_tables import comparison_latex, comparison_markdown, print_comparison
from hbi.cli.terminal import say_json, say_lines
from hbi.errors import HBIError

BETWEEN = "vs"
"""The word between the runs of one model and those of the other."""


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN",
            help="Run folders that were evaluated, or --out folders of hbi evaluate: those of one model, the word vs, "
            "and those of the other. Of one run each, vs may be left out.",
        ),
    ],
    split: Annotated[Split, typer.Option(help="The split to compare on.")] = "test",
    form: Annotated[
        Literal["table", "json", "markdown", "latex"],
        typer.Option("--format", help="What is printed: a table to read, or one for a program, a page or a paper."),
    ] = "table",
    name: Annotated[
        list[str] | None,
        typer.Option(
            help="What to call a model in the table: give it twice.", show_default="as the folders are called"
        ),
    ] = None,
) -> None:
    """Test whether two models differ by more than chance, with a paired test over the videos of a split.

    Reads the ranks that hbi evaluate wrote. One run each:

    hbi compare runs/baseline runs/mine

    Several seeds of each, which is how methods should be compared:

    hbi compare runs/baseline-* vs runs/mine-*

    Then the table has the mean and the standard deviation over the runs of each
    model. The interval is a bootstrap over videos, and over runs where there
    are several. The first p-value is that of a permutation test that exchanges
    the two models video by video: would it be so with other videos? The second
    one is that of a t-test of the runs, in pairs where both models have the
    same seeds: would it be so with other seeds?
    """
    from hbi.experiments.comparing import compare as compare_ranks

    first, second = _sides(runs)
    if name is not None and len(name) != 2:
        raise HBIError(f"--name was given {len(name)} times: give it twice, once for each model")
    names = (name[0], name[1]) if name else None
    compared = compare_ranks(first, second, split=split, names=names)
    if form == "json":
        say_json({"split": split, "directions": [each.to_dict() for each in compared]})
    elif form == "markdown":
        say_lines(comparison_markdown(compared, split))
    elif form == "latex":
        say_lines(comparison_latex(compared, split))
    else:
        for each in compared:
            print_comparison(each, split)


def _sides(runs: list[str]) -> tuple[list[Path], list[Path]]:
    """Return the folders before and after the word between them."""
    if BETWEEN not in runs and len(runs) == 2:
        return [Path(runs[0])], [Path(runs[1])]
    if runs.count(BETWEEN) != 1 or runs[0] == BETWEEN or runs[-1] == BETWEEN:
        raise HBIError("say which runs are whose: hbi compare RUN… vs RUN… (or two runs, one of each model)")
    place = runs.index(BETWEEN)
    return [Path(run) for run in runs[:place]], [Path(run) for run in runs[place + 1 :]]
