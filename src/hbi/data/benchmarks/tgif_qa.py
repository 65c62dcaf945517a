"""TGIF-QA, frame questions (Jang et al., CVPR 2017): about animated pictures, answered from a frame.

The tables `Train_frameqa_question.csv` and `Test_frameqa_question.csv` are cut by tabs; there are no validation
questions.
"""

from collections.abc import Sequence
from pathlib import Path

from hbi.data.annotation_files import read_table, require_file
from hbi.data.benchmark import AnnotatedVideo, Benchmark, Protocol, Size, SplitName
from hbi.data.caption_records import video_of_record
from hbi.data.question_records import asked, merged
from hbi.data.samples import DataError

KINDS = ("object", "number", "color", "location")
"""What the numbers of `type` mean."""


def read(folder: Path, protocol: str, split: SplitName) -> Sequence[AnnotatedVideo]:
    """Return the videos of a split with the questions about them.

    Args:
        folder: Holds the annotation files, at any depth.
        protocol: Plays no part: there is one way to split it.
        split: "train", "val" or "test".
    """
    name = f"{split.capitalize()}_frameqa_question"
    path = require_file(folder, f"frame questions of TGIF-QA {split}", f"{name}.csv", f"{name}.tsv")
    videos = []
    for record in read_table(path, "gif_name", "question", "answer", "type", delimiter="\t"):
        number = record["type"].strip()
        if number not in map(str, range(len(KINDS))):
            raise DataError(f"{record.place}: no type {number!r}; the types are 0 to {len(KINDS) - 1}")
        videos.append(asked(record, video_of_record(record, "gif_name"), kind=KINDS[int(number)]))
    return merged(videos)


BENCHMARK = Benchmark(
    "tgif-qa",
    "TGIF-QA (frame)",
    read,
    protocols=(Protocol("standard", "Jang et al. 2017", Size(None, 39_392), None, Size(None, 13_691)),),
    asks_questions=True,
)
