"""VATEX (Wang et al., ICCV 2019): 10 s of Kinetics videos with ten English captions each.

Retrieval is usually tested as Chen et al. (HGR, CVPR 2020) do: half of the validation videos each to validate and to
test, told apart by two lists. `official` has the authors' validation and public test.
"""

from collections.abc import Sequence
from pathlib import Path

from hbi.data.annotation_files import find_file, read_json_records, read_lines, require_file
from hbi.data.benchmark import AnnotatedVideo, Benchmark, Protocol, Size, SplitName
from hbi.data.caption_records import captioned, read_caption_records, texts_of_record, video_of_record

TRAINING, VALIDATION = "vatex_training_v1.0.json", "vatex_validation_v1.0.json"
PUBLIC_TEST = "vatex_public_test_english_v1.1.json"
OFFICIAL: dict[SplitName, str] = {"train": TRAINING, "val": VALIDATION, "test": PUBLIC_TEST}


def read(folder: Path, protocol: str, split: SplitName) -> Sequence[AnnotatedVideo]:
    """Return the videos of a split.

    Args:
        folder: Holds the annotation files, at any depth.
        protocol: "official", or "hgr", which divides the official validation split into val and test.
        split: "train", "val" or "test".
    """
    if protocol == "official" or split == "train":
        return _read(require_file(folder, f"captions of VATEX {split}", OFFICIAL[split]))
    records = find_file(folder, f"vatex_ret_{split}.json")
    if records:
        return read_caption_records(records)
    validation = _read(require_file(folder, "captions of VATEX val and test", VALIDATION))
    listing = require_file(
        folder, f"list of the {split} videos of VATEX", f"{split}_list.txt", f"*vatex*{split}*list*.txt"
    )
    listed = set(read_lines(listing))
    return [video for video in validation if video.video_id in listed]


def _read(path: Path) -> list[AnnotatedVideo]:
    return [
        captioned(name, texts_of_record(record, "enCap"), aliases=(_youtube_name(name),))
        for record in read_json_records(path)
        for name in [video_of_record(record, "videoID")]
    ]


def _youtube_name(video_id: str) -> str:
    """Return the name without the seconds that end it: Ptf_2VRj-V0_000122_000132 is of Ptf_2VRj-V0."""
    return video_id.rsplit("_", 2)[0]


BENCHMARK = Benchmark(
    "vatex",
    "VATEX",
    read,
    protocols=(
        Protocol(
            "hgr", "Wang et al. 2019; Chen et al. 2020", Size(25_991, 259_910), Size(1_500, 15_000), Size(1_500, 15_000)
        ),
        Protocol("official", "Wang et al. 2019", Size(25_991, 259_910), Size(3_000, 30_000), Size(6_000, 60_000)),
    ),
)
