"""Why a dual encoder matches a text with a video: the game of its own score, with words that are left out of the text.

    value(words, frames) = < vector of the text without the other words, vector of the video without the other frames >

Exact while all coalitions of a side fit its budget, else drawn, with a standard error for every number
(docs/method/exact-games.md).
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from hbi.encoders.tokenizer import remark_on_unread
from hbi.explanation.checks import MOST_SECONDS, MOST_WORDS
from hbi.explanation.explanation import Explanation
from hbi.explanation.level import LevelExplanation
from hbi.explanation.players import Word
from hbi.explanation.solve.from_tokens import words_in
from hbi.games import DualEncoderGame, DualEncoderIndices, neighbors_together, normalized_mean, solve_dual_encoder
from hbi.matching.explaining import MOST_LETTERS, ExplanationError, frames_of
from hbi.matching.opened_model import OpenedModel
from hbi.matching.sample import VideoSample
from hbi.models import GlobalContrastModel

TEXT_BUDGET, TEXT_BUDGET_OF_GPU = 256, 4096
"""Texts that are encoded for one explanation: all coalitions of 8 words, and of 12."""
VIDEO_BUDGET = 256
"""Videos that are encoded where frames see one another; where they do not, a coalition is a mean and costs nothing."""
TOWER_VIDEO_BUDGET = 64
"""The same where a whole video tower has to look at each."""
MOST_PLAYING_FRAMES = 16
"""More frames than these play together with their neighbors."""
AT_ONCE = 64
"""Texts, or videos, that are encoded in one batch."""


def texts_of(words: Sequence[Word], coalitions: Bool[Tensor, "coalition word"]) -> list[str]:
    """Return what is left of a text when only the words of a coalition stay, one text for each coalition.

    Args:
        words: The words of the text.
        coalitions: True where a word stays.
    """
    return [" ".join(word.text for word, stays in zip(words, row, strict=True) if stays) for row in coalitions.tolist()]


def players_in(text: str) -> tuple[Word, ...]:
    """Return the words of a text that can be taken out of it.

    Raises:
        ExplanationError: There are none, or more than can be drawn.
    """
    if len(text) > MOST_LETTERS:
        raise ExplanationError(f"the text has {len(text)} letters: write at most {MOST_LETTERS}")
    words = words_in(text)
    if not any(character.isalnum() for character in text):
        raise ExplanationError(f"the text {text!r} holds no words: describe something that the video may show")
    if len(words) > MOST_WORDS:
        raise ExplanationError(f"the text has {len(words)} words: write at most {MOST_WORDS}")
    return words


@torch.inference_mode()
def explain_wholes(
    opened: OpenedModel,
    network: GlobalContrastModel,
    text: str,
    sample: VideoSample,
    *,
    text_budget: int | None = None,
    seed: int = 0,
) -> Explanation:
    """Return the explanation of a score that compares one vector of a text with one of a video.

    Args:
        opened: Whose preprocessing is used.
        network: What encodes.
        text: What the video may show.
        sample: The frames of the video.
        text_budget: Texts that may be encoded; None: 256 on a processor, 4,096 on a GPU.
        seed: Of the coalitions that are drawn where there are too many.

    Raises:
        ExplanationError: The text holds no words, or more than can be drawn.
    """
    words = players_in(text)
    budget = text_budget or (TEXT_BUDGET if opened.device.type == "cpu" else TEXT_BUDGET_OF_GPU)
    budget = max(budget, 2 * len(words) + 17)  # the fewest that can be drawn
    side = _Frames.of(opened, network, sample)

    def texts(coalitions: Bool[Tensor, "coalition word"]) -> Float[Tensor, "coalition width"]:
        return normalize(encode_strings(opened, network, text, texts_of(words, coalitions)), dim=-1)

    game = DualEncoderGame(texts, side.vectors, len(words), side.num_players)
    generator = torch.Generator().manual_seed(seed)
    indices = solve_dual_encoder(game, text_budget=budget, video_budget=side.budget, generator=generator)
    tokens = opened.tokenize([text])
    unread = remark_on_unread(text, tokens.spans[0], opened.max_words) if tokens.spans.any() else None
    frames = frames_of(sample)
    return Explanation(
        text=text,
        video=Path(sample.frames.path).name,
        duration_seconds=min(max(sample.frames.video_end_seconds, frames[-1].end_seconds), MOST_SECONDS),
        words=words,
        frames=frames,
        levels=(_level(indices, range(len(words)), side.groups),),
        similarity=float(indices.value),
        model=opened.name,
        remark="; ".join(filter(None, [sample.frames.damage, unread, *_drawn(indices, len(words), side)])) or None,
        words_at_input=True,
    )


def encode_strings(
    opened: OpenedModel, network: GlobalContrastModel, whole: str, texts: Sequence[str]
) -> Float[Tensor, "text width"]:
    """Return the vectors of texts, in batches; the text that keeps all words is encoded as it was written.

    Args:
        opened: Whose tokenizer is used.
        network: What encodes.
        whole: The text as it was written.
        texts: What is left of it.
    """
    joined = " ".join(whole.split())
    parts = []
    for start in range(0, len(texts), AT_ONCE):
        batch = [whole if text == joined else text for text in texts[start : start + AT_ONCE]]
        tokens = opened.tokenize(batch)
        parts.append(
            network.encode_texts(tokens.input_ids.to(opened.device), tokens.attention_mask.to(opened.device)).float()
        )
    return torch.cat(parts).cpu()


class _Frames:
    """The frames of a video as players: what a coalition's vector is, who plays with whom, and how many are encoded."""

    def __init__(
        self, opened: OpenedModel, network: GlobalContrastModel, pixels: Tensor, groups: Int[Tensor, " frame"]
    ) -> None:
        self._network, self.groups = network, groups
        self.num_players = int(groups.max()) + 1
        encoder = network.encoder
        mask = torch.ones(1, len(groups), dtype=torch.bool, device=opened.device)
        self.is_mean = not encoder.has_video_side and encoder.temporal is None
        shown = opened.network_input(pixels[None])
        self._content = shown if encoder.has_video_side else encoder.frame_features(shown, mask)
        self._mean = normalized_mean(self._content[0].float().cpu(), is_normalized_first=True) if self.is_mean else None
        fewest = 2 * self.num_players + 17
        own = TOWER_VIDEO_BUDGET if encoder.has_video_side else VIDEO_BUDGET
        self.budget = 2**MOST_PLAYING_FRAMES if self.is_mean else max(own, fewest)

    @classmethod
    def of(cls, opened: OpenedModel, network: GlobalContrastModel, sample: VideoSample) -> "_Frames":
        """Return the frames of a sample, neighbors together where there are many."""
        pixels = sample.frames.pixels
        return cls(opened, network, pixels, neighbors_together(len(pixels), MOST_PLAYING_FRAMES))

    def vectors(self, coalitions: Bool[Tensor, "coalition player"]) -> Float[Tensor, "coalition width"]:
        """Return the vector of the video of each coalition, as the model compares it."""
        kept = coalitions[:, self.groups]
        if self._mean is not None:
            return self._mean(kept)
        parts = []
        for part in kept.to(self._content.device).split(AT_ONCE):
            content = self._content.expand(len(part), *self._content.shape[1:])
            parts.append(normalize(self._network.encode_videos(content, part).float(), dim=-1).cpu())
        return torch.cat(parts)


def _level(indices: DualEncoderIndices, words: Sequence[int], groups: Int[Tensor, " frame"]) -> LevelExplanation:
    interactions = indices.banzhaf_interactions()
    of_words, of_frames = indices.shapley_values()
    errors = {}
    if not indices.is_exact:
        errors = {
            "interaction_errors": interactions.standard_errors.numpy(),
            "word_errors": of_words.standard_errors.numpy(),
            "frame_errors": of_frames.standard_errors.numpy(),
        }
    return LevelExplanation(
        level="entity",
        weight=1.0,
        similarity=float(indices.value),
        word_groups=tuple(words),
        frame_groups=tuple(groups.tolist()),
        interactions=interactions.values.numpy(),
        word_values=of_words.values.numpy(),
        frame_values=of_frames.values.numpy(),
        **errors,
    )


def _drawn(indices: DualEncoderIndices, num_words: int, side: _Frames) -> list[str]:
    """Return sentences on what was drawn, and on frames that play together."""
    remarks = []
    if indices.num_texts < 2**num_words - 1:
        remarks.append(f"{indices.num_texts} of the {2**num_words - 1} texts that the words can make were encoded")
    if indices.num_videos < 2**side.num_players - 1:
        remarks.append(
            f"{indices.num_videos} of the {2**side.num_players - 1} videos that the frames can make were encoded"
        )
    if side.num_players < len(side.groups):
        remarks.append(f"{len(side.groups)} frames play in {side.num_players} groups of neighbors")
    return remarks
