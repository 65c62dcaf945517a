"""The axis letters of the house: one legend for every tensor.

Inside function bodies, tensors with three or more axes carry their axes as a suffix (`similarity_ABTV`), and einsum
uses the same letters. Signatures spell the axes out with `jaxtyping` (`Float[Tensor, "text video word frame"]`).

| letter | axis |
| --- | --- |
| A | texts |
| B | videos, or a batch of sequences |
| T | words of a text |
| V | frames of a video |
| N | tokens of either kind |
| K | clusters (merged tokens) |
| D | width of an embedding |
| P | players of a game: words first, then frames |
| Q | nodes of a quadrature |
"""

from typing import Literal, TypeAlias, get_args

Level: TypeAlias = Literal["entity", "action", "event"]
"""The name of one level of the hierarchy: its players are tokens."""

LEVELS: tuple[Level, ...] = get_args(Level)
"""From single words and frames to phrases and clips to sentences and segments (paper, section 3.3)."""

ComparedLevel: TypeAlias = Literal["entity", "action", "event", "whole"]
"""The name of one similarity of a text and a video: of a level's tokens, or of the two summaries."""

WHOLE: Literal["whole"] = "whole"
"""One player a side: the summary of the text, and that of the video."""

COMPARED_LEVELS: tuple[ComparedLevel, ...] = get_args(ComparedLevel)
"""All that can be compared, in the order in which weights are given: the levels, and the whole."""
