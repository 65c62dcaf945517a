"""MSRVTT-QA (Xu et al., ACM MM 2017): questions made by machine from the captions of MSR-VTT.

The authors' lists (`train_qa.json`) name videos by number; they circulate as JSON lines too (`train.jsonl`).
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hbi.data.annotation_files import read_json_records, require_file
from hbi.data.benchmark import SplitName
from hbi.data.caption_records import clean, text_of
from hbi.data.question_benchmark import (
    AskedQuestion,
    PublishedQuestions,
    QuestionBenchmark,
    asked,
    numbered_video,
)
from hbi.data.questions import question_word


def read(folder: Path, split: SplitName) -> Sequence[AskedQuestion]:
    """Return the questions of a split."""
    path = require_file(
        folder,
        f"questions of MSRVTT-QA {split}",
        *(f"{split}.jsonl", f"{split}_qa.json", f"{split}.json", f"msrvtt_qa_{split}.json"),
    )
    questions = []
    for record in read_json_records(path):
        question = asked(record, numbered_video(record, "video", "video_id", "video"), kind="")
        named = record.values.get("answer_type")
        kind = clean(text_of(record.place, "answer_type", named)) if named is not None else ""
        questions.append(replace(question, kind=kind or question_word(question.text)))
    return questions


BENCHMARK = QuestionBenchmark(
    "msrvtt-qa",
    "MSRVTT-QA",
    "Xu et al. 2017",
    read,
    {
        "train": PublishedQuestions(158_581, 6_513),
        "val": PublishedQuestions(12_278, 497),
        "test": PublishedQuestions(72_821, 2_990),
    },
)
