"""Anyone's own videos: a table (csv, tsv, jsonl) with `video, caption[, start, end, split]`, or clips with a text each.

A video may have several lines, or several captions in its text; a line without a split is for training. Where no line
has one, a tenth of the videos (at least one) is for test and a tenth for validation, chosen by a hash of their names:
the same on every machine.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from hbi.data.annotation_files import Record, read_json_records, read_table, read_text
from hbi.data.benchmark import MOST_SECONDS, SPLIT_NAMES, AnnotatedVideo, Benchmark, Caption, SplitName
from hbi.data.caption_records import clean, texts_of_record, video_of_record
from hbi.data.samples import DataError
from hbi.data.video_files import VideoFiles
from hbi.errors import did_you_mean
from hbi.files.json_values import is_number, shown
from hbi.video.folders import is_system_name, one_form

TABLES = (".csv", ".tsv", ".jsonl")
NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?", re.ASCII)
"""What is read as a number in a table: not all that Python reads, 1_0 for 10, say."""

COLUMNS = ("video", "caption", "start", "end", "split")
Part = tuple[str, float | None, float | None]
"""A video and the seconds of it that are meant."""

CaptionsOfParts = dict[tuple[Part, str | None], list[Caption]]
"""By part and by the split that the data name, None where they name none."""

MOST_QUOTED = 60
"""Letters of a value that a message repeats."""


def read(source: Path, protocol: str, split: SplitName) -> Sequence[AnnotatedVideo]:
    """Return the videos of a split of somebody's own data.

    Args:
        source: A table (csv, tsv, jsonl), a folder that holds just one, or a folder of clips and texts.
        protocol: Plays no part: the data say what is of which split, or a hash of the names does.
        split: "train", "val" or "test".

    Raises:
        DataError: There is nothing at `source`, a folder holds several tables, or the split holds no video.
    """
    if not os.path.exists(source):
        raise DataError(f"no caption file {source}: give a table (csv, tsv, jsonl) or a folder of clips with texts")
    tables = _tables(source) if os.path.isdir(source) else [source]
    if len(tables) > 1:
        raise DataError(f"{source} holds {len(tables)} tables ({', '.join(path.name for path in tables)}): name one")
    captions = _from_table(tables[0]) if tables else _from_clips(source)
    chosen = _chosen(captions, split)
    if not chosen:
        raise DataError(_why_empty(captions, split, tables[0] if tables else source, is_table=bool(tables)))
    return [
        AnnotatedVideo(_name(name, start, end), tuple(texts), (name,), start, end)
        for (name, start, end), texts in chosen.items()
    ]


def _tables(folder: Path) -> list[Path]:
    tables = (path for path in _entries(folder) if path.suffix.lower() in TABLES and not is_system_name(path.name))
    return sorted(path for path in tables if not os.path.isdir(path))


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder} cannot be read ({error.strerror}): see to it that you may open it") from error


def _name(video: str, start: float | None, end: float | None) -> str:
    """Return what tells a part of a video from its other parts: clip@2.5-8 for some seconds of clip."""
    if start is None and end is None:
        return video
    return f"{video}@{_short(start or 0.0)}-{'' if end is None else _short(end)}"


def _short(seconds: float) -> str:
    """Return a time in few digits, in all where few would tell another time."""
    short = f"{seconds:g}"
    return short if float(short) == seconds else repr(seconds)


def _from_table(path: Path) -> CaptionsOfParts:
    form = path.suffix.lower()
    if form not in TABLES:
        raise DataError(f"{path} is no csv, tsv or jsonl file: give the captions in one of these forms")
    if form == ".jsonl":
        records = read_json_records(path)
    else:
        records = read_table(path, "video", "caption", delimiter="\t" if form == ".tsv" else ",")
    if not records:
        raise DataError(f"{path} holds no captions: write a line for each, with {', '.join(COLUMNS[:2])}")
    captions: CaptionsOfParts = {}
    for record in records:
        _require_known_columns(record)
        key = ((video_of_record(record, "video"), *_span(record)), _split(record))
        texts = [""] if record["caption"] is None else texts_of_record(record, "caption")
        captions.setdefault(key, []).extend(Caption(clean(text)) for text in texts)
    return captions


def _from_clips(folder: Path) -> CaptionsOfParts:
    """Return the captions of clip.mp4 from the lines of clip.txt; folders named after splits are splits."""
    captions: CaptionsOfParts = {}
    videos = VideoFiles(folder).paths
    texts = _texts_in({path.parent for path in videos})
    for path in videos:
        name = path.relative_to(folder)
        split = name.parts[0] if name.parts[0] in SPLIT_NAMES else None
        text = texts.get((path.parent, path.stem)) or texts.get((path.parent, one_form(path.stem)))
        lines = map(clean, read_text(text).split("\n")) if text else ()
        captions[((str(name), None, None), split)] = [Caption(line) for line in lines if line]
    if not any(captions.values()):
        raise DataError(f"{folder} holds no caption file: write a table (captions.csv), or clip.txt beside clip.mp4")
    return captions


def _texts_in(folders: Iterable[Path]) -> dict[tuple[Path, str], Path]:
    """Return the texts of folders, by folder and name: as it is spelled, and in the form that all spellings share."""
    texts = sorted(path for folder in folders for path in _entries(folder) if path.suffix.lower() == ".txt")
    shared = {(path.parent, one_form(path.stem)): path for path in texts}
    return shared | {(path.parent, path.stem): path for path in texts}


def _chosen(captions: CaptionsOfParts, split: SplitName) -> dict[Part, list[Caption]]:
    """Return what belongs to a split: what the data say, train where only others say it, a hash where none does."""
    chosen: dict[Part, list[Caption]] = {}
    if any(named for _, named in captions):
        for (part, named), texts in captions.items():
            if (named or "train") == split:
                chosen.setdefault(part, []).extend(texts)
        return chosen
    names = sorted({part[0] for part, _ in captions}, key=_place_in_line)
    tenth = max(1, len(names) // 10)
    of_split = set({"test": names[:tenth], "val": names[tenth : 2 * tenth], "train": names[2 * tenth :]}[split])
    return {part: texts for (part, _), texts in captions.items() if part[0] in of_split}


def _place_in_line(name: str) -> bytes:
    """Return what names of videos are ordered by: as if by chance, but alike on machines that spell accents apart."""
    return hashlib.sha256(one_form(name).encode(errors="surrogateescape")).digest()


def _why_empty(captions: Iterable[tuple[Part, str | None]], split: SplitName, source: Path, *, is_table: bool) -> str:
    parts = list(captions)
    if not any(named for _, named in parts):
        num_videos = len({part[0] for part, _ in parts})
        return f"{source} has {num_videos} videos, too few for train, val and test: three are the least"
    if is_table:
        what, how = f"row with split {split!r}", f"mark some rows {split}, or leave the column out"
    else:
        what, how = f"video in a folder {split!r}", f"put some into {source / split}, or all beside each other"
    return f"{source} has no {what}: {how} and a tenth is chosen"


def _require_known_columns(record: Record) -> None:
    """Refuse a misspelled optional column, which would be passed over without a word: `strat` for `start`."""
    missing = tuple(column for column in COLUMNS if column not in record.values)
    for name in record.values.keys() - set(COLUMNS):
        if guess := _meant(name, missing):
            raise DataError(f"{record.place}: unknown column {name!r}{guess}")


@lru_cache(maxsize=1000)  # every row has the same columns
def _meant(column: str, missing: tuple[str, ...]) -> str:
    return did_you_mean(column, missing)


def _span(record: Record) -> tuple[float | None, float | None]:
    """Return the seconds that are meant, from where to where."""
    start, end = _seconds(record, "start"), _seconds(record, "end")
    if end is not None and end <= (start or 0.0):
        raise DataError(f"{record.place}: end {end:g} is not after start {start or 0:g}; give both in seconds")
    return start, end


def _seconds(record: Record, column: str) -> float | None:
    value = record.values.get(column)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    is_written = isinstance(value, str) and NUMBER.fullmatch(value.strip())
    seconds = float(value) if is_written or is_number(value) else None
    if seconds is None or not is_number(seconds):
        raise DataError(f"{record.place}: {column} is {_quoted(value)}, not a number of seconds")
    if seconds < 0:
        raise DataError(f"{record.place}: {column} is {seconds:g}, but seconds count from 0, where the video begins")
    if seconds >= MOST_SECONDS:
        raise DataError(f"{record.place}: {column} is {seconds:g}, and no video is as long; give it in seconds")
    return seconds


def _split(record: Record) -> str | None:
    value = record.values.get("split")
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    named = value.strip() if isinstance(value, str) else value
    if named not in SPLIT_NAMES:
        raise DataError(f"{record.place}: unknown split {_quoted(named)}; the splits are {', '.join(SPLIT_NAMES)}")
    return str(named)


def _quoted(value: object) -> str:
    """Return a value for a message: a text as a table has it, as Python quotes it."""
    if not isinstance(value, str):
        return repr(value) if isinstance(value, bool) else shown(value)
    return repr(value if len(value) <= MOST_QUOTED else f"{value[:MOST_QUOTED]}…")


BENCHMARK = Benchmark("own", "own videos", read)
