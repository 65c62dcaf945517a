"""Captions grouped by video, from the forms that annotation files of many benchmarks share."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hbi.data.annotation_files import Record, read_json_records, read_pickle
from hbi.data.benchmark import Caption, CaptionedVideo
from hbi.data.samples import DataError

VIDEO_KEYS = ("video", "video_id", "videoID", "clip_name", "image_id", "vid")
CAPTION_KEYS = ("caption", "captions", "sentence", "description", "desc", "enCap", "text")


def clean(text: str) -> str:
    """Return a caption on one line, without surplus blanks."""
    return " ".join(text.split())


def captioned(video_id: str, texts: Iterable[str], aliases: Sequence[str] = ()) -> CaptionedVideo:
    """Return a video with captions that have no times."""
    return CaptionedVideo(video_id, tuple(Caption(clean(text)) for text in texts), tuple(aliases))


def group_by_video(records: Iterable[Record]) -> dict[str, list[str]]:
    """Return the captions of every video, in order; a record brings one caption or a list of them."""
    captions: dict[str, list[str]] = {}
    for record in records:
        texts = record.first(*CAPTION_KEYS)
        if not isinstance(texts, list):
            texts = [texts]
        if not all(isinstance(text, str) for text in texts):
            raise DataError(f"{record.place}: the caption is no text")
        captions.setdefault(str(record.first(*VIDEO_KEYS)), []).extend(texts)
    return captions


def read_caption_records(path: Path) -> list[CaptionedVideo]:
    """Return the videos of a JSON list, or of JSON lines, with a video and its caption or captions each."""
    return [captioned(video_id, texts) for video_id, texts in group_by_video(read_json_records(path)).items()]


def read_raw_captions(path: Path) -> dict[str, list[str]]:
    """Return the captions of a pickle {video: [caption, ...]}; a caption is a text or a list of words."""
    content = read_pickle(path)
    if not isinstance(content, dict):
        raise DataError(f"{path} holds a {type(content).__name__} where captions by video were expected")
    return {str(video): [_sentence(path, caption) for caption in captions] for video, captions in content.items()}


def select(
    captions: Mapping[str, Sequence[str]],
    video_ids: Iterable[str],
    source: Path,
    aliases: Mapping[str, Sequence[str]] | None = None,
) -> list[CaptionedVideo]:
    """Return the listed videos with their captions; DataError where `source` holds none of them.

    A listed video without a caption is kept without one: it is counted where splits are checked.
    """
    ids = list(video_ids)
    if ids and not any(video_id in captions for video_id in ids):
        raise DataError(f"{source} has captions of none of the {len(ids)} listed videos ({ids[0]}, …): another file?")
    return [captioned(video_id, captions.get(video_id, ()), (aliases or {}).get(video_id, ())) for video_id in ids]


def _sentence(path: Path, caption: Any) -> str:
    if isinstance(caption, str):
        return caption
    if isinstance(caption, list | tuple) and all(isinstance(word, str) for word in caption):
        return " ".join(caption)
    raise DataError(f"{path}: a caption is a {type(caption).__name__}, not a text or a list of words")
