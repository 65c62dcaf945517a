"""A model's similarity of every text with every video, in blocks: each item is encoded and merged once."""

from collections.abc import Callable, Iterator, Sequence
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


def encode_videos(model: Matcher, bank: KeptFrames, *, batch_size: int = 64) -> Iterator[Any]:
    """Yield the model's encodings of decoded videos, batch by batch, in order."""
    for start in range(0, len(bank.mask), batch_size):
        rows = slice(start, start + batch_size)
        frames = network_input(bank.content[rows].to(model.device))
        yield model.encode_videos(frames, bank.mask[rows].to(model.device))


@torch.inference_mode()
def similarity_matrix(
    model: Matcher,
    tokenizer: CLIPTokenizer,
    texts: Sequence[str],
    bank: KeptFrames,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Float[Tensor, "text video"]:
    """Return the similarity of every text with every video, on the CPU; the model is put in evaluation mode.

    A video without a single usable frame has similarity 0 with every text.
    """
    model.eval()
    videos = list(encode_videos(model, bank))
    rows, done = [], 0
    for encoded in encode_texts(model, tokenizer, texts):
        row = torch.cat([model.similarity(encoded, block) for block in videos], dim=1)
        rows.append(row.float().cpu())
        done += len(row)
        if progress:
            progress(done, len(texts))
    return torch.cat(rows)


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
