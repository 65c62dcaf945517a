"""MSRVTT-QA (Xu et al., ACM MM 2017): questions made by machine from the captions of MSR-VTT.

The authors' lists (`train_qa.json`) name videos by number; they circulate as JSON lines too (`train.jsonl`).
"""

from collections.abc import Sequence
from pathlib import Path

from hbi.data.annotation_files import Record, read_json_records, require_file
from hbi.data.benchmark import AnnotatedVideo, Benchmark, Protocol, Size, SplitName
from hbi.data.caption_records import clean, text_of
from hbi.data.question_records import asked, merged, numbered_video


def read(folder: Path, protocol: str, split: SplitName) -> Sequence[AnnotatedVideo]:
    """Return the videos of a split with the questions about them.

    Args:
        folder: Holds the annotation files, at any depth.
        protocol: Plays no part: there is one way to split it.
        split: "train", "val" or "test".
    """
    path = require_file(
        folder,
        f"questions of MSRVTT-QA {split}",
        *(f"{split}.jsonl", f"{split}_qa.json", f"{split}.json", f"msrvtt_qa_{split}.json"),
    )
    return merged(
        asked(record, numbered_video(record, "video", "video_id", "video"), kind=_kind(record))
        for record in read_json_records(path)
    )


def _kind(record: Record) -> str:
    """Return the kind that a record names; "" where it names none."""
    named = record.values.get("answer_type")
    return "" if named is None else clean(text_of(record.place, "answer_type", named))


BENCHMARK = Benchmark(
    "msrvtt-qa",
    "MSRVTT-QA",
    read,
    protocols=(Protocol("standard", "Xu et al. 2017", Size(6_513, 158_581), Size(497, 12_278), Size(2_990, 72_821)),),
    asks_questions=True,
)
