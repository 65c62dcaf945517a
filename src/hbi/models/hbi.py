"""The network of the paper: three levels of words and frames, a game at each, and at will the whole beside them."""

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import PreTrainedModel

from hbi.encoders.encoder import Encoding
from hbi.encoders.sizes import ModelError
from hbi.games import LateInteractionGame
from hbi.models.config import HBIConfig
from hbi.models.from_encoder import FromEncoder, build_encoder
from hbi.models.head import InteractionHead
from hbi.models.outputs import Hierarchy, LevelOutput, MatchOutput, Players, matched_games
from hbi.models.released import padding_as_zeros
from hbi.models.token_hierarchy import TokenHierarchy
from hbi.ops import all_pairs_interaction, mean_token_similarity
from hbi.shapes import LEVELS, WHOLE, ComparedLevel, Level


class HBIModel(FromEncoder, PreTrainedModel):
    """Hierarchical Banzhaf Interaction: matches videos and texts at the entity, action and event level.

    A mean over words of their best frames cannot say what a sentence says as a whole. With a fourth weight
    (`config.level_weights`) the summaries of the towers are compared as well, as X-CLIP (Ma et al. 2022) compares
    several grains: with that weight alone, this network ranks as the global baseline does.

    `encode_texts` and `encode_videos` do everything that concerns one item, merging included; `similarity` compares
    any texts with any videos. `forward` does all of it for a batch of matched pairs and adds what training needs.
    """

    config_class = HBIConfig
    base_model_prefix = "hbi"
    _no_split_modules = ["CLIPEncoderLayer"]  # noqa: RUF012 (the name and form that transformers reads)

    def __init__(self, config: HBIConfig) -> None:
        super().__init__(config)
        self.encoder = build_encoder(config)
        self.encoder.freeze_unused(reads_summaries=config.has_whole)
        if config.has_whole and self.encoder.num_summary_vectors > 1:
            kind = config.encoder_config.model_type
            raise ModelError(
                f"encoders of type {kind!r} compare several vectors of a video: give three level_weights, or set "
                "aggregator='temporal'"
            )
        self.words = TokenHierarchy(config, config.merge_ratio)
        self.frames = TokenHierarchy(config, config.frame_merge_ratio or config.merge_ratio)
        self.heads = nn.ModuleDict({level: InteractionHead(channels=config.head_channels) for level in LEVELS})
        if config.learns_level_weights:
            self.level_logits = nn.Parameter(torch.tensor(config.level_weights).log())
        self.post_init()

    def encode_texts(self, input_ids: Int[Tensor, "text word"], attention_mask: Int[Tensor, "text word"]) -> Hierarchy:
        """Return words, phrases and sentences of tokenized texts."""
        return self.players_of(self.words, self.encoder.encode_texts(input_ids, attention_mask))

    def encode_videos(
        self, pixels: Float[Tensor, "video frame *content"], mask: Bool[Tensor, "video frame"]
    ) -> Hierarchy:
        """Return frames, clips and segments of videos, from pixels or from features (see `Encoder.encode_videos`)."""
        return self.players_of(self.frames, self.encoder.encode_videos(pixels, mask))

    def players_of(self, side: TokenHierarchy, encoding: Encoding) -> Hierarchy:
        """Return the players of every level, from what the towers gave: all texts and all videos go through here.

        Args:
            side: `words` or `frames`, which merges and weighs.
            encoding: Of texts or of videos.
        """
        hierarchy: Hierarchy = side(encoding.sequence)
        return hierarchy.with_whole(encoding.summary) if self.config.has_whole else hierarchy

    @property
    def weight_of_level(self) -> dict[ComparedLevel, float]:
        """The weight of each level in the similarity that ranks: as given (they need not sum to 1), or as learned."""
        if not self.config.learns_level_weights:
            return self.config.weight_of_level
        return dict(zip(self.config.compared_levels, self._learned_weights().tolist(), strict=True))

    def _learned_weights(self) -> Float[Tensor, " level"]:
        return self.level_logits.float().softmax(0)

    def level_similarities(
        self, texts: Hierarchy, videos: Hierarchy
    ) -> dict[ComparedLevel, Float[Tensor, "text video"]]:
        """Return the similarity of every text and video at each level, and as a whole if it counts; in [-1, 1]."""
        return {
            level: self._level_similarity(self.compared(texts, level), self.compared(videos, level))
            for level in self.config.compared_levels
        }

    def _level_similarity(self, words: Players, frames: Players) -> Float[Tensor, "text video"]:
        word_tokens, frame_tokens = words.sequence.tokens.float(), frames.sequence.tokens.float()
        if self.config.interaction == "global":
            return mean_token_similarity(word_tokens, frame_tokens, words.weights, frames.weights)
        return all_pairs_interaction(
            word_tokens, frame_tokens, words.weights, frames.weights, words.sequence.mask, frames.sequence.mask
        )

    def compared(self, hierarchy: Hierarchy, level: ComparedLevel) -> Players:
        """Return who is compared at a level: the players, and in the released code padding as well."""
        players = hierarchy.levels[level]
        return padding_as_zeros(players) if self.config.released_behavior else players

    def combine(self, similarities: Mapping[ComparedLevel, Float[Tensor, "text video"]]) -> Float[Tensor, "text video"]:
        """Return the similarity that ranks: the mean of the levels by their weights, given or learned."""
        levels = self.config.compared_levels
        if self.config.learns_level_weights:
            stacked_LAB = torch.stack([similarities[level] for level in levels])
            return (self._learned_weights()[:, None, None] * stacked_LAB).sum(0)
        weights = self.config.weight_of_level
        total = sum(weights.values())
        return sum((weights[level] / total * similarities[level] for level in levels), start=torch.zeros(()))

    def similarity(self, texts: Hierarchy, videos: Hierarchy) -> Float[Tensor, "text video"]:
        """Return the similarity that ranks, of every text with every video."""
        return self.combine(self.level_similarities(texts, videos))

    def games(self, texts: Hierarchy, videos: Hierarchy) -> dict[ComparedLevel, LateInteractionGame]:
        """Return the games of matched pairs (text 0 with video 0, …) at each level; the whole has one player a side.

        The grand coalition of a level's game is worth that level's similarity.

        Raises:
            ModelError: The interaction is global: it compares wholes, there are no players.
        """
        if self.config.interaction == "global":
            raise ModelError("a model with global interaction plays no game: it compares whole texts and videos")
        return {
            level: matched_games(self.compared(texts, level), self.compared(videos, level))
            for level in self.config.compared_levels
        }

    def forward(
        self,
        input_ids: Int[Tensor, "text word"],
        attention_mask: Int[Tensor, "text word"],
        pixels: Float[Tensor, "video frame *content"],
        frame_mask: Bool[Tensor, "video frame"],
        video_of_text: Int[Tensor, " text"],
    ) -> MatchOutput:
        """Return similarities of all texts with all videos, and the games of each video with the first of its texts.

        Args:
            input_ids, attention_mask: The tokenized texts.
            pixels, frame_mask: Normalized pixels, or kept features, of the frames; which frames are real.
            video_of_text: The row of each text's video.
        """
        words, frames = self.encoder(input_ids, attention_mask, pixels, frame_mask)
        return self.match(words, frames, video_of_text)

    def match(self, words: Encoding, frames: Encoding, video_of_text: Int[Tensor, " text"]) -> MatchOutput:
        """Return what `forward` does, from encodings: everything that compares the items of a batch."""
        return self.compare(*self.merge(words, frames), video_of_text)

    def merge(self, words: Encoding, frames: Encoding) -> tuple[Hierarchy, Hierarchy]:
        """Return what `encode_texts` and `encode_videos` make of what their towers gave."""
        return self.players_of(self.words, words), self.players_of(self.frames, frames)

    def compare(self, texts: Hierarchy, videos: Hierarchy, video_of_text: Int[Tensor, " text"]) -> MatchOutput:
        """Return what `forward` does, from the players of every level.

        Args:
            texts, videos: What `encode_texts` and `encode_videos` gave.
            video_of_text: The row of each text's video.
        """
        similarities = self.level_similarities(texts, videos)
        if self.config.interaction == "global":
            return MatchOutput({}, self.combine(similarities), self.encoder.logit_scale)  # its contrast is that of all
        levels: dict[Level, LevelOutput] = {
            level: self._level_output(level, similarities[level], texts, videos, video_of_text) for level in LEVELS
        }
        return MatchOutput(
            levels,
            self.combine(similarities),
            self.encoder.logit_scale,
            similarities.get(WHOLE),
            self.config.learns_level_weights,
        )

    def _level_output(
        self,
        level: Level,
        similarity: Float[Tensor, "text video"],
        texts: Hierarchy,
        videos: Hierarchy,
        video_of_text: Int[Tensor, " text"],
    ) -> LevelOutput:
        words, frames = self.compared(texts, level), self.compared(videos, level)
        first = _first_text(video_of_text, len(videos))
        game = matched_games(words[first], frames)
        real_words, real_frames = texts.levels[level].sequence.mask[first], videos.levels[level].sequence.mask
        cells = real_words[:, :, None] & real_frames[:, None, :]
        # The head sees zeros at padding, whatever stands there, and of padding only what plays (in the released code).
        playing = words.sequence.mask[first][:, :, None] & frames.sequence.mask[:, None, :]
        predicted = self.heads[level](game.similarity * cells, playing)
        return LevelOutput(similarity, words, frames, game, predicted, cells)


def _first_text(video_of_text: Int[Tensor, " text"], num_videos: int) -> Int[Tensor, " video"]:
    is_own = video_of_text[None, :] == torch.arange(num_videos, device=video_of_text.device)[:, None]
    return is_own.int().argmax(dim=1)
