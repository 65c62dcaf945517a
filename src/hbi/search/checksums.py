"""Checksums of what an index holds: its engine keeps none, and a flipped bit would only give another score."""

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np


class ChecksumError(ValueError):
    """Something is not what was written."""


def row_checksums(columns: Iterable[Sequence[Any] | np.ndarray]) -> np.ndarray:
    """Return one checksum (CRC-32) for each row of some columns.

    A column is an array [row, …], whose bytes count, or a sequence of texts, bytes, numbers or None.
    """
    sums: list[int] | None = None
    for column in columns:
        values = map(_bytes, column)
        sums = [zlib.crc32(value) for value in values] if sums is None else list(map(zlib.crc32, values, sums))
    return np.array(sums or [], np.int64)


def require_same_rows(stored: Sequence[int] | np.ndarray, columns: Iterable[Sequence[Any] | np.ndarray]) -> None:
    """Refuse rows whose checksums are not those that were stored with them.

    Raises:
        ChecksumError: Some are not.
    """
    num_damaged = int((np.asarray(stored, np.int64) != row_checksums(columns)).sum())
    if num_damaged:
        raise ChecksumError(f"{num_damaged} of {len(stored)} rows are not what was written")


def sealed_json(values: Mapping[str, Any]) -> str:
    """Return values as JSON that holds its own checksum."""
    return json.dumps({**values, "checksum": _checksum(values)}, indent=2) + "\n"


def unsealed_json(text: str) -> dict[str, Any]:
    """Return the values of a text of `sealed_json`.

    Raises:
        ValueError: It is no such text, or not what was written (ChecksumError).
    """
    try:
        values = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(values, dict):
        raise ValueError("it holds no names and values")
    checksum = values.pop("checksum", None)
    if checksum != _checksum(values):
        raise ChecksumError("it is not what was written")
    return values


def _checksum(values: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(values, sort_keys=True).encode())


def _bytes(value: Any) -> bytes | memoryview:
    if isinstance(value, bytes):
        return value
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(value).data.cast("B") if value.size else b""
    return repr(value).encode("utf-8", "surrogatepass")
