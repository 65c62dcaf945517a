"""A job of several processes under torchrun: the numbers of one process, and a process that is killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from end_to_end.conftest import ENVIRONMENT, HBI, overrides, succeed_here

pytestmark = pytest.mark.slow
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--no-python"]


def losses(folder: Path) -> dict[int, float]:
    """The loss of each logged step; a line that is being written is passed over."""
    log = folder / "metrics.jsonl"
    lines = log.read_text().split("\n")[:-1] if log.is_file() else []
    records = [json.loads(line) for line in lines if line]
    return {record["step"]: record["loss"] for record in records if record["kind"] == "train"}


def process_of_rank(job: subprocess.Popen, rank: int) -> int:
    for child in Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split():
        if f"RANK={rank}".encode() in Path(f"/proc/{child}/environ").read_bytes().split(b"\0"):
            return int(child)
    raise AssertionError(f"no process of rank {rank}")


def succeed_together(*arguments: object) -> None:
    """Run `hbi` in the two processes of a job, started as torchrun does, which itself takes as long to start as one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    job = [
        subprocess.Popen(
            [HBI, *map(str, arguments)],
            env=ENVIRONMENT | place | {"WORLD_SIZE": "2", "RANK": rank, "LOCAL_RANK": rank},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in "01"
    ]
    for process in job:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors


@pytest.mark.parametrize("shard", ["false", "true"])
def test_a_job_that_loses_a_process_ends_and_goes_on_with_one(shard, trained, data, tmp_path):
    folder = tmp_path / "run"
    changes = {"training_shard": shard, "training_micro_batch_size": "2", "training_activation_checkpointing": "true"}
    command = [HBI, "train", "shape-stories", *overrides(data_root=str(data), **changes), "--out", folder, "--resume"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    job = subprocess.Popen([*TORCHRUN, *command], env=ENVIRONMENT, text=True, **pipes)
    until = time.monotonic() + 180
    while time.monotonic() < until and job.poll() is None and max(losses(folder), default=0) < 6:
        time.sleep(0.01)
    os.kill(process_of_rank(job, 1), signal.SIGKILL)
    printed, errors = job.communicate(timeout=60)
    assert job.returncode != 0
    assert "Signal 9 (SIGKILL)" in errors
    assert errors.count("Traceback") <= 1, errors  # torchrun's own report
    assert printed.count("step 4, validation: R@1 ") == 1, "one process says what was validated"
    assert json.loads((folder / "metrics.jsonl").read_text().splitlines()[0])["step"] == 2

    assert "resuming" in succeed_here(*command[1:])
    assert losses(folder) == pytest.approx(losses(trained), rel=1e-3)


def test_processes_that_evaluate_together_write_what_one_writes(trained):
    written = []
    for run in (succeed_here, succeed_together):
        files = [trained / name for name in ("metrics.json", "ranks-test.csv", "ranks-test-video-to-text.csv")]
        for file in files:
            file.unlink(missing_ok=True)
        run("evaluate", trained)
        written.append([file.read_bytes() for file in files])
    assert written[0] == written[1]


def test_a_mistake_is_said_once(tmp_path):
    command = [HBI, "train", "shape-stories", "--set", "training.num_step=1", "--out", tmp_path / "run"]
    job = subprocess.run([*TORCHRUN, *command], env=ENVIRONMENT, text=True, capture_output=True, check=False)
    assert job.returncode != 0
    assert job.stderr.count("did you mean 'num_steps'") == 1
