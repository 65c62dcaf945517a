"""What the types of an explanation hold themselves to: plain numbers, frozen arrays, a ValueError that says why.

And how large an explanation may be: whatever there is of one can be drawn, in memory and time that people have.
"""

import math
import operator
from typing import SupportsFloat, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

SUM_TOLERANCE = 1e-5
"""How far parts may sum away from their whole, relative to the parts: what float32 leaves open."""

MOST_WORDS, MOST_FRAMES, MOST_CELLS = 512, 512, 2**14
"""Players of each side, and pairs of them."""

MOST_LETTERS, MOST_LETTERS_OF_WORD = 2**21, 1000
"""Of a text, a name or a remark, and of what one player of a text stands for."""

MOST_PIXELS, MOST_PIXELS_OF_ALL = 2**21, 2**26
"""Of one thumbnail, and of all thumbnails of a video: a whole picture of 1920 x 1080, and 512 that are 960 wide."""

MOST_SECONDS = 1e9
"""Thirty years."""

LARGEST, LARGEST_WEIGHT = 1e300, 1e3
"""Numbers of this size still sum to one that is finite."""


def require(is_met: bool, message: str) -> None:
    """Raise ValueError with `message` unless `is_met`."""
    if not is_met:
        raise ValueError(message)


def require_sum(parts: ArrayLike, whole: float, message: str) -> None:
    """Raise ValueError unless the parts sum to the whole, as far as float32 can tell.

    Args:
        parts: Numbers of any shape.
        whole: What they should sum to.
        message: Of the error.
    """
    values = np.asarray(parts, dtype=np.float64)
    scale = max(1.0, abs(whole), float(np.abs(values).sum()))
    require(abs(float(values.sum()) - whole) <= SUM_TOLERANCE * scale, message)


def require_text(text: object, what: str, most: int = MOST_LETTERS) -> None:
    """Raise ValueError unless this is a text of at most so many letters.

    Args:
        text: The value to check.
        what: What it is, for the error.
        most: Characters that it may have.
    """
    require(isinstance(text, str), f"the {what} is a {type(text).__name__}, not a text")
    require(len(str(text)) <= most, f"the {what} has {len(str(text))} letters, and at most {most} are drawn")


def as_floats(instance: object, *names: str, of: str = "", largest: float = LARGEST) -> None:
    """Turn numpy and tensor scalars into plain floats, which JSON and f-strings know.

    Args:
        instance: A dataclass, frozen or not; its fields are changed.
        names: Of the fields.
        of: Whose fields they are, for the error, such as "level entity".
        largest: The largest absolute value that is allowed.

    Raises:
        ValueError: A value is no number (texts and truths are none), is not finite or is too large.
    """
    for name in names:
        value = getattr(instance, name)
        what = " ".join([name.replace("_", " "), *([f"of {of}"] if of else [])])
        is_number = isinstance(value, SupportsFloat) and not isinstance(value, bool | np.bool_)
        require(is_number and np.ndim(value) == 0, f"the {what} is a {type(value).__name__}, not a number")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        require(abs(number) <= largest, f"the {what} is {number}: not finite, or too large")
        object.__setattr__(instance, name, number)


def whole_number(value: SupportsIndex, what: str) -> int:
    """Return a whole number of Python, numpy or torch as one of Python; raises ValueError for anything else."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, SupportsIndex):
        raise ValueError(f"the {what} is a {type(value).__name__}, not a whole number")
    return operator.index(value)


def frozen_array(values: ArrayLike, shape: tuple[int, ...], what: str) -> NDArray[np.float64]:
    """Return a read-only copy in float64.

    Args:
        values: Whole or floating numbers.
        shape: The shape that they must have.
        what: What they are, in the plural, for the error.

    Raises:
        ValueError: Another shape, or a value that is no finite number.
    """
    array = np.asarray(values)
    require(array.dtype.kind in "iuf", f"{what} hold something that is no number")
    require(array.shape == shape, f"{what} must be {list(shape)}, not {list(array.shape)}")
    array = array.astype(np.float64)
    require(bool(np.isfinite(array).all()), f"{what} hold a value that is not finite")
    require(bool((np.abs(array) <= LARGEST).all()), f"{what} hold a value beyond {LARGEST}")
    array.setflags(write=False)
    return array
