"""How an index was made, kept in its `index.json`: what is added later is cut and encoded the same way."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, overload

from hbi.files import read_regular_text, write_atomically
from hbi.files.checksums import json_with_checksum, parse_json_with_checksum
from hbi.files.json_values import parse_json
from hbi.search.index_errors import SearchError
from hbi.video import PictureFormat

FORMAT = 3
"""1: seconds counted from the first picture, not on the axis of players. 2: without checksums."""
MOST_BYTES = 2**20
"""Of `index.json`."""
TOLERANCE_SECONDS = 1e-3
SHORTEST_SECONDS = 0.01
"""Of a segment."""


def milliseconds(seconds: float) -> int:
    """Return the beginning of a segment as it stands in its key: whole milliseconds."""
    return round(seconds * 1000)


@dataclass(frozen=True)
class Windows(Sequence[tuple[float, float]]):
    """(start, end) in seconds of the windows of a video: each is reckoned when asked for, however many there are."""

    start_seconds: float
    end_seconds: float
    window_seconds: float
    stride_seconds: float
    num_windows: int

    def __len__(self) -> int:
        return self.num_windows

    @overload
    def __getitem__(self, place: int) -> tuple[float, float]: ...
    @overload
    def __getitem__(self, place: slice) -> list[tuple[float, float]]: ...
    def __getitem__(self, place: int | slice) -> tuple[float, float] | list[tuple[float, float]]:
        """Return one window, or some."""
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(self.num_windows))]
        number = range(self.num_windows)[place]
        if number == self.num_windows - 1:
            return max(self.start_seconds, self.end_seconds - self.window_seconds), self.end_seconds
        start = self.start_seconds + number * self.stride_seconds
        return start, start + self.window_seconds

    def around(self, times: Iterable[float]) -> list[tuple[float, float]]:
        """Return the windows in which pictures begin at `times`, and after each of these the next one, where it stands.

        No other window shows anything that these do not show, however far the times lie apart.
        """
        if self.num_windows == 1:
            return list(self)
        numbers = {0}
        for time in times:
            last = math.floor((time - self.start_seconds) / self.stride_seconds) + 1
            first = math.floor((time - self.window_seconds - self.start_seconds) / self.stride_seconds)
            numbers.update(range(max(first, 0), min(last, self.num_windows - 1) + 1))
        return [self[number] for number in sorted(numbers)]


@dataclass(frozen=True)
class IndexSettings:
    """How videos become segments, and with which model.

    Attributes:
        window_seconds: Length of a segment; None: a video is one segment.
        overlap: Share of a segment that the next one sees again, from 0 to below 1.
        num_frames, picture: What the network is given of a segment.
        model: Name of the run.
        kind: `hbi`, or `global` for a model that compares wholes.
        fingerprint: Of weights, configuration and tokenizer.
    """

    window_seconds: float | None
    overlap: float
    num_frames: int
    picture: PictureFormat
    model: str
    kind: str
    fingerprint: str

    def __post_init__(self) -> None:
        seconds = self.window_seconds
        if seconds is not None and not (math.isfinite(seconds) and seconds >= SHORTEST_SECONDS):
            raise SearchError(f"a segment of {seconds} s: give a length of at least {SHORTEST_SECONDS:g} s")
        if not 0 <= self.overlap < 1:
            raise SearchError(f"an overlap of {self.overlap}: give a share from 0 to below 1")

    def windows(self, start_seconds: float, end_seconds: float) -> "Windows":
        """Return the windows of a video with pictures from start to end; the last one ends where the pictures do.

        >>> settings = IndexSettings(10.0, 0.5, 12, PictureFormat.square(48), "a run", "hbi", "")
        >>> list(settings.windows(0.0, 17.0))
        [(0.0, 10.0), (5.0, 15.0), (7.0, 17.0)]
        """
        # A hair of tolerance: a length that rounding has moved is no reason for one more window.
        if self.window_seconds is None or end_seconds - start_seconds <= self.window_seconds + TOLERANCE_SECONDS:
            return Windows(start_seconds, end_seconds, math.inf, 0.0, 1)
        stride = self.window_seconds * (1 - self.overlap)
        last = end_seconds - self.window_seconds
        count = math.ceil((last - start_seconds - TOLERANCE_SECONDS) / stride)
        return Windows(start_seconds, end_seconds, self.window_seconds, stride, count + 1)

    def write(self, file: Path) -> None:
        """Write these settings as JSON."""
        values: dict[str, Any] = {"format": FORMAT}
        for each in fields(self):
            value = getattr(self, each.name)
            values |= {"image_size": value.to_json()} if each.name == "picture" else {each.name: value}
        write_atomically(file, json_with_checksum(values))

    @classmethod
    def read(cls, file: Path) -> "IndexSettings":
        """Return what `write` wrote.

        Raises:
            SearchError: There is no index, or one that this version does not know.
        """
        try:
            text = read_regular_text(file, MOST_BYTES)
            version = parse_json(text)["format"]
            if version != FORMAT:
                raise SearchError(f"{file.parent} has format {version!r:.20}, this hbi knows {FORMAT}: index it anew")
            values = parse_json_with_checksum(text)
            del values["format"]
            return cls(picture=PictureFormat.from_json(values.pop("image_size")), **values)
        except FileNotFoundError as error:
            raise SearchError(
                f"{file.parent} is no index (no {file.name} in it): make one: hbi index DIR --index PATH --model MODEL"
            ) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SearchError(f"{file} cannot be read ({error}): restore it or index anew") from error
