"""`Recipe`: everything that defines an experiment, read from YAML, every key checked."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from hbi.data.benchmarks import benchmark_names
from hbi.errors import nearest_or_all
from hbi.experiments.content import path_problem
from hbi.models.config import Stem
from hbi.shapes import COMPARED_LEVELS, LEVELS, Level
from hbi.training.optimization import OptimizerName
from hbi.video.picture_format import MOST_IN_A_TUBELET

# The most of each kind is far above what anybody trains: a slip is named before it fills the memory.
Count = Annotated[int, Field(gt=0, le=1_000_000)]
Steps = Annotated[int, Field(gt=0, le=1_000_000_000)]
Size = Annotated[int, Field(gt=0, le=16_384)]
MOST_PLACES = 100_000
Places = Annotated[int, Field(gt=0, le=MOST_PLACES)]
Layers = Annotated[int, Field(gt=0, le=1000)]
Rate = Annotated[float, Field(gt=0, le=10_000)]
Weight = Annotated[float, Field(ge=0, le=1_000_000)]
Ratio = Annotated[float, Field(gt=0, le=1)]
MOST_PARAMETERS = 20_000_000_000
MOST_FRAME_BYTES = 2**34
"""Of the frames of one video."""
FOUND = "found"
"""As `data.frames`: a training looks for packed frames (`hbi.experiments.packed`); what else reads frames decodes."""


class Section(BaseModel):
    """A part of a recipe: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _is_plain(cls, value: Any, info: ValidationInfo) -> Any:
        is_switch = cls.model_fields[str(info.field_name)].annotation is bool
        for part in value if isinstance(value, list | tuple) else [value]:
            if isinstance(part, bool) and not is_switch:
                raise ValueError(f"{str(part).lower()} is no number and no text")
            if isinstance(part, str) and (problem := path_problem(part)):
                raise ValueError(problem)
        return value


class DataSection(Section):
    """Which videos and texts, and how they are sampled."""

    dataset: str = Field(
        description="shape-stories, own, or a benchmark: a module of hbi.data.benchmarks",
        json_schema_extra=lambda schema: schema.update(enum=["shape-stories", *benchmark_names()]),
    )
    root: str = Field(
        default=".", description="folder of the data set; of a published benchmark, with annotations/ and videos/ in it"
    )
    annotations: str | None = Field(
        default=None, description="folder of the annotation files, or file of own captions; default: in root"
    )
    videos: str | None = Field(default=None, description="folder of the videos; default: in root")
    frames: str | None = Field(
        default=FOUND,
        description="folder of `hbi data pack`: frames that were decoded before, instead of videos. `found`: training "
        "looks for what was packed of these videos; null: videos are decoded",
    )
    protocol: str | None = Field(default=None, description="how a published benchmark is split; default: the usual way")
    num_frames: Places = Field(default=12, description="frames of a video that the network sees")
    frames_per_position: Annotated[int, Field(gt=0, le=10_000)] = Field(
        default=1, description="frames decoded for each one seen; training draws one of them at random"
    )
    image_size: Size = Field(default=224, description="height and width of a frame in pixels")
    max_words: Places = Field(default=32, ge=3, description="tokens of a text, special tokens included")
    features: str | None = Field(
        default=None,
        description="folder of `hbi cache-features`: frames as the frozen towers encoded them, instead of pixels",
    )

    answers: str | None = Field(
        default=None, description="file of the answers that can be given; default: the most frequent ones of training"
    )
    num_answers: Steps | None = Field(default=None, description="how many of those; default: all")
    captions: int = Field(
        default=0,
        ge=0,
        le=10_000,
        description="captions of each video that a step sees beside the questions: they belong to it and ask nothing",
    )
    question_draws: Annotated[int, Field(gt=0, le=10_000)] = Field(
        default=1, description="how often each kind of question is asked of a training video (shape-stories)"
    )
    blank: bool = Field(default=False, description="one black frame for every video: what can be known without looking")

    @property
    def packed(self) -> Path | None:
        """The folder of packed frames, if one was named or found."""
        return None if self.frames in (None, FOUND) else Path(str(self.frames))

    @field_validator("dataset")
    @classmethod
    def _is_known(cls, name: str) -> str:
        names = ["shape-stories", *benchmark_names()]
        if name not in names:
            raise ValueError(f"data.dataset: no data set {name!r}{nearest_or_all(name, names)}")
        return name


class ModelSection(Section):
    """Which network, and its sizes."""

    kind: Literal["hbi", "global", "answering"] = Field(
        description="the paper's network, the global baseline with its towers, or the network that answers questions"
    )
    encoder: str | None = Field(
        default=None,
        description="what the towers start from: an encoder of transformers (CLIP, SigLIP, …) by hub name or folder, "
        "or a run folder of `hbi train`; the sizes of the towers are then its own. Default: random weights of the "
        "sizes below",
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
    vision_layers: Layers = Field(default=2, description="transformer layers of the image tower")
    text_layers: Layers = Field(default=2, description="transformer layers of the text tower")
    temporal_layers: int = Field(
        default=2, ge=0, le=1000, description="transformer layers over the frames of a video, after the image tower"
    )
    merge_ratio: tuple[Ratio, Ratio] = Field(
        default=(0.5, 0.5), description="merged tokens per token, entity to action and action to event"
    )
    merge_heads: Size = Field(default=4, description="attention heads of the merging of tokens")
    head_channels: Size = Field(default=16, description="channels of the heads that predict interactions")
    mlp_ratio: int = Field(default=4, gt=0, le=100, description="width of the towers' hidden layers per width")
    logit_scale: float = Field(default=100.0, gt=0, le=100.0, description="what multiplies a similarity at the start")
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

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not sum(self.level_weights) > 0:
            raise ValueError("model.level_weights are all 0: give one of them a weight")
        if self.learns_level_weights and not all(self.level_weights):
            raise ValueError("model.level_weights: weights that are learned start above 0")
        if self.kind == "answering" and (self.learns_level_weights or len(self.level_weights) > len(LEVELS)):
            raise ValueError("model.level_weights: a network that answers questions has three, and learns none of them")
        if self.tubelet_seconds is not None and self.tubelet_size == 1:
            raise ValueError("model.tubelet_seconds needs a model.tubelet_size of 2 frames or more")
        if self.encoder is not None:  # the sizes are its own
            return self
        for name, heads in (("heads", self.heads), ("merge_heads", 1 if self.kind == "global" else self.merge_heads)):
            if self.width % heads:
                raise ValueError(f"model.width={self.width} cannot be split among model.{name}={heads}: give a divisor")
        if self.stem == "convolutional" and self.patch_size & (self.patch_size - 1):
            raise ValueError(f"model.patch_size={self.patch_size}: a convolutional stem needs a power of two")
        layers = (self.vision_layers + self.text_layers) * (4 + 2 * self.mlp_ratio) + self.temporal_layers * 12
        if (parameters := layers * self.width**2) > MOST_PARAMETERS:
            raise ValueError(f"model: a network of {parameters:.1e} parameters is too large: lower width or layers")
        return self


OF_WORDS = ("interaction_contrast", "concentration", "function_words")
"""Terms of the objective on the interactions of words and frames."""
OF_WRONG_ROWS = ("exchanged", "turned")
"""Terms of the objective on captions and videos made wrong."""


class ObjectiveSection(Section):
    """Weights of the objective's terms."""

    alpha: Weight = Field(default=1.0, description="weight of the interaction term, at each level")
    beta: Weight = Field(default=2.0, description="weight of the self-distillation")
    gamma: Weight = Field(default=0.0, description="weight of the contrast of coalitions, at each level")
    coalition_probabilities: tuple[Ratio, ...] = Field(
        default=(0.5,),
        min_length=1,
        max_length=16,
        description="with which words and frames are in a coalition: the mean of one contrast for each",
    )
    interaction_contrast: Weight = Field(
        default=0.0,
        description="weight of the contrast of interactions: of the words and frames of every text and video",
    )
    concentration: Weight = Field(
        default=0.0, description="weight of how far apart in time the frames are that a word interacts with"
    )
    function_words: Weight = Field(
        default=0.0, description="weight of the share of interaction that function words and punctuation have"
    )
    exchanged: Weight = Field(
        default=0.0, description="weight of the preference of captions to the same with a word or the order exchanged"
    )
    exchanged_share: Ratio = Field(default=1.0, description="share of a step's captions that are exchanged")
    exchanged_from: int = Field(
        default=0, ge=0, le=1_000_000_000, description="steps before captions are exchanged: it harms what comes first"
    )
    turned: Weight = Field(
        default=0.0,
        description="weight of the preference of videos to the same with their parts in the other order, for captions "
        "that tell an order",
    )
    turned_share: Ratio = Field(default=0.25, description="share of a step's videos that are turned, at most")
    turned_from: int = Field(default=0, ge=0, le=1_000_000_000, description="steps before videos are turned")
    turned_parts: Annotated[int, Field(ge=2, le=MOST_PLACES)] = Field(
        default=4, description="parts that a turned video is cut into; the last comes first"
    )
    matching: Weight = Field(
        default=0.5, description="weight of all but the answers in a network that answers questions"
    )
    levels: tuple[Level, ...] = Field(default=LEVELS, min_length=1, description="levels that are trained")
    teacher: Literal["exact", "sampled", "estimator"] = Field(
        default="exact", description="source of the interactions that are learned"
    )
    num_samples: Count = Field(default=100, description="coalitions a cell that the sampled teacher draws")
    estimator: str | None = Field(
        default=None, description="weights of the estimator teacher, written by `hbi train-estimator`"
    )

    @model_validator(mode="after")
    def _estimator_has_weights(self) -> Self:
        if len(set(self.levels)) < len(self.levels):
            raise ValueError(f"objective.levels names a level twice: {', '.join(self.levels)}")
        if (self.teacher == "estimator") != (self.estimator is not None):
            raise ValueError("objective.teacher=estimator and objective.estimator=FILE go together")
        return self

    @model_validator(mode="after")
    def _weighs_what_it_sets(self) -> Self:
        settings = {
            "gamma": ("coalition_probabilities",),
            "exchanged": ("exchanged_share", "exchanged_from"),
            "turned": ("turned_share", "turned_from", "turned_parts"),
        }
        for weight, names in settings.items():
            for name in names:
                if not getattr(self, weight) and getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(f"objective.{name} needs an objective.{weight} above 0")
        for name in OF_WORDS:
            if getattr(self, name) and "entity" not in self.levels:
                raise ValueError(f"objective.{name} is of the entity level: add it to objective.levels")
        return self


class TrainingSection(Section):
    """How long, how fast, how often something is written."""

    num_steps: Steps = Field(description="updates of the weights; more than a run has make it go on")
    batch_size: Count = Field(default=64, description="videos a step")
    captions_per_video: Count = Field(default=1, description="captions of each video that a step sees")
    lr: Rate = Field(default=1e-3, description="highest learning rate")
    encoder_lr: Rate | None = Field(default=None, description="the same for the towers; default: lr")
    weight_decay: float = Field(default=0.2, ge=0, le=10_000, description="decay of the matrices, times the rate")
    optimizer: OptimizerName = Field(
        default="adamw", description="adamw; or muon for the matrices, which learns sooner from random weights"
    )
    muon_lr: Rate | None = Field(
        default=None, description="highest learning rate of what Muon moves, in the towers too; default: lr"
    )
    warmup_steps: int = Field(
        default=20,
        ge=0,
        le=1_000_000_000,
        description="steps in which the rates rise to their highest; a cosine follows",
    )
    max_gradient_norm: float = Field(default=1.0, gt=0, le=1_000_000, description="longer gradients are cut to it")
    precision: Literal["fp32", "bf16"] = Field(
        default="fp32", description="numbers that the towers compute in; weights are always float32"
    )
    micro_batch_size: Count | None = Field(
        default=None,
        description="videos, with their texts, that the towers of one process remember at a time; default: all. "
        "The gradient is that of the whole batch",
    )
    activation_checkpointing: bool = Field(
        default=False, description="towers compute activations again instead of remembering them"
    )
    freeze_towers: bool = Field(default=False, description="the towers stay as they are")
    shard: bool = Field(default=False, description="processes split the encoder's parameters (FSDP2)")
    log_every: Steps = Field(default=10, description="steps from one line of the log to the next")
    validate_every: Steps = Field(
        default=100, description="steps from one validation to the next; the best weights so far are kept"
    )
    checkpoint_every: Steps = Field(default=50, description="steps from one state that a run resumes from to the next")
    seed: int = Field(
        default=0, ge=0, lt=2**63, description="of all that chance decides: first weights, batches, what is drawn"
    )

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

    @property
    def asks_questions(self) -> bool:
        """Whether its network answers questions; it ranks videos and texts else."""
        return self.model.kind == "answering"

    @model_validator(mode="after")
    def _terms_are_of_this_network(self) -> Self:
        for name in (*OF_WORDS, *OF_WRONG_ROWS):
            if not getattr(self.objective, name):
                continue
            if self.asks_questions:
                raise ValueError(f"objective.{name}: a network that answers questions has no such term; leave it out")
            if self.model.kind == "global" and name in OF_WORDS:
                raise ValueError(f"objective.{name} needs words and frames that interact: set model.kind=hbi")
        for name in OF_WRONG_ROWS:
            first = getattr(self.objective, f"{name}_from")
            if getattr(self.objective, name) and first >= self.training.num_steps:
                raise ValueError(f"objective.{name}_from={first}: training ends before, at {self.training.num_steps}")
        return self

    @model_validator(mode="after")
    def _features_stay(self) -> Self:
        if self.data.features is not None and self.asks_questions:
            raise ValueError("data.features: a network that answers questions takes frames; leave it out")
        if self.data.features is not None and not self.training.freeze_towers:
            raise ValueError("data.features needs training.freeze_towers=true: features that are kept cannot learn")
        return self

    @model_validator(mode="after")
    def _frames_fit(self) -> Self:
        data, patch_size = self.data, self.model.patch_size
        if self.model.encoder is None and patch_size > data.image_size:
            raise ValueError(f"model.patch_size={patch_size} is larger than data.image_size={data.image_size}")
        num_bytes = data.num_frames * data.frames_per_position * self.model.tubelet_size * 3 * data.image_size**2
        if num_bytes > MOST_FRAME_BYTES:
            raise ValueError(
                f"data: the frames of one video would fill {num_bytes / 2**30:.0f} GiB: lower num_frames, "
                "frames_per_position, image_size or model.tubelet_size"
            )
        return self
