"""A file as bytes: does it end before its own outermost headers say, does another file follow, are there holes?

FFmpeg's demuxers pass over such things in silence: what they cannot read is as if it had never been there.
"""

import mmap
import re
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from hbi.video.matroska import EBML_HEADER, MOST_PARTS, Segment, read_segment

JOINED_GIF = re.compile(rb"\0;GIF8[79]a")
NOT_READ_ON = (
    re.compile(rb"FLV\x01[\x01\x04\x05]\0\0\0\x09\0\0\0\0"),
    re.compile(re.escape(bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"))),  # ASF
    re.compile(rb"DKIF\0\0\x20\0"),  # IVF
    re.compile(re.escape(bytes.fromhex("060e2b34020501010d0102010102"))),  # MXF's header partition
)
"""How files begin of which FFmpeg does not read what follows."""

LONGEST_LAST_SECONDS = 25
"""The last packets of a film begin within so much of its end: a slide may stand for long."""


@dataclass(frozen=True)
class Structure:
    """What the bytes of a file tell.

    Attributes:
        is_cut_short: It is shorter than it states.
        is_joined: Another file of its kind follows in it, which FFmpeg reads.
        has_unread_part: Another file of its kind follows in it, which FFmpeg does not read.
        is_torn: What is outermost in it does not hold together up to its end.
        segment: What a Matroska file holds.
    """

    is_cut_short: bool = False
    is_joined: bool = False
    has_unread_part: bool = False
    is_torn: bool = False
    segment: Segment | None = None

    def is_far_from(self, end_seconds: Fraction) -> bool:
        """Return whether the last packets lie so long before a stated end that it is not to be believed."""
        last = self.segment.last_cluster_seconds if self.segment is not None else None
        return last is not None and end_seconds > last + LONGEST_LAST_SECONDS

    @property
    def fault(self) -> str | None:
        """One line on what of the file cannot be seen, apart from an end that is missing."""
        if self.has_unread_part:
            return "joined: another video follows in the file, which is not seen; convert the two apart"
        has_hole = self.is_torn or (self.segment is not None and self.segment.holes)
        return "damaged: a stretch of the file is destroyed" if has_hole else None


def read_structure(path: Path) -> Structure:
    """Return what the bytes of the file at `path` tell; nothing where its format states nothing.

    Asked again for the same bytes, it remembers.
    """
    status = path.stat()
    return _read_structure(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=32)
def _read_structure(path: Path, size: int, _modified_ns: int) -> Structure:
    with path.open("rb") as file:
        magic = file.read(16)
        file.seek(0)
        if magic[:3] == b"GIF":
            return Structure(_lacks_gif_trailer(file, size), is_joined=_comes_again(file, JOINED_GIF))
        if magic[:4] == b"RIFF":
            end, num_films = _stated_riff_end(file, size)
            return Structure(end > size, is_joined=num_films > 1)
        if magic[:4] == EBML_HEADER:
            segment = read_segment(file, size)
            return Structure(
                is_cut_short=segment.end > size,
                is_joined=segment.num_followers > 0,
                has_unread_part=segment.num_followers > 1,  # FFmpeg reads two in a row
                segment=segment,
            )
        if magic[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip"):
            return _boxes(file, size)
        header = next((header for header in NOT_READ_ON if header.match(magic)), None)
        return Structure(has_unread_part=header is not None and _comes_again(file, header))


def _lacks_gif_trailer(file: BinaryIO, size: int) -> bool:
    file.seek(max(0, size - 64))
    return not file.read().rstrip(b"\0").endswith(b";")


def _stated_riff_end(file: BinaryIO, size: int) -> tuple[int, int]:
    """Return where the last of the RIFF chunks should end, and how many begin a film (large files hold several)."""
    end = num_films = 0
    while end < size:
        file.seek(end)
        header = file.read(12)
        length = int.from_bytes(header[4:8], "little")
        if header[:4] != b"RIFF" or length in (0, 0xFFFFFFFF):  # written live: not stated
            break
        num_films += header[8:] == b"AVI "
        end += 8 + length
    return end, num_films


def _boxes(file: BinaryIO, size: int) -> Structure:
    """Return what the outermost boxes of an MP4 file tell."""
    end, count = 0, Counter[bytes]()
    while end + 8 <= size:
        if count.total() == MOST_PARTS:
            return Structure(is_torn=True)
        file.seek(end)
        header = file.read(16)
        length, kind = int.from_bytes(header[:4], "big"), header[4:8]
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        if length < 8 or not (kind.isascii() and kind.decode("ascii").isprintable()):
            break  # 0: up to the end of the file; otherwise not a box
        count[kind] += 1
        end += length
    # Behind the film many a camera writes notes of its own; but what comes after a broken fragment is lost.
    is_torn = bool(count[b"moof"]) and end + 8 <= size
    return Structure(end > size, has_unread_part=count[b"moov"] > 1, is_torn=is_torn)


def _comes_again(file: BinaryIO, header: re.Pattern[bytes]) -> bool:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return header.search(content, 16) is not None
