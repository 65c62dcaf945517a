"""When a video satisfies a caption: it shows the told events, in the told order, perhaps with others in between."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hbi.shape_stories.records import ATTRIBUTES
from hbi.shape_stories.world import VALUES, Look

# What a text says of one event: color, shape and action, None where it leaves one out.
Told = tuple[str | None, str | None, str | None]

_CODES = tuple({name: code for code, name in enumerate(VALUES[attribute])} for attribute in ATTRIBUTES)
_NO_EVENT = -1


def agrees(look: Look, told: Told) -> bool:
    """Return whether everything that is told of one event is true of the look."""
    return all(said in (None, seen) for said, seen in zip(told, (look.color, look.shape, look.action), strict=True))


def satisfies(looks: Sequence[Look], told: Sequence[Told]) -> bool:
    """Return whether some of the looks, in order, agree with all that is told, in order.

    Taking the earliest event that agrees leaves the most room for what is told next, so no search is needed.
    """
    remaining = iter(looks)
    return all(any(agrees(look, one) for look in remaining) for one in told)


@dataclass(frozen=True, eq=False)
class SplitTruth:
    """The same relation for one text against every video of a split at once."""

    videos: tuple[tuple[Look, ...], ...]

    @cached_property
    def _codes(self) -> np.ndarray:
        """Attribute codes `[attributes, videos, events]`, -1 where a video has fewer events."""
        codes = np.full((3, len(self.videos), max(map(len, self.videos))), _NO_EVENT, dtype=np.int8)
        for video, looks in enumerate(self.videos):
            for event, look in enumerate(looks):
                for attribute, name in enumerate((look.color, look.shape, look.action)):
                    codes[attribute, video, event] = _CODES[attribute][name]
        return codes

    @cached_property
    def _agreements(self) -> dict[Told, np.ndarray]:
        return {}

    def _agreement(self, told: Told) -> np.ndarray:
        """Return where one told event agrees, bool `[videos, events]`; remembered, since there are few such phrases."""
        if told not in self._agreements:
            agreement = self._codes[0] != _NO_EVENT
            for attribute, name in enumerate(told):
                if name is not None:
                    agreement = agreement & (self._codes[attribute] == _CODES[attribute][name])
            self._agreements[told] = agreement
        return self._agreements[told]

    def satisfying(self, told: Sequence[Told]) -> list[int]:
        """Return the videos, by index, that satisfy what is told."""
        videos = np.arange(len(self.videos))
        past = np.full(len(videos), -1)
        events = np.arange(self._codes.shape[2])
        for one in told:
            allowed = self._agreement(one)[videos] & (events > past[:, None])
            found = allowed.any(axis=1)
            videos, past = videos[found], allowed[found].argmax(axis=1)
        return videos.tolist()
