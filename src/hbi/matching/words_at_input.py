"""HBI's own match explained with words at the input: a word that is out is taken out of the text before it is encoded.

The token of a word also knows its neighbors, so that a game of tokens credits a word with what these say
(docs/results/words.md). Here every coalition of words is a text of its own, encoded once for all levels; what it is
worth with each coalition of frames has a closed form (`hbi.games.solve_words_at_input`). Words stay as they are at
every level; frames are merged into clips and segments.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from hbi.encoders.tokenizer import remark_on_unread
from hbi.explanation.checks import MOST_CELLS, MOST_SECONDS
from hbi.explanation.explanation import Explanation
from hbi.explanation.level import LevelExplanation, WholeSimilarity
from hbi.explanation.players import Word
from hbi.games import DualEncoderIndices, LateInteractionGame, WordsAtInputGame, solve_words_at_input
from hbi.matching.explaining import ExplanationError, frames_of, padded_frames
from hbi.matching.explaining_wholes import (
    AT_ONCE,
    MOST_PLAYING_WORDS,
    drawn_of,
    explained_level,
    players_in,
    text_budget_of,
    texts_of,
)
from hbi.matching.frame_scores import scores_of_frame_tokens
from hbi.matching.opened_model import OpenedModel
from hbi.matching.word_fits import with_word_fits
from hbi.models import HBIModel, Hierarchy
from hbi.shapes import LEVELS, WHOLE, ComparedLevel, Level
from hbi.video.sample import VideoSample


@torch.inference_mode()
def explain_words_at_input(
    opened: OpenedModel,
    network: HBIModel,
    text: str,
    sample: VideoSample,
    *,
    text_budget: int | None = None,
    seed: int = 0,
) -> Explanation:
    """Return the explanation of a text and a video whose words are taken out of the text, at every level.

    Exact while all coalitions of words fit the budget, else drawn, with a standard error for every number.

    Args:
        opened: Whose preprocessing is used.
        network: What encodes; it compares words with frames.
        text: What the video may show.
        sample: The frames of the video.
        text_budget: Texts that may be encoded; None: 256 on a processor, 4,096 on a GPU.
        seed: Of the coalitions that are drawn where there are too many.

    Raises:
        ExplanationError: The text holds no words, or there are more words and frames than can be drawn.
    """
    words, frames = players_in(text), frames_of(sample)
    if (num_cells := len(words) * len(frames)) > MOST_CELLS:
        raise ExplanationError(f"{num_cells} pairs of a word and a frame are too many to be drawn: take fewer frames")
    if len(words) > MOST_PLAYING_WORDS:
        raise ExplanationError(
            f"the text has {len(words)} words: with words at the input write at most {MOST_PLAYING_WORDS}, or explain "
            "tokens"
        )
    budget = text_budget_of(opened, len(words), text_budget)
    games = _Games(opened, network, text, words, _encoded_video(opened, network, sample))
    weights = network.weight_of_level
    total = sum(weights.values())
    levels = tuple(_solved(games, level, weights[level] / total, len(frames), budget, seed) for level in LEVELS)
    whole = WholeSimilarity(weights[WHOLE] / total, games.whole()) if WHOLE in weights else None
    tokens = opened.tokenize([text])
    unread = remark_on_unread(text, tokens.spans[0], opened.max_words)
    num_texts, num_coalitions = games.num_texts, 2 ** len(words) - 1
    drawn = drawn_of(num_texts, len(words), "texts", "words")
    explanation = Explanation(
        text=text,
        video=Path(sample.frames.path).name,
        duration_seconds=min(max(sample.frames.video_end_seconds, frames[-1].end_seconds), MOST_SECONDS),
        words=words,
        frames=frames,
        levels=levels,
        similarity=sum(part.weight * part.similarity for part in levels) + (whole.contribution if whole else 0.0),
        model=opened.name,
        remark="; ".join(filter(None, [sample.frames.damage, unread, drawn if num_texts < num_coalitions else None]))
        or None,
        words_at_input=True,
        whole=whole,
    )
    tokens_of_frames = games.video.levels["entity"].sequence.tokens[0, : len(frames)]
    return with_word_fits(explanation, opened, scores_of_frame_tokens(network, tokens_of_frames))


def _encoded_video(opened: OpenedModel, network: HBIModel, sample: VideoSample) -> Hierarchy:
    """Return frames, clips and segments, as a batch of one; padded where what the network computes depends on it."""
    own = sample.frames.pixels
    pixels, mask = padded_frames(own, opened.num_frames if network.config.released_behavior else len(own))
    return network.encode_videos(opened.network_input(pixels[None]), mask[None].to(opened.device))


@dataclass(eq=False)
class _Games:
    """The games of what is left of a text with one video; each text is encoded once, whatever level asks first."""

    opened: OpenedModel
    network: HBIModel
    text: str
    words: Sequence[Word]
    video: Hierarchy
    encoded: dict[bytes, dict[ComparedLevel, LateInteractionGame]] = field(default_factory=dict)
    num_texts: int = 0

    def of_level(self, level: Level, coalitions: Bool[Tensor, "coalition word"]) -> LateInteractionGame:
        """Return one game for each coalition of words."""
        key = coalitions.numpy().tobytes()
        if key not in self.encoded:
            self.num_texts += len(coalitions)
            self.encoded[key] = self._games(texts_of(self.words, coalitions))
        return self.encoded[key][level]

    def whole(self) -> float:
        """Return the similarity of the text as it was written with the video, each as a whole."""
        return float(self._games([self.text])[WHOLE].similarity)

    def _games(self, texts: Sequence[str]) -> dict[ComparedLevel, LateInteractionGame]:
        """Return the games of all levels; the text that keeps all words is encoded as it was written."""
        joined, parts = " ".join(self.text.split()), []
        for start in range(0, len(texts), AT_ONCE):
            batch = [self.text if text == joined else text for text in texts[start : start + AT_ONCE]]
            tokens = self.opened.tokenize(batch)
            ids, mask = (each.to(self.opened.device) for each in (tokens.input_ids, tokens.attention_mask))
            same_video = self.video[torch.zeros(len(batch), dtype=torch.long, device=self.opened.device)]
            parts.append(self.network.games(self.network.encode_texts(ids, mask), same_video))
        return {level: _joined([part[level] for part in parts]) for level in parts[0]}


def _joined(games: Sequence[LateInteractionGame]) -> LateInteractionGame:
    """Return the games of several batches as one, in float64 on the CPU; missing words are masked."""
    most = max(game.num_words for game in games)
    columns: dict[str, list[Tensor]] = {}
    for game in games:
        lacking = most - game.num_words
        everybody = torch.ones(len(game.similarity), game.num_frames, dtype=torch.bool)
        real = everybody.new_ones(len(game.similarity), game.num_words) if game.word_mask is None else game.word_mask
        values = {
            "similarity": torch.nn.functional.pad(game.similarity.double(), (0, 0, 0, lacking)),
            "word_weights": torch.nn.functional.pad(game.word_weights.double(), (0, lacking)),
            "frame_weights": game.frame_weights.double(),
            "word_mask": torch.nn.functional.pad(real, (0, lacking)),
            "frame_mask": everybody if game.frame_mask is None else game.frame_mask,
        }
        for name, value in values.items():
            columns.setdefault(name, []).append(value.cpu())
    joined: dict[str, Any] = {name: torch.cat(parts) for name, parts in columns.items()}
    return replace(games[0], weight_spread=None, **joined)


def _solved(
    games: _Games, level: Level, weight: float, num_frames: int, text_budget: int, seed: int
) -> LevelExplanation:
    """Return one level, solved; the same seed draws the same texts for every level."""
    members = games.video.levels[level].sequence.members[0, :num_frames].cpu()
    width = games.video.levels[level].sequence.mask.shape[1]
    game = WordsAtInputGame(lambda words: games.of_level(level, words), len(games.words), width)
    generator = torch.Generator().manual_seed(seed)
    indices: DualEncoderIndices = solve_words_at_input(game, text_budget=text_budget, generator=generator)
    return explained_level(indices, torch.arange(len(games.words)), members, level=level, weight=weight)
