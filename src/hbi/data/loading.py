"""From a benchmark's annotations and a folder of videos to a split of typed samples; what is left out is listed."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hbi.data.benchmark import AnnotatedVideo, AskedQuestion, Benchmark, SplitName
from hbi.data.benchmarks import find_protocol
from hbi.data.samples import DataError, Evidence, MomentQuery, Question, Split, Text, Video
from hbi.data.video_files import VideoFiles, without_suffix
from hbi.files.json_values import shown


@dataclass(frozen=True)
class LoadedSplit:
    """A split, and one line for every video or caption that had to be left out of it."""

    split: Split
    problems: tuple[str, ...]


def read_annotations(
    benchmark: Benchmark, protocol: str | None, split: SplitName, annotations: Path
) -> Sequence[AnnotatedVideo]:
    """Return the videos of a split, with their captions or questions, as the annotation files have them.

    Args:
        benchmark: The data set, which knows the form of its files.
        protocol: Name of the way to split it; None: the usual one.
        split: "train", "val" or "test".
        annotations: Where the annotation files are.

    Raises:
        DataError: No such protocol, a file is missing or malformed, or the split holds no video.
    """
    chosen = find_protocol(benchmark, protocol)
    name = chosen.resolve(split) if chosen else split
    annotated = benchmark.read(annotations, chosen.name if chosen else "", name)
    if not annotated:
        what = "questions" if benchmark.asks_questions else "videos"
        raise DataError(f"{annotations} holds no {what} of the split {split!r} of {benchmark.title}")
    counts = Counter(video.video_id for video in annotated)
    if twice := next((name for name, count in counts.items() if count > 1), None):
        raise DataError(f"{annotations}: {split} holds the video {shown(twice)} twice; keep one, with all its captions")
    return annotated


def load_split(
    benchmark: Benchmark, protocol: str | None, split: SplitName, *, annotations: Path, videos: Path | None
) -> LoadedSplit:
    """Return the videos of a split that have a file and a text, with their texts.

    Where the literature searches with paragraphs, the captions of a video become one text.

    Args:
        benchmark: The data set, which knows the form of its files.
        protocol: Name of the way to split it; None: the usual one.
        split: "train", "val" or "test".
        annotations: Where the annotation files are.
        videos: Folder of the video files; None (their frames are packed, say): no file is looked for, and paths are
            mere names.

    Raises:
        DataError: As `read_annotations`; or there is no folder of videos, or not one of the split's videos in it.
    """
    annotated = read_annotations(benchmark, protocol, split, annotations)
    files = VideoFiles(videos) if videos else None
    kept: list[AnnotatedVideo] = []
    found: list[Video] = []
    problems: list[str] = []
    for video in annotated:
        names = (video.video_id, *video.aliases)
        path = files.find(*names) if files else Path(video.video_id)
        problems += [f"{video.video_id}: a caption is empty" for caption in video.texts if not caption.text]
        if path is None:
            problems.append(files.why_missing(*names) if files else names[0])
        elif not any(caption.text for caption in video.texts):
            problems.append(f"{video.video_id}: it has no caption")
        else:
            kept.append(video)
            found.append(Video(video.video_id, path, video.start_seconds, video.end_seconds))
    if not found:
        raise DataError(_why_empty(f"{len(annotated)} videos of {benchmark.title} {split}", annotated, files))
    texts = [text for row, video in enumerate(kept) for text in _texts(benchmark, row, video)]
    evidence = [item for row, video in enumerate(kept) for item in _evidence(benchmark, row, video)]
    moments = tuple(moment for row, video in enumerate(kept) for moment in _moments(row, video))
    loaded = Split(split, tuple(found), tuple(texts), evidence=tuple(evidence), moments=moments)
    return LoadedSplit(loaded, tuple(problems))


def _why_empty(what: str, annotated: Sequence[AnnotatedVideo], files: VideoFiles | None) -> str:
    names = [(video.video_id, *video.aliases) for video in annotated]
    if files is None or any(files.find(*each) for each in names):
        return f"none of the {what} has a file and a caption: write captions for those that have a file"
    first = os.path.join(os.path.dirname(names[0][0]), without_suffix(names[0][0]))
    depth = "in this folder" if os.path.dirname(first) else "at any depth"
    return f"{files.root} holds none of the {what} (looked for {first}.mp4 and other extensions, {depth})"


def texts_of(benchmark: Benchmark, video: AnnotatedVideo) -> list[str]:
    """Return what is asked or searched with: every text, or all captions joined."""
    texts = [caption.text for caption in video.texts if caption.text]
    return [" ".join(texts)] if texts and benchmark.is_paragraph else texts


def _texts(benchmark: Benchmark, row: int, video: AnnotatedVideo) -> Iterator[Text]:
    if benchmark.asks_questions:
        for asked in video.texts:
            assert isinstance(asked, AskedQuestion)
            yield Question(asked.text, row, (row,), asked.answer, asked.kind)
    else:
        for text in texts_of(benchmark, video):
            yield Text(text, row, (row,))


def _evidence(benchmark: Benchmark, row: int, video: AnnotatedVideo) -> Iterator[Evidence]:
    """Yield the moments of a video: the characters of its text that are a caption with times, and the times."""
    whole = texts_of(benchmark, video)
    start = 0
    for caption in filter(lambda caption: caption.text, video.texts):
        text, first = (whole[0], start) if benchmark.is_paragraph else (caption.text, 0)
        if caption.start_seconds is not None and caption.end_seconds is not None:
            yield Evidence(
                text, first, first + len(caption.text), row, caption.start_seconds, caption.end_seconds, None
            )
        start += len(caption.text) + 1


def _moments(row: int, video: AnnotatedVideo) -> Iterator[MomentQuery]:
    """Yield each caption with the seconds that its annotators chose, of a video that is a whole file."""
    for caption in video.texts:
        start, end = caption.start_seconds, caption.end_seconds
        spans = caption.spans or (() if start is None or end is None else ((start, end),))
        if caption.text and spans:
            yield MomentQuery(caption.text, row, spans, duration_seconds=video.duration_seconds)
