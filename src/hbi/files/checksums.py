"""Checksums of files, kept in their folder, and of small JSON texts, kept in them: what changed is not read.

`SHA256SUMS` is a list as `sha256sum --check` reads it. Folders of before there were checksums have none, and are read.
"""

import hashlib
import json
import os
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hbi.errors import HBIError
from hbi.files import open_regular, read_regular_text, write_atomically
from hbi.files.json_values import parse_json

FILE = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  ([^/\\\0]+)")
_MOST_BYTES = 100_000
_BLOCK_BYTES = 2**20

Checksums = Mapping[str, frozenset[str]]
"""For each file its checksum; two while it is being replaced."""

_ABSENT = "0" * 64
"""Stands for the old one where there was no file."""


class ChecksumError(ValueError):
    """Some values are not what was written."""


class DamageError(HBIError):
    """A file is not what was written, or cannot be read."""


def write_with_checksums(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files and their checksums into `folder`; whenever it is killed, the checksums fit the files.

    Raises:
        StorageError: The folder cannot be written.
    """
    try:
        known = read_checksums(folder) or {}
    except DamageError:  # whatever they were of is replaced
        known = {}
    fresh = {name: frozenset({hashlib.sha256(content).hexdigest()}) for name, content in contents.items()}
    if known:  # until all files are replaced, an old one is as right as a new one
        either = {name: known.get(name, frozenset({_ABSENT})) | sums for name, sums in fresh.items()}
        _write(folder, {**known, **either})
    for name, content in contents.items():
        write_atomically(folder / name, content)
    _write(folder, {**known, **fresh})


def add_checksums(folder: Path) -> None:
    """Write the checksums of all files of a folder that is not in use yet.

    Raises:
        StorageError: The folder cannot be written.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != FILE)
    _write(folder, {path.name: frozenset({_checksum(path)}) for path in files})


def read_checksums(folder: Path) -> Checksums | None:
    """Return the checksums of a folder; None where it has none.

    Raises:
        DamageError: They cannot be read.
    """
    file = folder / FILE
    if not os.path.lexists(file):
        return None
    found: dict[str, frozenset[str]] = {}
    try:
        lines = read_regular_text(file, _MOST_BYTES).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DamageError(f"{file} cannot be read ({_reason(error)}): {_WAY_OUT}") from error
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None:
            raise DamageError(f"{file} is damaged: {_WAY_OUT}")
        found[match[2]] = found.get(match[2], frozenset()) | {match[1]}
    return found


def require_unchanged(*files: Path) -> None:
    """Check files of one folder against its checksums; without any it is enough that they are regular files.

    Raises:
        DamageError: One is not there, cannot be read, or is not what was written.
    """
    checksums = read_checksums(files[0].parent)
    for file in files:
        if checksums is None:
            require_regular(file)
        elif file.name not in checksums or _checksum(file) not in checksums[file.name]:
            raise DamageError(f"{file} is not what was written (its checksum is another): {_WAY_OUT}")


def require_unchanged_folder(folder: Path, *, but: tuple[str, ...] = ()) -> None:
    """Check the files of a folder that it has checksums of, but those with one of the endings `but`; none is a pipe.

    Raises:
        DamageError: One is missing, or not what was written; or something in the folder is no regular file.
    """
    try:
        irregular = [entry.name for entry in os.scandir(folder) if not (entry.is_file() or entry.is_dir())]
    except (OSError, ValueError) as error:
        raise DamageError(f"{folder} cannot be read ({_reason(error)})") from error
    if names := [name for name in irregular if (folder / name).exists()]:
        raise DamageError(f"{folder / min(names)} is not a regular file: take it away")
    checksums = read_checksums(folder) or {}
    listed = [folder / name for name in sorted(checksums) if not name.endswith(but)]
    due = [file for file in listed if _ABSENT not in checksums[file.name] or os.path.lexists(file)]
    if due:
        require_unchanged(*due)


def require_regular(file: Path) -> None:
    """Raise DamageError where a file cannot be opened for reading, or is a pipe or a device."""
    try:
        open_regular(file).close()
    except (OSError, ValueError) as error:
        raise DamageError(f"{file} cannot be read ({_reason(error)})") from error


def json_with_checksum(values: Mapping[str, Any]) -> str:
    """Return values as a JSON text that holds its own checksum, under the key `checksum`."""
    return json.dumps({**values, "checksum": _json_checksum(values)}, indent=2) + "\n"


def parse_json_with_checksum(text: str) -> dict[str, Any]:
    """Return the values of a text of `json_with_checksum`.

    Raises:
        ValueError: It is no such text.
        ChecksumError: It is not what was written.
    """
    values = parse_json(text)
    if not isinstance(values, dict):
        raise ValueError("it holds no names and values")
    checksum = values.pop("checksum", None)
    if checksum != _json_checksum(values):
        raise ChecksumError("it is not what was written")
    return values


def _json_checksum(values: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(values, sort_keys=True).encode())


def _checksum(file: Path) -> str:
    try:
        with open_regular(file) as opened:
            digest = hashlib.sha256()
            while block := opened.read(_BLOCK_BYTES):
                digest.update(block)
            return digest.hexdigest()
    except (OSError, ValueError) as error:
        raise DamageError(f"{file} cannot be read ({_reason(error)}): {_WAY_OUT}") from error


def _write(folder: Path, checksums: Checksums) -> None:
    lines = (f"{checksum}  {name}\n" for name in sorted(checksums) for checksum in sorted(checksums[name]))
    write_atomically(folder / FILE, "".join(lines))


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


_WAY_OUT = f"restore it from a copy; if you changed the file on purpose, delete {FILE} beside it"
