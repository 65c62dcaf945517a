"""`hbi evaluate`: measure a trained run, a converted checkpoint, or a CLIP that never saw a video, on a split."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hbi.cli.evaluate_answers import answers_questions, evaluate_answers, print_answer_report
from hbi.cli.evaluate_explanations import evaluate_explanations
from hbi.cli.given_model import GivenModel, is_given, open_given, require_given
from hbi.cli.progress import progress_bar
from hbi.cli.retrieval_tables import print_report
from hbi.cli.terminal import say

if TYPE_CHECKING:
    import torch
    from transformers import CLIPTokenizer

    from hbi.evaluation.report import Report
    from hbi.models import GlobalContrastModel, HBIModel
    from hbi.recipes.protocol import Selection
    from hbi.recipes.schema import Recipe
    from hbi.training.distributed import Processes


Split = Literal["train", "val", "test"]
Weights = Literal["best", "last"]
Direction = Literal["text-to-video", "video-to-text"]


def evaluate(
    run: Annotated[
        str,
        typer.Argument(
            help="Run folder of hbi train, model:FOLDER of hbi convert, or clip:NAME_OR_FOLDER for a CLIP as it is."
        ),
    ],
    split: Annotated[Split, typer.Option(help="Which videos and texts.")] = "test",
    weights: Annotated[Weights, typer.Option(help="Best on the validation split, or after the last step.")] = "best",
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, … or auto.")] = "auto",
    data: Annotated[
        Path | None, typer.Option(help="Folder of the data set. Only for clip:… and model:…, a run has its own.")
    ] = None,
    dataset: Annotated[
        str, typer.Option(help="Which data set that is. Only for clip:… and model:….")
    ] = "shape-stories",
    frames: Annotated[int, typer.Option(min=1, help="Frames of a video. Only for clip:… and model:….")] = 12,
    out: Annotated[Path | None, typer.Option(help="Where to write the measures. Only for clip:… and model:….")] = None,
    dsl: Annotated[
        bool,
        typer.Option(
            "--dsl",
            help="Rank by dual softmax, which looks at all queries at once. Some published numbers do.",
        ),
    ] = False,
    explanations: Annotated[
        bool, typer.Option("--explanations", help="Measure as well whether explanations are true. Takes minutes.")
    ] = False,
) -> None:
    """Rank all videos for each text and all texts for each video; print a table and write metrics.json.

    Ties count as half. All videos that satisfy a text count as right; of several right ones the best ranked counts.
    A run that answers questions is measured by how many of them it answers rightly.
    """
    from hbi.errors import HBIError

    if not is_given(run) and (data is not None or out is not None):
        raise HBIError(f"{run} is a run folder, which has its data set and its place: leave out --data and --out")
    if is_given(run) and explanations:
        raise HBIError(f"--explanations measures what a run explains, and {run} is no run folder: leave it out")
    if is_given(run) and data is None:
        raise HBIError(f"{run} has no data set of its own: give its folder with --data")
    if is_given(run):
        require_given(run)
    # Only now, since they take seconds to load.
    from hbi.cli.device import choose_device
    from hbi.training.distributed import joined_processes, own_device
    from hbi.training.memory import telling_out_of_memory

    folder = out if is_given(run) else Path(run)
    own = own_device(choose_device(device))
    with joined_processes(own) as processes, telling_out_of_memory():
        conditions = Conditions(split, dsl, processes)
        if data is not None:
            evaluate_given(open_given(run, num_frames=frames, device=own), data, dataset, conditions, out=out)
        elif answers_questions(Path(run)):
            _evaluate_questions(Path(run), conditions, weights=weights, device=device)
        else:
            evaluate_run(Path(run), conditions, weights=weights, device=own)
            if explanations and conditions.is_main:
                evaluate_explanations(Path(run), split=split, weights=weights, device=device)
        if folder is not None and conditions.is_main:
            say("Written to {file}", file=metrics_file(folder, split))


@dataclass(frozen=True)
class Conditions:
    """What is measured on: a split, plain or dual softmax, alone or as one of several processes."""

    split: Split = "test"
    is_dual_softmax: bool = False
    processes: "Processes | None" = None

    @property
    def is_main(self) -> bool:
        """Whether this process prints and writes."""
        return self.processes is None or self.processes.is_main


@dataclass(frozen=True, eq=False)
class Subject:
    """What is measured: a network, what to call it, where it comes from and how its weights were chosen."""

    name: str
    model: "HBIModel | GlobalContrastModel"
    tokenizer: "CLIPTokenizer"
    origin: dict[str, str]
    selection: "Selection"


def rank_file(run: Path, split: str, direction: Direction) -> Path:
    """Return where the rank of each query of a direction is written."""
    return run / (f"ranks-{split}.csv" if direction == "text-to-video" else f"ranks-{split}-{direction}.csv")


def metrics_file(run: Path, split: str) -> Path:
    """Return where the measures of a split are written: metrics.json for the test split."""
    return run / ("metrics.json" if split == "test" else f"metrics-{split}.json")


def evaluate_run(run: Path, conditions: Conditions, *, device: "torch.device", weights: Weights = "best") -> None:
    """Measure a run with bars on the terminal, print the measures and write them into its folder."""
    from hbi.recipes.runs import open_run

    trained = open_run(run, weights=weights, device=device)
    origin = {"run": trained.name, "weights": weights}
    subject = Subject(trained.name, trained.model, trained.tokenizer, origin, weights)
    _measure(subject, trained.recipe, conditions, out=run)


def evaluate_given(given: GivenModel, data: Path, dataset: str, conditions: Conditions, *, out: Path | None) -> None:
    """Measure a network without a run folder, and say what it is; write the measures into `out` if there is one."""
    if conditions.is_main:
        say("{what}", what=given.what)
    recipe = _recipe_of_data(given, data, dataset)
    _measure(Subject(given.name, given.model, given.tokenizer, given.origin, "given"), recipe, conditions, out=out)


def _evaluate_questions(run: Path, conditions: Conditions, *, weights: Weights, device: str) -> None:
    from hbi.errors import HBIError

    if conditions.is_dual_softmax:
        raise HBIError(f"{run} answers questions, and --dsl is for ranking: leave it out")
    if conditions.is_main:
        written = metrics_file(run, conditions.split)
        report = evaluate_answers(run, split=conditions.split, weights=weights, device=device, out=written)
        print_answer_report(run.resolve().name, report)


def _recipe_of_data(given: GivenModel, data: Path, dataset: str) -> "Recipe":
    """Return a recipe that names the data; its network and its training are none that anybody runs."""
    from pydantic import ValidationError

    from hbi.errors import HBIError
    from hbi.recipes.schema import Recipe

    section = {
        "dataset": dataset,
        "root": str(data),
        "num_frames": given.num_frames,
        "image_size": given.image_size,
        "max_words": given.model.config.max_words,
    }
    try:
        return Recipe.model_validate({"data": section, "model": {"kind": "global"}, "training": {"num_steps": 1}})
    except ValidationError as error:
        raise HBIError(f"--dataset {dataset}: {error.errors()[0]['msg']}") from error


def _measure(subject: Subject, recipe: "Recipe", conditions: Conditions, *, out: Path | None) -> None:
    """Rank with all processes; the main one then measures the rest, prints and writes."""
    from hbi.errors import HBIError
    from hbi.evaluation.report import report_of
    from hbi.evaluation.similarity import similarity_matrix
    from hbi.recipes.protocol import evaluation_protocol, rows_beside
    from hbi.recipes.splits import decode_split

    model, tokenizer, split = subject.model, subject.tokenizer, conditions.split
    with progress_bar("decoding videos", is_shown=conditions.is_main) as count:
        decoded = decode_split(recipe, split, count)
    texts = [text.text for text in decoded.split.texts]
    with progress_bar("comparing texts", is_shown=conditions.is_main) as count:
        similarity = similarity_matrix(
            model, tokenizer, texts, decoded.bank, sharing=conditions.processes, progress=count
        )
    if not conditions.is_main:
        return
    if not similarity.isfinite().all():
        raise HBIError(f"{subject.name} computes no numbers from these videos: its weights are damaged, train it anew")
    is_dual_softmax = conditions.is_dual_softmax
    report = report_of(model, tokenizer, decoded.split, decoded.bank, similarity, is_dual_softmax=is_dual_softmax)
    protocol = evaluation_protocol(
        recipe, split, subject.selection, num_videos=report.num_videos, is_dual_softmax=is_dual_softmax
    )
    print_report(subject.name, report, protocol, rows_beside(recipe, split, protocol))
    if out is not None:
        _write(out, split, report, {**subject.origin, "protocol": protocol.to_dict(), **report.to_dict()})


def _write(out: Path, split: Split, report: "Report", values: dict[str, Any]) -> None:
    from hbi.evaluation.rank_files import ranks_csv
    from hbi.files import write_atomically

    write_atomically(rank_file(out, split, "text-to-video"), ranks_csv(report.text_ranks))
    write_atomically(rank_file(out, split, "video-to-text"), ranks_csv(report.video_ranks))
    write_atomically(metrics_file(out, split), json.dumps(values, indent=2) + "\n")
