"""An index of small clips, one with a name that is trouble; and one process that decodes for all servers."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

for needed in ("lancedb", "fastapi", "jinja2", "python_multipart"):
    pytest.importorskip(needed, reason="the extra `web` is not installed")

from hbi.search import VideoIndex  # noqa: E402
from hbi.web.limits import Limits  # noqa: E402
from hbi.web.video_worker import VideoWorker  # noqa: E402
from small_clips import write_clip  # noqa: E402
from small_networks import small_matcher  # noqa: E402


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """Clips; `secret.txt` beside them is in no index."""
    place = tmp_path_factory.mktemp("web")
    for number, seconds in enumerate((16, 6, 4)):
        write_clip(place / "videos" / f"clip-{number}.mp4", seconds=seconds, seed=number, size=64)
    write_clip(place / "videos" / '<img src=x onerror=alert(1)>".mp4', seconds=4, seed=9, size=64)
    (place / "secret.txt").write_text("nobody may read this")
    return place


@pytest.fixture(scope="session")
def served(folder) -> VideoIndex:
    """The index that is served."""
    words = ["a red square moves left and right", "the green circle falls down"]
    made = VideoIndex.create(folder / "index", small_matcher(words))
    made.add([folder / "videos"])
    return made


class SharedVideoWorker(VideoWorker):
    """All of these have one process decode: it takes two seconds to start, and a server has three of its own."""

    _owner: ClassVar = VideoWorker(Limits())

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self._lock = self._owner._lock

    def _started_process(self) -> "subprocess.Popen[bytes]":
        return self._owner._started_process()


@pytest.fixture(scope="module", autouse=True)
def one_decoder() -> Iterator[None]:
    """Servers of this module share the process that decodes; files on such processes put another fixture in place."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hbi.web.app_context.VideoWorker", SharedVideoWorker)
        yield
