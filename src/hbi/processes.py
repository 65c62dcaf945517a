"""Work in several processes: on many files, where one that kills its process stops no other; or on a few long tasks."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, TypeVar

from hbi.errors import HBIError

Item = TypeVar("Item")
Result = TypeVar("Result")
Progress = Callable[[int, int], None]
"""What is called as work goes on, with how much is done and how much there is in all."""

# Forked from a server that has torch and FFmpeg already, and no threads; spawned where there is no such thing.
_METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
_CONTEXT = multiprocessing.get_context(_METHOD)
WAITING_PER_WORKER = 4
SECONDS_BETWEEN_LOOKS = 0.5


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


def run_side_by_side(
    work: Callable[[Item], None], items: Sequence[Item], *, num_at_once: int, watch: Callable[[], None]
) -> None:
    """Call `work` with every item in a process of its own, and return when all have ended.

    It is for a few items that take minutes. An error of one ends the others, and so does Ctrl-C.

    Args:
        work: Called with one item; a function at the top of a module. What it raises reaches the caller.
        items: What to work on, one call for each.
        num_at_once: Processes at a time.
        watch: Called twice a second in between, and once at the end.

    Raises:
        HBIError: A process was killed.
    """
    waiting, running = deque(items), list[_Running]()
    try:
        while waiting or running:
            while waiting and len(running) < num_at_once:
                running.append(_Running.begin(work, waiting.popleft()))
            sentinels = [each.process.sentinel for each in running]
            multiprocessing.connection.wait(sentinels, timeout=SECONDS_BETWEEN_LOOKS)
            watch()
            for ended in [each for each in running if not each.process.is_alive()]:
                running.remove(ended)
                ended.require_success()
    finally:
        for each in running:
            each.process.kill()
            each.process.join()


@dataclass(frozen=True)
class _Running:
    """A process that works on one item, and where it says what it raised."""

    process: Any  # of the context: the library gives its kinds no common type
    errors: "multiprocessing.connection.Connection[Exception, Exception]"

    @classmethod
    def begin(cls, work: Callable[[Item], None], item: Item) -> "_Running":
        errors, told = _CONTEXT.Pipe(duplex=False)
        process = _CONTEXT.Process(target=_work_alone, args=(work, item, told))  # type: ignore[attr-defined]  # each kind has it
        process.start()
        told.close()  # this end belongs to the process
        return cls(process, errors)

    def require_success(self) -> None:
        self.process.join()
        try:
            raise self.errors.recv()
        except EOFError:
            pass  # it raised nothing
        if code := self.process.exitcode:
            why = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
            raise HBIError(f"a process that worked beside this one {why}: see above; free memory, and run this again")


def _work_alone(
    work: Callable[[Item], None], item: Item, told: "multiprocessing.connection.Connection[Exception, Exception]"
) -> None:
    _obey_parent()
    try:
        work(item)
    except Exception as error:
        told.send(error)


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
