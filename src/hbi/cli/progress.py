"""Progress bars, the same for every verb: one line each, with as much beside the bar as the terminal has room for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.cells import cell_len
from rich.progress import Progress, Task, TaskID
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hbi.cli.terminal import console, folded, visible

LEAST_BAR, WIDEST_BAR = 10, 40
"""Cells of the terminal."""


class FittingProgress(Progress):
    """Bars that fit their terminal.

    A task may have two fields: `state`, said after the time, and `details`, said on a line of its own.
    """

    def __init__(self, *, is_shown: bool = True) -> None:
        super().__init__(console=console, disable=not is_shown)

    def get_renderables(self) -> Iterator[Table | Text]:
        """Give each task's line, and its details."""
        for task in self.tasks:
            yield _line(task, self.console.width)
            if details := task.fields.get("details"):
                yield folded(Text(f"  {details}"), self.console.width)


def _line(task: Task, width: int) -> Table:
    """Return title, bar and numbers; where there is too little room, the last numbers go first, then the bar."""
    before, after = visible(task.description), _numbers(task)
    while len(after) > 1 and cell_len(" ".join([before, *after])) + LEAST_BAR + 1 > width:
        after.pop()
    room = width - cell_len(" ".join([before, *after])) - 1
    line = Table.grid(padding=(0, 1))
    if room < LEAST_BAR:
        line.add_column(overflow="fold")
        line.add_row(Text(" ".join([before, *after])))
        return line
    line.add_column(no_wrap=True)
    line.add_column(width=min(room, WIDEST_BAR))
    line.add_column(no_wrap=True)
    bar = ProgressBar(task.total, task.completed, width=min(room, WIDEST_BAR), pulse=not task.started)
    line.add_row(Text(before), bar, Text(" ".join(after)))
    return line


def _numbers(task: Task) -> list[str]:
    """Return how far a task has come, in numbers, what matters most first."""
    state = task.fields.get("state")
    if task.total is None:
        return [visible(state)] if state else []
    counted = f"{task.completed:.0f}/{task.total:.0f}" if task.fields.get("is_counted", True) else ""
    time = f"took {_clock(task.finished_time)}" if task.finished else f"left {_clock(task.time_remaining)}"
    return [part for part in (counted, time, visible(state) if state else "") if part]


def _clock(seconds: float | None) -> str:
    return "-:--:--" if seconds is None else str(timedelta(seconds=max(0, int(seconds))))


@contextmanager
def progress_bar(title: str, *, is_shown: bool = True) -> Iterator[Callable[[int, int], None]]:
    """Show a bar under `title`; call what is given with (done, total). A new round of counting starts a new bar."""
    progress, tasks = FittingProgress(is_shown=is_shown), list[TaskID]()

    def update(done: int, total: int) -> None:
        if not tasks or done < progress.tasks[tasks[-1]].completed:
            progress.start()
            tasks.append(progress.add_task(title, total=total))
        progress.update(tasks[-1], completed=done, total=total)

    try:
        yield update
    finally:
        if tasks:  # where nothing was counted, nothing is left on the screen
            progress.stop()
