"""MSVD-QA (Xu et al., ACM MM 2017): questions made by machine from the captions of MSVD.

The lists name videos by number; `youtube_mapping.txt` tells under which YouTube name a numbered video circulates.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hbi.data.annotation_files import find_file, read_json_records, read_lines, require_file
from hbi.data.benchmark import SplitName
from hbi.data.question_benchmark import (
    AskedQuestion,
    PublishedQuestions,
    QuestionBenchmark,
    asked,
    numbered_video,
)
from hbi.data.questions import question_word
from hbi.data.samples import DataError


def read(folder: Path, split: SplitName) -> Sequence[AskedQuestion]:
    """Return the questions of a split."""
    path = require_file(
        folder, f"questions of MSVD-QA {split}", f"{split}_qa.json", f"{split}.jsonl", f"msvd_qa_{split}.json"
    )
    names = _youtube_names(folder)
    questions = []
    for record in read_json_records(path):
        name = numbered_video(record, "vid", "video_id", "video")
        question = asked(record, name, kind="", aliases=names.get(name, ()))
        questions.append(replace(question, kind=question_word(question.text)))
    return questions


def _youtube_names(folder: Path) -> dict[str, tuple[str, ...]]:
    path = find_file(folder, "youtube_mapping.txt")
    if path is None:
        return {}
    pairs = [line.split() for line in read_lines(path)]
    if any(len(pair) != 2 for pair in pairs):
        raise DataError(f"{path}: every line should hold a YouTube name and another name")
    return {number: (name,) for name, number in pairs}


BENCHMARK = QuestionBenchmark(
    "msvd-qa",
    "MSVD-QA",
    "Xu et al. 2017",
    read,
    {
        "train": PublishedQuestions(30_933, 1_200),
        "val": PublishedQuestions(6_415, 250),
        "test": PublishedQuestions(13_157, 520),
    },
)
