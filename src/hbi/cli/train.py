"""`hbi train`: train a recipe into a run folder."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from hbi.cli.progress import progress_bar
from hbi.cli.terminal import console, say

if TYPE_CHECKING:
    import torch

    from hbi.recipes.schema import Recipe
    from hbi.training.distributed import Processes
    from hbi.training.loop import Progress as TrainingProgress
    from hbi.training.run_folder import RunFolder


def train(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe that ships with hbi, or a YAML file.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value: --set training.num_steps=100. Repeatable."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run folder. Default: runs/RECIPE.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in --out where it stopped.")] = False,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, … or auto.")] = "auto",
) -> None:
    """Train a recipe; everything about the run ends up in its folder.

    The folder holds the full recipe, the log (metrics.jsonl, and TensorBoard's), the weights that were best on the
    validation split and the last ones. A run killed at any moment continues with --resume to the same numbers.

    A recipe that answers questions is trained twice: the second time, into RUN/question-only, with black frames.

    On several GPUs or machines: torchrun --no-python --nproc-per-node 8 hbi train …
    """
    from hbi.recipes.content import read_content, require_start

    require_start(read_content(recipe, overrides or ()))
    from hbi.recipes.reading import read_recipe  # loads torch, which takes seconds

    content, path = read_recipe(recipe, overrides or ()), out or Path("runs") / Path(recipe).stem
    folder = train_recipe(content, path, resume=resume, device=device)
    if content.model.kind == "answering" and not content.data.blank:
        _train_question_only(content, path, resume=resume, device=device)
    if os.environ.get("RANK", "0") == "0":
        say("Trained. Next: [bold]hbi evaluate {run}[/]", run=folder.path)


def _train_question_only(recipe: "Recipe", out: Path, *, resume: bool, device: str) -> None:
    """Train the baseline that answers without looking, into the folder of the run that it belongs to."""
    from hbi.recipes.answering import QUESTION_ONLY, question_only

    if os.environ.get("RANK", "0") == "0":
        say("Now the same network with black frames: what can be known from the question alone")
    train_recipe(question_only(recipe), out / QUESTION_ONLY, resume=resume, device=device)


def train_recipe(recipe: "Recipe", out: Path, *, resume: bool, device: str = "auto") -> "RunFolder":
    """Train a checked recipe into `out` with bars on the terminal; return the finished run folder."""
    from hbi.cli.device import choose_device
    from hbi.training.distributed import joined_processes, own_device
    from hbi.training.memory import telling_out_of_memory

    own = own_device(choose_device(device))
    with joined_processes(own) as processes, telling_out_of_memory():
        return _train(recipe, out, resume=resume, device=own, processes=processes)


def _train(recipe: "Recipe", out: Path, *, resume: bool, device: "torch.device", processes: "Processes") -> "RunFolder":
    from hbi.recipes.answering import start_answering
    from hbi.recipes.experiment import start_run

    start = start_answering if recipe.model.kind == "answering" else start_run
    if not processes.is_main:
        trainer = start(recipe, out, resume=resume, device=device, progress=None, processes=processes)
        trainer.run(lambda progress: None)
        return trainer.folder
    with progress_bar("decoding videos") as count:
        trainer = start(recipe, out, resume=resume, device=device, progress=count, processes=processes)
    for fault in trainer.batches.bank.faults[:5]:
        say("[yellow]passed over:[/] {fault}", fault=fault)
    if trainer.step:
        steps = f"{trainer.step} of {recipe.training.num_steps}"
        say("resuming {out} after step {steps}", out=out, steps=steps)
    with training_bar(trainer.step) as show, tensorboard(trainer.folder) as write:

        def watch(progress: "TrainingProgress") -> None:
            show(progress)
            if progress.step % recipe.training.log_every == 0:
                write(progress)

        trainer.run(watch)
    return trainer.folder


@contextmanager
def training_bar(first_step: int) -> "Iterator[Callable[[TrainingProgress], None]]":
    """Show steps, loss and its parts, throughput and the time that is left."""
    columns = (
        TextColumn("training"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[state]}", markup=False),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("training", total=None, completed=first_step, state="")

        def show(progress: "TrainingProgress") -> None:
            terms: dict[str, float] = {}
            for name, value in progress.parts.items():
                terms[name.split("/")[0]] = terms.get(name.split("/")[0], 0.0) + value
            state = "  ".join(f"{name} {value:.2f}" for name, value in terms.items())
            state += f"  {progress.videos_per_second:.0f} videos/s"
            bar.update(task, completed=progress.step, total=progress.num_steps, state=state)

        yield show


@contextmanager
def tensorboard(folder: "RunFolder") -> "Iterator[Callable[[TrainingProgress], None]]":
    """Write the parts of the loss as TensorBoard scalars into the run folder.

    Raises:
        StorageError: They cannot be written.
    """
    from torch.utils.tensorboard import SummaryWriter

    place = folder.path / "tensorboard"
    with _writing(place):
        writer = SummaryWriter(str(place))

    def write(progress: "TrainingProgress") -> None:
        with _writing(place):
            for name, value in progress.parts.items():
                writer.add_scalar(f"train/{name}", value, progress.step)
            writer.add_scalar("speed/videos_per_second", progress.videos_per_second, progress.step)

    yield write
    with _writing(place):
        writer.close()


@contextmanager
def _writing(place: Path) -> "Iterator[None]":
    from hbi.files import StorageError

    try:
        yield
    except OSError as error:
        raise StorageError(
            f"cannot write {place}: {error.strerror or error}; free space or choose another --out, then --resume"
        ) from error
