"""Clips and converted videos in a temporary folder: written once, kept within a bound, gone with the server."""

import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import BinaryIO


class ConvertedVideos:
    """Files by key; those that were asked for longest ago are removed first.

    What is given out is an open file: it can be read to its end, whatever is removed meanwhile.

    Args:
        max_bytes: Of all files together, apart from one that is larger by itself.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._sizes: OrderedDict[Hashable, int] = OrderedDict()  # the one that was asked for last stands last
        self._paths: dict[Hashable, Path] = {}
        self._lock, self._write_lock = threading.Lock(), threading.Lock()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._num_written = 0

    @property
    def num_bytes(self) -> int:
        """Size of what is kept."""
        with self._lock:
            return sum(self._sizes.values())

    def find(self, key: Hashable) -> BinaryIO | None:
        """Return the file of a key, open; None where it has none."""
        with self._lock:
            if key not in self._sizes:
                return None
            self._sizes.move_to_end(key)
            return self._paths[key].open("rb")

    def find_or_write(self, key: Hashable, write: Callable[[Path], object]) -> BinaryIO:
        """Return the file of a key, open; of several who ask at once for one that is not there, one writes it.

        Args:
            key: What the file holds.
            write: Writes it to the path that it is given; whatever it raises is raised, and nothing is kept.
        """
        with self._write_lock:
            found = self.find(key)
            if found is not None:
                return found
            with self._lock:
                if self._folder is None:
                    self._folder = tempfile.TemporaryDirectory(prefix="hbi-converted-", ignore_cleanup_errors=True)
                self._num_written += 1
                path = Path(self._folder.name, f"{self._num_written}.mp4")
            try:
                write(path)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
            return self._kept(key, path)

    def close(self) -> None:
        """Remove everything."""
        with self._lock:
            self._sizes.clear()
            self._paths.clear()
            if self._folder is not None:
                self._folder.cleanup()
                self._folder = None

    def _kept(self, key: Hashable, path: Path) -> BinaryIO:
        with self._lock:
            opened = path.open("rb")
            self._sizes[key], self._paths[key] = path.stat().st_size, path
            while sum(self._sizes.values()) > self._max_bytes and len(self._sizes) > 1:
                oldest, _ = self._sizes.popitem(last=False)
                self._paths.pop(oldest).unlink(missing_ok=True)
            return opened
