"""`hbi evaluate`: measure a model on a split of a data set."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from hbi.cli.arguments import DEVICE, SOURCE, Split, Weights
from hbi.cli.evaluation_tables import (
    print_answers,
    print_explanation_quality,
    print_minimal_pairs,
    print_moments,
    print_retrieval,
    print_second_stage,
)
from hbi.cli.progress import progress_bar
from hbi.cli.terminal import say

if TYPE_CHECKING:
    from hbi.matching import Answerer, Matcher

Measures: TypeAlias = dict[str, tuple[Callable[..., Any], Callable[[Any], None]]]
"""What measures a model and what prints that, by option."""


def evaluate(
    source: Annotated[str, typer.Argument(metavar="MODEL", help=f"The model: {SOURCE}.")],
    split: Annotated[Split, typer.Option(help="The split to evaluate on.")] = "test",
    data: Annotated[Path | None, typer.Option(help="The folder of the data set. Default: that of the run.")] = None,
    dataset: Annotated[
        str, typer.Option(help="With --data: the kind of data set (msrvtt, msvd, didemo, own, …).")
    ] = "shape-stories",
    frames: Annotated[
        int | None,
        typer.Option(min=1, help="Number of frames of a video. Default: as in training, 12 for most encoders."),
    ] = None,
    weights: Annotated[
        Weights, typer.Option(help="Of a run: the weights that were best on the validation split, or the last ones.")
    ] = "best",
    out: Annotated[
        Path | None, typer.Option(help="The folder to write results to. Default: the run folder; other models: none.")
    ] = None,
    dsl: Annotated[
        bool,
        typer.Option(
            "--dsl", help="Rank by dual softmax, which uses all queries at once, as some published results do."
        ),
    ] = False,
    explanations: Annotated[
        bool,
        typer.Option("--explanations", help="Also measure how faithful the explanations are. Takes minutes."),
    ] = False,
    minimal_pairs: Annotated[
        bool,
        typer.Option(
            "--minimal-pairs",
            help="Also measure how often a caption scores above the same caption made wrong: by one word (red for "
            "blue, falls for rises) or by the order. The words come from the training captions. Chance is 50 %.",
        ),
    ] = False,
    moments: Annotated[
        bool,
        typer.Option(
            "--moments",
            help="Also measure moment retrieval: given a text and its video, when is it seen? R@1 and R@5 of proposed "
            "spans at an overlap (IoU) of 0.3, 0.5 and 0.7. ShapeStories, DiDeMo, ActivityNet Captions and own "
            "tables with start and end say when.",
        ),
    ] = False,
    second_stage: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also measure what ranking the best 50 videos of each text again changes, with the second stage that "
            "hbi train-second-stage wrote.",
        ),
    ] = None,
    device: Annotated[str, typer.Option(help=DEVICE)] = "auto",
) -> None:
    """Evaluate a model on a split: rank all videos for each text, and all texts for each video.

    Prints a table and writes metrics.json. Ties count as half. If several
    videos are right for a text, the one ranked best counts. For a model that
    answers questions, the result is the share of right answers.

    On several GPUs:
    torchrun --no-python --nproc-per-node 8 hbi evaluate …
    """
    from hbi.hub import is_only_here, without_prefix

    is_only_here(without_prefix(source))
    # Only now, since they take seconds to load.
    from hbi.matching import load
    from hbi.matching.device import choose_device
    from hbi.training.distributed import joined_processes, own_device
    from hbi.training.memory import naming_out_of_memory

    own = own_device(choose_device(device))
    with joined_processes(own) as processes, naming_out_of_memory():
        opened = load(source, device=own, num_frames=frames, weights=weights)
        options: dict[str, Any] = {"split": split, "data": data, "dataset": dataset, "use_dual_softmax": dsl}
        asked = {
            "--explanations": explanations,
            "--minimal-pairs": minimal_pairs,
            "--moments": moments,
            "--second-stage": second_stage is not None,
        }
        beside = [option for option, is_asked in asked.items() if is_asked]
        measures = _measures(second_stage)
        _evaluate(
            opened, out, beside=beside, measures=measures, is_main=processes.is_main, processes=processes, **options
        )


def _evaluate(
    opened: "Matcher | Answerer",
    out: Path | None,
    *,
    beside: Sequence[str],
    measures: Measures,
    is_main: bool,
    **options: Any,
) -> None:
    """Measure with all processes of a job; the main one prints, writes, and measures what is asked for beside it."""
    from hbi.errors import HBIError
    from hbi.experiments.evaluating import Evaluation, recipe_of
    from hbi.experiments.evaluating import evaluate as measure
    from hbi.matching import Answerer

    def bars(title: str) -> AbstractContextManager[Any]:
        return progress_bar(title, is_shown=is_main)

    if beside and isinstance(opened, Answerer):
        raise HBIError(f"{beside[0]} measures a model that ranks, and {opened.name} answers questions: leave it out")
    if is_main and opened.run is None:
        say("{what}", what=opened.description)
    evaluation = measure(opened, bars=bars, **options)
    if not is_main:
        return
    folder = out or (opened.run if options["data"] is None else None)
    if isinstance(evaluation, Evaluation):
        print_retrieval(evaluation)
    else:
        print_answers(evaluation)
    if folder is not None:
        say("Written to {file}", file=evaluation.write(folder))
    for option, (measure_beside, print_it) in measures.items():
        if option in beside:
            recipe = recipe_of(opened, options["data"], options["dataset"])
            measured = measure_beside(opened, recipe, split=options["split"], bars=progress_bar)
            print_it(measured)
            if folder is not None:
                say("Written to {file}", file=measured.write(folder))


def _measures(second_stage: Path | None) -> Measures:
    """Return what measures a model that ranks and what prints that, by option, in the order in which it is done."""
    from functools import partial

    from hbi.experiments.explanation_quality import measure_explanations
    from hbi.experiments.minimal_pairs import measure_minimal_pairs
    from hbi.experiments.moment_search import evaluate_moments
    from hbi.experiments.second_stage import measure_second_stage

    measures: Measures = {
        "--moments": (evaluate_moments, print_moments),
        "--explanations": (measure_explanations, print_explanation_quality),
        "--minimal-pairs": (measure_minimal_pairs, print_minimal_pairs),
    }
    if second_stage is not None:
        measures["--second-stage"] = partial(measure_second_stage, file=second_stage), print_second_stage
    return measures
