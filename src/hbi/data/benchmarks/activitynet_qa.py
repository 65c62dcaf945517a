"""ActivityNet-QA (Yu et al., AAAI 2019): questions asked by people about long videos.

Questions and answers stand in two files, joined by `question_id`.
"""

from collections.abc import Sequence
from pathlib import Path

from hbi.data.annotation_files import Record, read_json_records, require_file
from hbi.data.benchmark import AnnotatedVideo, Benchmark, Protocol, Size, SplitName
from hbi.data.caption_records import text_of, video_of_record
from hbi.data.question_records import asked, merged
from hbi.data.samples import DataError
from hbi.files.json_values import is_whole, shown

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


def read(folder: Path, protocol: str, split: SplitName) -> Sequence[AnnotatedVideo]:
    """Return the videos of a split with the questions about them.

    Args:
        folder: Holds the annotation files, at any depth.
        protocol: Plays no part: there is one way to split it.
        split: "train", "val" or "test".
    """
    asking, answering = (
        require_file(folder, f"{what} of ActivityNet-QA {split}", f"{split}_{what[0]}.json")
        for what in ("questions", "answers")
    )
    answers: dict[str, Record] = {}
    for record in read_json_records(answering):
        if answers.setdefault(_id(record), record) is not record:
            raise DataError(f"{record.place}: a second answer to {_id(record)!r}; keep one")
    videos = []
    for record in read_json_records(asking):
        answer = answers.get(_id(record))
        if answer is None:
            raise DataError(f"{record.place}: {answering} has no answer to {_id(record)!r}")
        number = answer["type"]
        if not is_whole(number) or number not in range(len(KINDS)):
            raise DataError(f"{answer.place}: no type {shown(number)}; the types are 0 to {len(KINDS) - 1}")
        name = video_of_record(record, "video_name")
        joined = Record(answer.place, {**record.values, "answer": answer["answer"]})
        videos.append(asked(joined, name, kind=KINDS[number], aliases=(f"v_{name}",)))
    return merged(videos)


def _id(record: Record) -> str:
    return text_of(record.place, "question_id", record["question_id"])


BENCHMARK = Benchmark(
    "activitynet-qa",
    "ActivityNet-QA",
    read,
    protocols=(Protocol("standard", "Yu et al. 2019", Size(3_200, 32_000), Size(1_800, 18_000), Size(800, 8_000)),),
    asks_questions=True,
)
