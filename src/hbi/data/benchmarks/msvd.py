"""MSVD (Chen and Dolan, ACL 2011): 1,970 short YouTube clips with about 40 captions each."""

from collections.abc import Sequence
from pathlib import Path

from hbi.data.annotation_files import find_file, read_bare_table, read_lines, require_file
from hbi.data.benchmark import AnnotatedVideo, Benchmark, Protocol, Size, SplitName
from hbi.data.caption_records import captioned, read_caption_records, read_raw_captions, select, video_of_record
from hbi.data.samples import DataError

ALL_CAPTIONS = ("raw-captions.pkl", "AllVideoDescriptions.txt")
NAME_MAPPING = "youtube_mapping.txt"  # "-4wsuPCjDBc_5_15 vid1": some copies of the videos bear the second name


def read(folder: Path, protocol: str, split: SplitName) -> Sequence[AnnotatedVideo]:
    """Return the videos of a split.

    Args:
        folder: Holds the annotation files, at any depth.
        protocol: Plays no part: there is one way to split it.
        split: "train", "val" or "test".
    """
    aliases = {name: (alias,) for name, alias in name_pairs(folder)}
    records = find_file(folder, f"msvd_ret_{split}.json")
    if records:
        return read_caption_records(records)
    table = find_file(folder, f"MSVD_{split}.tsv")
    if table:
        return [
            captioned(name, _cut(row["captions"]), aliases.get(name, ()))
            for row in read_bare_table(table, "captions", "video")
            for name in [video_of_record(row, "video")]
        ]
    what = f"annotations of MSVD {split}"
    listing = require_file(folder, what, f"{split}_list.txt", f"MSVD_{split}.tsv", f"msvd_ret_{split}.json")
    source = require_file(folder, "captions of MSVD", *ALL_CAPTIONS)
    captions = read_raw_captions(source) if source.suffix == ".pkl" else _descriptions(source)
    return select(captions, read_lines(listing), source, aliases)


def _cut(joined: str) -> list[str]:
    """Return the captions of a video, which the table joins by commas (no caption holds one)."""
    return [caption for caption in joined.split(", ") if caption.strip()]


def _descriptions(path: Path) -> dict[str, list[str]]:
    """Return the captions of the authors' file: a video and a caption a line."""
    captions: dict[str, list[str]] = {}
    for line in read_lines(path):
        video, _, caption = line.partition(" ")
        captions.setdefault(video, []).append(caption)
    return captions


def name_pairs(folder: Path) -> list[list[str]]:
    """Return the YouTube name and the other name of each video, where a file tells them."""
    path = find_file(folder, NAME_MAPPING)
    pairs = [line.split() for line in read_lines(path)] if path else []
    if any(len(pair) != 2 for pair in pairs):
        raise DataError(f"{path}: every line should hold a YouTube name and another name")
    return pairs


BENCHMARK = Benchmark(
    "msvd",
    "MSVD",
    read,
    protocols=(
        Protocol("standard", "Venugopalan et al. 2015", Size(1_200, 48_774), Size(100, 4_290), Size(670, 27_763)),
    ),
)
