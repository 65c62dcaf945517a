"""A model's similarity of every text with every video, in blocks: each item is encoded and merged once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers import CLIPTokenizer

from hbi.data.features import KeptFrames
from hbi.data.frames import network_input
from hbi.data.tokenizer import tokenize


class Matcher(Protocol):
    """A model that encodes texts and videos apart, and compares the encodings, whatever they are."""

    config: Any
    device: torch.device
    encoder: Any

    def eval(self) -> Any:
        """Turn off what is for training only."""

    def encode_texts(self, input_ids: Int[Tensor, "text word"], attention_mask: Int[Tensor, "text word"]) -> Any:
        """Return the encoding of tokenized texts."""

    def encode_videos(self, pixels: Float[Tensor, "video frame *content"], mask: Bool[Tensor, "video frame"]) -> Any:
        """Return the encoding of videos, from normalized pixels or from features of frames."""

    def similarity(self, texts: Any, videos: Any) -> Float[Tensor, "text video"]:
        """Return the similarity of every encoded text with every encoded video."""


def encode_texts(
    model: Matcher, tokenizer: CLIPTokenizer, texts: Sequence[str], *, batch_size: int = 256
) -> Iterator[Any]:
    """Yield the model's encodings of texts, batch by batch, in order."""
    config = model.config
    for start in range(0, len(texts), batch_size):
        part = texts[start : start + batch_size]
        batch = tokenize(tokenizer, part, config.max_words, is_padded_to_max_words=config.released_behavior)
        yield model.encode_texts(batch.input_ids.to(model.device), batch.attention_mask.to(model.device))


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
    model: Matcher,
    tokenizer: CLIPTokenizer,
    texts: Sequence[str],
    bank: KeptFrames,
    *,
    blocks: Blocks = DEFAULT_BLOCKS,
    sharing: Sharing | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Float[Tensor, "text video"]:
    """Return the similarity of every text with every video, on the CPU; the model is put in evaluation mode.

    Videos are encoded, merging included, once, and texts once for each `blocks.kept_videos` videos, short ones with
    short ones: a block is as long as its longest text, and half of the paper's 24 words are padding. Processes that
    share the work take whole blocks of videos each, and all return the whole matrix: the bits that one alone computes.
    A video without a single usable frame has similarity 0 with every text.
    """
    model.eval()
    starts = _own_starts(range(0, len(bank.mask), blocks.videos), sharing)
    kept = max(blocks.kept_videos // blocks.videos, 1)
    by_length = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    parts = [starts[first : first + kept] for first in range(0, len(starts), kept)]
    first = starts[0] if starts else 0
    own = torch.empty(len(texts), min(first + len(starts) * blocks.videos, len(bank.mask)) - first)
    for number, part in enumerate(parts):
        videos = [_encode_rows(model, bank, slice(start, start + blocks.videos)) for start in part]
        column, done = part[0] - first, 0
        for encoded in encode_texts(model, tokenizer, [texts[row] for row in by_length], batch_size=blocks.texts):
            rows = torch.cat([model.similarity(encoded, block) for block in videos], dim=1)
            own[by_length[done : done + len(rows)], column : column + rows.shape[1]] = rows.to(own)
            done += len(rows)
            if progress:
                progress(number * len(texts) + done, len(parts) * len(texts))
    if sharing is None or sharing.world_size == 1:
        return own
    return sharing.gather_rows(own.T.contiguous().to(model.device))[0].T.contiguous().cpu()


def _own_starts(starts: range, sharing: Sharing | None) -> range:
    if sharing is None:
        return starts
    first, last = (len(starts) * rank // sharing.world_size for rank in (sharing.rank, sharing.rank + 1))
    return starts[first:last]


def _encode_rows(model: Matcher, bank: KeptFrames, rows: slice) -> Any:
    return model.encode_videos(network_input(bank.content[rows].to(model.device)), bank.mask[rows].to(model.device))


@torch.inference_mode()
def pair_similarity(
    model: Matcher, tokenizer: CLIPTokenizer, texts: Sequence[str], videos: Int[Tensor, " pair"], bank: KeptFrames
) -> Float[Tensor, " pair"]:
    """Return the similarity of each text with one video (an index into `bank`), on the CPU."""
    model.eval()
    similarities, done = [], 0
    for encoded in encode_texts(model, tokenizer, texts, batch_size=64):
        wanted, column = videos[done : done + 64].unique(return_inverse=True)
        encoded_videos = model.encode_videos(
            network_input(bank.content[wanted].to(model.device)), bank.mask[wanted].to(model.device)
        )
        block = model.similarity(encoded, encoded_videos).float().cpu()
        similarities.append(block[torch.arange(len(block)), column])
        done += len(block)
    return torch.cat(similarities)
