"""`Recipe`: everything that defines an experiment, read from YAML, every key checked."""

from typing import Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from hbi.data.annotation_files import did_you_mean
from hbi.data.benchmarks import benchmark_names
from hbi.data.question_benchmarks import QUESTION_BENCHMARKS
from hbi.models.config import Stem
from hbi.shapes import LEVELS, Level
from hbi.training.optimization import OptimizerName


class Section(BaseModel):
    """A part of a recipe: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DataSection(Section):
    """Which videos and texts, and how they are sampled."""

    dataset: str = Field(description="shape-stories, own, or a benchmark: a module of hbi.data.benchmarks")
    root: str = Field(
        default=".", description="folder of the data set; of a published benchmark, with annotations/ and videos/ in it"
    )
    annotations: str | None = Field(
        default=None, description="folder of the annotation files, or file of own captions; default: in root"
    )
    videos: str | None = Field(default=None, description="folder of the videos; default: in root")
    frames: str | None = Field(
        default=None, description="folder of `hbi data pack`: frames that were decoded before, instead of videos"
    )
    protocol: str | None = Field(default=None, description="how a published benchmark is split; default: the usual way")
    num_frames: PositiveInt = Field(default=12, description="frames of a video that the network sees")
    frames_per_position: PositiveInt = Field(
        default=1, description="frames decoded for each one seen; training draws one of them at random"
    )
    image_size: PositiveInt = Field(default=224, description="height and width of a frame in pixels")
    max_words: PositiveInt = Field(default=32, description="tokens of a text, start and end marks included")
    features: str | None = Field(
        default=None,
        description="folder of `hbi cache-features`: frames as the frozen towers encoded them, instead of pixels",
    )

    answers: str | None = Field(
        default=None, description="file of the answers that can be given; default: the most frequent ones of training"
    )
    num_answers: PositiveInt | None = Field(default=None, description="how many of those; default: all")
    captions: NonNegativeInt = Field(
        default=0,
        description="captions of each video that a step sees beside the questions: they belong to it and ask nothing",
    )
    question_draws: PositiveInt = Field(
        default=1, description="how often each kind of question is asked of a training video (shape-stories)"
    )
    blank: bool = Field(default=False, description="one black frame for every video: what can be known without looking")

    @field_validator("dataset")
    @classmethod
    def _is_known(cls, name: str) -> str:
        names = ["shape-stories", *benchmark_names(), *QUESTION_BENCHMARKS]
        if name not in names:
            raise ValueError(f"data.dataset: no data set {name!r}{did_you_mean(name, names)}")
        return name


class ModelSection(Section):
    """Which network, and its sizes."""

    kind: Literal["hbi", "global", "answering"] = Field(
        description="the paper's network, the global baseline with its towers, or the network that answers questions"
    )
    clip: str | None = Field(
        default=None,
        description="what the towers start from: a CLIP of transformers by hub name or folder, or a run folder of "
        "`hbi train`; the sizes of the towers are then its own. Default: random weights of the sizes below",
    )
    width: PositiveInt = Field(default=96, description="width of both towers and of the tokens")
    heads: PositiveInt = Field(default=4, description="attention heads of both towers")
    patch_size: PositiveInt = Field(default=8, description="side of an image patch in pixels")
    stem: Stem = Field(
        default="patch",
        description="patches by one wide convolution, as CLIP, or `convolutional`: by several small ones, which learn "
        "shapes from little data",
    )
    vision_layers: PositiveInt = 2
    text_layers: PositiveInt = 2
    temporal_layers: int = Field(default=2, ge=0)
    merge_ratio: tuple[PositiveFloat, PositiveFloat] = Field(
        default=(0.5, 0.5), description="merged tokens per token, entity to action and action to event"
    )
    merge_heads: PositiveInt = 4
    head_channels: PositiveInt = Field(default=16, description="channels of the heads that predict interactions")
    mlp_ratio: PositiveInt = Field(default=4, description="width of the towers' hidden layers per width")
    logit_scale: PositiveFloat = Field(default=100.0, le=100.0, description="what multiplies a similarity at the start")
    answer_channels: PositiveInt | None = Field(
        default=None, multiple_of=4, description="hidden channels of the heads that answer; default: 16 times the width"
    )
    level_weights: tuple[float, float, float] = Field(
        default=(0.5, 0.3, 0.2), description="weight of entity, action and event in the similarity that ranks"
    )


class ObjectiveSection(Section):
    """Weights of the objective's terms."""

    alpha: float = Field(default=1.0, ge=0, description="weight of the interaction term, at each level")
    beta: float = Field(default=2.0, ge=0, description="weight of the self-distillation")
    gamma: float = Field(default=0.0, ge=0, description="weight of the contrast of coalitions, at each level")
    matching: float = Field(
        default=0.5, ge=0, description="weight of all but the answers in a network that answers questions"
    )
    levels: tuple[Level, ...] = Field(default=LEVELS, min_length=1, description="levels that are trained")
    teacher: Literal["exact", "sampled", "estimator"] = Field(
        default="exact", description="source of the interactions that are learned"
    )
    num_samples: PositiveInt = Field(default=100, description="coalitions a cell that the sampled teacher draws")
    estimator: str | None = Field(
        default=None, description="weights of the estimator teacher, written by `hbi train-estimator`"
    )

    @model_validator(mode="after")
    def _estimator_has_weights(self) -> Self:
        if (self.teacher == "estimator") != (self.estimator is not None):
            raise ValueError("objective.teacher=estimator and objective.estimator=FILE go together")
        return self


class TrainingSection(Section):
    """How long, how fast, how often something is written."""

    num_steps: PositiveInt
    batch_size: PositiveInt = Field(default=64, description="videos a step")
    captions_per_video: PositiveInt = Field(default=1, description="captions of each video that a step sees")
    lr: PositiveFloat = Field(default=1e-3, description="highest learning rate")
    clip_lr: PositiveFloat | None = Field(default=None, description="the same for CLIP's towers; default: lr")
    weight_decay: float = Field(default=0.2, ge=0)
    optimizer: OptimizerName = Field(
        default="adamw", description="adamw; or muon for the matrices, which learns sooner from random weights"
    )
    muon_lr: PositiveFloat | None = Field(
        default=None,
        description="highest learning rate of what Muon moves, in the towers too; default: lr",
    )
    warmup_steps: int = Field(default=20, ge=0)
    max_gradient_norm: PositiveFloat = 1.0
    precision: Literal["fp32", "bf16"] = "fp32"
    micro_batch_size: PositiveInt | None = Field(
        default=None,
        description="videos, with their texts, that the towers of one process remember at a time; default: all. "
        "The gradient is that of the whole batch",
    )
    activation_checkpointing: bool = Field(
        default=False, description="towers compute activations again instead of remembering them"
    )
    freeze_towers: bool = Field(default=False, description="CLIP's towers stay as they are")
    shard: bool = Field(default=False, description="processes split the encoder's parameters (FSDP2)")
    log_every: PositiveInt = 10
    validate_every: PositiveInt = 100
    checkpoint_every: PositiveInt = 50
    seed: int = 0

    @model_validator(mode="after")
    def _muon_lr_has_muon(self) -> Self:
        if self.muon_lr is not None and self.optimizer != "muon":
            raise ValueError("training.muon_lr needs training.optimizer=muon: set it to null, or the optimizer to muon")
        return self


class Recipe(Section):
    """One experiment."""

    data: DataSection
    model: ModelSection
    objective: ObjectiveSection = ObjectiveSection()
    training: TrainingSection

    @model_validator(mode="after")
    def _features_stay(self) -> Self:
        if self.data.features is not None and not self.training.freeze_towers:
            raise ValueError("data.features needs training.freeze_towers=true: features that are kept cannot learn")
        return self
