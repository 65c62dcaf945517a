"""DiDeMo (Hendricks et al., ICCV 2017): Flickr videos of 25 to 30 s with descriptions of their moments.

Retrieval is by paragraph: the descriptions of a video are joined. The authors' files count moments in pieces of 5 s and
have several annotators: kept are the seconds that each of them chose, by which moments are measured, and those that at
least half of them chose.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from hbi.data.annotation_files import Record, find_file, read_bare_table, read_json_records, require_file
from hbi.data.benchmark import AnnotatedVideo, Benchmark, Caption, Protocol, Size, SplitName
from hbi.data.caption_records import captioned, clean, read_caption_records, text_of, video_of_record
from hbi.data.samples import DataError
from hbi.files.json_values import is_whole, shown

PIECE_SECONDS = 5.0
MOST_PIECES = 10_000
"""Half a day: the videos of the benchmark have six."""


def read(folder: Path, protocol: str, split: SplitName) -> Sequence[AnnotatedVideo]:
    """Return the videos of a split.

    Args:
        folder: Holds the annotation files, at any depth.
        protocol: Plays no part: there is one way to split it.
        split: "train", "val" or "test".
    """
    records = find_file(folder, f"didemo_ret_{split}.json")
    if records:
        return read_caption_records(records)
    moments = find_file(folder, f"{split}_data.json")
    if moments:
        return _with_moments(moments)
    path = require_file(folder, f"captions of DiDeMo {split}", f"DiDeMo_{split}.tsv", f"{split}_data.json")
    rows = read_bare_table(path, "captions", "video")
    return [captioned(video_of_record(row, "video"), [clean(row["captions"]).strip(" ,")]) for row in rows]


def _with_moments(path: Path) -> list[AnnotatedVideo]:
    captions: dict[str, list[Caption]] = {}
    for record in read_json_records(path):
        moments = _moments(record)
        text = text_of(record.place, "description", record["description"])
        caption = Caption(clean(text), *_chosen_by_most(moments), tuple(map(_seconds, moments)))
        captions.setdefault(video_of_record(record, "video"), []).append(caption)
    return [AnnotatedVideo(video, tuple(texts)) for video, texts in captions.items()]


def _moments(record: Record) -> list[tuple[int, int]]:
    """Return the first and last piece that each annotator chose."""
    times = record["times"]
    if not isinstance(times, list) or not times:
        raise DataError(f"{record.place}: 'times' is {shown(times)}, and should hold a moment of each annotator")
    for pair in times:
        if not isinstance(pair, list) or len(pair) != 2 or not all(map(is_whole, pair)):
            raise DataError(f"{record.place}: 'times' should hold pairs of whole numbers, not {shown(pair)}")
        if not 0 <= pair[0] <= pair[1] < MOST_PIECES:
            raise DataError(f"{record.place}: 'times' holds {shown(pair)}, which is no first and last piece of a video")
    return [(first, last) for first, last in times]


def _chosen_by_most(moments: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """Return the seconds that at least half of the annotators chose."""
    chosen = Counter(piece for first, last in moments for piece in range(first, last + 1))
    needed = min(len(moments) / 2, max(chosen.values()))
    pieces = [piece for piece, votes in chosen.items() if votes >= needed]
    return _seconds((min(pieces), max(pieces)))


def _seconds(pieces: tuple[int, int]) -> tuple[float, float]:
    """Return when the first of some pieces begins and the last one ends."""
    return pieces[0] * PIECE_SECONDS, (pieces[1] + 1) * PIECE_SECONDS


BENCHMARK = Benchmark(
    "didemo",
    "DiDeMo",
    read,
    protocols=(
        Protocol(
            "paragraph",
            "Hendricks et al. 2017; Liu et al. 2019",
            Size(8_395, 8_395),
            Size(1_065, 1_065),
            Size(1_004, 1_004),
        ),
    ),
    is_paragraph=True,
)
