"""MSR-VTT (Xu et al., CVPR 2016): 10,000 web videos with 20 captions each.

The 1k-A split tests on 1,000 videos with one caption each (Yu et al., ECCV 2018) and trains on the other 9,000, or on
the 7,010 that the first split trained and validated on. `full` is the split of the data set's authors.
"""

from collections.abc import Sequence
from pathlib import Path

from hbi.data.annotation_files import as_records, find_file, read_json, read_lines, read_table, require_file
from hbi.data.benchmark import AnnotatedVideo, Benchmark, Protocol, Size, SplitName
from hbi.data.caption_records import group_by_video, read_caption_records, read_raw_captions, select, video_of_record
from hbi.data.samples import DataError
from hbi.files.json_values import shown

CAPTIONS = (
    "MSRVTT_data.json",
    "MSR_VTT.json",
    "train_val_videodatainfo.json",
    "videodatainfo_2017.json",
    "raw-captions.pkl",
)
TRAIN_LISTS = {
    "1k-A-9k": ("MSRVTT_train.9k.csv", "train_list_jsfusion.txt"),
    "1k-A-7k": ("MSRVTT_train.7k.csv", "train_list_miech.txt"),
}
TRAIN_RECORDS = {
    "1k-A-9k": ("msrvtt_ret_train9k.json", "train9k.jsonl"),
    "1k-A-7k": ("msrvtt_ret_train7k.json", "train7k.jsonl"),
}
TEST_TABLE = "MSRVTT_JSFUSION_test.csv"
TEST_RECORDS = ("msrvtt_ret_test1k.json", "test1k.jsonl", "test1ka.jsonl")
SPLIT_NAMES_IN_FILE: dict[str, SplitName] = {"train": "train", "validate": "val", "val": "val", "test": "test"}


def read(folder: Path, protocol: str, split: SplitName) -> Sequence[AnnotatedVideo]:
    """Return the videos of a split.

    Args:
        folder: Holds the annotation files, at any depth.
        protocol: "1k-A-9k" or "1k-A-7k", which differ in what they train on, or "full".
        split: "train", "val" or "test".
    """
    if protocol == "full":
        return _full(folder, split)
    return _train(folder, protocol) if split == "train" else _test_1k(folder)


def _train(folder: Path, protocol: str) -> list[AnnotatedVideo]:
    records = find_file(folder, *TRAIN_RECORDS[protocol])
    if records:
        return read_caption_records(records)
    path = require_file(folder, f"list of the training videos of MSR-VTT {protocol}", *TRAIN_LISTS[protocol])
    listed = [row["video_id"] for row in read_table(path, "video_id")] if path.suffix == ".csv" else read_lines(path)
    source = require_file(folder, "captions of MSR-VTT", *CAPTIONS)
    captions: dict[str, list[str]] = {}
    for file in _with_second_part(source):
        captions |= _captions(file)
    return select(captions, listed, source)


def _test_1k(folder: Path) -> list[AnnotatedVideo]:
    records = find_file(folder, *TEST_RECORDS)
    if records and not find_file(folder, TEST_TABLE):
        return read_caption_records(records)
    path = require_file(folder, "test captions of MSR-VTT 1k-A", TEST_TABLE, *TEST_RECORDS)
    captions = group_by_video(read_table(path, "video_id", "sentence"))
    return select(captions, captions, path)


def _full(folder: Path, split: SplitName) -> list[AnnotatedVideo]:
    first = require_file(folder, "captions and splits of MSR-VTT", "MSRVTT_data.json", "train_val_videodatainfo.json")
    captions: dict[str, list[str]] = {}
    listed: list[str] = []
    for path in _with_second_part(first):
        captions |= _captions(path)
        for video in as_records(path, read_json(path).get("videos")):
            named = video["split"]
            if not isinstance(named, str) or named not in SPLIT_NAMES_IN_FILE:
                raise DataError(f"{video.place}: unknown split {shown(named)}")
            if SPLIT_NAMES_IN_FILE[named] == split:
                listed.append(video_of_record(video, "video_id"))
    return select(captions, listed, first)


def _with_second_part(path: Path) -> list[Path]:
    """Return the file, and the one with the test videos where the authors' two files lie side by side."""
    if not path.name.startswith("train_val"):
        return [path]
    return [file for file in (path, find_file(path.parent, "test_videodatainfo.json")) if file]


def _captions(path: Path) -> dict[str, list[str]]:
    """Return the captions of every video, from the authors' file, one in COCO's form, or a pickle."""
    if path.suffix == ".pkl":
        return read_raw_captions(path)
    content = read_json(path)
    for key in ("sentences", "annotations"):
        if isinstance(content, dict) and key in content:
            return group_by_video(as_records(path, content[key]))
    raise DataError(f"{path} has neither 'sentences' nor 'annotations': is it a caption file of MSR-VTT?")


TEST_1K = Size(num_videos=1_000, num_texts=1_000)
BENCHMARK = Benchmark(
    "msrvtt",
    "MSR-VTT",
    read,
    protocols=(
        Protocol("1k-A-9k", "Yu et al. 2018; Gabeur et al. 2020", Size(9_000, 180_000), None, TEST_1K),
        Protocol("1k-A-7k", "Yu et al. 2018; Miech et al. 2019", Size(7_010, 140_200), None, TEST_1K),
        Protocol("full", "Xu et al. 2016", Size(6_513, 130_260), Size(497, 9_940), Size(2_990, 59_800)),
    ),
)
