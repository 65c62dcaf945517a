"""The tables of mteb (an optional extra), encoded by a model of ours: texts, and videos that hbi decodes itself."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from hbi.errors import HBIError
from hbi.matching import Matcher
from hbi.video import VideoError

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True, eq=False)
class EncodedRows:
    """Some rows of a table, encoded together: an `EncodedTexts`, or videos as `Matcher.encode_frames` returns them."""

    rows: list[int]
    encoding: Any


@dataclass(frozen=True)
class TableEncoder:
    """Encodes tables in parts.

    Attributes:
        matcher: The model.
        batch_size: Rows that are encoded at a time.
        is_silent: Whether no progress is shown.
        problems: Gets one line for each video that cannot be decoded; such a row is in no part.
    """

    matcher: Matcher
    batch_size: int
    is_silent: bool
    problems: list[str]

    def encode(self, table: Dataset, *, is_of_videos: bool, what: str) -> Iterator[EncodedRows]:
        """Yield a table in encoded parts: texts short with short, as `similarity_matrix` takes them.

        Args:
            table: It has `id`, and `text` or `video`.
            is_of_videos: Whether its videos are encoded; else its texts.
            what: What the work is called while it goes on.

        Raises:
            HBIError: The table is not as expected, a video of it is not there, or none can be decoded.
        """
        if is_of_videos:
            videos, num_before = _undecoded(table), len(self.problems)
            for rows in self._batches(range(len(videos)), what):
                yield from self._videos(rows, videos.select(rows))
            if len(videos) and len(self.problems) - num_before == len(videos):
                raise HBIError(
                    f"none of the {len(videos)} videos could be decoded; the first: {self.problems[num_before]}"
                )
        else:
            texts = _texts(table)
            for rows in self._batches(sorted(range(len(texts)), key=lambda row: len(texts[row])), what):
                yield EncodedRows(rows, self.matcher.encode_texts([texts[row] for row in rows]))

    def _batches(self, order: range | list[int], what: str) -> Iterator[list[int]]:
        from tqdm.auto import tqdm

        for start in tqdm(range(0, len(order), self.batch_size), desc=what, disable=self.is_silent):
            yield list(order[start : start + self.batch_size])

    def _videos(self, rows: list[int], part: Dataset) -> Iterator[EncodedRows]:
        names = part["id"] if "id" in part.column_names else [f"row {row}" for row in rows]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            results = list(pool.map(self._read, part["video"]))
        kept: list[int] = []
        pixels: list[Tensor] = []
        masks: list[Tensor] = []
        for row, name, result in zip(rows, names, results, strict=True):
            if isinstance(result, VideoError):
                self.problems.append(f"{name}: {result.cause}")
            else:
                kept.append(row)
                pixels.append(result[0])
                masks.append(result[1])
        if kept:
            yield EncodedRows(kept, self.matcher.encode_frames(torch.cat(pixels), torch.cat(masks)))

    def _read(self, video: str | Mapping[str, Any]) -> tuple[Tensor, Tensor] | VideoError:
        try:
            with _as_file(video) as path:
                return self.matcher.read_videos(path)
        except VideoError as error:
            if error.may_pass:
                raise
            return error


def _texts(table: Dataset) -> list[str]:
    """Return the texts of a table as mteb gives them to a model: title and text, or text and instruction."""
    columns = [table[name] for name in ("title", "text", "instruction") if name in table.column_names]
    if "text" not in table.column_names or not all(isinstance(text, str) for text in table["text"]):
        raise HBIError("the table of texts has no column text that holds one text a row")
    return [" ".join(part for part in parts if part).strip() for parts in zip(*columns, strict=True)]


def _undecoded(table: Dataset) -> Dataset:
    """Return a table whose videos are files or bytes, which a `Video` column would have torchcodec decode."""
    from datasets import Video

    if "video" not in table.column_names:
        raise HBIError("the table of videos has no column video")
    is_decoded = isinstance(table.features["video"], Video)
    return table.cast_column("video", Video(decode=False)) if is_decoded else table


@contextmanager
def _as_file(video: str | Mapping[str, Any]) -> Iterator[str]:
    """Give the path of a video that a table holds: a file, an address, or bytes, which are written to a file."""
    path, content = (video, None) if isinstance(video, str) else (video["path"] or "", video["bytes"])
    if content is None and os.path.isfile(path):
        yield path
        return
    if content is None:
        content = _download(path)
    with NamedTemporaryFile(suffix=os.path.splitext(path)[1]) as file:
        file.write(content)
        file.flush()
        yield file.name


def _download(address: str) -> bytes:
    import fsspec

    try:
        with fsspec.open(address, "rb") as file:
            content: bytes = file.read()
            return content
    except (OSError, ValueError, ImportError) as error:
        raise HBIError(f"the video {address!r} cannot be read: {error}") from error
