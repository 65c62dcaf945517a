"""ActivityNet-QA (Yu et al., AAAI 2019): questions asked by people about long videos.

Questions and answers stand in two files, joined by `question_id`.
"""

from collections.abc import Sequence
from pathlib import Path

from hbi.data.annotation_files import read_json_records, require_file
from hbi.data.benchmark import SplitName
from hbi.data.question_benchmark import AskedQuestion, PublishedQuestions, QuestionBenchmark, asked
from hbi.data.samples import DataError

KINDS = (
    "motion",
    "spatial relation",
    "temporal relation",
    "yes or no",
    "color",
    "object",
    "location",
    "number",
    "other",
)
"""What the numbers of `type` mean."""


def read(folder: Path, split: SplitName) -> Sequence[AskedQuestion]:
    """Return the questions of a split."""
    asking, answering = (
        require_file(folder, f"{what} of ActivityNet-QA {split}", f"{split}_{what[0]}.json")
        for what in ("questions", "answers")
    )
    answers = {record["question_id"]: record for record in read_json_records(answering)}
    questions = []
    for record in read_json_records(asking):
        answer = answers.get(record["question_id"])
        if answer is None:
            raise DataError(f"{record.place}: {answering} has no answer to {record['question_id']!r}")
        number = answer["type"]
        if number not in range(len(KINDS)):
            raise DataError(f"{answer.place}: no type {number!r}; the types are 0 to {len(KINDS) - 1}")
        name = str(record["video_name"])
        joined = type(record)(answer.place, {**record.values, "answer": answer["answer"]})
        questions.append(asked(joined, name, kind=KINDS[number], aliases=(f"v_{name}",)))
    return questions


BENCHMARK = QuestionBenchmark(
    "activitynet-qa",
    "ActivityNet-QA",
    "Yu et al. 2019",
    read,
    {
        "train": PublishedQuestions(32_000, 3_200),
        "val": PublishedQuestions(18_000, 1_800),
        "test": PublishedQuestions(8_000, 800),
    },
)
