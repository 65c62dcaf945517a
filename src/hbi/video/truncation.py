"""Does a file end before its own outermost headers say it does? The direct evidence of a download cut short."""

from pathlib import Path
from typing import BinaryIO

EBML_HEADER, EBML_SEGMENT = 0x1A45DFA3, 0x18538067


def is_cut_short(path: Path) -> bool:
    """Return True where the file is shorter than it states; False where it is whole or states nothing."""
    size = path.stat().st_size
    with path.open("rb") as file:
        magic = file.read(12)
        file.seek(0)
        if magic[:3] == b"GIF":
            return _lacks_gif_trailer(file, size)
        if magic[:4] == b"RIFF":
            return _stated_riff_end(file, size) > size
        if magic[:4] == EBML_HEADER.to_bytes(4, "big"):
            return _stated_matroska_end(file) > size
        if magic[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip"):
            return _stated_box_end(file, size) > size
        return False


def _lacks_gif_trailer(file: BinaryIO, size: int) -> bool:
    file.seek(max(0, size - 64))
    return not file.read().rstrip(b"\0").endswith(b";")


def _stated_riff_end(file: BinaryIO, size: int) -> int:
    """Return where the last of the RIFF chunks should end (large AVI files hold several)."""
    end = 0
    while end < size:
        file.seek(end)
        header = file.read(8)
        length = int.from_bytes(header[4:], "little")
        if header[:4] != b"RIFF" or length in (0, 0xFFFFFFFF):  # written live: not stated
            break
        end += 8 + length
    return end


def _stated_box_end(file: BinaryIO, size: int) -> int:
    """Return where the last of the outermost MP4 boxes should end."""
    end = 0
    while end + 8 <= size:
        file.seek(end)
        header = file.read(16)
        length, kind = int.from_bytes(header[:4], "big"), header[4:8]
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        if length < 8 or not (kind.isascii() and kind.decode("ascii").isprintable()):
            break  # 0: up to the end of the file; otherwise not a box
        end += length
    return end


def _stated_matroska_end(file: BinaryIO) -> int:
    """Return where the segment should end, 0 where it was written live and its length left open."""
    file.seek(4)
    length, _ = _matroska_length(file)
    file.seek(length, 1)
    if int.from_bytes(file.read(4), "big") != EBML_SEGMENT:
        return 0
    length, is_stated = _matroska_length(file)
    return file.tell() + length if is_stated else 0


def _matroska_length(file: BinaryIO) -> tuple[int, bool]:
    """Return a variable-width integer and whether it is one: all ones mean unknown."""
    first = int.from_bytes(file.read(1), "big")
    num_more = 8 - first.bit_length()
    value = int.from_bytes(bytes([first & (0x7F >> num_more)]) + file.read(num_more), "big")
    return value, value != (1 << 7 * (num_more + 1)) - 1
