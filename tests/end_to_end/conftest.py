"""The command line as a user runs it, on a small ShapeStories made once; training is a process of its own.

So is what is killed or is one process of a job: these are the processes to be sure of, and slow to start.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from hbi.cli.app import main
from hbi.cli.terminal import console

HBI = Path(sys.executable).with_name("hbi")
ENVIRONMENT = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "COLUMNS": "1000"}
SMALL = {
    "data.image_size": "24",
    "data.frames_per_position": "2",
    "data.num_frames": "6",
    "model.width": "16",
    "model.heads": "2",
    "model.patch_size": "8",
    "model.vision_layers": "1",
    "model.text_layers": "1",
    "model.temporal_layers": "1",
    "model.merge_heads": "2",
    "model.head_channels": "4",
    "training.num_steps": "12",
    "training.batch_size": "6",
    "training.captions_per_video": "2",
    "training.log_every": "2",
    "training.validate_every": "4",
    "training.checkpoint_every": "3",
}


def overrides(**changes: str) -> list[str]:
    """`--set` options of a network small enough for a test; `data_root="x"` stands for data.root=x."""
    values = SMALL | {name.replace("_", ".", 1): value for name, value in changes.items()}
    return [part for key, value in values.items() for part in ("--set", f"{key}={value}")]


def succeed(*arguments: object) -> str:
    """Run `hbi` as a person does, in a process of its own, which must succeed; return what it printed."""
    result = subprocess.run(
        [HBI, *map(str, arguments)], capture_output=True, text=True, env=ENVIRONMENT, timeout=240, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def call(*arguments: object, columns: int = 1000) -> tuple[int, str, str]:
    """Run `hbi` in this process, in a terminal so wide; return its exit code and what it printed on stdout and stderr.

    Python, PyTorch and transformers take four seconds to start, longer than most commands of these tests: what another
    test runs in a process of its own may be run here as well.
    """
    torch.set_num_threads(int(ENVIRONMENT["OMP_NUM_THREADS"]))  # the bits are those of such a process
    stdout, stderr = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(stdout), redirect_stderr(stderr):
        patch.setattr(sys, "argv", ["hbi", *map(str, arguments)])
        patch.setenv("COLUMNS", str(columns))
        patch.setattr(console, "width", columns)
        with pytest.raises(SystemExit) as exit_:
            main()
    return exit_.value.code, stdout.getvalue(), stderr.getvalue()


def succeed_here(*arguments: object, columns: int = 1000) -> str:
    """Do as `succeed` does, in this process."""
    code, stdout, stderr = call(*arguments, columns=columns)
    assert code == 0, stdout + stderr
    return stdout


def fail_here(*arguments: object) -> str:
    """Run `hbi` in this process, which must say what is wrong in one line and exit with 2; return the line."""
    code, stdout, stderr = call(*arguments)
    assert code == 2, stdout + stderr
    return the_line(stderr)


def the_line(stderr: str) -> str:
    """Return the one line in which an error must be said."""
    assert "Traceback" not in stderr
    lines = stderr.strip().splitlines()
    assert len(lines) == 1, stderr
    assert lines[0].startswith("hbi: ")
    return lines[0]


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that one of the processes makes which share the tests; the others wait for it.

    Args:
        factory: Of the process that asks.
        name: Of the folder.
        make: Writes the folder that it is given.
    """
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with FileLock(f"{folder}.lock"):
        if not folder.is_dir():
            draft = folder.with_name(f"{name}-draft")
            shutil.rmtree(draft, ignore_errors=True)  # what another process could not make to its end
            make(draft)
            draft.rename(folder)
    return folder


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    """A ShapeStories of 18 + 4 + 6 videos; read only."""
    sizes = ("--train", 18, "--val", 4, "--test", 6)
    return made_once(tmp_path_factory, "stories", lambda folder: succeed_here("data", "shape-stories", folder, *sizes))


@pytest.fixture(scope="session")
def trained(data, tmp_path_factory) -> Path:
    """A run folder of the small HBI network, trained without a break, as a person does it: in a process of its own."""
    settings = overrides(data_root=str(data))
    made = made_once(
        tmp_path_factory,
        "trained-on-stories",
        lambda folder: succeed("train", "shape-stories", *settings, "--out", folder),
    )
    return shutil.copytree(made, tmp_path_factory.mktemp("trained") / "run")  # tests measure it, and write into it
