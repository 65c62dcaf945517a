"""A few long tasks in processes of their own: they work at the same time, and none outlives whoever started it."""

import os
import signal
import time
from pathlib import Path

import pytest

from hbi.errors import HBIError
from hbi.processes import run_side_by_side


def meet(folder: Path) -> None:
    """Wait until two are there: one alone never ends."""
    (folder / str(os.getpid())).touch()
    while len(list(folder.iterdir())) < 2:
        time.sleep(0.02)


def mark(file: Path) -> None:
    assert not list(file.parent.glob("*.running"))
    running = file.with_suffix(".running")
    running.touch()
    time.sleep(0.1)
    running.rename(file)


def fail_or_wait(file: Path) -> None:
    if file.name == "fails":
        raise HBIError("the disk is full")
    _tell_and_wait(file)


def die_or_wait(file: Path) -> None:
    if file.name == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    _tell_and_wait(file)


def _tell_and_wait(file: Path) -> None:
    file.write_text(str(os.getpid()))
    time.sleep(600)


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_two_work_at_the_same_time_and_are_watched(tmp_path):
    looks = []
    run_side_by_side(meet, [tmp_path, tmp_path], num_at_once=2, watch=lambda: looks.append(1))
    assert len(list(tmp_path.iterdir())) == 2
    assert looks


def test_no_more_than_asked_for_work_at_a_time(tmp_path):
    files = [tmp_path / f"{number}.done" for number in range(3)]
    run_side_by_side(mark, files, num_at_once=1, watch=lambda: None)
    assert all(file.is_file() for file in files)


def test_nothing_to_do_is_done():
    run_side_by_side(mark, [], num_at_once=2, watch=lambda: None)


@pytest.mark.parametrize(
    ("work", "name", "message"),
    [
        (fail_or_wait, "fails", r"^the disk is full$"),
        (die_or_wait, "dies", r"was killed by signal 9: .*run this again"),
    ],
)
def test_the_end_of_one_is_told_and_ends_the_other(tmp_path, work, name, message):
    waits = tmp_path / "waits"
    with pytest.raises(HBIError, match=message):
        run_side_by_side(work, [waits, tmp_path / name], num_at_once=2, watch=lambda: None)
    assert not waits.is_file() or not is_alive(int(waits.read_text()))


def test_whoever_stops_waiting_stops_them(tmp_path):
    file = tmp_path / "waits"

    def stop() -> None:
        if file.is_file():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_side_by_side(fail_or_wait, [file], num_at_once=1, watch=stop)
    assert not is_alive(int(file.read_text()))
