"""LSMDC (Rohrbach et al., IJCV 2017): clips of movies with the audio description of each.

Its tables have six columns, separated by tabs, and quotation marks that are part of the sentence.
"""

from collections.abc import Sequence
from pathlib import Path

from hbi.data.annotation_files import find_file, read_text, require_file
from hbi.data.benchmark import AnnotatedVideo, Benchmark, Protocol, Size, SplitName
from hbi.data.caption_records import captioned, read_caption_records, video_name
from hbi.data.samples import DataError

TABLES: dict[SplitName, str] = {
    "train": "LSMDC16_annos_training.csv",
    "val": "LSMDC16_annos_val.csv",
    "test": "LSMDC16_challenge_1000_publictect.csv",
}
RECORDS: dict[SplitName, str] = {
    "train": "lsmdc_ret_train.json",
    "val": "lsmdc_ret_val.json",
    "test": "lsmdc_ret_test_1000.json",
}
NUM_COLUMNS = 6  # clip, start and end of the sentence, start and end of the clip, sentence


def read(folder: Path, protocol: str, split: SplitName) -> Sequence[AnnotatedVideo]:
    """Return the clips of a split; a clip may have several sentences.

    Args:
        folder: Holds the annotation files, at any depth.
        protocol: Plays no part: there is one way to split it.
        split: "train", "val" or "test".
    """
    records = find_file(folder, RECORDS[split])
    if records:
        return read_caption_records(records)
    path = require_file(folder, f"captions of LSMDC {split}", TABLES[split], RECORDS[split])
    sentences: dict[str, list[str]] = {}
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        columns = line.rstrip("\r").split("\t")
        if not line.strip() or columns[0] == "video_id":
            continue
        if len(columns) != NUM_COLUMNS:
            raise DataError(f"{path}, line {number}: {len(columns)} values instead of {NUM_COLUMNS}, separated by tabs")
        sentences.setdefault(video_name(f"{path}, line {number}", columns[0]), []).append(columns[-1])
    return [captioned(clip, texts) for clip, texts in sentences.items()]


BENCHMARK = Benchmark(
    "lsmdc",
    "LSMDC",
    read,
    protocols=(
        Protocol("lsmdc16", "LSMDC challenge 2016; Liu et al. 2019", Size(101_079), Size(7_408), Size(1_000, 1_000)),
    ),
)
