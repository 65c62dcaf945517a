"""Progress bars, the same for every verb."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from hbi.cli.terminal import console, visible


@contextmanager
def progress_bar(title: str, *, is_shown: bool = True) -> Iterator[Callable[[int, int], None]]:
    """Show a bar under `title`; call what is given with (done, total). A new round of counting starts a new bar."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not is_shown) as progress:
        tasks: list[TaskID] = []

        def update(done: int, total: int) -> None:
            if not tasks or done < progress.tasks[tasks[-1]].completed:
                tasks.append(progress.add_task(visible(title), total=total))
            progress.update(tasks[-1], completed=done, total=total)

        yield update
