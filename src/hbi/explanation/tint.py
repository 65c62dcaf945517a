"""How strong a color an interaction is drawn in: one rule for the figure and the page."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def tint(values: ArrayLike, limit: float) -> NDArray[np.float64]:
    """Return the strength of the color in [-1, 1]: the signed square root of a value's share of `limit`.

    The root is there because alike frames share what a word finds in them: where any of six shows it, none adds much to
    the other five, and all six interactions are small. Drawn linearly, such a word would seem to point nowhere.

    >>> tint([-0.04, 0.0, 0.01], limit=0.04).tolist()
    [-1.0, 0.0, 0.5]
    """
    shares = np.asarray(values, dtype=float) / (limit or 1.0)
    return np.sign(shares) * np.sqrt(np.abs(shares))
