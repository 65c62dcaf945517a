"""Whether values fall into two groups, those of segments that have something and those of segments that lack it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

SMALLEST_GROUP = 0.03
"""Share of the values: a split that leaves less on one side is about outliers."""


@dataclass(frozen=True)
class TwoGroups:
    """The split of some values that leaves the least spread on either side (Otsu 1979, for gray levels of pictures).

    Attributes:
        low, high: The mean of each group.
        explained: Share of the variance that lies between the two: 0.64 for a normal distribution, 0.75 for a uniform
            one, 1 for two points.
        skewness: Above 0 where the high group is the smaller, or reaches further out.
    """

    low: float
    high: float
    explained: float
    skewness: float

    @classmethod
    def of(cls, values: Float[np.ndarray, " value"]) -> "TwoGroups | None":
        """Return the split of values; None where there are fewer than two, or all are the same."""
        ordered = np.sort(np.asarray(values, float))
        count, spread = len(ordered), float(ordered.std()) if len(ordered) else 0.0
        if count < 2 or spread < 1e-9:
            return None
        sizes = np.arange(1, count)
        means = ordered.cumsum()[:-1] / sizes
        rest = (ordered.sum() - means * sizes) / (count - sizes)
        between = sizes * (count - sizes) / count**2 * (rest - means) ** 2
        least = max(1, int(SMALLEST_GROUP * count))
        split = least - 1 + int(between[least - 1 : count - least].argmax())
        skewness = float((((ordered - ordered.mean()) / spread) ** 3).mean())
        return cls(float(means[split]), float(rest[split]), float(between[split]) / spread**2, skewness)

    def place(self, value: float) -> float:
        """Return where a value lies between the groups: 0 in the middle of the low one, 1 in that of the high one."""
        return (value - self.low) / (self.high - self.low)
