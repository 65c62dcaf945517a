"""Work on many files in several processes; an item that kills its process is told, and does not stop the others."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Progress = Callable[[int, int], None]
"""What is called as work goes on, with how much is done and how much there is in all."""

# Forked from a server that has torch and FFmpeg already, and no threads; spawned where there is no such thing.
_METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
_CONTEXT = multiprocessing.get_context(_METHOD)
WAITING_PER_WORKER = 4


def map_in_processes(
    work: Callable[[Item], Result], items: Sequence[Item], *, num_workers: int | None = None
) -> Iterator[tuple[int, Result | None]]:
    """Yield the index of every item and what `work` makes of it, as they come; None where the process was killed.

    A script that asks for more than one worker needs the usual `if __name__ == "__main__":`.

    Args:
        work: Called with one item; a function at the top of a module. What it raises ends the work and reaches the
            caller.
        items: What to work on, one call for each.
        num_workers: Processes, never more than items; None: one for each core. One works in this process.
    """
    num_workers = min(num_workers or os.cpu_count() or 1, len(items))
    if num_workers <= 1:
        yield from ((index, work(item)) for index, item in enumerate(items))
        return
    waiting = deque(range(len(items)))
    while waiting:
        suspects: list[int] = []
        with _pool(num_workers) as pool:
            yield from _until_broken(pool, work, items, waiting, suspects, num_workers * WAITING_PER_WORKER)
        yield from _one_by_one(work, items, suspects)


def _one_by_one(
    work: Callable[[Item], Result], items: Sequence[Item], suspects: Sequence[int]
) -> Iterator[tuple[int, Result | None]]:
    """Yield what comes of each item that was under way when a pool broke: which of them did it is not known."""
    waiting = deque(suspects)
    while waiting:
        with _pool(1) as pool:
            is_broken = False
            while waiting and not is_broken:
                index = waiting.popleft()
                try:
                    yield index, pool.submit(work, items[index]).result()
                except BrokenProcessPool:
                    is_broken = True
                    yield index, None


def _until_broken(
    pool: ProcessPoolExecutor,
    work: Callable[[Item], Result],
    items: Sequence[Item],
    waiting: deque[int],
    suspects: list[int],
    max_pending: int,
) -> Iterator[tuple[int, Result]]:
    """Yield results until nothing is waiting or a process dies; then fill `suspects` with what was under way."""
    pending: dict[Future[Result], int] = {}
    try:
        while (waiting or pending) and not suspects:
            while waiting and len(pending) < max_pending:
                index = waiting.popleft()
                try:
                    pending[pool.submit(work, items[index])] = index
                except BrokenProcessPool:
                    suspects.append(index)
                    break
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                index = pending.pop(future)
                try:
                    yield index, future.result()
                except BrokenProcessPool:
                    suspects.append(index)
    finally:
        for future in pending:
            future.cancel()
    for future, index in pending.items():
        if future.done() and not future.cancelled() and future.exception() is None:
            yield index, future.result()
        else:
            suspects.append(index)


def _pool(num_workers: int) -> ProcessPoolExecutor:
    if _METHOD == "forkserver":
        _CONTEXT.set_forkserver_preload(["hbi.video"])
    return ProcessPoolExecutor(num_workers, mp_context=_CONTEXT, initializer=_obey_parent)


def _obey_parent() -> None:
    """Leave Ctrl-C to the process that started this one, and end with it; compute in one thread."""
    import torch

    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_it() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end_with_it, daemon=True).start()
