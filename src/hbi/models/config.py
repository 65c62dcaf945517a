"""`HBIConfig`: every size and choice of the network, saved beside its weights."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, get_args

from transformers import CLIPConfig, PreTrainedConfig

from hbi.errors import HBIError
from hbi.shapes import LEVELS, Level

Aggregator: TypeAlias = Literal["temporal", "lstm", "none"]
"""How frames come to know of one another."""
Interaction: TypeAlias = Literal["weighted", "plain", "global"]
"""How the words and frames of a level become one similarity."""
Stem: TypeAlias = Literal["patch", "convolutional"]
"""How frames become patch tokens."""


PAPER_FRAMES = 12
"""Of a video, in most experiments of the paper; its released weights have positions for more."""


class ModelError(HBIError):
    """A network cannot be what a configuration asks for, or cannot do what is asked of it."""


_WIDTH = (1, 2**17)
_LAYERS = (1, 1000)
_SIZES = {
    "max_words": (1, 100_000),
    "max_frames": (1, 100_000),
    "num_frames": (1, 100_000),
    "temporal_layers": (0, _LAYERS[1]),
    "merge_heads": _WIDTH,
    "num_neighbors": (1, 100_000),
    "head_channels": _WIDTH,
}
"""Least and most; far above what anybody trains, so that a slip is named before it fills the memory."""
_TOWER = {
    "hidden_size": _WIDTH,
    "intermediate_size": (1, 2**20),
    "num_hidden_layers": _LAYERS,
    "num_attention_heads": _WIDTH,
}
_TEXT = {"vocab_size": (1, 2**27), "max_position_embeddings": (1, 100_000)}
_VISION = {"image_size": (1, 2**14), "patch_size": (1, 2**14), "num_channels": (1, 1000)}


def require_whole_numbers(config: Any, sizes: Mapping[str, tuple[int, int]], *, of: str = "") -> None:
    """Raise ModelError where a field is no whole number from its least to its most."""
    for name, (least, most) in sizes.items():
        value = getattr(config, name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ModelError(f"{of}{name}={value!r}: give a whole number from {least} to {most}")


def require_clip_sizes(clip: CLIPConfig) -> None:
    """Raise ModelError where a CLIP cannot have the sizes that its configuration asks for."""
    require_whole_numbers(clip, {"projection_dim": _WIDTH}, of="CLIP's ")
    for tower, own in (("text", _TEXT), ("vision", _VISION)):
        config = getattr(clip, f"{tower}_config")
        require_whole_numbers(config, {**_TOWER, **own}, of=f"CLIP's {tower} ")
        width, heads = config.hidden_size, config.num_attention_heads
        if width % heads:
            raise ModelError(f"CLIP's {tower} tower of width {width} cannot be split among {heads} heads")
    if clip.vision_config.patch_size > clip.vision_config.image_size:
        sizes = f"{clip.vision_config.patch_size} pixels, a picture {clip.vision_config.image_size}"
        raise ModelError(f"a patch has {sizes}: it must fit in")


class HBIConfig(PreTrainedConfig):
    """The configuration of `HBIModel` and of the global baseline, which share their encoder.

    Args:
        clip_config: The CLIP towers: any `transformers` CLIP configuration, as a dictionary or an object.
        stem: What cuts frames into patches: one wide convolution, as in CLIP, or several small ones, which learn shapes
            from little data.
        max_words: Tokens of a text, special tokens included; longer texts are cut.
        max_frames: Frames of a video that the temporal transformer has positions for.
        num_frames: Frames of a video that the network is shown; None: as many as it has positions for, but with
            `released_behavior` no more than the paper's 12.
        aggregator: What lets frames see one another: a transformer, an LSTM, or nothing.
        temporal_layers: Layers of the aggregator; 0 is the same as no aggregator.
        interaction: Token-wise with learned weights (paper, equation 1), token-wise with equal weights, or the cosine
            of each level's mean tokens, which has no game.
        weight_channels: Hidden width of the networks that weigh tokens; None: the width of the tokens.
        merge_ratio: Merged tokens per token, (entity to action, action to event).
        frame_merge_ratio: The same for frames where it is another; None: `merge_ratio` is for both.
        merge_heads: Attention heads of the block that refines merged tokens.
        num_neighbors: Neighbors in the density of DPC-KNN clustering.
        level_weights: Weight of the entity, action and event level in the similarity that ranks.
        head_channels: Channels of the network that predicts a level's interaction map.
        released_behavior: Compute as the authors' released code does, padding and special tokens counted: for their
            checkpoints (docs/method/released-code.md).

    Raises:
        ModelError: A stem, aggregator or interaction that does not exist; more words than CLIP has positions for; a
            size that no network can have, or more frames than it has positions for.
    """

    model_type = "hbi"
    sub_configs = {"clip_config": CLIPConfig}  # noqa: RUF012 (the name and form that transformers reads)

    def __init__(
        self,
        clip_config: dict[str, Any] | CLIPConfig | None = None,
        stem: str = "patch",
        max_words: int = 32,
        max_frames: int = 12,
        num_frames: int | None = None,
        aggregator: str = "temporal",
        temporal_layers: int = 4,
        interaction: str = "weighted",
        weight_channels: int | None = None,
        merge_ratio: Sequence[float] = (0.25, 0.5),
        frame_merge_ratio: Sequence[float] | None = None,
        merge_heads: int = 8,
        num_neighbors: int = 3,
        level_weights: Sequence[float] = (0.5, 0.3, 0.2),
        head_channels: int = 64,
        released_behavior: bool = False,
        **kwargs: Any,
    ) -> None:
        for name, value, choices in (
            ("stem", stem, get_args(Stem)),
            ("aggregator", aggregator, get_args(Aggregator)),
            ("interaction", interaction, get_args(Interaction)),
        ):
            if value not in choices:
                raise ModelError(f"no {name} {value!r}: choose one of {', '.join(choices)}")
        clip: Any = clip_config if isinstance(clip_config, CLIPConfig) else CLIPConfig(**(clip_config or {}))
        require_clip_sizes(clip)
        self.clip_config: Any = clip
        num_positions = clip.text_config.max_position_embeddings
        if max_words > num_positions:
            raise ModelError(f"max_words={max_words}, but CLIP's text tower reads at most {num_positions} tokens")
        self.stem = stem
        self.max_words = max_words
        self.max_frames = max_frames
        self.num_frames = num_frames or (min(PAPER_FRAMES, max_frames) if released_behavior else max_frames)
        self.aggregator = aggregator if temporal_layers else "none"
        self.temporal_layers = temporal_layers
        self.interaction = interaction
        self.weight_channels = weight_channels
        self.merge_ratio = tuple(merge_ratio)
        self.frame_merge_ratio = None if frame_merge_ratio is None else tuple(frame_merge_ratio)
        self.merge_heads = merge_heads
        self.num_neighbors = num_neighbors
        self.level_weights = tuple(level_weights)
        self.head_channels = head_channels
        self.released_behavior = released_behavior
        self._require_sizes()
        super().__init__(**kwargs)

    def _require_sizes(self) -> None:
        require_whole_numbers(self, _SIZES)
        if self.weight_channels is not None:
            require_whole_numbers(self, {"weight_channels": _WIDTH})
        for name in ("merge_ratio", "frame_merge_ratio"):
            ratios = getattr(self, name)
            if ratios is not None and not (len(ratios) == 2 and all(0 < ratio <= 1 for ratio in ratios)):
                raise ModelError(f"{name}={ratios}: give two numbers above 0 and up to 1")
        if self.aggregator == "temporal" and self.num_frames > self.max_frames:
            raise ModelError(
                f"num_frames={self.num_frames}, but there are positions for max_frames={self.max_frames}: give no more"
            )
        weights = self.level_weights
        if len(weights) != 3 or not all(0 <= weight < math.inf for weight in weights) or not sum(weights) > 0:
            raise ModelError(f"level_weights={weights}: give three numbers of at least 0, one of them above")

    @property
    def width(self) -> int:
        """The width of word and frame tokens: CLIP's projection."""
        return int(self.clip_config.projection_dim)

    @property
    def weight_of_level(self) -> dict[Level, float]:
        """The weight of each level in the similarity that ranks (in the answer); they need not sum to 1."""
        return dict(zip(LEVELS, self.level_weights, strict=True))


class GlobalConfig(HBIConfig):
    """The configuration of `GlobalContrastModel`: what is said of merging, levels and games is not read."""

    model_type = "hbi-global"

    # `transformers` makes a class without this a dataclass of its own fields, which would take ours unread.
    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
