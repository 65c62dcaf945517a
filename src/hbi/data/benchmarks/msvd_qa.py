"""MSVD-QA (Xu et al., ACM MM 2017): questions made by machine from the captions of MSVD.

The lists name videos by number; `youtube_mapping.txt` tells under which YouTube name a numbered video circulates.
"""

from collections.abc import Sequence
from pathlib import Path

from hbi.data.annotation_files import read_json_records, require_file
from hbi.data.benchmark import AnnotatedVideo, Benchmark, Protocol, Size, SplitName
from hbi.data.benchmarks.msvd import name_pairs
from hbi.data.question_records import asked, merged, numbered_video


def read(folder: Path, protocol: str, split: SplitName) -> Sequence[AnnotatedVideo]:
    """Return the videos of a split with the questions about them.

    Args:
        folder: Holds the annotation files, at any depth.
        protocol: Plays no part: there is one way to split it.
        split: "train", "val" or "test".
    """
    path = require_file(
        folder, f"questions of MSVD-QA {split}", f"{split}_qa.json", f"{split}.jsonl", f"msvd_qa_{split}.json"
    )
    youtube_names = {number: (name,) for name, number in name_pairs(folder)}
    videos = []
    for record in read_json_records(path):
        name = numbered_video(record, "vid", "video_id", "video")
        videos.append(asked(record, name, aliases=youtube_names.get(name, ())))
    return merged(videos)


BENCHMARK = Benchmark(
    "msvd-qa",
    "MSVD-QA",
    read,
    protocols=(Protocol("standard", "Xu et al. 2017", Size(1_200, 30_933), Size(250, 6_415), Size(520, 13_157)),),
    asks_questions=True,
)
