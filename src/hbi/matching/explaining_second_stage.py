"""Why a second stage scores a pair as it does: the game of its score, words and frames being left out of the input.

    value(words, frames) = score of the text without the other words with the video without the other frames

A cross-encoder has no vector of a text or a video alone, so that every text is compared with every video
(`hbi.games.solve_pair_scores`): exact while all coalitions fit, else drawn, with a standard error for every number.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hbi.encoders.tokenizer import remark_on_unread
from hbi.explanation.checks import MOST_SECONDS
from hbi.explanation.explanation import Explanation
from hbi.explanation.players import Word
from hbi.games import DualEncoderIndices, neighbors_together, solve_pair_scores
from hbi.matching.explaining import frames_of
from hbi.matching.explaining_wholes import (
    AT_ONCE,
    MOST_PLAYING_FRAMES,
    MOST_PLAYING_WORDS,
    drawn_of,
    explained_level,
    players_in,
    text_budget_of,
    texts_of,
)
from hbi.matching.frame_scores import scores_of_frame_tokens
from hbi.matching.matcher import Matcher
from hbi.matching.second_stage import SecondStage, require_tokens, tokens_of
from hbi.matching.word_fits import with_word_fits
from hbi.models import HBIModel, Hierarchy
from hbi.video.sample import VideoSample

VIDEO_BUDGET = 64
"""Coalitions of frames: each is compared with every coalition of words."""


@torch.inference_mode()
def explain_second_stage(
    second_stage: SecondStage,
    matcher: Matcher,
    text: str,
    sample: VideoSample,
    *,
    text_budget: int | None = None,
    video_budget: int | None = None,
    seed: int = 0,
) -> Explanation:
    """Return the explanation of a second stage's score of a text and a video; its values sum to the score.

    Args:
        second_stage: What scores.
        matcher: The model whose tokens it reads.
        text: What the video may show.
        sample: The frames of the video.
        text_budget: Texts that may be encoded; None: 256 on a processor, 4,096 on a GPU.
        video_budget: Coalitions of frames that may be encoded; None: 64, or as many as can be drawn from.
        seed: Of the coalitions that are drawn where there are too many.

    Raises:
        ExplanationError: The text holds no words, or more than can be drawn.
        HBIError: The model compares wholes.
    """
    require_tokens(matcher)
    words, frames = players_in(text), frames_of(sample)
    game = _PairGame(second_stage, matcher, text, words, sample)
    indices = game.solve(text_budget, video_budget, torch.Generator().manual_seed(seed))
    unread = remark_on_unread(text, matcher.tokenize([text]).spans[0], matcher.max_words)
    explanation = Explanation(
        text=text,
        video=Path(sample.frames.path).name,
        duration_seconds=min(max(sample.frames.video_end_seconds, frames[-1].end_seconds), MOST_SECONDS),
        words=words,
        frames=frames,
        levels=(explained_level(indices, game.word_groups, game.frame_groups),),
        similarity=float(indices.value),
        model=f"{matcher.name} with {second_stage.name}",
        remark="; ".join(filter(None, [sample.frames.damage, unread, *_remarks(indices)])) or None,
        score="second-stage score",
        words_at_input=True,
    )
    tokens = game.whole_video.levels["entity"].sequence.tokens[0, : len(frames)]
    return with_word_fits(explanation, matcher, scores_of_frame_tokens(game.network, tokens))


class _PairGame:
    """The scores of what is left of a text with what is left of a video."""

    def __init__(
        self, second_stage: SecondStage, matcher: Matcher, text: str, words: Sequence[Word], sample: VideoSample
    ) -> None:
        assert isinstance(matcher.model, HBIModel)  # `require_tokens` was asked
        self.network: HBIModel = matcher.model
        self._second_stage, self._matcher, self._text, self._words = second_stage, matcher, text, words
        pixels = sample.frames.pixels
        self.word_groups = neighbors_together(len(words), MOST_PLAYING_WORDS)
        self.frame_groups = neighbors_together(len(pixels), MOST_PLAYING_FRAMES)
        everybody = torch.ones(1, len(pixels), dtype=torch.bool, device=matcher.device)
        content = matcher.network_input(pixels[None])
        self.whole_video: Hierarchy = self.network.encode_videos(content, everybody)
        encoder = self.network.encoder
        self._content = content if encoder.has_video_side else encoder.frame_features(content, everybody)

    def solve(
        self, text_budget: int | None, video_budget: int | None, generator: torch.Generator
    ) -> DualEncoderIndices:
        """Return the indices, with at most so many texts and videos encoded."""
        num_words, num_frames = (int(groups.max()) + 1 for groups in (self.word_groups, self.frame_groups))
        return solve_pair_scores(
            self.scores,
            num_words,
            num_frames,
            text_budget=text_budget_of(self._matcher, num_words, text_budget),
            video_budget=max(video_budget or VIDEO_BUDGET, 2 * num_frames + 17),
            generator=generator,
        )

    def scores(
        self, words: Bool[Tensor, "text player"], frames: Bool[Tensor, "video player"]
    ) -> Float[Tensor, "text video"]:
        """Return the score of every coalition of words with every coalition of frames."""
        videos = [
            self.network.encode_videos(self._content.expand(len(kept), *self._content.shape[1:]), kept)
            for kept in frames[:, self.frame_groups].to(self._matcher.device).split(AT_ONCE)
        ]
        left = texts_of(self._words, words[:, self.word_groups])
        joined = " ".join(self._text.split())
        own = [self._text if each == joined else each for each in left]  # all words: the text as it was written
        encoded = [self._matcher.encode_texts(own[start : start + AT_ONCE]) for start in range(0, len(own), AT_ONCE)]
        similarity = torch.cat(
            [torch.cat([self._matcher.similarity(each, block) for block in videos], dim=1) for each in encoded]
        )
        everything = torch.arange(len(frames)).expand(len(own), -1)
        hierarchies = [each.encoding for each in encoded]
        return self._second_stage.of_candidates(tokens_of(hierarchies), tokens_of(videos), everything, similarity)


def _remarks(indices: DualEncoderIndices) -> list[str]:
    """Return sentences on what was drawn."""
    counts = (
        (indices.num_texts, indices.num_words, "texts", "words"),
        (indices.num_videos, indices.num_frames, "videos", "frames"),
    )
    return [
        drawn_of(count, num_players, what, of) for count, num_players, what, of in counts if count < 2**num_players - 1
    ]
