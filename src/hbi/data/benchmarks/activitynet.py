"""ActivityNet Captions (Krishna et al., ICCV 2017): long videos with a sentence for each of their moments.

Retrieval is by paragraph: the sentences of a video are joined. It is tested on val_1 (Zhang et al., ECCV 2018), which
also circulates as the halves `val` and `test` of ActivityNet-Entities.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hbi.data.annotation_files import as_record, find_file, read_json, require_file
from hbi.data.benchmark import MOST_SECONDS, AnnotatedVideo, Benchmark, Caption, Protocol, Size, SplitName
from hbi.data.caption_records import clean, read_caption_records, text_of, video_name
from hbi.data.samples import DataError
from hbi.files.json_values import is_number, shown

TEST_HALVES = ("anet_entities_val_1.json", "anet_entities_test_1.json")
RECORDS: dict[SplitName, str] = {"train": "anet_ret_train.json", "test": "anet_ret_val_1.json"}


def read(folder: Path, protocol: str, split: SplitName) -> Sequence[AnnotatedVideo]:
    """Return the videos of a split.

    Args:
        folder: Holds the annotation files, at any depth.
        protocol: Plays no part: there is one way to split it.
        split: "train", "val" or "test".
    """
    records = find_file(folder, RECORDS[split])
    if records:
        return read_caption_records(records)
    if split == "train":
        return _read_moments(
            require_file(folder, "captions of ActivityNet train", "train.json", "anet_entities_train_1.json")
        )
    whole = find_file(folder, "val_1.json")
    if whole:
        return _read_moments(whole)
    what = "captions of ActivityNet test (val_1.json, or both halves of ActivityNet-Entities)"
    return [video for half in TEST_HALVES for video in _read_moments(require_file(folder, what, half))]


def _read_moments(path: Path) -> list[AnnotatedVideo]:
    content = read_json(path)
    if not isinstance(content, dict):
        raise DataError(f"{path} holds {shown(content)} where an object of videos was expected")
    return [_video(f"{path}, video {name[:40]}", name, values) for name, values in content.items()]


def _video(place: str, written: str, values: Any) -> AnnotatedVideo:
    name, record = video_name(place, written), as_record(place, values)
    sentences, moments = record["sentences"], record["timestamps"]
    for what, listed in (("sentences", sentences), ("timestamps", moments)):
        if not isinstance(listed, list):
            raise DataError(f"{place}: {what!r} is {shown(listed)}, and should be a list")
    if len(sentences) != len(moments):
        raise DataError(f"{place}: {len(sentences)} sentences but {len(moments)} moments")
    captions = (
        Caption(clean(text_of(place, "sentence", sentence)), *_moment(place, moment))
        for sentence, moment in zip(sentences, moments, strict=True)
    )
    length = record.values.get("duration")
    duration = float(length) if is_number(length) and 0 < length < MOST_SECONDS else None
    return AnnotatedVideo(name, tuple(captions), aliases=(name.removeprefix("v_"),), duration_seconds=duration)


def _moment(place: str, moment: Any) -> tuple[float, float]:
    """Return the seconds of a moment, in order: a few are written backwards."""
    if (
        not isinstance(moment, list)
        or len(moment) != 2
        or not all(is_number(each) and 0 <= each < MOST_SECONDS for each in moment)
    ):
        raise DataError(f"{place}: the moment {shown(moment)} is no [start, end] in seconds from 0")
    return float(min(moment)), float(max(moment))


BENCHMARK = Benchmark(
    "activitynet",
    "ActivityNet Captions",
    read,
    protocols=(
        Protocol("paragraph", "Krishna et al. 2017; Zhang et al. 2018", Size(10_009, 10_009), None, Size(4_917, 4_917)),
    ),
    is_paragraph=True,
)
