"""The similarity of every text with every video, in blocks: each item is encoded and merged once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hbi.data.frames import KeptFrames
from hbi.matching import Matcher
from hbi.processes import Progress


class Sharing(Protocol):
    """The processes that share the work (see `hbi.training.distributed.Processes`)."""

    @property
    def rank(self) -> int:
        """Which process this is, from 0."""

    @property
    def world_size(self) -> int:
        """How many there are."""

    def gather_rows(self, rows: Tensor) -> tuple[Tensor, slice]:
        """Return the rows of all processes in order of rank, and where one's own stand."""


@dataclass(frozen=True)
class Blocks:
    """How much is encoded and compared at a time; results depend on it by rounding alone.

    Attributes:
        texts, videos: Items encoded, and compared with each other, in one go.
        kept_videos: Videos whose encodings are in memory at a time, about 45 kB each (12 frames, width 512, three
            levels). With more videos than these the texts are encoded again for each such part.
    """

    texts: int = 256
    videos: int = 64
    kept_videos: int = 8192


DEFAULT_BLOCKS = Blocks()


@torch.inference_mode()
def similarity_matrix(
    matcher: Matcher,
    texts: Sequence[str],
    frames: KeptFrames,
    *,
    blocks: Blocks = DEFAULT_BLOCKS,
    sharing: Sharing | None = None,
    progress: Progress | None = None,
) -> Float[Tensor, "text video"]:
    """Return the similarity of every text with every video, on the CPU.

    Videos are encoded, merging included, once, and texts once for each `blocks.kept_videos` videos, short ones with
    short ones: a block is as long as its longest text, and half of the paper's 24 words are padding. Processes that
    share the work take whole blocks of videos each, and all return the whole matrix: the bits that one alone computes.
    A video without a single usable frame has similarity 0 with every text.

    Args:
        matcher: The opened model.
        texts: Rows of the matrix.
        frames: Of the videos, the columns; as pixels or as features.
        blocks: How much is encoded and compared in one go.
        sharing: The processes that share the work; None: this one does it alone.
        progress: Called with the texts that are compared, and all.
    """
    starts = _own_starts(range(0, len(frames.mask), blocks.videos), sharing)
    kept = max(blocks.kept_videos // blocks.videos, 1)
    by_length = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    parts = [starts[first : first + kept] for first in range(0, len(starts), kept)]
    first = starts[0] if starts else 0
    own = torch.empty(len(texts), min(first + len(starts) * blocks.videos, len(frames.mask)) - first)
    for number, part in enumerate(parts):
        videos = [_encode(matcher, frames, slice(start, start + blocks.videos)) for start in part]
        column = part[0] - first
        for start in range(0, len(texts), blocks.texts):
            chosen = by_length[start : start + blocks.texts]
            encoded = matcher.encode_texts([texts[row] for row in chosen])
            rows = torch.cat([matcher.similarity(encoded, block) for block in videos], dim=1)
            own[chosen, column : column + rows.shape[1]] = rows
            if progress:
                progress(number * len(texts) + start + len(chosen), len(parts) * len(texts))
    if sharing is None or sharing.world_size == 1:
        return own
    return sharing.gather_rows(own.T.contiguous().to(matcher.device))[0].T.contiguous().cpu()


def _own_starts(starts: range, sharing: Sharing | None) -> range:
    if sharing is None:
        return starts
    first, last = (len(starts) * rank // sharing.world_size for rank in (sharing.rank, sharing.rank + 1))
    return starts[first:last]


def _encode(matcher: Matcher, frames: KeptFrames, videos: slice | Tensor) -> Any:
    return matcher.encode_frames(frames.content[videos], frames.mask[videos])


@torch.inference_mode()
def pair_similarity(
    matcher: Matcher, texts: Sequence[str], videos: Int[Tensor, " pair"], frames: KeptFrames, *, batch_size: int = 64
) -> Float[Tensor, " pair"]:
    """Return the similarity of each text with one video (a row of `frames`), on the CPU.

    Args:
        matcher: The opened model.
        texts: One for each pair.
        videos: The row of `frames` for each pair.
        frames: Of the videos.
        batch_size: Pairs in one go.
    """
    similarities = []
    for start in range(0, len(texts), batch_size):
        pairs = slice(start, start + batch_size)
        wanted, column = videos[pairs].unique(return_inverse=True)
        encoded = matcher.encode_texts(texts[pairs])
        block = matcher.similarity(encoded, _encode(matcher, frames, wanted))
        similarities.append(block[torch.arange(len(block)), column])
    return torch.cat(similarities)
