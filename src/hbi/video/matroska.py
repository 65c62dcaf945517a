"""Matroska as bytes: a tree of elements, each an identifier, a length and a content; clusters hold the packets."""

import mmap
import os
import sys
from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

EBML_HEADER = bytes.fromhex("1a45dfa3")
SEGMENT = bytes.fromhex("18538067")
INFO, TIMESTAMP_SCALE, TIMESTAMP = bytes.fromhex("1549a966"), bytes.fromhex("2ad7b1"), bytes.fromhex("e7")
CLUSTER = bytes.fromhex("1f43b675")
OUTER = frozenset(
    bytes.fromhex(name)
    for name in (
        "114d9b74",
        "1549a966",
        "1654ae6b",
        "1f43b675",
        "1c53bb6b",
        "1941a469",
        "1043a770",
        "1254c367",
        "ec",
        "bf",
    )
)
"""What a segment holds: seek head, info, tracks, clusters, cues, attachments, chapters, tags, void, checksum."""
INNER = frozenset(bytes.fromhex(name) for name in ("e7", "5854", "a7", "ab", "a3", "a0", "af", "ec", "bf"))
"""What a cluster holds: timestamp, silent tracks, position, size before, blocks, void, checksum."""
LONGEST_HEADER = 12
MOST_PARTS = 2**17
"""Boxes or elements that lie one behind the other in a film; a day of recording in parts of a second has fewer."""
MOST_HOLES = 64
"""Where there are more, nothing of the file is whole."""


@dataclass(frozen=True)
class _Element:
    """An element: its identifier, where its content begins, and where it ends (None: not stated)."""

    name: bytes
    content: int
    end: int | None


@dataclass(frozen=True)
class Segment:
    """The part of a file that holds the film.

    Attributes:
        end: Where it should end; 0 where it was written live and its length left open.
        num_followers: How many Matroska files follow on it.
        clusters: Where the contents of its clusters begin and end, ascending.
        holes: From where to where it holds no elements.
        last_cluster_seconds: When its last cluster begins; None where that is not told.
        modified_ns: When the file was changed last.
    """

    end: int = 0
    num_followers: int = 0
    clusters: tuple[tuple[int, int], ...] = ()
    holes: tuple[tuple[int, int], ...] = ()
    last_cluster_seconds: Fraction | None = None
    modified_ns: int = 0

    def has_hole_between(self, path: Path, first: int, last: int | None) -> bool:
        """Return whether something between two packets of the file is no element.

        Asked where the times of packets leave a gap: a picture may stand for long, or what was there may be destroyed.

        Args:
            path: The file.
            first: Byte position of the earlier packet.
            last: Byte position of the later packet; None: the end of the file.
        """
        last = sys.maxsize if last is None else last
        if any(begin < last and end > first for begin, end in self.holes):
            return True
        for begin, end in self.clusters[self._number_at(first) :]:
            if begin > last:
                return False
            reached = _reach(path, self.modified_ns, begin, end)
            if reached < min(end, last) and end > first:
                return True
        return False

    def cluster_at(self, position: int) -> range:
        """Return the byte positions of the last cluster that begins at or before one."""
        return range(*self.clusters[self._number_at(position)]) if self.clusters else range(0)

    def _number_at(self, position: int) -> int:
        return max(0, bisect_right(self.clusters, (position, sys.maxsize)) - 1)


@lru_cache(maxsize=4096)
def _reach(path: Path, _modified_ns: int, begin: int, end: int) -> int:
    """Return how far the content of a cluster is what it should be."""
    with path.open("rb") as file:
        return _walk(file, begin, end, INNER)[0]


def read_segment(file: BinaryIO, size: int) -> Segment:
    """Return what the outer elements of a Matroska file of `size` bytes tell of it."""
    header = _element(file, 0, size)
    segment = _element(file, header.end, size) if header and header.end else None
    if segment is None or segment.name != SEGMENT:
        return Segment()
    clusters: list[tuple[int, int]] = []
    holes: list[tuple[int, int]] = []
    scale = 1_000_000
    place, end = segment.content, size if segment.end is None else min(segment.end, size)
    while place < end:
        if len(clusters) == MOST_PARTS or len(holes) == MOST_HOLES:
            holes.append((place, end))
            break
        element = _element(file, place, size)
        if element is None and end - place < LONGEST_HEADER:
            break  # cut off within the header of an element
        if element is not None and element.name == EBML_HEADER:
            break  # a live recording ends where the next one begins
        if element is None or element.name not in OUTER:
            found = _next_cluster(file, place, end)
            holes.append((place, found))
            place = found
            continue
        reached = element.end
        if reached is None:  # a cluster that was written live: up to what is none of its elements
            reached, _ = _walk(file, element.content, end, INNER)
        if element.name == CLUSTER:
            clusters.append((element.content, min(reached, end)))
        if element.name == INFO:
            scale = _number(file, TIMESTAMP_SCALE, element.content, min(reached, end)) or scale
        place = reached
    last = _number(file, TIMESTAMP, *clusters[-1]) if clusters else None
    return Segment(
        end=segment.end or 0,
        num_followers=_num_files_from(file, place, size),
        clusters=tuple(clusters),
        holes=tuple(holes),
        last_cluster_seconds=None if last is None else Fraction(last * scale, 10**9),
        modified_ns=os.fstat(file.fileno()).st_mtime_ns,
    )


def _num_files_from(file: BinaryIO, place: int, size: int) -> int:
    """Return how many Matroska files lie one behind the other from a place on."""
    count = 0
    while (header := _element(file, place, size)) is not None and header.name == EBML_HEADER:
        count += 1
        segment = _element(file, header.end or size, size)
        place = segment.end if segment is not None and segment.end is not None else size
    return count


def _next_cluster(file: BinaryIO, place: int, end: int) -> int:
    """Return where the next cluster begins, or `end`."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for _ in range(MOST_PARTS):
            place = content.find(CLUSTER, place + 1, end)
            if place < 0:
                break
            element = _element(file, place, end)
            first = _element(file, element.content, end) if element else None
            if first is not None and first.name in INNER:
                return place
    return end


def _walk(file: BinaryIO, place: int, end: int, names: frozenset[bytes]) -> tuple[int, bool]:
    """Return how far a chain of elements of these names reaches, and whether that is `end`."""
    while place < end:
        element = _element(file, place, end)
        if element is None or element.name not in names or element.end is None:
            return place, False
        place = element.end
    return place, True


def _number(file: BinaryIO, name: bytes, place: int, end: int) -> int | None:
    """Return the number that an element of this name holds, the first in a chain; None where there is none."""
    while (element := _element(file, place, end)) is not None and element.end is not None:
        if element.name == name:
            file.seek(element.content)
            return int.from_bytes(file.read(min(8, element.end - element.content)), "big")
        place = element.end
    return None


def _element(file: BinaryIO, place: int, size: int) -> _Element | None:
    """Return the element at a place; None where there is none."""
    if place >= size:
        return None
    file.seek(place)
    header = file.read(LONGEST_HEADER)
    width = 9 - header[0].bit_length() if header and header[0] else 9
    if width > 4 or len(header) <= width or not header[width]:
        return None
    length_width = 9 - header[width].bit_length()
    if len(header) < width + length_width:
        return None
    stated = int.from_bytes(header[width : width + length_width], "big") & ((1 << 7 * length_width) - 1)
    content = place + width + length_width
    is_open = stated == (1 << 7 * length_width) - 1
    return _Element(header[:width], content, None if is_open else content + stated)
