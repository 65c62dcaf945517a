"""Two processes that share a batch compute what one does with all of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from hbi.models import HBIModel
from hbi.training.distributed import ALONE
from hbi.training.towers import freeze_towers
from training.gradients_of_many import WAYS
from training.marked import EVERYTHING, gradients_of, marked_batch
from training.tiny import Projecting, assert_same_gradients, gradients, network

TESTS = Path(__file__).parents[1]


def torchrun(*arguments: object, num_processes: int = 2) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={num_processes}"]
    return subprocess.run(
        [*command, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=240,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
        check=False,
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("gradients")
    job = torchrun(TESTS / "training" / "gradients_of_many.py", folder)
    assert job.returncode == 0, job.stderr
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", WAYS)
def test_two_processes_are_one_with_the_whole_batch(results, name):
    model = network(WAYS[name].get("kind", HBIModel))
    if WAYS[name].get("is_frozen"):
        freeze_towers(model)
    if WAYS[name].get("is_marked"):
        whole, expected = gradients_of(model, marked_batch(), EVERYTHING)
        loss = whole.total.item()
    else:
        loss, expected = gradients(model, Projecting() if WAYS[name].get("has_weights") else None)
    for rank in range(2):
        found_loss, found = torch.load(results / f"{name}-{rank}.pt")
        assert found_loss == pytest.approx(loss, rel=1e-6)
        assert_same_gradients(found, expected)


def test_a_process_alone_exchanges_nothing():
    rows = torch.arange(6.0).view(3, 2).requires_grad_()
    everyone, own = ALONE.gather_rows(rows)
    assert torch.equal(everyone, rows)
    assert not everyone.requires_grad
    assert own == slice(0, 3)
    ALONE.wait()
