"""Annotation files to plain values: text, tables, JSON, pickles without code; every error names file and line."""

import csv
import io
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hbi.data.samples import DataError
from hbi.errors import nearest_or_all
from hbi.files import open_regular
from hbi.files.json_values import JSONTextError, parse_json, shown
from hbi.files.plain_pickles import PickleError, parse_pickle
from hbi.video.folders import is_system_name

MOST_BYTES = 2**31
"""Of an annotation file."""

MOST_LETTERS_OF_LINE, MOST_LETTERS_OF_ROW = 2**20, 2**22
"""A line of a table, and a row of several lines, are shorter than this."""


@dataclass(frozen=True)
class Record:
    """One row, line or entry of an annotation file, with the place it stands at."""

    place: str
    values: Mapping[str, Any]

    def __getitem__(self, key: str) -> Any:
        """Return a value; DataError where there is none, naming the nearest key that there is."""
        if key not in self.values:
            raise DataError(f"{self.place}: no {key!r}{nearest_or_all(key, self.values)}")
        return self.values[key]

    def first(self, *keys: str) -> Any:
        """Return the value of the first of `keys` that is there; DataError where none is."""
        for key in keys:
            if key in self.values:
                return self.values[key]
        return self[keys[0]]


def find_file(folder: Path, *patterns: str) -> Path | None:
    """Return the file of a folder or below that fits the first fitting pattern, the least deep one.

    What systems put there is passed over: a Mac leaves `._val_list.txt` beside `val_list.txt`.
    """
    for pattern in patterns if os.path.isdir(folder) else ():
        paths = (path for path in folder.rglob(pattern) if os.path.isfile(path))
        found = [path for path in paths if not any(map(is_system_name, path.relative_to(folder).parts))]
        if found:
            return min(found, key=lambda path: (len(path.parts), path))
    return None


def require_file(folder: Path, what: str, *patterns: str) -> Path:
    """Return what `find_file` finds; DataError naming `what`, and what was looked for, where there is nothing."""
    if not os.path.isdir(folder):
        raise DataError(f"no folder {folder}: give the one with the {what}")
    path = find_file(folder, *patterns)
    if path is None:
        raise DataError(f"{folder} holds no {what}: looked for {' or '.join(patterns)}")
    return path


def read_text(path: Path) -> str:
    """Return a UTF-8 file, without the byte order mark or marks that it may begin with.

    Raises:
        DataError: It is anything else, a pipe or a device, say.
    """
    content = _read_bytes(path)
    try:
        text = content.decode().lstrip("\ufeff")  # two of them where a program saved with one what had one
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        byte = error.object[error.start]
        raise DataError(f"{path}, line {line}: byte 0x{byte:02X} is not UTF-8; save the file as UTF-8") from error
    except MemoryError as error:
        raise DataError(f"{path} is too large for the memory of this machine: cut it in pieces") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{path}, line {line}: byte 0x00 is in no text: is it UTF-16? Save the file as UTF-8")
    return text


def read_lines(path: Path) -> list[str]:
    """Return the lines of a list, stripped, without empty ones and comments (#)."""
    lines = (line.strip() for line in read_text(path).split("\n"))
    return [line for line in lines if line and not line.startswith("#")]


def read_table(path: Path, *columns: str, delimiter: str = ",") -> list[Record]:
    """Return the rows of a table whose first line names its columns, of which `columns` must be there."""
    rows = _rows(path, delimiter)
    _, header = next(rows, (0, []))
    names = [name.strip() for name in header]
    if twice := [name for name, count in Counter(names).items() if count > 1 and name]:
        raise DataError(f"{path} has two columns {twice[0][:40]!r}: name each once")
    for column in columns:
        if column not in names:
            raise DataError(f"{path} has no column {column!r}{nearest_or_all(column, names)}")
    records = []
    for line, row in rows:
        if len(row) > len(names):
            raise DataError(
                f"{path}, line {line}: {len(row)} values for {len(names)} columns; quote values with commas"
            )
        records.append(Record(f"{path}, line {line}", dict(zip(names, row, strict=False))))
    return records


def read_bare_table(path: Path, *columns: str, delimiter: str = "\t") -> list[Record]:
    """Return the rows of a table without names: a value for each of `columns`, quoted where it holds line breaks."""
    records = []
    for line, row in _rows(path, delimiter):
        if len(row) != len(columns):
            raise DataError(f"{path}, line {line}: {len(row)} values instead of {len(columns)} ({', '.join(columns)})")
        records.append(Record(f"{path}, line {line}", dict(zip(columns, row, strict=True))))
    return records


def read_json(path: Path) -> Any:
    """Return what a JSON file holds."""
    return _parse(read_text(path), path)


def read_json_records(path: Path) -> list[Record]:
    """Return the objects of a JSON list, or of a file with one JSON object a line (.jsonl)."""
    if path.suffix.lower() != ".jsonl":
        return as_records(path, read_json(path))
    return [
        as_record(f"{path}, line {number}", _parse(line, path, first_line=number))
        for number, line in enumerate(read_text(path).split("\n"), start=1)
        if line.strip()
    ]


def as_record(place: str, value: Any) -> Record:
    """Return an object of a JSON text as a record that knows its place; DataError where it is none."""
    if not isinstance(value, dict):
        raise DataError(f"{place}: {shown(value)} where an object with keys was expected")
    return Record(place, value)


def as_records(path: Path, values: Any) -> list[Record]:
    """Return a list of JSON objects as records that know their place in `path`."""
    if not isinstance(values, list):
        raise DataError(f"{path} holds {shown(values)} where a list was expected")
    return [as_record(f"{path}, entry {number}", value) for number, value in enumerate(values, start=1)]


def read_pickle(path: Path) -> Any:
    """Return a pickle of dictionaries, lists and texts; DataError for anything else, what would run code above all."""
    try:
        return parse_pickle(_read_bytes(path))
    except PickleError as error:
        raise DataError(f"{path}: {error}") from error


def _parse(text: str, path: Path, *, first_line: int = 1) -> Any:
    try:
        return parse_json(text)
    except JSONTextError as error:
        raise DataError(f"{path}, line {first_line + error.line - 1}: {error}") from error


def _read_bytes(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            if os.fstat(file.fileno()).st_size > MOST_BYTES:
                raise DataError(f"{path} is larger than the {MOST_BYTES // 2**30} GiB that are read: cut it in pieces")
            return file.read()
    except OSError as error:
        raise DataError(f"cannot read {path} ({error.strerror}): check the path") from error
    except ValueError as error:  # a name that no file can have
        raise DataError(f"cannot read {path} ({error}): check the path") from error
    except MemoryError as error:
        raise DataError(f"{path} is too large for the memory of this machine: cut it in pieces") from error


def _rows(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line that each row ends on, and the row; empty lines are passed over."""
    lines = list(io.StringIO(read_text(path), newline=""))
    for number, line in enumerate(lines, start=1):
        if len(line) > MOST_LETTERS_OF_LINE:
            raise DataError(f"{path}, line {number}: {len(line)} letters in one line: this is no table of captions")
    reader = csv.reader(lines, delimiter=delimiter)
    begun = 0
    while begun < len(lines):
        try:
            row, ended, problem = next(reader, []), reader.line_num, None
        except csv.Error as error:  # a value of more than 128 KiB, say: perhaps the rest of the file
            row, ended, problem = [], len(lines), f"line {reader.line_num}: {error}"
        if ended > begun + 1 or ended == len(lines):  # only there can a quotation mark have swallowed what follows
            opened = _never_closed("".join(lines[begun:ended])[:MOST_LETTERS_OF_ROW], delimiter)
            if opened is not None:
                problem = (
                    f"line {begun + opened + 1}: a quotation mark begins a value and is never closed: close it (and "
                    'write "" for one within), or leave it out'
                )
        if problem:
            raise DataError(f"{path}, {problem}")
        if any(value.strip() for value in row):
            yield ended, row
        begun = ended


def _never_closed(rows: str, delimiter: str) -> int | None:
    """Return the line, from 0, of a quotation mark that begins a value and is not closed, None where all are.

    One that is closed on a later line, amid other text, is not closed either: what closes it is the next such mark, or
    belongs to another value. Within a line such a mark is no harm.
    """
    value = rf'(?:"(?P<quoted>[^"]*(?:""[^"]*)*)(?P<end>"?))?(?P<rest>[^{delimiter}\r\n]*)(?:{delimiter}|\r\n|\r|\n|\Z)'
    for match in re.finditer(value, rows):
        quoted = match["quoted"] or ""
        has_lines = "\n" in quoted or "\r" in quoted
        is_other_rows = has_lines and (match["rest"] or (delimiter == "\t" and delimiter in quoted))
        if match["quoted"] is not None and (not match["end"] or is_other_rows):
            before = rows[: match.start()]
            return max(before.count("\n"), before.count("\r"))
    return None
