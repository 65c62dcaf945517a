"""Which way a picture is stored: phones turn and mirror it by a note in the file, the display matrix."""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray


@dataclass(frozen=True)
class Orientation:
    """How a stored picture becomes upright: rows and columns change places, then left and right, and up and down."""

    is_transposed: bool = False
    is_mirrored: bool = False
    is_upside_down: bool = False

    @classmethod
    def of(cls, frame: VideoFrame) -> "Orientation":
        """Return the orientation that a frame's display matrix asks for, the nearest of the eight that there are."""
        matrix: Any = frame.side_data.get("DISPLAYMATRIX")
        if matrix is None:
            return cls()
        # A stored place (x, y) is shown at (a x + c y, b x + d y).
        a, b, _, c, d = struct.unpack("=5i", bytes(matrix)[:20])
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return cls(False, is_mirrored=a < 0, is_upside_down=d < 0)
        return cls(True, is_mirrored=c < 0, is_upside_down=b < 0)

    def upright(self, pixels: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return stored pixels [height, width, …] upright, without copying them."""
        if self.is_transposed:
            pixels = pixels.swapaxes(0, 1)
        if self.is_mirrored:
            pixels = pixels[:, ::-1]
        return pixels[::-1] if self.is_upside_down else pixels

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) that a stored size has upright, or the other way round."""
        return (width, height) if self.is_transposed else (height, width)
