"""`HBIConfig`: every size and choice of the network, saved beside its weights."""

import math
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, get_args

from transformers import CONFIG_MAPPING, AutoConfig, PreTrainedConfig

from hbi.encoders.encoder import Encoder
from hbi.encoders.families import family_of
from hbi.encoders.sizes import LAYERS, WIDTH, ModelError, require_whole_numbers
from hbi.files.json_values import is_number
from hbi.shapes import COMPARED_LEVELS, LEVELS, ComparedLevel
from hbi.video.picture_format import MOST_IN_A_TUBELET

Aggregator: TypeAlias = Literal["temporal", "lstm", "none"]
"""How frames come to know of one another."""
Interaction: TypeAlias = Literal["weighted", "plain", "global"]
"""How the words and frames of a level become one similarity."""
Stem: TypeAlias = Literal["patch", "convolutional"]
"""How frames become patch tokens."""


PAPER_FRAMES = 12
"""Of a video, in most experiments of the paper; its released weights have positions for more."""


_SIZES = {
    "max_words": (1, 100_000),
    "max_frames": (1, 100_000),
    "num_frames": (1, 100_000),
    "temporal_layers": (0, LAYERS[1]),
    "merge_heads": WIDTH,
    "num_neighbors": (1, 100_000),
    "head_channels": WIDTH,
}
"""Least and most; far above what anybody trains, so that a slip is named before it fills the memory."""


class HBIConfig(PreTrainedConfig):
    """The configuration of `HBIModel` and of the global baseline, which share their encoder.

    Args:
        encoder_config: The towers: the `transformers` configuration of a family that is known (`hbi.encoders`), as a
            dictionary or an object; a dictionary without `model_type` is a CLIP's.
        stem: What cuts frames into patches: one wide convolution, as in CLIP, or several small ones, which learn shapes
            from little data, and motion from tubelets.
        tubelet_size: Frames that each position of a video reads: its own and those around it, from which a token can
            see motion (a tubelet). 1: a token sees one frame.
        tubelet_seconds: How far these are apart; None: they follow one another in the file.
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
        level_weights: Weight of the entity, action and event level in the similarity that ranks. A fourth number is the
            weight of the whole, the text's summary against the video's; of three, there is no such level.
        head_channels: Channels of the network that predicts a level's interaction map.
        special_token_ids: Tokens of a text that are no words, such as start and end; None: those that the text tower's
            configuration names.
        learns_level_weights: Whether training moves the weights of the levels, from the given ones on; what was
            learned is a parameter, `HBIModel.weight_of_level`.
        released_behavior: Compute as the authors' released code does, padding and special tokens counted: for their
            checkpoints (docs/method/released-code.md).

    Raises:
        ModelError: A stem, aggregator or interaction that does not exist; more words than CLIP has positions for; a
            size that no network can have, or more frames than it has positions for; tubelets for towers that see
            single frames; weights of levels that are none, or that nothing can learn.
    """

    model_type = "hbi"
    sub_configs = {"encoder_config": AutoConfig}  # noqa: RUF012 (the name and form that transformers reads)

    def __init__(
        self,
        encoder_config: dict[str, Any] | PreTrainedConfig | None = None,
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
        special_token_ids: Sequence[int] | None = None,
        released_behavior: bool = False,
        tubelet_size: int = 1,
        tubelet_seconds: float | None = None,
        learns_level_weights: bool = False,
        **kwargs: Any,
    ) -> None:
        for name, value, choices in (
            ("stem", stem, get_args(Stem)),
            ("aggregator", aggregator, get_args(Aggregator)),
            ("interaction", interaction, get_args(Interaction)),
        ):
            if value not in choices:
                raise ModelError(f"no {name} {value!r}: choose one of {', '.join(choices)}")
        clip_config = kwargs.pop("clip_config", None)  # as earlier versions call it
        if encoder_config and clip_config:
            raise ModelError("encoder_config and clip_config are two names of one thing: give one of them")
        self.encoder_config: Any = _encoder_config(encoder_config or clip_config or {})
        family = self.encoder_family
        family.require_sizes(self.encoder_config)
        num_positions = family.max_words_of(self.encoder_config)
        if max_words > num_positions:
            raise ModelError(f"max_words={max_words}, but the text tower reads at most {num_positions} tokens")
        if released_behavior and self.encoder_config.model_type != "clip":
            raise ModelError("released_behavior is of CLIP's towers alone")
        if stem != "patch" and self.encoder_config.model_type != "clip":
            raise ModelError(f"stem={stem}: only CLIP's towers can have another stem than their own")
        self.special_token_ids = None if special_token_ids is None else tuple(special_token_ids)
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
        self.learns_level_weights = learns_level_weights
        self.head_channels = head_channels
        self.released_behavior = released_behavior
        self.tubelet_size, self.tubelet_seconds = tubelet_size, tubelet_seconds
        own_frames = family.num_frames_of(self.encoder_config)
        if own_frames and self.num_frames > own_frames:
            raise ModelError(
                f"num_frames={self.num_frames}, but the encoder is made for {own_frames} frames of a video"
            )
        self._require_sizes()
        self._require_level_weights()
        self._require_tubelets()
        super().__init__(**kwargs)

    def _require_sizes(self) -> None:
        require_whole_numbers(self, _SIZES)
        if self.weight_channels is not None:
            require_whole_numbers(self, {"weight_channels": WIDTH})
        for name in ("merge_ratio", "frame_merge_ratio"):
            ratios = getattr(self, name)
            if ratios is not None and not (len(ratios) == 2 and all(0 < ratio <= 1 for ratio in ratios)):
                raise ModelError(f"{name}={ratios}: give two numbers above 0 and up to 1")
        if self.aggregator == "temporal" and self.num_frames > self.max_frames:
            raise ModelError(
                f"num_frames={self.num_frames}, but there are positions for max_frames={self.max_frames}: give no more"
            )

    def _require_level_weights(self) -> None:
        weights = self.level_weights
        if len(weights) not in (len(LEVELS), len(COMPARED_LEVELS)):
            raise ModelError(f"level_weights={weights}: give three numbers, or a fourth for the whole")
        if not all(0 <= weight < math.inf for weight in weights) or not sum(weights) > 0:
            raise ModelError(f"level_weights={weights}: give numbers of at least 0, one of them above")
        if self.released_behavior and (self.has_whole or self.learns_level_weights):
            raise ModelError("the released code has three levels with fixed weights: give three level_weights")
        if self.learns_level_weights and not all(weights):  # the logarithm is where learning starts
            raise ModelError(f"level_weights={weights}: weights that are learned start above 0")

    def _require_tubelets(self) -> None:
        require_whole_numbers(self, {"tubelet_size": (1, MOST_IN_A_TUBELET)})
        size, seconds = self.tubelet_size, self.tubelet_seconds
        if seconds is not None and not (is_number(seconds) and seconds > 0):
            raise ModelError(f"tubelet_seconds={seconds!r}: give seconds above 0, or leave them out")
        if size == 1:
            if seconds is not None:
                raise ModelError(f"tubelet_seconds={seconds:g} needs a tubelet_size of 2 frames or more")
        elif self.encoder_family.patch_projection is None:
            kind = self.encoder_config.model_type
            raise ModelError(f"tubelet_size={size}, but encoders of type {kind!r} take single frames: leave it out")
        elif self.released_behavior:
            raise ModelError(f"tubelet_size={size}, but the released code sees single frames: leave it out")

    @property
    def width(self) -> int:
        """The width of word and frame tokens: that of the towers' projections."""
        return self.encoder_family.width_of(self.encoder_config)

    @property
    def vocab_size(self) -> int:
        """How many tokens the text tower knows."""
        return self.encoder_family.vocab_size_of(self.encoder_config)

    @property
    def encoder_family(self) -> type[Encoder]:
        """What kind of towers they are."""
        return family_of(self.encoder_config)

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in pixels of the pictures that the towers take."""
        return self.encoder_family.image_size_of(self.encoder_config)

    @property
    def has_whole(self) -> bool:
        """Whether the text's summary is compared with the video's, as a level of its own."""
        return len(self.level_weights) > len(LEVELS)

    @property
    def compared_levels(self) -> tuple[ComparedLevel, ...]:
        """All that is compared: the levels, and the whole if it has a weight."""
        return COMPARED_LEVELS[: len(self.level_weights)]

    @property
    def weight_of_level(self) -> dict[ComparedLevel, float]:
        """The weight that is given to each level in the similarity that ranks (in the answer); they need not sum to 1.

        Where weights are learned they are those that learning starts from: see `HBIModel.weight_of_level`.
        """
        return dict(zip(self.compared_levels, self.level_weights, strict=True))


class GlobalConfig(HBIConfig):
    """The configuration of `GlobalContrastModel`: what is said of merging, levels and games is not read."""

    model_type = "hbi-global"

    # `transformers` makes a class without this a dataclass of its own fields, which would take ours unread.
    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)


def _encoder_config(config: dict[str, Any] | PreTrainedConfig) -> PreTrainedConfig:
    """Return the configuration of the towers as an object.

    Raises:
        ModelError: It is of a kind that `transformers` does not know.
    """
    if isinstance(config, PreTrainedConfig):
        return config
    kind = config.get("model_type", "clip")
    if kind not in CONFIG_MAPPING:
        raise ModelError(f"an encoder of type {kind!r} is not known")
    encoder: PreTrainedConfig = CONFIG_MAPPING[kind](**config)
    return encoder
