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

from hbi.encoders.sentence_networks import DenseNetwork
from hbi.encoders.tokenizer import remark_on_unread
from hbi.explanation.checks import MOST_LETTERS_OF_WORD, MOST_SECONDS, MOST_WORDS
from hbi.explanation.explanation import Explanation
from hbi.explanation.level import LevelExplanation
from hbi.explanation.players import Word
from hbi.explanation.solve.from_tokens import words_in
from hbi.games import (
    DualEncoderGame,
    DualEncoderIndices,
    neighbors_together,
    normalized_mean,
    solve_dual_encoder,
    solve_pair_scores,
)
from hbi.games.one_side import SideEncoder
from hbi.matching.explaining import MOST_LETTERS, ExplanationError, frames_of
from hbi.matching.frame_scores import scores_of_whole_frames
from hbi.matching.opened_model import OpenedModel
from hbi.matching.word_fits import with_word_fits
from hbi.models import GlobalContrastModel
from hbi.shapes import Level
from hbi.video.sample import VideoSample

WholeNetwork = GlobalContrastModel | DenseNetwork
TEXT_BUDGET, TEXT_BUDGET_OF_GPU = 256, 4096
"""Texts that are encoded for one explanation: all coalitions of 8 words, and of 12."""
VIDEO_BUDGET = 256
"""Videos that are encoded where frames see one another; where they do not, a coalition is a mean and costs nothing."""
TOWER_VIDEO_BUDGET = 64
"""The same where a whole video tower has to look at each."""
MOST_PLAYING_WORDS, MOST_PLAYING_FRAMES = 40, 16
"""More than these play together with their neighbors."""
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
    if (longest := max(map(len, text.split()), default=0)) > MOST_LETTERS_OF_WORD:
        raise ExplanationError(f"a word of the text has {longest} letters: write at most {MOST_LETTERS_OF_WORD}")
    words = words_in(text)
    if not any(character.isalnum() for character in text):
        raise ExplanationError(f"the text {text!r} holds no words: describe something that the video may show")
    if len(words) > MOST_WORDS:
        raise ExplanationError(f"the text has {len(words)} words: write at most {MOST_WORDS}")
    return words


def drawn_of(count: int, num_players: int, what: str, of: str) -> str:
    """Return a sentence on how many coalitions were encoded.

    Args:
        count: Of them.
        num_players: Who could make others.
        what: What was encoded: texts or videos.
        of: Who makes them: words or frames.
    """
    every = f"{2**num_players - 1:,}" if num_players < 30 else f"2^{num_players}"
    return f"{count} of the {every} {what} that the {of} can make were encoded"


@torch.inference_mode()
def explain_wholes(
    opened: OpenedModel,
    network: WholeNetwork,
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
    budget = text_budget_of(opened, min(len(words), MOST_PLAYING_WORDS), text_budget)
    game = _WholeGame(opened, network, text, words, sample)
    indices = game.solve(budget, torch.Generator().manual_seed(seed))
    tokens = opened.tokenize([text])
    unread = remark_on_unread(text, tokens.spans[0], opened.max_words) if tokens.spans.any() else None
    frames = frames_of(sample)
    explanation = Explanation(
        text=text,
        video=Path(sample.frames.path).name,
        duration_seconds=min(max(sample.frames.video_end_seconds, frames[-1].end_seconds), MOST_SECONDS),
        words=words,
        frames=frames,
        levels=(explained_level(indices, game.word_groups, game.groups),),
        similarity=float(indices.value),
        model=opened.name,
        remark="; ".join(filter(None, [sample.frames.damage, unread, *game.remarks(indices)])) or None,
        score=network.score,
        words_at_input=True,
    )
    return with_word_fits(explanation, opened, scores_of_whole_frames(network, game.content))


def encode_strings(
    opened: OpenedModel, network: WholeNetwork, whole: str, texts: Sequence[str]
) -> Float[Tensor, "text width"]:
    """Return the vectors of texts, in batches; the text that keeps all words is encoded as it was written.

    Args:
        opened: Whose tokenizer is used.
        network: What encodes.
        whole: The text as it was written.
        texts: What is left of it.
    """
    joined, parts = " ".join(whole.split()), []
    for start in range(0, len(texts), AT_ONCE):
        tokens = opened.tokenize([whole if text == joined else text for text in texts[start : start + AT_ONCE]])
        ids, mask = (each.to(opened.device) for each in (tokens.input_ids, tokens.attention_mask))
        parts.append(network.encode_texts(ids, mask).float())
    return torch.cat(parts)


class _WholeGame:
    """The game of one text with one video: what is encoded, once for each coalition of words and of frames."""

    def __init__(
        self, opened: OpenedModel, network: WholeNetwork, text: str, words: Sequence[Word], sample: VideoSample
    ) -> None:
        self._opened, self._network, self._text, self._words = opened, network, text, words
        pixels = sample.frames.pixels
        self.word_groups = neighbors_together(len(words), MOST_PLAYING_WORDS)
        self.groups = neighbors_together(len(pixels), MOST_PLAYING_FRAMES)
        self.content = opened.network_input(pixels[None].to(opened.device))
        self._is_cosine = network.score == "cosine similarity"
        if not self._has_video_side:
            everybody = torch.ones(1, len(pixels), dtype=torch.bool, device=opened.device)
            self.content = network.frame_features(self.content, everybody)

    @property
    def _has_video_side(self) -> bool:
        return isinstance(self._network, GlobalContrastModel) and self._network.encoder.has_video_side

    def solve(self, text_budget: int, generator: torch.Generator) -> DualEncoderIndices:
        """Return the indices, with at most so many texts encoded."""
        num_words, num_frames = (int(groups.max()) + 1 for groups in (self.word_groups, self.groups))
        video_budget = max(TOWER_VIDEO_BUDGET if self._has_video_side else VIDEO_BUDGET, _fewest(num_frames))
        if not self._network.has_own_text_vectors:
            return solve_pair_scores(
                lambda words, frames: self._network.similarity(self._texts(words), self._videos(frames)).cpu(),
                num_words,
                num_frames,
                text_budget=text_budget,
                video_budget=video_budget,
                generator=generator,
            )
        videos: SideEncoder = lambda frames: self._compared(self._videos(frames))  # noqa: E731 (typed)
        if self._network.frames_are_averaged:
            video_budget, videos = 2**MOST_PLAYING_FRAMES, self._mean()
        game = DualEncoderGame(lambda words: self._compared(self._texts(words)), videos, num_words, num_frames)
        return solve_dual_encoder(game, text_budget=text_budget, video_budget=video_budget, generator=generator)

    def remarks(self, indices: DualEncoderIndices) -> list[str]:
        """Return sentences on what was drawn, on frames that play together, and on what a frame that is out shows."""
        found = []
        for count, num_players, what, of in (
            (indices.num_texts, indices.num_words, "texts", "words"),
            (indices.num_videos, indices.num_frames, "videos", "frames"),
        ):
            if count < 2**num_players - 1:
                found.append(drawn_of(count, num_players, what, of))
        for groups, of in ((self.word_groups, "words"), (self.groups, "frames")):
            if (num_groups := int(groups.max()) + 1) < len(groups):
                found.append(f"{len(groups)} {of} play in {num_groups} groups of neighbors")
        if isinstance(self._network, GlobalContrastModel) and self._network.encoder.fills_gaps:
            found.append("a frame that is out shows the one before it: the model takes clips of one length")
        return found

    def _compared(self, vectors: Float[Tensor, "item width"]) -> Float[Tensor, "item width"]:
        return (normalize(vectors, dim=-1) if self._is_cosine else vectors).cpu()

    def _mean(self) -> SideEncoder:
        """Return the mean of the frames in a coalition, without encoding anything."""
        features = self.content[0].float().cpu()
        if self._is_cosine:
            mean = normalized_mean(features, is_normalized_first=True)
            return lambda frames: mean(frames[:, self.groups])

        def plain(frames: Bool[Tensor, "coalition player"]) -> Float[Tensor, "coalition width"]:
            inside = frames[:, self.groups].to(features)
            return inside @ features / inside.sum(-1, keepdim=True)

        return plain

    def _texts(self, coalitions: Bool[Tensor, "coalition word"]) -> Float[Tensor, "coalition width"]:
        """Return the vectors of what is left of the text; the whole text is encoded as it was written."""
        return encode_strings(
            self._opened, self._network, self._text, texts_of(self._words, coalitions[:, self.word_groups])
        )

    def _videos(self, coalitions: Bool[Tensor, "coalition player"]) -> Float[Tensor, "coalition *vectors width"]:
        """Return what stands for the video of each coalition of frames, as the network encodes it."""
        parts = []
        for kept in coalitions[:, self.groups].to(self.content.device).split(AT_ONCE):
            content = self.content.expand(len(kept), *self.content.shape[1:])
            parts.append(self._network.encode_videos(content, kept).float())
        return torch.cat(parts)


def text_budget_of(opened: OpenedModel, num_words: int, asked: int | None) -> int:
    """Return how many texts may be encoded: what was asked for, or what the device allows, if they can be drawn from.

    Args:
        opened: Where it computes decides.
        num_words: That play.
        asked: By the caller; None: nothing.
    """
    own = TEXT_BUDGET if opened.device.type == "cpu" else TEXT_BUDGET_OF_GPU
    return max(asked or own, _fewest(num_words))


def _fewest(num_players: int) -> int:
    """Return the smallest budget that coalitions of so many players can be drawn from."""
    return 2 * num_players + 17


def explained_level(
    indices: DualEncoderIndices,
    word_groups: Int[Tensor, " word"],
    frame_groups: Int[Tensor, " frame"],
    *,
    level: Level = "entity",
    weight: float = 1.0,
) -> LevelExplanation:
    """Return a level of an explanation from the indices of its game, with standard errors where they were drawn.

    Args:
        indices: Of the game.
        word_groups: For every word the player that it is a part of.
        frame_groups: The same for the frames.
        level: Its name.
        weight: Of the level in the score.
    """
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
        level=level,
        weight=weight,
        similarity=float(indices.value),
        word_groups=tuple(word_groups.tolist()),
        frame_groups=tuple(frame_groups.tolist()),
        interactions=interactions.values.numpy(),
        word_values=of_words.values.numpy(),
        frame_values=of_frames.values.numpy(),
        **errors,
    )
