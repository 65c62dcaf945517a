"""What the types of an explanation hold themselves to: plain floats, frozen arrays, a ValueError that says why."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

SUM_TOLERANCE = 1e-5
"""How far parts may sum away from their whole, relative to the parts: what float32 leaves open."""


def require(is_met: bool, message: str) -> None:
    """Raise ValueError with `message` unless `is_met`."""
    if not is_met:
        raise ValueError(message)


def require_sum(parts: ArrayLike, whole: float, message: str) -> None:
    """Raise ValueError unless the parts sum to the whole, as far as float32 can tell."""
    values = np.asarray(parts, dtype=np.float64)
    scale = max(1.0, abs(whole), float(np.abs(values).sum()))
    require(abs(float(values.sum()) - whole) <= SUM_TOLERANCE * scale, message)


def as_floats(instance: object, *names: str) -> None:
    """Turn numpy and tensor scalars into plain floats, which JSON and f-strings know."""
    for name in names:
        object.__setattr__(instance, name, float(getattr(instance, name)))


def frozen_array(values: ArrayLike, shape: tuple[int, ...], what: str) -> NDArray[np.float64]:
    """A read-only copy in float64; raises ValueError for another shape or a value that is not finite."""
    array = np.asarray(values).astype(np.float64)
    require(array.shape == shape, f"{what} must be {list(shape)}, not {list(array.shape)}")
    require(bool(np.isfinite(array).all()), f"{what} hold a value that is not finite")
    array.setflags(write=False)
    return array
