"""The network of the paper: three levels of words and frames, and a game at each."""

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import PreTrainedModel

from hbi.games import BanzhafEstimator, LateInteractionGame
from hbi.models.config import HBIConfig
from hbi.models.encoder import Encoder
from hbi.models.merger import TokenMerger
from hbi.models.outputs import Encoding, Hierarchy, LevelOutput, MatchOutput, Players
from hbi.ops import TokenSequence, pair_token_similarity, token_similarity, weighted_token_interaction
from hbi.shapes import LEVELS, Level


class Side(nn.Module):
    """One side of the match, words or frames: two merges, and a weight for every token at each of the three levels."""

    def __init__(self, config: HBIConfig) -> None:
        super().__init__()
        width = config.width
        self.mergers = nn.ModuleList(
            TokenMerger(width, ratio=ratio, num_heads=config.merge_heads, num_neighbors=config.num_neighbors)
            for ratio in config.merge_ratio
        )
        self.weight_heads = nn.ModuleDict(
            {level: nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1)) for level in LEVELS}
        )

    def forward(self, sequence: TokenSequence) -> Hierarchy:
        """Return the players of every level."""
        sequences = [sequence]
        for merger in self.mergers:
            sequences.append(merger(sequences[-1]))
        return Hierarchy(
            {
                level: Players(tokens, self._weights(self.weight_heads[level], tokens))
                for level, tokens in zip(LEVELS, sequences, strict=True)
            }
        )

    @staticmethod
    def _weights(head: nn.Module, sequence: TokenSequence) -> Float[Tensor, "batch token"]:
        """Return softmax weights over the real tokens; zeros where there is none."""
        logits = head(sequence.tokens).squeeze(-1).float()
        lowest = torch.finfo(logits.dtype).min
        return logits.masked_fill(~sequence.mask, lowest).softmax(-1) * sequence.mask


class HBIModel(PreTrainedModel):
    """Hierarchical Banzhaf Interaction: matches videos and texts at the entity, action and event level.

    `encode_texts` and `encode_videos` do everything that concerns one item, merging included; `similarity` compares
    any texts with any videos. `forward` does all of it for a batch of matched pairs and adds what training needs.
    """

    config_class = HBIConfig
    base_model_prefix = "hbi"
    _no_split_modules = ["CLIPEncoderLayer"]  # noqa: RUF012 (the name and form that transformers reads)

    def __init__(self, config: HBIConfig) -> None:
        super().__init__(config)
        self.encoder = Encoder(config)
        self.words = Side(config)
        self.frames = Side(config)
        self.heads = nn.ModuleDict({level: BanzhafEstimator(channels=config.head_channels) for level in LEVELS})
        self.post_init()

    def encode_texts(self, input_ids: Int[Tensor, "text word"], attention_mask: Int[Tensor, "text word"]) -> Hierarchy:
        """Return words, phrases and sentences of tokenized texts."""
        return self.words(self.encoder.encode_texts(input_ids, attention_mask).sequence)

    def encode_videos(
        self, pixels: Float[Tensor, "video frame channel height width"], mask: Bool[Tensor, "video frame"]
    ) -> Hierarchy:
        """Return frames, clips and segments of videos."""
        return self.frames(self.encoder.encode_videos(pixels, mask).sequence)

    def level_similarities(self, texts: Hierarchy, videos: Hierarchy) -> dict[Level, Float[Tensor, "text video"]]:
        """Return the similarity of every text and video at each level, in [-1, 1]."""
        similarities: dict[Level, Tensor] = {}
        for level in LEVELS:
            words, frames = texts.levels[level], videos.levels[level]
            similarities[level] = weighted_token_interaction(
                token_similarity(words.sequence.tokens.float(), frames.sequence.tokens.float()),
                words.weights,
                frames.weights,
                words.sequence.mask,
                frames.sequence.mask,
            )
        return similarities

    def combine(self, similarities: Mapping[Level, Float[Tensor, "text video"]]) -> Float[Tensor, "text video"]:
        """Return the similarity that ranks: the mean of the levels by `config.level_weights`."""
        weights = dict(zip(LEVELS, self.config.level_weights, strict=True))
        total = sum(weights.values())
        return sum((weights[level] / total * similarities[level] for level in LEVELS), start=torch.zeros(()))

    def similarity(self, texts: Hierarchy, videos: Hierarchy) -> Float[Tensor, "text video"]:
        """Return the similarity that ranks, of every text with every video."""
        return self.combine(self.level_similarities(texts, videos))

    def games(self, texts: Hierarchy, videos: Hierarchy) -> dict[Level, LateInteractionGame]:
        """Return the games of matched pairs (text 0 with video 0, …) at each level.

        The grand coalition of a level's game is worth that level's similarity.
        """
        games: dict[Level, LateInteractionGame] = {}
        for level in LEVELS:
            words, frames = texts.levels[level], videos.levels[level]
            games[level] = LateInteractionGame(
                pair_token_similarity(words.sequence.tokens.float(), frames.sequence.tokens.float()),
                words.weights,
                frames.weights,
                word_mask=words.sequence.mask,
                frame_mask=frames.sequence.mask,
                normalize_weights=True,
                floor_at_zero=False,
            )
        return games

    def forward(
        self,
        input_ids: Int[Tensor, "text word"],
        attention_mask: Int[Tensor, "text word"],
        pixels: Float[Tensor, "video frame channel height width"],
        frame_mask: Bool[Tensor, "video frame"],
        video_of_text: Int[Tensor, " text"],
    ) -> MatchOutput:
        """Return similarities of all texts with all videos, and the games of each video with the first of its texts."""
        words, frames = self.encoder(input_ids, attention_mask, pixels, frame_mask)
        return self.match(words, frames, video_of_text)

    def match(self, words: Encoding, frames: Encoding, video_of_text: Int[Tensor, " text"]) -> MatchOutput:
        """Return what `forward` does, from encodings: everything that compares the items of a batch with one another."""
        texts, videos = self.words(words.sequence), self.frames(frames.sequence)
        similarities = self.level_similarities(texts, videos)
        texts_of_videos = texts[_first_text(video_of_text, len(videos))]
        games = self.games(texts_of_videos, videos)
        levels: dict[Level, LevelOutput] = {
            level: self._level_output(level, similarities[level], games[level], texts_of_videos, videos)
            for level in LEVELS
        }
        return MatchOutput(levels, self.combine(similarities), self.encoder.logit_scale)

    def _level_output(
        self,
        level: Level,
        similarity: Float[Tensor, "text video"],
        game: LateInteractionGame,
        texts: Hierarchy,
        videos: Hierarchy,
    ) -> LevelOutput:
        words, frames = texts.levels[level].sequence.mask, videos.levels[level].sequence.mask
        cells = words[:, :, None] & frames[:, None, :]
        # The head sees zeros at padding, whatever stands there.
        return LevelOutput(similarity, game, self.heads[level](game.similarity * cells), cells)


def _first_text(video_of_text: Int[Tensor, " text"], num_videos: int) -> Int[Tensor, " video"]:
    is_own = video_of_text[None, :] == torch.arange(num_videos, device=video_of_text.device)[:, None]
    return is_own.int().argmax(dim=1)
