"""What an index was made with, kept in its `index.json`: whoever adds to it later must cut videos the same way."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

from hbi.files import write_atomically
from hbi.search.error import SearchError

FORMAT = 2
"""1: seconds counted from the first picture, not on the axis of players."""
TOLERANCE_SECONDS = 1e-3


@dataclass(frozen=True)
class IndexSettings:
    """How videos become segments, and with which model.

    Attributes:
        window_seconds: Length of a segment; None: a video is one segment.
        overlap: Share of a segment that the next one sees again, from 0 to below 1.
        num_frames, image_size: What the network is given of a segment.
        model: Name of the run.
        kind: `hbi`, or `global` for a model that compares wholes.
        fingerprint: Of weights, configuration and tokenizer.
    """

    window_seconds: float | None
    overlap: float
    num_frames: int
    image_size: int
    model: str
    kind: str
    fingerprint: str

    def __post_init__(self) -> None:
        seconds = self.window_seconds
        if seconds is not None and not (math.isfinite(seconds) and seconds > 0):
            raise SearchError(f"a segment of {seconds} s: give a length above 0")
        if not 0 <= self.overlap < 1:
            raise SearchError(f"an overlap of {self.overlap}: give a share from 0 to below 1")

    def windows(self, start_seconds: float, end_seconds: float) -> tuple[tuple[float, float], ...]:
        """Return (start, end) in seconds of the segments of a video with pictures from start to end.

        The last segment ends where the pictures do.

        >>> settings = IndexSettings(10.0, 0.5, 12, 48, "a run", "hbi", "")
        >>> settings.windows(0.0, 17.0)
        ((0.0, 10.0), (5.0, 15.0), (7.0, 17.0))
        """
        # A hair of tolerance: a length that rounding has moved is no reason for one more segment.
        if self.window_seconds is None or end_seconds - start_seconds <= self.window_seconds + TOLERANCE_SECONDS:
            return ((start_seconds, end_seconds),)
        stride = self.window_seconds * (1 - self.overlap)
        last = end_seconds - self.window_seconds
        count = math.ceil((last - start_seconds - TOLERANCE_SECONDS) / stride)
        starts = [start_seconds + number * stride for number in range(count)] + [last]
        return tuple((start, start + self.window_seconds) for start in starts)

    def write(self, file: Path) -> None:
        """Write these settings as JSON."""
        write_atomically(file, json.dumps({"format": FORMAT, **asdict(self)}, indent=2) + "\n")

    @classmethod
    def read(cls, file: Path) -> "IndexSettings":
        """Return what `write` wrote.

        Raises:
            SearchError: There is no index, or one that this version does not know.
        """
        try:
            values = json.loads(file.read_text())
            version = values.pop("format")
            if version != FORMAT:
                raise SearchError(f"{file.parent} has format {version}, this hbi knows {FORMAT}: index it anew")
            return cls(**values)
        except FileNotFoundError as error:
            raise SearchError(
                f"{file.parent} is no index (no {file.name} in it): make one: hbi index DIR --index PATH --model RUN"
            ) from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise SearchError(f"{file} cannot be read ({error}): restore it or index anew") from error
