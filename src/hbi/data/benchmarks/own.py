"""Anyone's own videos: a table (csv, tsv, jsonl) with `video, caption[, start, end, split]`, or clips with a text each.

A video may have several lines, or several captions in its text; a line without a split is for training. Where no line
has one, a tenth of the videos (at least one) is for test and a tenth for validation, chosen by a hash of their names:
the same on every machine.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from hbi.data.annotation_files import Record, did_you_mean, read_json_records, read_table, read_text
from hbi.data.benchmark import SPLIT_NAMES, Benchmark, Caption, CaptionedVideo, SplitName
from hbi.data.caption_records import clean
from hbi.data.samples import DataError
from hbi.data.video_files import VideoFiles

TABLES = (".csv", ".tsv", ".jsonl")
COLUMNS = ("video", "caption", "start", "end", "split")
Part = tuple[str, float | None, float | None]
"""A video and the seconds of it that are meant."""


def read(source: Path, protocol: str, split: SplitName) -> Sequence[CaptionedVideo]:
    """Return the videos of a split from a table, a folder that holds just one, or a folder of clips and texts."""
    if not source.exists():
        raise DataError(f"no caption file {source}: give a table (csv, tsv, jsonl) or a folder of clips with texts")
    tables = sorted(path for path in source.iterdir() if path.suffix in TABLES) if source.is_dir() else [source]
    if len(tables) > 1:
        raise DataError(f"{source} holds {len(tables)} tables ({', '.join(path.name for path in tables)}): name one")
    captions = _from_table(tables[0]) if tables else _from_clips(source)
    chosen = _chosen(captions, split)
    return [
        CaptionedVideo(_name(name, start, end), told, (name,), start, end)
        for (name, start, end), told in chosen.items()
    ]


def _name(video: str, start: float | None, end: float | None) -> str:
    """Return what tells a part of a video from its other parts: clip@2.5-8 for some seconds of clip."""
    if start is None and end is None:
        return video
    return f"{video}@{start or 0:g}-{'' if end is None else format(end, 'g')}"


def _from_table(path: Path) -> dict[tuple[Part, str | None], tuple[Caption, ...]]:
    if path.suffix not in TABLES:
        raise DataError(f"{path} is no csv, tsv or jsonl file: give the captions in one of these forms")
    if path.suffix == ".jsonl":
        records = read_json_records(path)
    else:
        records = read_table(path, "video", "caption", delimiter="\t" if path.suffix == ".tsv" else ",")
    if not records:
        raise DataError(f"{path} holds no captions: write a line for each, with {', '.join(COLUMNS[:2])}")
    captions: dict[tuple[Part, str | None], tuple[Caption, ...]] = {}
    for record in records:
        _require_known_columns(record)
        part = (str(record["video"]).strip(), _seconds(record, "start"), _seconds(record, "end"))
        key = (part, _split(record))
        captions[key] = (*captions.get(key, ()), Caption(clean(str(record["caption"] or ""))))
    return captions


def _from_clips(folder: Path) -> dict[tuple[Part, str | None], tuple[Caption, ...]]:
    """Return the captions of clip.mp4 from the lines of clip.txt; folders named after splits are splits."""
    captions: dict[tuple[Part, str | None], tuple[Caption, ...]] = {}
    for path in sorted(VideoFiles(folder).paths):
        name = path.relative_to(folder)
        split = name.parts[0] if name.parts[0] in SPLIT_NAMES else None
        text = path.with_suffix(".txt")
        lines = read_text(text).split("\n") if text.is_file() else []
        told = tuple(Caption(clean(line)) for line in lines if line.strip())
        captions[((str(name), None, None), split)] = told
    if not any(captions.values()):
        raise DataError(f"{folder} holds no caption file: write a table (captions.csv), or clip.txt beside clip.mp4")
    return captions


def _chosen(
    captions: dict[tuple[Part, str | None], tuple[Caption, ...]], split: SplitName
) -> dict[Part, tuple[Caption, ...]]:
    """Return what belongs to a split: what the data say, train where only others say it, a hash where none does."""
    chosen: dict[Part, tuple[Caption, ...]] = {}
    if any(named for _, named in captions):
        for (part, named), told in captions.items():
            if (named or "train") == split:
                chosen[part] = (*chosen.get(part, ()), *told)
        return chosen
    names = sorted({part[0] for part, _ in captions}, key=lambda name: hashlib.sha256(name.encode()).digest())
    tenth = max(1, len(names) // 10)
    of_split = {"test": names[:tenth], "val": names[tenth : 2 * tenth], "train": names[2 * tenth :]}[split]
    return {part: told for (part, _), told in captions.items() if part[0] in set(of_split)}


def _require_known_columns(record: Record) -> None:
    """Refuse a misspelled optional column, which would be passed over without a word: `strat` for `start`."""
    for name in record.values:
        guess = did_you_mean(name, [column for column in COLUMNS if column not in record.values])
        if name not in COLUMNS and guess.startswith(": did"):
            raise DataError(f"{record.place}: unknown column {name!r}{guess}")


def _seconds(record: Record, column: str) -> float | None:
    value = record.values.get(column)
    if value is None or str(value).strip() == "":
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        raise DataError(f"{record.place}: {column} is {value!r}, not a number of seconds") from None


def _split(record: Record) -> str | None:
    value = str(record.values.get("split") or "").strip() or None
    if value is not None and value not in SPLIT_NAMES:
        raise DataError(f"{record.place}: unknown split {value!r}; the splits are {', '.join(SPLIT_NAMES)}")
    return value


BENCHMARK = Benchmark("own", "own videos", read)
