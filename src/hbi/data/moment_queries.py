"""The split that moments are looked for in: whole videos, and texts with the seconds that they tell of."""

from dataclasses import replace

from hbi.data.samples import DataError, MomentQuery, Split, Text, Video


def moment_split(split: Split) -> Split:
    """Return the whole videos of a split, with the moments that its texts tell of.

    Where the annotation has moments of videos (ShapeStories, DiDeMo, ActivityNet Captions), they are these. Where its
    videos are parts of files (own data with `start` and `end`), the files are the videos, and a part is the moment of
    its texts.

    Args:
        split: As it was read.

    Raises:
        DataError: Nothing in it says when anything happens.
    """
    if split.moments:
        return split
    parts = [video for video in split.videos if video.start_seconds is not None or video.end_seconds is not None]
    if not parts:
        raise DataError(
            f"the {split.name} split says nowhere when what a text tells is seen: --moments needs start and end for "
            "each caption"
        )
    rows: dict[str, int] = {}
    files: list[Video] = []
    for part in parts:
        if str(part.path) not in rows:
            rows[str(part.path)] = len(files)
            files.append(Video(part.path.name, part.path))
    moments = [moment for text in split.texts if (moment := _of_part(split.videos[text.video], text, rows))]
    return Split(split.name, tuple(files), (), moments=tuple(moments))


def _of_part(part: Video, text: Text, rows: dict[str, int]) -> MomentQuery | None:
    """Return a text with the part of a file that it was written for; None where that is the whole file."""
    if part.start_seconds is None and part.end_seconds is None:
        return None
    span = part.start_seconds or 0.0, part.end_seconds if part.end_seconds is not None else float("inf")
    return MomentQuery(text.text, rows[str(part.path)], (span,))


def until_the_end(query: MomentQuery, end_seconds: float) -> MomentQuery:
    """Return a moment whose spans end with the video at the latest.

    Args:
        query: The moment.
        end_seconds: When the video ends.
    """
    spans = tuple((min(start, end_seconds), min(end, end_seconds)) for start, end in query.spans)
    return query if spans == query.spans else replace(query, spans=spans)
