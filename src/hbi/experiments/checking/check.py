"""A benchmark compared with what was published of it, file by file and caption by caption."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from hbi.data.benchmark import SPLIT_NAMES, AnnotatedVideo, Benchmark, Protocol, SplitName
from hbi.data.benchmarks import find_protocol
from hbi.data.loading import read_annotations, texts_of
from hbi.data.samples import DataError, Video
from hbi.data.video_files import VideoFiles
from hbi.experiments.checking.decoding import DecodedVideo, decode_videos
from hbi.experiments.checking.report import (
    BenchmarkReport,
    CutCaption,
    Leak,
    SplitReport,
    UnreadableSplit,
    VideoProblem,
    spread,
)
from hbi.processes import Progress


@dataclass(frozen=True)
class WordCount:
    """How the length of a text is counted, in which unit, and how much the network reads."""

    count: Callable[[str], int]
    unit: str
    most: int


@dataclass(frozen=True)
class _Split:
    """The annotations of a split, the videos that have a file, and what came of decoding them, by name."""

    name: SplitName
    annotated: Sequence[AnnotatedVideo]
    found: dict[str, Video]
    decoded: dict[str, DecodedVideo]


def check_benchmark(
    benchmark: Benchmark,
    *,
    annotations: Path,
    videos: Path | None,
    words: WordCount,
    journal: Path,
    protocol: str | None = None,
    splits: Sequence[SplitName] = (),
    num_frames: int = 12,
    num_workers: int | None = None,
    progress: Progress | None = None,
) -> BenchmarkReport:
    """Return what is found in a benchmark's splits.

    Args:
        benchmark: The data set.
        annotations: Where its annotation files are.
        videos: Folder of its video files; None: only annotations are looked at.
        words: How the length of a text is counted, and how much of it the network reads.
        journal: File of results of decoding, written as they come; a second run reads them there.
        protocol: Name of the way to split it; None: the usual one.
        splits: Names of the splits to check; none: all.
        num_frames: Frames to decode of each video.
        num_workers: Processes that decode; None: one for each core.
        progress: Called with the videos that are done, and all; None: nobody watches.

    Raises:
        DataError: A split that is named, or all of them, cannot be read; or there is no folder of videos.
    """
    chosen = find_protocol(benchmark, protocol)
    wanted = dict.fromkeys(chosen.resolve(name) if chosen else name for name in splits or SPLIT_NAMES)
    files = VideoFiles(videos) if videos else None
    reports: dict[SplitName, SplitReport | UnreadableSplit] = {}
    read: dict[SplitName, Sequence[AnnotatedVideo]] = {}
    for name in wanted:
        try:
            read[name] = read_annotations(benchmark, protocol, name, annotations)
        except DataError as error:
            if splits:
                raise
            reports[name] = UnreadableSplit(name, str(error))
    if not read:
        raise DataError(next(report.cause for report in reports.values() if isinstance(report, UnreadableSplit)))
    found = {name: _with_files(annotated, files) for name, annotated in read.items()}
    every = [video for videos in found.values() for video in videos.values()]
    decoded = iter(
        decode_videos(every, num_frames=num_frames, journal=journal, num_workers=num_workers, progress=progress)
    )
    parts = [
        _Split(name, annotated, found[name], {video_id: next(decoded) for video_id in found[name]})
        for name, annotated in read.items()
    ]
    for part in parts:
        reports[part.name] = _report(benchmark, chosen, part, files, words)
    return BenchmarkReport(
        title=benchmark.title,
        protocol=chosen,
        splits=tuple(reports[name] for name in wanted),
        leaks=tuple(leak for pair in combinations(parts, 2) for leak in _leaks(*pair)),
        num_shared_captions=_num_shared_captions(benchmark, parts),
        max_words=words.most,
        word_unit=words.unit,
    )


def _with_files(annotated: Sequence[AnnotatedVideo], files: VideoFiles | None) -> dict[str, Video]:
    """Return by name the videos that have a file; none where no files are looked for."""
    found = dict[str, Video]()
    for video in annotated:
        if files and (path := files.find(video.video_id, *video.aliases)):
            found[video.video_id] = Video(video.video_id, path, video.start_seconds, video.end_seconds)
    return found


def _report(
    benchmark: Benchmark, protocol: Protocol | None, part: _Split, files: VideoFiles | None, words: WordCount
) -> SplitReport:
    texts = [(video.video_id, text) for video in part.annotated for text in texts_of(benchmark, video)]
    lengths = [words.count(text) for _, text in texts]
    videos_of_text: dict[str, set[str]] = defaultdict(set)
    for video_id, text in texts:
        videos_of_text[text.lower()].add(video_id)
    durations = [result.duration_seconds for result in part.decoded.values() if result.duration_seconds is not None]
    return SplitReport(
        name=part.name,
        num_videos=len(part.annotated),
        num_texts=len(texts),
        published=protocol.published(part.name) if protocol else None,
        missing=tuple(video.video_id for video in part.annotated if files and video.video_id not in part.found),
        undecodable=tuple(VideoProblem(name, result.cause) for name, result in part.decoded.items() if result.cause),
        damaged=tuple(VideoProblem(name, result.damage) for name, result in part.decoded.items() if result.damage),
        empty_captions=tuple(
            video.video_id
            for video in part.annotated
            for text in [caption.text for caption in video.texts] or [""]
            if not text
        ),
        cut_captions=tuple(
            CutCaption(video_id, length, text)
            for (video_id, text), length in zip(texts, lengths, strict=True)
            if length > words.most
        ),
        num_repeated_captions=sum(len(videos_of_text[text.lower()]) > 1 for _, text in texts),
        copies=_copies(part),
        rival_files=tuple(
            video.video_id
            for video in part.annotated
            if files and video.video_id in part.found and files.rivals(video.video_id, *video.aliases)
        ),
        num_decoded=len(part.decoded),
        durations_seconds=spread(durations),
        words=spread(lengths),
    )


def _copies(part: _Split) -> tuple[str, ...]:
    first: dict[str, str] = {}
    for name, result in part.decoded.items():
        first.setdefault(result.fingerprint or name, name)  # no fingerprint: like no other
    return tuple(
        f"{name} = {first[result.fingerprint]}"
        for name, result in part.decoded.items()
        if result.fingerprint and first[result.fingerprint] != name
    )


def _leaks(first: _Split, second: _Split) -> list[Leak]:
    """Return what two splits share that they should not: videos of one name, other names for the same content."""
    names = (first.name, second.name)
    by_name = {video.video_id for video in first.annotated} & {video.video_id for video in second.annotated}
    contents = {result.fingerprint: name for name, result in first.decoded.items() if result.fingerprint}
    same = [
        f"{contents[result.fingerprint]} = {name}"
        for name, result in second.decoded.items()
        if result.fingerprint in contents and name not in by_name
    ]
    leaks = [Leak("videos", names, tuple(sorted(by_name))), Leak("files of the same content", names, tuple(same))]
    return [leak for leak in leaks if leak.video_ids]


def _num_shared_captions(benchmark: Benchmark, parts: Sequence[_Split]) -> int:
    """Return how many texts of the later splits stand in the first one word by word."""
    texts = [{text.lower() for video in part.annotated for text in texts_of(benchmark, video)} for part in parts]
    return len(texts[0] & set().union(*texts[1:]))
