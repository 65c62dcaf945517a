"""From a model, a video file and a text to an `Explanation`."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from jaxtyping import Bool, UInt8
from torch import Tensor
from transformers import CLIPTokenizer

from hbi.data.frames import normalize_pixels
from hbi.data.tokenizer import TokenizedTexts, remark_on_unread, tokenize
from hbi.errors import HBIError
from hbi.explanation.checks import MOST_CELLS, MOST_FRAMES, MOST_SECONDS
from hbi.explanation.explanation import Explanation, Frame, Word
from hbi.explanation.sample import Sample
from hbi.explanation.solving import LevelGame, explain_games
from hbi.explanation.tokens import frames_at
from hbi.games import LateInteractionGame
from hbi.models import HBIModel, Hierarchy
from hbi.shapes import LEVELS, Level
from hbi.video import VideoFrames

MOST_LETTERS = 2**17
"""Of a text; a network reads far fewer, and says so."""


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
    games: Callable[[Hierarchy, Hierarchy], Mapping[Level, LateInteractionGame]] | None = None,
    sample: Sample | None = None,
) -> Explanation:
    """Return which words match which seconds of a video, at every level.

    The numbers are the exact Banzhaf interactions and Shapley values of each level's game, whose grand coalition is
    worth the level's similarity (see docs/method/exact-games.md). A model with `released_behavior` counts the marks of
    a text as words, which are named (start) and (end), and lets padding play, whose share is `unassigned`.

    `games` makes the games of the encoded text and video; None: the model's own, those of matching. `sample` is what
    was read of the video already; None: it is read here.

    Raises:
        VideoError: The file cannot be decoded.
        ExplanationError: The text holds no words, or the model plays no game.
    """
    if model.config.interaction == "global":
        raise ExplanationError(
            f"the run {name} compares whole texts and videos and plays no game: give one with token-wise interaction"
        )
    _require_drawable(text, num_frames)
    sample = sample or Sample.read(
        video, num_frames, image_size=image_size, start_seconds=start_seconds, end_seconds=end_seconds
    )
    frames = sample.frames
    is_released, max_words = model.config.released_behavior, model.config.max_words
    tokenized = tokenize(tokenizer, [text], max_words, is_padded_to_max_words=is_released)
    texts = model.encode_texts(tokenized.input_ids.to(model.device), tokenized.attention_mask.to(model.device))
    is_word = texts.levels["entity"].sequence.mask[0].cpu()
    if not (is_word & (tokenized.spans[0, :, 1] > tokenized.spans[0, :, 0])).any():
        raise ExplanationError(f"the text {text!r} holds no words: describe something that the video may show")
    if (num_cells := int(is_word.sum()) * num_frames) > MOST_CELLS:
        raise ExplanationError(f"{num_cells} pairs of a word and a frame are too many to be drawn: take fewer frames")
    pixels, is_frame = _padded(frames.pixels, num_frames if is_released else len(frames.pixels))
    videos = model.encode_videos(normalize_pixels(pixels[None].to(model.device)), is_frame[None].to(model.device))
    players = _frames(frames, sample.thumbnails)
    weights = dict(zip(LEVELS, model.config.level_weights, strict=True))
    return explain_games(
        {
            level: LevelGame(
                game,
                texts.levels[level].sequence.members[0].cpu()[is_word],
                videos.levels[level].sequence.members[0].cpu()[is_frame],
                weights[level],
            )
            for level, game in (games or model.games)(texts, videos).items()
        },
        text=text,
        words=_words(text, tokenized, is_word),
        frames=players,
        video=video.name,
        duration_seconds=min(max(frames.video_end_seconds, players[-1].end_seconds), MOST_SECONDS),
        model=name,
        remark="; ".join(filter(None, [frames.damage, remark_on_unread(text, tokenized.spans[0], max_words)])) or None,
    )


def _require_drawable(text: str, num_frames: int) -> None:
    if num_frames > MOST_FRAMES:
        raise ExplanationError(f"{num_frames} frames are too many to be drawn: take {MOST_FRAMES} at most")
    if len(text) > MOST_LETTERS:
        raise ExplanationError(f"the text has {len(text)} letters: write at most {MOST_LETTERS}")


def _padded(
    pixels: UInt8[Tensor, "frame 3 height width"], num_frames: int
) -> tuple[UInt8[Tensor, "padded 3 height width"], Bool[Tensor, " padded"]]:
    """Return black frames after those of a video, as a batch of longer videos would have them, and which are real."""
    padded = pixels.new_zeros(num_frames, *pixels.shape[1:])
    padded[: len(pixels)] = pixels
    return padded, torch.arange(num_frames) < len(pixels)


def _words(text: str, tokenized: TokenizedTexts, is_word: torch.Tensor) -> tuple[Word, ...]:
    """Return the words with their places; a mark that a model counts as a word stands at its end of the text."""
    words = []
    for index in is_word.nonzero().flatten().tolist():
        start, end = tokenized.spans[0, index].tolist()
        if end > start:
            words.append(Word(text[start:end], start, end))
        else:
            words.append(Word("(end)", len(text), len(text)) if words else Word("(start)", 0, 0))
    return tuple(words)


def _frames(frames: VideoFrames, thumbnails: VideoFrames) -> tuple[Frame, ...]:
    """Return the frames of the sampled span with what to show of each."""
    times = frames.timestamps_seconds.tolist()
    last = min(max(frames.end_seconds, times[-1]), max(frames.video_end_seconds, times[-1]))
    return frames_at(
        times, thumbnails.pixels.numpy(), start_seconds=min(frames.start_seconds, times[0]), end_seconds=last
    )
