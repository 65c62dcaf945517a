"""The demo's two trainings, side by side: a step of these small networks keeps one core busy better than two."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbi.cli.progress import FittingProgress
from hbi.cli.terminal import say
from hbi.cli.train import validation_line
from hbi.processes import run_side_by_side

if TYPE_CHECKING:
    from rich.progress import TaskID

    from hbi.experiments.schema import Recipe

SHOWN_PROBLEMS = 5


@dataclass(frozen=True)
class DemoRun:
    """One of the trainings.

    Attributes:
        title: What the screen calls it.
        recipe: What is trained.
        path: The run folder.
        num_threads: Of torch, while it is trained.
    """

    title: str
    recipe: "Recipe"
    path: Path
    num_threads: int = 1


def demo_runs(names: Mapping[str, str], out: Path, overrides: Sequence[str]) -> list[DemoRun]:
    """Return what is trained into `out`.

    Args:
        names: What the screen calls each recipe, by the recipe's name.
        out: The demo's folder.
        overrides: Values to change in both recipes.
    """
    import torch

    from hbi.experiments.reading import read_recipe

    data = f"data.root={json.dumps(str(out / 'data'))}"
    num_threads = max(1, torch.get_num_threads() // len(names))
    return [
        DemoRun(title, read_recipe(name, [data, *overrides]), out / "runs" / name, num_threads)
        for name, title in names.items()
    ]


def train_side_by_side(runs: Sequence[DemoRun]) -> None:
    """Train what is not trained yet, each run in a process, where there is a core for each; show how far they are."""
    from hbi.training.run_folder import RunFolder

    left = [run for run in runs if not RunFolder(run.path).is_finished]
    for run in runs:
        if run not in left:
            say("{title}: already trained", title=run.title)
    with FittingProgress() as progress:
        shown = [_Shown.of(run, progress) for run in left]

        def watch() -> None:
            for each in shown:
                each.update()

        run_side_by_side(_train, left, num_at_once=min(len(runs), os.cpu_count() or 1), watch=watch)
    for problem in _problems(left[:1]):  # the videos of all are the same
        say("[yellow]passed over:[/] {problem}", problem=problem)


def _train(run: DemoRun) -> None:
    import torch

    from hbi.experiments.training import train

    torch.set_num_threads(run.num_threads)
    train(run.recipe, run.path, resume=True)


@dataclass
class _Shown:
    """A run's line on the screen, which its log moves on.

    Attributes:
        num_validations: Those that were said.
    """

    run: DemoRun
    progress: FittingProgress
    task: "TaskID"
    num_validations: int

    @classmethod
    def of(cls, run: DemoRun, progress: FittingProgress) -> "_Shown":
        task = progress.add_task(run.title, total=None, state="decoding videos")
        shown = cls(run, progress, task, 0)
        shown.num_validations = len(shown._validations(shown._log()))  # of a run that goes on: said before
        return shown

    def update(self) -> None:
        log = self._log()
        if steps := [line for line in log if line["kind"] == "train"]:
            loss = f"loss {steps[-1]['loss']:.2f}"
            total = self.run.recipe.training.num_steps
            self.progress.update(self.task, completed=steps[-1]["step"], total=total, state=loss)
        for line in self._validations(log)[self.num_validations :]:
            self.num_validations += 1
            say("{title}, {line}", title=self.run.title, line=line)

    def _log(self) -> list[dict[str, Any]]:
        from hbi.training.run_folder import RunFolder

        return RunFolder(self.run.path).read_metrics()

    @staticmethod
    def _validations(log: Sequence[Mapping[str, Any]]) -> list[str]:
        from hbi.training.loop import ValidationScores

        lines, best_score, best_step = list[str](), float("-inf"), 0
        for line in (line for line in log if line["kind"] == "validation"):
            if line["score"] > best_score:
                best_score, best_step = line["score"], line["step"]
            lines.append(validation_line(line["step"], ValidationScores(line, best_step)))
        return lines


def _problems(runs: Sequence[DemoRun]) -> Iterator[str]:
    for run in runs:
        file = run.path / "faults.txt"
        yield from file.read_text().splitlines()[:SHOWN_PROBLEMS] if file.is_file() else ()
