"""What a reader of questions gives, and how it becomes a split of typed questions; what is left out is listed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hbi.data.annotation_files import Record
from hbi.data.benchmark import SplitName
from hbi.data.caption_records import clean, text_of, video_of_record
from hbi.data.questions import Question, QuestionSplit
from hbi.data.samples import DataError, Video
from hbi.data.video_files import VideoFiles


@dataclass(frozen=True)
class AskedQuestion:
    """A question as an annotation file has it.

    Attributes:
        aliases: Other names under which the video's file circulates.
    """

    text: str
    answer: str
    kind: str
    video_id: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class PublishedQuestions:
    """The size of a split as published."""

    num_questions: int
    num_videos: int | None = None


@dataclass(frozen=True)
class QuestionBenchmark:
    """A data set for question answering.

    Attributes:
        read: From a folder of annotations and a split to the questions.
        source: Where it comes from.
        published: The published sizes. A split that is not named there has no questions of its own: published work then
            chooses its weights on the test split, and so do we.
    """

    name: str
    title: str
    source: str
    read: Callable[[Path, SplitName], Sequence[AskedQuestion]]
    published: Mapping[SplitName, PublishedQuestions]

    def resolve(self, split: SplitName) -> SplitName:
        """Return the split that is read when `split` is asked for: test, where there is no val."""
        return split if split in self.published else "test"


@dataclass(frozen=True)
class LoadedQuestions:
    """A split, and one line for every video or question that had to be left out of it."""

    split: QuestionSplit
    faults: tuple[str, ...]


def asked(record: Record, video_id: str, *, kind: str, aliases: Sequence[str] = ()) -> AskedQuestion:
    """Return the question of a record with the keys `question` and `answer`."""
    text, answer = (clean(text_of(record.place, key, record[key])) for key in ("question", "answer"))
    for key, value in (("question", text), ("answer", answer)):
        if not value:
            raise DataError(f"{record.place}: the {key} is empty; write one, or leave the line out")
    return AskedQuestion(text, clean(answer.lower()), kind, video_id, tuple(aliases))


def numbered_video(record: Record, prefix: str, *keys: str) -> str:
    """Return the video of a record; one that it names by a number is called by `prefix` and this number."""
    name, value = video_of_record(record, *keys), record.first(*keys)
    return name if isinstance(value, str) else f"{prefix}{name}"


def read_questions(benchmark: QuestionBenchmark, split: SplitName, annotations: Path) -> Sequence[AskedQuestion]:
    """Return the questions of a split as the annotation files have them.

    Raises:
        DataError: A file is missing or malformed, or the split holds no question.
    """
    questions = benchmark.read(annotations, benchmark.resolve(split))
    if not questions:
        raise DataError(f"{annotations} holds no questions of the split {split!r} of {benchmark.title}")
    return questions


def load_questions(
    benchmark: QuestionBenchmark, split: SplitName, *, annotations: Path, videos: Path | None
) -> LoadedQuestions:
    """Return the questions of a split whose videos have a file.

    Args:
        videos: Where the files are; None: they are not looked for (their frames are packed, say).

    Raises:
        DataError: As `read_questions`; or there is no folder of videos, or not one of the split's videos in it.
    """
    questions = read_questions(benchmark, split, annotations)
    files = None if videos is None else VideoFiles(videos)
    found: dict[str, Video] = {}
    absent: dict[str, str] = {}
    for question in questions:
        name = question.video_id
        if name not in found and name not in absent:
            path = files.find(name, *question.aliases) if files else Path(name)
            if path:
                found[name] = Video(name, path)
            elif files:
                absent[name] = files.why_missing(name, *question.aliases)
    if not found:
        raise DataError(
            f"{videos} holds none of the {len(absent)} videos of {benchmark.title} {split} "
            f"(looked for {next(iter(absent))}.mp4 and other extensions, at any depth)"
        )
    rows = {name: row for row, name in enumerate(found)}
    kept = tuple(
        Question(question.text, question.answer, question.kind, rows[question.video_id])
        for question in questions
        if question.video_id in rows
    )
    return LoadedQuestions(QuestionSplit(split, tuple(found.values()), kept), tuple(absent.values()))
