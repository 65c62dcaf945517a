"""Freed memory is kept for the next step: counted by the pages that the system hands out."""

import subprocess
import sys

import pytest

PROBE = """
import resource, torch
from hbi.training.memory import keep_freed_memory
kept = {keep}
assert not kept or keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(16 * 2**20)  # 64 MiB: 16384 pages
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
warm = [faults() for _ in range(8)]
print(sum(faults() for _ in range(8)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_a_large_tensor_takes_the_place_of_the_one_before():
    kept, given_back = (
        int(subprocess.run([sys.executable, "-c", PROBE.format(keep=keep)], capture_output=True, check=True).stdout)
        for keep in (True, False)
    )
    assert 3 * kept < given_back
