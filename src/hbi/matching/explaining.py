"""From a network, a video file and a text to an `Explanation`: encoded once, solved exactly."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from hbi.encoders.tokenizer import TokenizedTexts, remark_on_unread
from hbi.errors import HBIError
from hbi.explanation.checks import MOST_CELLS, MOST_FRAMES, MOST_SECONDS
from hbi.explanation.explanation import Explanation, Frame, Word
from hbi.explanation.solve.from_games import Index, LevelGame, explain_games
from hbi.explanation.solve.from_tokens import frames_at
from hbi.games import LateInteractionGame, banzhaf_interactions
from hbi.matching.opened_model import OpenedModel, VideoPath
from hbi.models import HBIModel, Hierarchy
from hbi.shapes import ComparedLevel
from hbi.video.sample import VideoSample

MOST_LETTERS = 2**17
"""Of a text; a network reads far fewer, and says so."""


class ExplanationError(HBIError):
    """There is nothing to explain: no words, or a model without a game."""


@dataclass(frozen=True, eq=False)
class EncodedPair:
    """A text and a span of a video as a network compares them.

    Attributes:
        text: The text.
        tokens: The text as token ids.
        words: Its words, phrases and sentences; a batch of one.
        frames: Frames, clips and segments of the video; a batch of one.
        is_word: Which tokens of the text are players.
        is_frame: Which frames are real; the others pad, for a network with `released_behavior`.
        sample: What was read of the video.
        remark: What was not read of the text, or could not be decoded of the video.
    """

    text: str
    tokens: TokenizedTexts
    words: Hierarchy
    frames: Hierarchy
    is_word: Bool[Tensor, " word"]
    is_frame: Bool[Tensor, " frame"]
    sample: VideoSample
    remark: str | None


@torch.inference_mode()
def encode_pair(
    opened: OpenedModel,
    network: HBIModel,
    video: VideoPath,
    text: str,
    *,
    start_seconds: float | None,
    end_seconds: float | None,
    sample: VideoSample | None,
) -> EncodedPair:
    """Return a text and a video, each read and encoded once.

    Args:
        opened: Whose preprocessing is used.
        network: What encodes: the network itself, or the trunk of one that answers questions.
        video: A video file.
        text: What it may show, or a question.
        start_seconds: Where the span begins; None: with the video.
        end_seconds: Where it ends; None: with the video.
        sample: What was read of the video already; None: it is read here.

    Raises:
        VideoError: The file cannot be decoded.
        ExplanationError: The text holds no words, or there are more words and frames than can be drawn.
    """
    if opened.num_frames > MOST_FRAMES:
        raise ExplanationError(f"{opened.num_frames} frames are too many to be drawn: take {MOST_FRAMES} at most")
    if len(text) > MOST_LETTERS:
        raise ExplanationError(f"the text has {len(text)} letters: write at most {MOST_LETTERS}")
    sample = sample or opened.read_sample(video, start_seconds=start_seconds, end_seconds=end_seconds)
    tokens = opened.tokenize([text])
    words = network.encode_texts(tokens.input_ids.to(opened.device), tokens.attention_mask.to(opened.device))
    is_word = words.levels["entity"].sequence.mask[0].cpu()
    if not (is_word & (tokens.spans[0, :, 1] > tokens.spans[0, :, 0])).any():
        raise ExplanationError(f"the text {text!r} holds no words: describe something that the video may show")
    if (num_cells := int(is_word.sum()) * opened.num_frames) > MOST_CELLS:
        raise ExplanationError(f"{num_cells} pairs of a word and a frame are too many to be drawn: take fewer frames")
    own = sample.frames.pixels
    pixels, is_frame = padded_frames(own, opened.num_frames if opened.config.released_behavior else len(own))
    frames = network.encode_videos(opened.network_input(pixels[None]), is_frame[None].to(opened.device))
    unread = remark_on_unread(text, tokens.spans[0], opened.max_words)
    remark = "; ".join(filter(None, [sample.frames.damage, unread])) or None
    return EncodedPair(text, tokens, words, frames, is_word, is_frame, sample, remark)


def explain_pair(
    pair: EncodedPair,
    games: Mapping[ComparedLevel, LateInteractionGame],
    weights: Mapping[ComparedLevel, float],
    *,
    name: str,
    index: Index = banzhaf_interactions,
) -> Explanation:
    """Return the explanation of the games that a text and a video play.

    Args:
        pair: The text and the video.
        games: Of the pair, by level, the whole too if it is compared.
        weights: How much each level counts in the score.
        name: What to call the model.
        index: Gives the interactions of a game.
    """
    seen = pair.sample.frames
    frames = frames_of(pair.sample)
    return explain_games(
        {
            level: LevelGame(
                game,
                pair.words.levels[level].sequence.members[0].cpu()[pair.is_word],
                pair.frames.levels[level].sequence.members[0].cpu()[pair.is_frame],
                weights[level],
            )
            for level, game in games.items()
        },
        text=pair.text,
        words=words_of(pair.text, pair.tokens, pair.is_word),
        frames=frames,
        video=Path(seen.path).name,
        duration_seconds=min(max(seen.video_end_seconds, frames[-1].end_seconds), MOST_SECONDS),
        model=name,
        remark=pair.remark,
        index=index,
    )


def padded_frames(
    pixels: UInt8[Tensor, "frame *tubelet 3 height width"], num_frames: int
) -> tuple[UInt8[Tensor, "padded *tubelet 3 height width"], Bool[Tensor, " padded"]]:
    """Return black frames after those of a video, as a batch of longer videos would have them, and which are real.

    Args:
        pixels: The frames of the video.
        num_frames: With those that are black.
    """
    padded = pixels.new_zeros(num_frames, *pixels.shape[1:])
    padded[: len(pixels)] = pixels
    return padded, torch.arange(num_frames) < len(pixels)


def words_of(text: str, tokenized: TokenizedTexts, is_word: torch.Tensor) -> tuple[Word, ...]:
    """Return the words with their places; a special token that a model counts as a word stands at its end of the text.

    Args:
        text: As it was written.
        tokenized: The text alone.
        is_word: Which of its tokens are players.
    """
    words = []
    for index in is_word.nonzero().flatten().tolist():
        start, end = tokenized.spans[0, index].tolist()
        if end > start:
            words.append(Word(text[start:end], start, end))
        else:
            words.append(Word("(end)", len(text), len(text)) if words else Word("(start)", 0, 0))
    return tuple(words)


def frames_of(sample: VideoSample) -> tuple[Frame, ...]:
    """Return the frames of the sampled span with what to show of each.

    Args:
        sample: What was read of the video.
    """
    frames = sample.frames
    times = frames.timestamps_seconds.tolist()
    last = min(max(frames.end_seconds, times[-1]), max(frames.video_end_seconds, times[-1]))
    return frames_at(
        times, sample.thumbnails.pixels.numpy(), start_seconds=min(frames.start_seconds, times[0]), end_seconds=last
    )
