"""While the tests run, shapes in signatures of `ops`, `games` and `models` are checked, and chance is always the same.

Property tests draw the same examples each time, so that a change is judged by its own faults; `make fuzz` draws others.
Where processes share the tests (`make test`), they share them by files.
"""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
# What processes of tests that run side by side are given: nobody looks at them.
os.environ.pop("COLUMNS", None)
os.environ.pop("LINES", None)

import pytest
import torch
from hypothesis import settings
from jaxtyping import install_import_hook

install_import_hook(["hbi.ops", "hbi.models"], "beartype.beartype")

# Settings of a single test leave these as they are, unless they name them. No deadlines: other work slows a machine.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("new", deadline=None, print_blob=True)
settings.load_profile("same")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores: one that waits for a browser, a server or a clock leaves its core free."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (cores or 1) + 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Files with slow tests come first: one that began last would run on alone while the other processes have ended."""
    if hasattr(config, "workerinput"):
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow)


def pytest_runtest_setup():
    torch.manual_seed(0)


def pytest_runtest_call():
    """Whatever fixtures were made for this test or before it, its own numbers are the same."""
    torch.manual_seed(0)
