"""Captions grouped by video, from the forms that annotation files of many benchmarks share."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from unicodedata import category

from hbi.data.annotation_files import Record, read_json_records, read_pickle
from hbi.data.benchmark import AnnotatedVideo, Caption
from hbi.data.samples import DataError
from hbi.files.json_values import is_whole, shown, why_no_text

VIDEO_KEYS = ("video", "video_id", "videoID", "clip_name", "image_id", "vid")
CAPTION_KEYS = ("caption", "captions", "sentence", "description", "desc", "enCap", "text")
BLANKS = "\u115f\u1160\u3164\uffa0\u2800"
"""What counts as a letter or a symbol in Unicode, and is shown as nothing."""


def clean(text: str) -> str:
    """Return a caption on one line, without surplus blanks; "" where nothing of it can be seen.

    >>> clean(" a \t dog"), clean("\u200b\ufeff")
    ('a dog', '')
    """
    return " ".join(text.split()) if any(map(_is_visible, text)) else ""


def captioned(video_id: str, texts: Iterable[str], aliases: Sequence[str] = ()) -> AnnotatedVideo:
    """Return a video with captions that have no times.

    Args:
        video_id: Name of the video.
        texts: Its captions; blanks are cleaned up.
        aliases: Other names under which its file circulates.
    """
    return AnnotatedVideo(video_id, tuple(Caption(clean(text)) for text in texts), tuple(aliases))


def texts_of_record(record: Record, *keys: str) -> list[str]:
    """Return the captions that a record brings under the first of `keys` it has: one text, or a list of them.

    Raises:
        DataError: It is anything else; the message names the record's place.
    """
    value = record.first(*keys)
    return [text_of(record.place, "caption", text) for text in (value if isinstance(value, list) else [value])]


def video_of_record(record: Record, *keys: str) -> str:
    """Return the video that a record names under the first of `keys` it has, by a text or a whole number.

    Raises:
        DataError: It names none so; the message names the record's place.
    """
    value = record.first(*keys)
    return video_name(record.place, str(value) if is_whole(value) and value >= 0 else value)


def video_name(place: str, value: object) -> str:
    """Return what names a video at a place of a file, without blanks around it; DataError where it is no name."""
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{place}: the video {shown(value)} is no name; write that of its file")
    return text_of(place, "video", value).strip()


def text_of(place: str, what: str, value: object) -> str:
    """Return a value that is a text of whole characters.

    Args:
        place: The file and line that the value stands at, for the message.
        what: What the value should be, in a word: "caption", "video", …
        value: The value that was read.

    Raises:
        DataError: It is anything else; the message names the place.
    """
    if not isinstance(value, str):
        kinds = "one, or a list of texts" if what == "caption" else "one"
        raise DataError(f"{place}: the {what} {shown(value)} is no text; write {kinds}")
    if problem := why_no_text(value):
        raise DataError(f"{place}: {problem}; write the {what} in whole characters, in UTF-8")
    return value


def group_by_video(records: Iterable[Record]) -> dict[str, list[str]]:
    """Return the captions of every video, in order; a record brings one caption or a list of them."""
    captions: dict[str, list[str]] = {}
    for record in records:
        captions.setdefault(video_of_record(record, *VIDEO_KEYS), []).extend(texts_of_record(record, *CAPTION_KEYS))
    return captions


def read_caption_records(path: Path) -> list[AnnotatedVideo]:
    """Return the videos of a JSON list, or of JSON lines, with a video and its caption or captions each.

    Where they name a folder ("0001/clip.avi") that is one of many layouts: the file is known by its name alone, too,
    unless another video of the list has the same one.
    """
    captions = group_by_video(read_json_records(path))
    num_of_name = Counter(map(os.path.basename, captions))
    videos = []
    for video_id, texts in captions.items():
        name = os.path.basename(video_id)
        has_own_name = name != video_id and num_of_name[name] == 1
        videos.append(captioned(video_id, texts, [name] if has_own_name else []))
    return videos


def read_raw_captions(path: Path) -> dict[str, list[str]]:
    """Return the captions of a pickle {video: [caption, ...]}; a caption is a text or a list of words."""
    content = read_pickle(path)
    if not isinstance(content, dict):
        raise DataError(f"{path} holds a {type(content).__name__} where captions by video were expected")
    captions: dict[str, list[str]] = {}
    for video, texts in content.items():
        if not isinstance(texts, list | tuple):
            raise DataError(f"{path}: {shown(video)} has {shown(texts)} where a list of captions was expected")
        sentences = [_sentence(path, caption) for caption in texts]
        captions.setdefault(video_name(str(path), video), []).extend(sentences)
    return captions


def select(
    captions: Mapping[str, Sequence[str]],
    video_ids: Iterable[str],
    source: Path,
    aliases: Mapping[str, Sequence[str]] | None = None,
) -> list[AnnotatedVideo]:
    """Return the listed videos with their captions.

    A listed video without a caption is kept without one: it is counted where splits are checked.

    Args:
        captions: The captions of each video, by its name.
        video_ids: The videos to take, in order; one that is listed twice is taken once.
        source: The file of the captions, for the message.
        aliases: Other names of each video, by its name; None: there are none.

    Raises:
        DataError: `source` has captions of none of them.
    """
    ids = list(dict.fromkeys(video_ids))
    if ids and not any(video_id in captions for video_id in ids):
        raise DataError(f"{source} has captions of none of the {len(ids)} listed videos ({ids[0]}, …): another file?")
    return [captioned(video_id, captions.get(video_id, ()), (aliases or {}).get(video_id, ())) for video_id in ids]


def _sentence(path: Path, caption: Any) -> str:
    words = caption if isinstance(caption, list | tuple) else [caption]
    return " ".join(text_of(str(path), "word of a caption", word) for word in words)


def _is_visible(character: str) -> bool:
    # Not so: control and format characters, blanks, and marks, which need a letter to stand on.
    return not category(character).startswith(("Cc", "Cf", "Z", "M")) and character not in BLANKS
