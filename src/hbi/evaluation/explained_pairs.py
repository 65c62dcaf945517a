"""Matched pairs to explain, with the words of which it is known when the video shows them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers import CLIPTokenizer

from hbi.data.frames import FrameBank, normalize_pixels
from hbi.data.samples import RetrievalSplit
from hbi.data.tokenizer import tokenize
from hbi.games import LateInteractionGame
from hbi.models import HBIModel, Hierarchy
from hbi.shapes import Level


@dataclass(frozen=True)
class TellingWords:
    """The characters `[start, end)` of a text, and when the video shows what they tell.

    Attributes:
        kind: What they tell, such as "color"; measures are given for each kind.
    """

    start: int
    end: int
    start_seconds: float
    end_seconds: float
    kind: str = "all"


@dataclass(frozen=True)
class ExplainedPair:
    """A text and a video (index) that belong together."""

    text: str
    video: int
    telling: tuple[TellingWords, ...] = ()


def explained_pairs(split: RetrievalSplit, limit: int) -> list[ExplainedPair]:
    """Return a pair for each of the first `limit` videos: with evidence where the split has it, else the first text."""
    pairs: dict[int, ExplainedPair] = {}
    for item in split.evidence:
        known = pairs.get(item.video, ExplainedPair(item.text, item.video))
        if known.text == item.text:
            told = TellingWords(item.start, item.end, item.start_seconds, item.end_seconds)
            pairs[item.video] = ExplainedPair(item.text, item.video, (*known.telling, told))
    for text in () if split.evidence else split.texts:
        pairs.setdefault(text.video, ExplainedPair(text.text, text.video))
    return [pairs[video] for video in sorted(pairs)][:limit]


@dataclass(frozen=True, eq=False)
class EncodedPairs:
    """A batch of matched pairs, encoded, with what is needed to encode them again without some words or frames.

    Attributes:
        spans: characters of every token in its text.
        features: what the towers make of every frame by itself.
        frame_mask: True where a frame is real.
        texts, videos: all levels.
        games: of each text with its video, at each level.
    """

    model: HBIModel
    pairs: tuple[ExplainedPair, ...]
    input_ids: Int[Tensor, "pair word"]
    attention_mask: Int[Tensor, "pair word"]
    spans: Int[Tensor, "pair word 2"]
    pixels: Float[Tensor, "pair frame 3 height width"]
    features: Float[Tensor, "pair frame width"]
    frame_mask: Bool[Tensor, "pair frame"]
    timestamps_seconds: Float[Tensor, "pair frame"]
    texts: Hierarchy
    videos: Hierarchy
    games: dict[Level, LateInteractionGame] = field(repr=False)

    @property
    def is_word(self) -> Bool[Tensor, "pair word"]:
        """True where a token is a player."""
        return self.texts.levels["entity"].sequence.mask


@torch.no_grad()
def encode_pairs(
    model: HBIModel, tokenizer: CLIPTokenizer, pairs: list[ExplainedPair], bank: FrameBank, *, batch_size: int = 32
) -> Iterator[EncodedPairs]:
    """Yield pairs batch by batch; those whose video could not be decoded are left out."""
    usable = [pair for pair in pairs if bank.is_usable[pair.video]]
    for start in range(0, len(usable), batch_size):
        part = usable[start : start + batch_size]
        tokenized = tokenize(
            tokenizer,
            [pair.text for pair in part],
            model.config.max_words,
            is_padded_to_max_words=model.config.released_behavior,
        )
        rows = torch.tensor([pair.video for pair in part])
        ids, mask = tokenized.input_ids.to(model.device), tokenized.attention_mask.to(model.device)
        pixels, frame_mask = normalize_pixels(bank.pixels[rows].to(model.device)), bank.mask[rows].to(model.device)
        features = model.encoder.frame_features(pixels, frame_mask)
        texts = model.encode_texts(ids, mask)
        videos = model.encode_videos(features, frame_mask)
        yield EncodedPairs(
            model,
            tuple(part),
            ids,
            mask,
            tokenized.spans,
            pixels,
            features,
            frame_mask,
            bank.timestamps_seconds[rows],
            texts,
            videos,
            model.games(texts, videos),
        )
