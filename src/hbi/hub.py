"""Pretrained networks by name: whether the hub can be asked for one, so that nobody waits for a hub that is silent.

Left to itself, `huggingface_hub` asks a hub that it cannot reach six times for every file, with pauses in between: half
a minute, or minutes where nothing answers at all. Here it is asked once, briefly, before anything is loaded.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hbi.errors import HBIError

PATIENCE_SECONDS = 3.0
"""How long the hub has to answer, name look-up included."""
MEMORY_SECONDS = 60.0
"""How long the answer counts: one command asks for a configuration, weights and a tokenizer."""


PREFIXES = ("clip:", "model:")
"""Of earlier versions, in which the source of a model had to say what it is."""


class HubError(HBIError):
    """A network is not on this machine, and the hub cannot be asked for it."""


@dataclass(frozen=True)
class _Answer:
    """What became of asking a hub: `fault` is empty where it answered."""

    endpoint: str
    fault: str
    asked_at: float


_last: _Answer | None = None


def without_prefix(source: str | os.PathLike[str]) -> str:
    """Return the source of a model without the `clip:` or `model:` of earlier versions; a folder keeps its name."""
    name = os.fspath(source)
    if os.path.lexists(name):
        return name
    return next((name.removeprefix(prefix) for prefix in PREFIXES if name.startswith(prefix)), name)


def is_only_here(name_or_path: str | Path) -> bool:
    """Return whether a network has to be read from this machine alone.

    So it is with a folder, and with a hub name that was downloaded before while the hub cannot be asked.

    Raises:
        HubError: There is no such folder, and no hub to ask: it does not answer, HF_HUB_OFFLINE forbids to ask it, or
            the name is none that it could know.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    if os.path.exists(name_or_path):  # also where no file can have that name
        return True
    name = str(name_or_path)
    if _is_path(name):
        raise HubError(f"there is no folder or file {name}")
    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise HubError(f"{name}: there is no such folder or file, nor is it a hub name (author/name)") from error
    fault = _fault()
    if not fault:
        return False
    if not was_downloaded(name):
        raise HubError(
            f"{name}: there is no such folder or file, it was not downloaded before, and {fault}: "
            "give a folder, or try again with the network"
        )
    return True


def _is_path(name: str) -> bool:
    """Return whether a name that is not there is meant as a path: the hub is not asked for a run that was mistyped."""
    parent = os.path.dirname(name)
    return os.path.isabs(name) or name.startswith((".", "~")) or (parent != "" and os.path.isdir(parent))


@contextmanager
def asking_hub(name_or_path: str | Path) -> Iterator[bool]:
    """Give the `local_files_only` of `from_pretrained`, as `is_only_here` finds it; raises what that raises.

    Where it is true the libraries are offline inside: files are not all that they ask the hub for.
    """
    from huggingface_hub import constants

    is_local, before = is_only_here(name_or_path), constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or is_local
    try:
        yield is_local
    finally:
        constants.HF_HUB_OFFLINE = before


def _fault() -> str:
    """Return why the hub cannot be asked; nothing if it can."""
    global _last
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "the hub is not asked (HF_HUB_OFFLINE is set)"
    now, last = time.monotonic(), _last
    if last is None or last.endpoint != constants.ENDPOINT or now - last.asked_at > MEMORY_SECONDS:
        _last = last = _Answer(constants.ENDPOINT, _ask(constants.ENDPOINT), now)
    return f"the hub {last.endpoint} cannot be reached ({last.fault})" if last.fault else ""


def _ask(endpoint: str) -> str:
    """Return what kept the hub from answering; nothing if it answered."""
    from huggingface_hub.utils import get_session

    faults: list[str] = []

    def ask() -> None:
        try:
            # With the hub's own client: the proxies and certificates are those of the downloads that follow, and so is
            # the connection.
            answer = get_session().head(endpoint, timeout=PATIENCE_SECONDS, follow_redirects=False)
            faults.append(f"it answers {answer.status_code}" if answer.status_code >= 500 else "")
        except Exception as error:  # whatever the client raises, the hub was not reached
            faults.append(next(iter(str(error).strip().splitlines()), type(error).__name__))

    # In a thread: the client's time limit counts for each step anew, and not at all while a name is looked up.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE_SECONDS)
    return faults[0] if faults else f"no answer in {PATIENCE_SECONDS:g} s"


def was_downloaded(name: str) -> bool:
    """Return whether an earlier download left files of a network."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    folder = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=name, repo_type="model")
    return any(folder.glob("snapshots/*/*"))
