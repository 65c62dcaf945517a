"""A training that is killed again and again, at moments that chance chooses, ends as if nothing had happened."""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file

from end_to_end.conftest import ENVIRONMENT, HBI, overrides, succeed_here
from fuzz.campaign import SEED
from hbi.files.checksums import require_unchanged
from hbi.matching.loading import model_folder_of_run

pytestmark = pytest.mark.slow

STEPS_BEFORE_A_KILL = (0, 1)
"""The first kill may come before anything is written, the last one finds a log to cut short."""
SLOWEST_SECONDS = 120.0
FILES = ("config.json", "model.safetensors", "last/model.safetensors", "checkpoint.pt")


def test_killed_anywhere_and_resumed_ends_in_the_same_run(trained, data, tmp_path):
    chance, folder = random.Random(f"kill {SEED}"), tmp_path / "run"
    # A checkpoint at every step: half of the time it is writing one.
    settings = overrides(data_root=str(data), training_checkpoint_every="1")
    command = ["train", "shape-stories", *settings, "--out", folder, "--resume"]
    for num_steps in STEPS_BEFORE_A_KILL:
        kill(command, folder, chance, after_step=num_steps)
        for file in (folder / name for name in FILES):
            if file.is_file():
                require_unchanged(file)
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 9, "kind": "tra')  # a line that a kill cut short
    succeed_here("train", folder)  # which knows what it was set to
    assert log_of(folder) == log_of(trained)
    for which in ("best", "last"):
        places = (model_folder_of_run(each, which) for each in (folder, trained))
        ours, theirs = (load_file(place / "model.safetensors") for place in places)
        assert ours.keys() == theirs.keys()
        assert all((ours[name] == theirs[name]).all() for name in theirs)
    assert not drafts_in(folder)
    assert "R@10" in succeed_here("evaluate", folder)


def kill(command: list[object], folder: Path, chance: random.Random, *, after_step: int) -> None:
    """Start `hbi` and kill it after a step: while it writes, at a later step, or after some time, whatever it does."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([HBI, *map(str, command)], env=ENVIRONMENT, **quiet)
    wait_until(lambda: steps_of(folder) >= after_step, process)
    started, step, drafts = time.monotonic(), steps_of(folder) + chance.randrange(1, 4), set[str]()
    written, seconds = chance.randrange(1, 12), chance.uniform(0, 12)

    def has_written() -> bool:
        drafts.update(drafts_in(folder))
        return len(drafts) >= written

    moments = [
        has_written,
        has_written,
        lambda: steps_of(folder) >= step,
        lambda: time.monotonic() - started > seconds,
    ]
    wait_until(chance.choice(moments), process)
    process.send_signal(signal.SIGKILL)
    process.wait()


def wait_until(has_come: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Wait for a moment, as long as the process runs and is not far too slow."""
    started = time.monotonic()
    while not has_come() and process.poll() is None and time.monotonic() - started < SLOWEST_SECONDS:
        time.sleep(0.002)


def drafts_in(folder: Path) -> set[str]:
    """What is being written beside the file that it is to replace."""
    return {name for _, _, names in os.walk(folder) for name in names if name.startswith(".hbi-")}


def steps_of(folder: Path) -> int:
    """The last step that the log tells of."""
    log = folder / "metrics.jsonl"
    lines = log.read_text().split("\n")[:-1] if log.is_file() else []
    return max([json.loads(line)["step"] for line in lines], default=0)


def log_of(folder: Path) -> list[dict[str, object]]:
    """The log without what depends on the clock."""
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]
