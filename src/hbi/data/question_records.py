"""Questions grouped by video, from the forms that annotation files of many benchmarks share."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from hbi.data.annotation_files import Record
from hbi.data.benchmark import AnnotatedVideo, AskedQuestion, Caption
from hbi.data.caption_records import clean, text_of, video_of_record
from hbi.data.samples import DataError


def asked(record: Record, video_id: str, *, kind: str = "", aliases: Sequence[str] = ()) -> AnnotatedVideo:
    """Return a video with the one question of a record that has the keys `question` and `answer`.

    Args:
        kind: "": the question word.

    Raises:
        DataError: It has no such question; the message names the record's place.
    """
    text, answer = (clean(text_of(record.place, key, record[key])) for key in ("question", "answer"))
    for key, value in (("question", text), ("answer", answer)):
        if not value:
            raise DataError(f"{record.place}: the {key} is empty; write one, or leave the line out")
    question = AskedQuestion(text, answer=clean(answer.lower()), kind=kind or question_word(text))
    return AnnotatedVideo(video_id, (question,), tuple(aliases))


def merged(videos: Iterable[AnnotatedVideo]) -> list[AnnotatedVideo]:
    """Return each video once, with the texts of all its entries, in order."""
    entries = dict[str, AnnotatedVideo]()
    texts = dict[str, list[Caption]]()
    for video in videos:
        entries.setdefault(video.video_id, video)
        texts.setdefault(video.video_id, []).extend(video.texts)
    return [replace(video, texts=tuple(texts[name])) for name, video in entries.items()]


def numbered_video(record: Record, prefix: str, *keys: str) -> str:
    """Return the video of a record; one that it names by a number is called by `prefix` and this number."""
    name, value = video_of_record(record, *keys), record.first(*keys)
    return name if isinstance(value, str) else f"{prefix}{name}"


def question_word(text: str) -> str:
    """Return the first word of a question, in lower case: how benchmarks without kinds of their own are told apart.

    >>> question_word("Who's at the door?")
    'who'
    """
    found = re.search(r"[a-z]+", text.lower())
    return found.group() if found else "other"
