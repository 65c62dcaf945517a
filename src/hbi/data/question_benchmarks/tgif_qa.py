"""TGIF-QA, frame questions (Jang et al., CVPR 2017): about animated pictures, answered from a frame.

The tables `Train_frameqa_question.csv` and `Test_frameqa_question.csv` are cut by tabs; there are no validation
questions.
"""

from collections.abc import Sequence
from pathlib import Path

from hbi.data.annotation_files import read_table, require_file
from hbi.data.benchmark import SplitName
from hbi.data.caption_records import video_of_record
from hbi.data.question_benchmark import AskedQuestion, PublishedQuestions, QuestionBenchmark, asked
from hbi.data.samples import DataError

KINDS = ("object", "number", "color", "location")
"""What the numbers of `type` mean."""


def read(folder: Path, split: SplitName) -> Sequence[AskedQuestion]:
    """Return the questions of a split."""
    name = f"{split.capitalize()}_frameqa_question"
    path = require_file(folder, f"frame questions of TGIF-QA {split}", f"{name}.csv", f"{name}.tsv")
    questions = []
    for record in read_table(path, "gif_name", "question", "answer", "type", delimiter="\t"):
        number = record["type"].strip()
        if number not in map(str, range(len(KINDS))):
            raise DataError(f"{record.place}: no type {number!r}; the types are 0 to {len(KINDS) - 1}")
        questions.append(asked(record, video_of_record(record, "gif_name"), kind=KINDS[int(number)]))
    return questions


BENCHMARK = QuestionBenchmark(
    "tgif-qa",
    "TGIF-QA (frame)",
    "Jang et al. 2017",
    read,
    {"train": PublishedQuestions(39_392), "test": PublishedQuestions(13_691)},
)
