"""`hbi data check`: is a data set what it should be?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from hbi.cli.progress import progress_bar
from hbi.cli.tables import TextTable
from hbi.cli.terminal import say, styled, visible_json

if TYPE_CHECKING:
    from hbi.experiments.checking.check import WordCount
    from hbi.experiments.checking.report import BenchmarkReport, SplitReport, Spread

SHOWN = 5


def check(
    dataset: Annotated[str, typer.Argument(help="msrvtt, msvd, lsmdc, didemo, activitynet, vatex or own.")],
    annotations: Annotated[
        Path, typer.Option(help="The folder of the annotation files; for own data also a single file.")
    ],
    videos: Annotated[
        Path | None, typer.Option(help="The folder of the videos, in any layout. Default: check the annotations only.")
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help="The split of the benchmark, for example 1k-A-9k, 1k-A-7k or full for msrvtt.")
    ] = None,
    split: Annotated[list[str] | None, typer.Option(help="train, val or test. Repeatable. Default: all.")] = None,
    max_words: Annotated[
        int, typer.Option(min=3, help="Number of tokens that the model reads, special tokens included.")
    ] = 32,
    tokenizer: Annotated[
        Path | None,
        typer.Option(help="Count tokens with this tokenizer. Default: count words as CLIP splits them, a lower bound."),
    ] = None,
    num_frames: Annotated[int, typer.Option(min=1, help="Number of frames to decode of each video.")] = 12,
    workers: Annotated[int | None, typer.Option(min=1, help="Number of processes.", show_default="all cores")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Where to write the full report.", show_default="DATASET-check.json")
    ] = None,
) -> None:
    """Check a data set: compare its counts with the published ones, and decode every video.

    Exits with 1 if a problem is found. Results are saved beside the report as
    they come: an interrupted check continues there.
    """
    from hbi.data.benchmark import split_name
    from hbi.data.benchmarks import find_benchmark
    from hbi.experiments.checking.check import check_benchmark
    from hbi.files import write_atomically

    out = json_file or Path(f"{Path(dataset).name}-check.json")
    benchmark = find_benchmark(dataset)
    with progress_bar("decoding videos") as progress:
        report = check_benchmark(
            benchmark,
            annotations=annotations,
            videos=videos,
            words=_word_count(tokenizer, max_words),
            journal=out.with_suffix(".videos.jsonl"),
            protocol=protocol,
            splits=[split_name(name) for name in split or ()],
            num_frames=num_frames,
            num_workers=workers,
            progress=progress,
        )
    write_atomically(out, visible_json(report.to_dict(), indent=1) + "\n")
    _print(report)
    say("Everything, with the full lists, is in {out}", out=out)
    if report.problems:
        raise typer.Exit(1)


def _word_count(tokenizer: Path | None, max_words: int) -> "WordCount":
    from hbi.data.samples import DataError
    from hbi.encoders.tokenizer import count_words, read_tokenizer
    from hbi.experiments.checking.check import WordCount

    if tokenizer is None:
        return WordCount(count_words, "words and special tokens", max_words)
    if not tokenizer.is_dir():
        raise DataError(f"no folder {tokenizer}: give one with a saved tokenizer (a run folder, say)")
    loaded = read_tokenizer(tokenizer)
    return WordCount(lambda text: len(loaded(text)["input_ids"]), "tokens", max_words)


def _print(report: "BenchmarkReport") -> None:
    from hbi.experiments.checking.report import SplitReport

    splits = [split for split in report.splits if isinstance(split, SplitReport)]
    protocol = report.protocol
    title = f"{report.title}, {protocol.name} (sizes: {protocol.source})" if protocol else report.title
    table = TextTable("", *(split.name for split in splits), title=title)
    for name, cells in _rows(splits, report).items():
        table.add_row(name, *cells)
    table.print()
    if protocol and protocol.val is None:
        say("It has no validation videos: published work chooses its weights on the test split, and so does hbi.")
    for line in report.problems:
        say("[red]problem[/] {line}", line=line)
    for split in splits:
        for fault in (*split.undecodable[:SHOWN], *split.damaged[:SHOWN]):
            say("  {split} {video}: {cause}", split=split.name, video=fault.video_id, cause=fault.cause)
        for name in split.missing[:SHOWN]:
            say("  {split} {video}: no file", split=split.name, video=name)
    if not report.problems:
        say("[green]no problems[/]")


def _rows(splits: "list[SplitReport]", report: "BenchmarkReport") -> dict[str, list[str | Text]]:
    unit = report.word_unit
    rows: dict[str, list[str | Text]] = {
        "videos": [_of(split.num_videos, split.published.num_videos if split.published else None) for split in splits],
        "texts": [_of(split.num_texts, split.published.num_texts if split.published else None) for split in splits],
        "without a file": [str(len(split.missing)) for split in splits],
        "decoded": [str(split.num_decoded - len(split.undecodable)) for split in splits],
        "not decodable": [str(len(split.undecodable)) for split in splits],
        "damaged": [str(len(split.damaged)) for split in splits],
        "copies of another video": [str(len(split.copies)) for split in splits],
        "several files of one name": [str(len(split.rival_files)) for split in splits],
        "seconds: least, median, most": [_spread(split.durations_seconds) for split in splits],
        f"{unit}: least, median, most": [_spread(split.words) for split in splits],
        f"longer than {report.max_words} {unit}": [str(len(split.cut_captions)) for split in splits],
        "empty captions": [str(len(split.empty_captions)) for split in splits],
        "texts of several videos": [str(split.num_repeated_captions) for split in splits],
    }
    if len(splits) > 1:
        rows["texts shared by splits"] = [str(report.num_shared_captions)]
    if not any(split.num_decoded or split.missing for split in splits):
        about_files = ("without a file", "decoded", "not decodable", "damaged", "copies of another video")
        for name in (*about_files, "several files of one name", "seconds: least, median, most"):
            del rows[name]
    return rows


def _of(found: int, published: int | None) -> str | Text:
    if published is None:
        return str(found)
    if found == published:
        return f"{found} as published"
    return styled("[red]{found} of {published}[/]", found=found, published=published)


def _spread(numbers: "Spread | None") -> str:
    return f"{numbers.least:.3g}, {numbers.median:.3g}, {numbers.most:.4g}" if numbers else ""
