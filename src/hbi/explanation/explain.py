"""From a model, a video file and a text to an `Explanation`."""

from functools import partial
from pathlib import Path

import numpy as np
import torch
from transformers import CLIPTokenizer

from hbi.data.frames import normalize_pixels
from hbi.data.tokenizer import tokenize
from hbi.errors import HBIError
from hbi.explanation.explanation import Explanation, Frame, LevelExplanation, Word
from hbi.games import banzhaf_interactions
from hbi.models import HBIModel, Hierarchy
from hbi.shapes import LEVELS, Level
from hbi.video import VideoFrames, probe_video, read_frames

THUMBNAIL_HEIGHT = 120
"""Pixels; the network's own input is often too small to look at."""


class ExplanationError(HBIError):
    """There is nothing to explain: no words, or a model without a game."""


@torch.inference_mode()
def explain(
    model: HBIModel,
    tokenizer: CLIPTokenizer,
    video: Path,
    text: str,
    *,
    name: str,
    num_frames: int,
    image_size: int,
    start_seconds: float | None = None,
    end_seconds: float | None = None,
) -> Explanation:
    """Return which words match which seconds of a video, at every level.

    The numbers are the exact Banzhaf interactions of each level's game, whose grand coalition is worth the level's
    similarity (see docs/method/exact-games.md).

    Raises:
        VideoError: The file cannot be decoded.
        ExplanationError: The text holds no words.
    """
    read = partial(read_frames, video, num_frames, start_seconds=start_seconds, end_seconds=end_seconds)
    frames = read(image_size=image_size)
    tokenized = tokenize(tokenizer, [text], model.config.max_words)
    texts = model.encode_texts(tokenized.input_ids.to(model.device), tokenized.attention_mask.to(model.device))
    is_word = texts.levels["entity"].sequence.mask[0].cpu()
    if not is_word.any():
        raise ExplanationError(f"the text {text!r} holds no words: describe something that the video may show")
    mask = torch.ones(1, len(frames.pixels), dtype=torch.bool, device=model.device)
    videos = model.encode_videos(normalize_pixels(frames.pixels[None].to(model.device)), mask)

    similarities = model.level_similarities(texts, videos)
    levels = _levels(model, texts, videos, similarities, is_word)
    spans = tokenized.spans[0][is_word].tolist()
    players = _frames(frames, read(image_size=_thumbnail_size(video)))
    return Explanation(
        text=text,
        video=video.name,
        duration_seconds=max(frames.duration_seconds, players[-1].end_seconds),
        words=tuple(Word(text[start:end], start, end) for start, end in spans),
        frames=players,
        levels=levels,
        similarity=float(model.combine(similarities)),
        model=name,
        remark=_remark(frames, tokenized.input_ids.shape[1] >= model.config.max_words, spans, text),
    )


def _levels(
    model: HBIModel, texts: Hierarchy, videos: Hierarchy, similarities: dict[Level, torch.Tensor], is_word: torch.Tensor
) -> tuple[LevelExplanation, ...]:
    games = model.games(texts, videos)
    return tuple(
        LevelExplanation(
            level=level,
            similarity=float(similarities[level]),
            word_groups=tuple(texts.levels[level].sequence.members[0].cpu()[is_word].tolist()),
            frame_groups=tuple(videos.levels[level].sequence.members[0].tolist()),
            interactions=banzhaf_interactions(games[level])[0].cpu().numpy(),
        )
        for level in LEVELS
    )


def _frames(frames: VideoFrames, thumbnails: VideoFrames) -> tuple[Frame, ...]:
    """Return the frames with the stretch of the span that each stands for: up to half-way to its neighbors."""
    times = frames.timestamps_seconds.numpy()
    last = min(max(frames.end_seconds, times[-1]), max(frames.duration_seconds, times[-1]))
    edges = np.concatenate([[min(frames.start_seconds, times[0])], (times[1:] + times[:-1]) / 2, [last]])
    return tuple(
        Frame(time, start, end, pixels)
        for time, start, end, pixels in zip(times, edges[:-1], edges[1:], thumbnails.pixels.numpy(), strict=True)
    )


def _thumbnail_size(video: Path) -> tuple[int, int]:
    info = probe_video(video)
    return THUMBNAIL_HEIGHT, max(1, round(THUMBNAIL_HEIGHT * info.width / info.height))


def _remark(frames: VideoFrames, is_full: bool, spans: list[list[int]], text: str) -> str | None:
    remarks = [frames.damage] if frames.damage else []
    unread = text[spans[-1][1] :].strip()
    if is_full and any(character.isalnum() for character in unread):
        remarks.append(f"the text is too long for the model: it did not read {unread!r}")
    return "; ".join(remarks) or None
