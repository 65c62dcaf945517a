"""`hbi train`: train a recipe into a run folder."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hbi.cli.progress import FittingProgress, progress_bar
from hbi.cli.terminal import say

if TYPE_CHECKING:
    from hbi.training.loop import Trainer, TrainingProgress, ValidationScores


def train(
    recipe: Annotated[
        str | None,
        typer.Argument(
            help="The name of a built-in recipe (hbi recipe list), a YAML file, or a run folder, which goes on.",
            show_default="that of --out",
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a value of the recipe: --set training.num_steps=100. Repeatable."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The run folder. Default: runs/RECIPE, or the run folder that was named.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in --out, if there is one, with all that it was set to.")
    ] = False,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, … or auto: a GPU if there is one.")] = "auto",
) -> None:
    """Train a model from a recipe into a run folder.

    The run folder is a model folder: it holds the weights that were best on the
    validation split (those of the last step are in last/), with the recipe and
    the log (metrics.jsonl, and for TensorBoard). A run that was interrupted, at
    any moment, continues with hbi train RUN to the same numbers: its folder
    knows the recipe and every --set.

    More steps for a run, finished or not:
    hbi train RUN --set training.num_steps=2000

    The recipe of a run, trained anew with another seed:
    hbi train RUN --out OTHER --set training.seed=1

    All keys that --set takes: hbi recipe keys. One of them names code of yours
    that changes the objective: --set objective.changed_by=my_module:my_function

    A recipe for question answering also trains a baseline that sees only black
    frames, into RUN/question-only.

    On several GPUs or machines:
    torchrun --no-python --nproc-per-node 8 hbi train …
    """
    from hbi.experiments.content import read_content, require_start

    sys.path.append(os.getcwd())  # a recipe may name code that lies here (objective.changed_by)
    source = recipe or _recipe_of(out, is_resumed=resume)
    require_start(read_content(source, overrides or ()))
    from hbi.experiments.training import train as train_recipe  # loads torch, which takes seconds

    trained = train_recipe(
        source, out, overrides=overrides or (), resume=resume, device=device, bars=progress_bar, watch=watch_training
    )
    if os.environ.get("RANK", "0") == "0":
        say("Trained. Next: [bold]hbi evaluate {run}[/]", run=trained.run)


def _recipe_of(out: Path | None, *, is_resumed: bool) -> str:
    """Return the run folder whose recipe is meant where none is named."""
    from hbi.errors import HBIError
    from hbi.experiments.content import run_of

    if out is None:
        raise HBIError("name a recipe (hbi recipe list), or a run folder that goes on")
    if run_of(str(out)) is None:
        raise HBIError(f"{out} holds no run that could go on: name a recipe (hbi recipe list)")
    if not is_resumed:
        raise HBIError(f"{out} already holds a run: hbi train {out} continues it; name a recipe for another --out")
    return str(out)


@contextmanager
def watch_training(trainer: "Trainer") -> "Iterator[Callable[[TrainingProgress], None]]":
    """Say what it starts from, what was passed over and where it goes on, then show its steps and validations."""
    from hbi.experiments.taken_weights import TakenWeights  # loads torch, which takes seconds

    if trainer.folder.path.name == "question-only":
        say("Now the same network with black frames: what can be known from the question alone")
    if not trainer.step and (told := TakenWeights.read(trainer.folder.path)) is not None:
        say("{told}", told=told)
    for problem in trainer.batches.frames.problems[:5]:
        say("[yellow]passed over:[/] {problem}", problem=problem)
    if trainer.step:
        steps = f"{trainer.step} of {trainer.settings.num_steps}"
        say("resuming {out} after step {steps}", out=trainer.folder.path, steps=steps)
    if trainer.step >= trainer.settings.num_steps:
        say("It is trained to its last step already; for more: --set training.num_steps=N")
    with training_bar(trainer.step) as show:
        yield show


@contextmanager
def training_bar(first_step: int) -> "Iterator[Callable[[TrainingProgress], None]]":
    """Show steps, throughput, the time that is left, the loss and its parts; print what each validation gives."""
    with FittingProgress() as bar:
        task = bar.add_task("training", total=None, completed=first_step)

        def show(progress: "TrainingProgress") -> None:
            terms: dict[str, float] = {}
            for name, value in progress.parts.items():
                terms[name.split("/")[0]] = terms.get(name.split("/")[0], 0.0) + value
            details = "  ".join(f"{name} {value:.2f}" for name, value in terms.items())
            speed = f"{progress.videos_per_second:.3g} videos/s"
            bar.update(task, completed=progress.step, total=progress.num_steps, state=speed, details=details)
            if progress.validation is not None:
                say("{line}", line=validation_line(progress.step, progress.validation))

        yield show


def validation_line(step: int, validation: "ValidationScores") -> str:
    """Return one line on a validation: "step 400, validation: R@1 34.5, R@5 60.0, R@10 78.0 %; best so far".

    Args:
        step: After which step.
        validation: Its scores, of a model that ranks (recalls from text to video) or answers (accuracy).
    """
    scores = validation.scores
    if "text_to_video/recall@1" in scores:
        recalls = ", ".join(f"R@{k} {scores[f'text_to_video/recall@{k}']:.1f}" for k in (1, 5, 10))
        measures = f"{recalls} %"
    else:
        measures = f"accuracy {scores['score']:.1f} %"
    best = "best so far" if validation.best_step == step else f"best at step {validation.best_step}"
    return f"step {step}, validation: {measures}; {best}"
