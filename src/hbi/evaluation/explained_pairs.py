"""Matched pairs to explain, with the words whose seconds in the video are known."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hbi.data.frames import FrameStore
from hbi.data.samples import Split
from hbi.games import LateInteractionGame
from hbi.matching import Matcher
from hbi.models import HBIModel, Hierarchy, ModelError
from hbi.shapes import ComparedLevel


@dataclass(frozen=True)
class TimedWords:
    """The characters `[start, end)` of a text, and the seconds in which the video shows what they mean.

    Attributes:
        kind: What they describe, such as "color"; measures are given for each kind.
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
    timed_words: tuple[TimedWords, ...] = ()


def explained_pairs(split: Split, limit: int) -> list[ExplainedPair]:
    """Return a pair for each of the first `limit` videos: with evidence where the split has it, else the first text.

    Args:
        split: Texts, videos and, where it has it, evidence.
        limit: Of pairs.
    """
    pairs: dict[int, ExplainedPair] = {}
    for item in split.evidence:
        known = pairs.get(item.video, ExplainedPair(item.text, item.video))
        if known.text == item.text:
            words = TimedWords(item.start, item.end, item.start_seconds, item.end_seconds)
            pairs[item.video] = ExplainedPair(item.text, item.video, (*known.timed_words, words))
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
    pixels: Float[Tensor, "pair frame *tubelet 3 height width"]
    features: Float[Tensor, "pair frame width"]
    frame_mask: Bool[Tensor, "pair frame"]
    timestamps_seconds: Float[Tensor, "pair frame"]
    texts: Hierarchy
    videos: Hierarchy
    games: dict[ComparedLevel, LateInteractionGame] = field(repr=False)

    @property
    def is_word(self) -> Bool[Tensor, "pair word"]:
        """True where a token is a player."""
        return self.texts.levels["entity"].sequence.mask


@torch.no_grad()
def encode_pairs(
    matcher: Matcher, pairs: Sequence[ExplainedPair], frames: FrameStore, *, batch_size: int = 32
) -> Iterator[EncodedPairs]:
    """Yield pairs batch by batch; those whose video could not be decoded are left out.

    Args:
        matcher: The opened model.
        pairs: Texts, each with the row of its video.
        frames: Of the videos, as pixels.
        batch_size: Pairs in one go.

    Raises:
        ModelError: The model plays no game: it compares whole texts and videos.
    """
    model = matcher.model
    if not isinstance(model, HBIModel):
        raise ModelError(f"{matcher.name} compares whole texts and videos and plays no game")
    usable = [pair for pair in pairs if frames.is_usable[pair.video]]
    for start in range(0, len(usable), batch_size):
        part = usable[start : start + batch_size]
        # Not through `Matcher.encode_texts`: what it returns takes no part in gradients.
        tokens = matcher.tokenize([pair.text for pair in part])
        rows = torch.tensor([pair.video for pair in part])
        ids, mask = tokens.input_ids.to(matcher.device), tokens.attention_mask.to(matcher.device)
        pixels, frame_mask = matcher.network_input(frames.pixels[rows]), frames.mask[rows].to(matcher.device)
        features = model.encoder.frame_features(pixels, frame_mask)
        texts = model.encode_texts(ids, mask)
        videos = model.encode_videos(features, frame_mask)
        yield EncodedPairs(
            model,
            tuple(part),
            ids,
            mask,
            tokens.spans,
            pixels,
            features,
            frame_mask,
            frames.timestamps_seconds[rows],
            texts,
            videos,
            model.games(texts, videos),
        )
