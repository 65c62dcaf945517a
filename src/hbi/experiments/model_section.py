"""`ModelSection`: which network a recipe trains; every choice of `HBIConfig` is a key of it, or of the data."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from hbi.experiments.section import Layers, Places, Ratio, Section, Size, Weight
from hbi.models.config import Aggregator, Interaction, Stem
from hbi.shapes import COMPARED_LEVELS, LEVELS
from hbi.video.picture_format import MOST_IN_A_TUBELET

MOST_PARAMETERS = 20_000_000_000


class ModelSection(Section):
    """Which network, and its sizes."""

    kind: Literal["hbi", "global", "answering"] = Field(
        description="the paper's network, the global baseline with its towers, or the network that answers questions"
    )
    network: str | None = Field(
        default=None,
        description="a network of yours, by its name, derived from that of this kind "
        "(docs/how-to/change-the-method.md); default: the one of this package",
    )
    encoder: str | None = Field(
        default=None,
        description="what the towers start from: an encoder of transformers (CLIP, SigLIP, …) by hub name or folder, "
        "or a run or model folder of hbi, of which the towers alone are taken (all of it: training.start_from); the "
        "sizes of the towers are then its own. Default: random weights of the sizes below",
    )
    width: Size = Field(default=96, description="width of both towers and of the tokens")
    heads: Size = Field(default=4, description="attention heads of both towers")
    patch_size: Size = Field(default=8, description="side of an image patch in pixels")
    stem: Stem = Field(
        default="patch",
        description="patches by one wide convolution, as CLIP, or `convolutional`: by several small ones, which learn "
        "shapes from little data, and motion from tubelets",
    )
    tubelet_size: Annotated[int, Field(gt=0, le=MOST_IN_A_TUBELET)] = Field(
        default=1,
        description="frames that each position of a video reads: its own and those around it, from which a token sees "
        "motion; 1: one still",
    )
    tubelet_seconds: Annotated[float, Field(gt=0, le=3600)] | None = Field(
        default=None, description="seconds between them; default: they follow one another in the file"
    )
    vision_layers: Layers = Field(default=2, description="layers of the image tower")
    text_layers: Layers = Field(default=2, description="layers of the text tower")
    aggregator: Aggregator | None = Field(
        default=None,
        description="what lets frames see one another: a transformer (temporal), an lstm, or none; default: temporal, "
        "and none for an encoder whose frames see one another already",
    )
    temporal_layers: int = Field(default=2, ge=0, le=1000, description="layers of the aggregator; 0: none")
    max_frames: Places | None = Field(
        default=None,
        description="frames that the temporal transformer has positions for; default: data.num_frames, or as many as "
        "the model has that training goes on from",
    )
    interaction: Interaction = Field(
        default="weighted",
        description="how words and frames become a similarity: token by token with learned weights (the paper's), "
        "`plain`: with equal weights, or `global`: the cosine of each level's mean tokens, which has no game",
    )
    weight_channels: Size | None = Field(
        default=None, description="hidden width of the networks that weigh tokens; default: the width"
    )
    merge_ratio: tuple[Ratio, Ratio] = Field(
        default=(0.5, 0.5), description="merged tokens per token, entity to action and action to event"
    )
    frame_merge_ratio: tuple[Ratio, Ratio] | None = Field(
        default=None, description="the same for frames, where it is another; default: merge_ratio is for both"
    )
    merge_heads: Size = Field(default=4, description="attention heads of the block that refines merged tokens")
    num_neighbors: Places = Field(
        default=3, description="neighbors in the density of the clustering (DPC-KNN) that merges tokens"
    )
    head_channels: Size = Field(default=16, description="channels of the heads that predict interactions")
    mlp_ratio: int = Field(default=4, gt=0, le=100, description="width of the towers' hidden layers per width")
    logit_scale: float = Field(
        default=100.0,
        gt=0,
        le=100.0,
        description="what multiplies a similarity at the start, of random weights: an encoder or model brings its own",
    )
    answer_channels: int | None = Field(
        default=None,
        ge=4,
        le=1_000_000,
        multiple_of=4,
        description="hidden channels of the heads that answer; default: 16 times the width",
    )
    level_weights: tuple[Weight, ...] = Field(
        default=(0.5, 0.3, 0.2),
        min_length=len(LEVELS),
        max_length=len(COMPARED_LEVELS),
        description="weight of entity, action and event in the similarity that ranks; a fourth is that of the whole: "
        "the text's summary against the video's",
    )
    learns_level_weights: bool = Field(
        default=False, description="whether training moves level_weights, by the contrast of the similarity that ranks"
    )
    special_token_ids: tuple[Annotated[int, Field(ge=0, le=1_000_000_000)], ...] | None = Field(
        default=None,
        max_length=1000,
        description="tokens of a text that are no words, such as start and end; default: those that the encoder names",
    )
    released_behavior: bool = Field(
        default=False,
        description="compute as the authors' released code does, padding and special tokens counted "
        "(docs/method/released-code.md); only with a CLIP's towers",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not sum(self.level_weights) > 0:
            raise ValueError("model.level_weights are all 0: give one of them a weight")
        if self.learns_level_weights and not all(self.level_weights):
            raise ValueError(
                "model.level_weights: weights that are learned start above 0; for fixed ones set "
                "model.learns_level_weights=false"
            )
        if self.kind == "answering" and (self.learns_level_weights or len(self.level_weights) > len(LEVELS)):
            raise ValueError("model.level_weights: a network that answers questions has three, and learns none of them")
        if self.tubelet_seconds is not None and self.tubelet_size == 1:
            raise ValueError("model.tubelet_seconds needs a model.tubelet_size of 2 frames or more")
        return self

    def require_sizes(self) -> None:
        """Raise ValueError where towers of these sizes cannot be built; for those that start from random weights."""
        for name, heads in (("heads", self.heads), ("merge_heads", 1 if self.kind == "global" else self.merge_heads)):
            if self.width % heads:
                raise ValueError(f"model.width={self.width} cannot be split among model.{name}={heads}: give a divisor")
        if self.stem == "convolutional" and self.patch_size & (self.patch_size - 1):
            raise ValueError(f"model.patch_size={self.patch_size}: a convolutional stem needs a power of two")
        layers = (self.vision_layers + self.text_layers) * (4 + 2 * self.mlp_ratio) + self.temporal_layers * 12
        if (parameters := layers * self.width**2) > MOST_PARAMETERS:
            raise ValueError(f"model: a network of {parameters:.1e} parameters is too large: lower width or layers")
