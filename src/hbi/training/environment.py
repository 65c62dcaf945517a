"""What a run is made with: versions, the commit of the code, the device."""

import json
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Any

import torch

PACKAGE = Path(__file__).parents[1]
_SECONDS = 10


def environment(device: torch.device, *, seed: int, num_processes: int = 1) -> dict[str, Any]:
    """Return what a run's numbers depend on beside its recipe and data, as plain values for JSON.

    Args:
        device: Where it is trained.
        seed: Of the run.
        num_processes: That train together.
    """
    commit, is_changed = source_commit()
    return {
        "hbi": version("hbi-video"),
        "commit": commit,
        "has_uncommitted_changes": is_changed,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": device_in_words(device),
        "cuda": torch.version.cuda,
        "processes": num_processes,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "seed": seed,
    }


def device_in_words(device: torch.device) -> str:
    """Return what a device is: "cuda:0, NVIDIA H100 80GB HBM3", or "cpu, x86_64" with the machine's own word for it."""
    if device.type == "cuda":
        return f"{device}, {torch.cuda.get_device_name(device)}"
    return f"{device}, {platform.processor() or platform.machine()}"


def source_commit(package: Path = PACKAGE) -> tuple[str | None, bool | None]:
    """Return the commit of the code that runs, and whether files of it were changed since; None where nobody knows.

    It is that of the repository that keeps the package's files, or the one that pip installed the package from. Of an
    installed package that lies in somebody else's repository (in .venv of a project) that one's commit says nothing.

    Args:
        package: The folder of the package.
    """
    if _git(package, "ls-files", "--error-unmatch", "__init__.py") is not None:
        commit = _git(package, "rev-parse", "HEAD")
        if commit:
            return commit, bool(_git(package, "status", "--porcelain", "--", "."))
    return _installed_commit(), None


def _git(folder: Path, *arguments: str) -> str | None:
    """Return what git says; None where it is not there, or says no."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return done.stdout.strip()


def _installed_commit() -> str | None:
    """Return the commit that pip was given (PEP 610)."""
    try:
        told = distribution("hbi-video").read_text("direct_url.json")
        return str(json.loads(told)["vcs_info"]["commit_id"]) if told else None
    except (PackageNotFoundError, ValueError, KeyError, TypeError):
        return None
