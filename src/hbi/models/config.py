"""`HBIConfig`: every size and choice of the network, saved beside its weights."""

from collections.abc import Sequence
from typing import Any

from transformers import CLIPConfig, PreTrainedConfig


class HBIConfig(PreTrainedConfig):
    """The configuration of `HBIModel` and of the global baseline, which share their encoder.

    Args:
        clip_config: The CLIP towers: any `transformers` CLIP configuration, as a dictionary or an object.
        max_words: Tokens of a text, start and end marks included; longer texts are cut.
        max_frames: Frames of a video that the temporal transformer has positions for.
        temporal_layers: Layers of the temporal transformer over frames; 0 leaves frames as they are.
        merge_ratio: Merged tokens per token, (entity to action, action to event).
        merge_heads: Attention heads of the block that refines merged tokens.
        num_neighbors: Neighbors in the density of DPC-KNN clustering.
        level_weights: Weight of the entity, action and event level in the similarity that ranks.
        head_channels: Channels of the network that predicts a level's interaction map.
    """

    model_type = "hbi"
    sub_configs = {"clip_config": CLIPConfig}  # noqa: RUF012 (the name and form that transformers reads)

    def __init__(
        self,
        clip_config: dict[str, Any] | CLIPConfig | None = None,
        max_words: int = 32,
        max_frames: int = 12,
        temporal_layers: int = 4,
        merge_ratio: Sequence[float] = (0.25, 0.5),
        merge_heads: int = 8,
        num_neighbors: int = 3,
        level_weights: Sequence[float] = (0.5, 0.3, 0.2),
        head_channels: int = 64,
        **kwargs: Any,
    ) -> None:
        is_built = isinstance(clip_config, CLIPConfig)
        self.clip_config: Any = clip_config if is_built else CLIPConfig(**(clip_config or {}))
        self.max_words = max_words
        self.max_frames = max_frames
        self.temporal_layers = temporal_layers
        self.merge_ratio = tuple(merge_ratio)
        self.merge_heads = merge_heads
        self.num_neighbors = num_neighbors
        self.level_weights = tuple(level_weights)
        self.head_channels = head_channels
        super().__init__(**kwargs)

    @property
    def width(self) -> int:
        """The width of word and frame tokens: CLIP's projection."""
        return int(self.clip_config.projection_dim)
