"""`Recipe`: everything that defines an experiment, read from YAML, every key checked."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from hbi.data.benchmarks import benchmark_names
from hbi.errors import nearest_or_all
from hbi.experiments.model_section import ModelSection
from hbi.experiments.objective_section import OF_WORDS, OF_WRONG_ROWS, ObjectiveSection
from hbi.experiments.section import Count, Places, Rate, Ratio, Section, Size, Steps
from hbi.training.augmentation import MOST_MAGNITUDE
from hbi.training.optimization import OptimizerName

MOST_FRAME_BYTES = 2**34
"""Of the frames of one video."""
FOUND = "found"
"""As `data.frames`: a training looks for packed frames (`hbi.experiments.packed`); what else reads frames decodes."""


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
    released_loader: bool | None = Field(
        default=None,
        description="videos are seen as the authors' released code shows them: one frame a second from the first on, "
        "at most num_frames of them, evenly, made into pictures by Pillow; false: the middles of num_frames equal "
        "parts; default: as the model sees them that training starts from, else false",
    )
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


class TrainingSection(Section):
    """How long, how fast, how often something is written."""

    num_steps: Steps | None = Field(
        default=None, description="updates of the weights; this or epochs. More than a run has make it go on"
    )
    epochs: Annotated[float, Field(gt=0, le=1_000_000)] | None = Field(
        default=None,
        description="the same in passes over the texts of the training split (captions, or questions), as published "
        "work counts them; this or num_steps",
    )
    start_from: str | None = Field(
        default=None,
        description="a trained or converted model that training goes on from, all of it: a run folder, a model folder "
        "or a hub name. Its sizes are the network's; keys of the model section may be left out, or agree",
    )
    batch_size: Count = Field(default=64, description="videos a step")
    captions_per_video: Count = Field(default=1, description="captions of each video that a step sees")
    dropped_words: float = Field(
        default=0.0, ge=0, lt=1, description="chance of each word to be left out of a caption that is shortened"
    )
    shortened_captions: Ratio = Field(default=0.5, description="share of a step's captions that are shortened")
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
    freeze_patches: bool = Field(
        default=False, description="of the towers, what cuts frames into patches stays as it is: CLIP's convolution"
    )
    augment_operations: int = Field(
        default=0,
        ge=0,
        le=100,
        description="operations of RandAugment on the frames of each training video, the same for all of them; 0: none",
    )
    augment_magnitude: float = Field(default=7.0, ge=0, le=MOST_MAGNITUDE, description="how strong they are")
    augment_deviation: float = Field(
        default=0.5, ge=0, le=MOST_MAGNITUDE, description="standard deviation of that from one operation to the next"
    )
    shard: bool = Field(default=False, description="processes split the encoder's parameters (FSDP2)")
    log_every: Steps = Field(default=10, description="steps from one line of the log to the next")
    validate_every: Steps = Field(
        default=100, description="steps from one validation to the next; the best weights so far are kept"
    )
    checkpoint_every: Steps = Field(default=50, description="steps from one state that a run resumes from to the next")
    seed: int = Field(
        default=0, ge=0, lt=2**63, description="of all that chance decides: first weights, batches, what is drawn"
    )

    @property
    def length(self) -> str:
        """How long it takes, in words: `1000 steps`, or `5 epochs`."""
        return f"{self.num_steps} steps" if self.epochs is None else f"{self.epochs:g} epochs"

    @model_validator(mode="after")
    def _has_one_length(self) -> Self:
        if (self.num_steps is None) == (self.epochs is None):
            given = "both are given" if self.epochs is not None else "neither is given"
            raise ValueError(f"training.num_steps or training.epochs: give one of them ({given})")
        return self

    @model_validator(mode="after")
    def _shortens_by_some_words(self) -> Self:
        if not self.dropped_words and self.shortened_captions != type(self).model_fields["shortened_captions"].default:
            raise ValueError("training.shortened_captions needs a training.dropped_words above 0")
        return self

    @model_validator(mode="after")
    def _muon_lr_has_muon(self) -> Self:
        if self.muon_lr is not None and self.optimizer != "muon":
            raise ValueError("training.muon_lr needs training.optimizer=muon: set it to null, or the optimizer to muon")
        return self

    @model_validator(mode="after")
    def _augments_what_it_sets(self) -> Self:
        for name in ("augment_magnitude", "augment_deviation"):
            if not self.augment_operations and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"training.{name} needs training.augment_operations above 0")
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

    @property
    def tells_words(self) -> bool:
        """Whether words of captions are to be told from the frames that they point at."""
        has_words = "global" not in (self.model.kind, self.model.interaction) and "entity" in self.objective.levels
        return has_words and self.objective.reconstruction > 0

    @property
    def starts_at_random(self) -> bool:
        """Whether nothing is taken from an encoder or another model: towers are of the sizes of the model section."""
        return self.model.encoder is None and self.training.start_from is None

    @model_validator(mode="after")
    def _terms_are_of_this_network(self) -> Self:
        for name in (*OF_WORDS, *OF_WRONG_ROWS):
            if not getattr(self.objective, name):
                continue
            if self.asks_questions:
                raise ValueError(f"objective.{name}: a network that answers questions has no such term; leave it out")
            if name in OF_WORDS and "global" in (self.model.kind, self.model.interaction):
                key = "kind=hbi" if self.model.kind == "global" else "interaction=weighted"
                raise ValueError(f"objective.{name} needs words and frames that interact: set model.{key}")
        for name in OF_WRONG_ROWS:
            first = getattr(self.objective, f"{name}_from")
            last = self.training.num_steps
            if getattr(self.objective, name) and last is not None and first >= last:
                raise ValueError(f"objective.{name}_from={first}: training ends before, at {last}")
        return self

    @model_validator(mode="after")
    def _starts_once(self) -> Self:
        if self.training.start_from is not None and self.model.encoder is not None:
            raise ValueError(
                "model.encoder and training.start_from both say what the towers start from: set one of them to null"
            )
        return self

    @model_validator(mode="after")
    def _features_stay(self) -> Self:
        if self.data.features is not None and self.asks_questions:
            raise ValueError("data.features: a network that answers questions takes frames; leave it out")
        if self.data.features is not None and not self.training.freeze_towers:
            raise ValueError("data.features needs training.freeze_towers=true: features that are kept cannot learn")
        if self.data.features is not None and self.training.augment_operations:
            raise ValueError("training.augment_operations changes pictures, and data.features has none: set it to 0")
        return self

    @model_validator(mode="after")
    def _frames_fit(self) -> Self:
        data, patch_size = self.data, self.model.patch_size
        if self.starts_at_random:
            self.model.require_sizes()
        if self.starts_at_random and patch_size > data.image_size:
            raise ValueError(f"model.patch_size={patch_size} is larger than data.image_size={data.image_size}")
        num_bytes = data.num_frames * data.frames_per_position * self.model.tubelet_size * 3 * data.image_size**2
        if num_bytes > MOST_FRAME_BYTES:
            raise ValueError(
                f"data: the frames of one video would fill {num_bytes / 2**30:.0f} GiB: lower num_frames, "
                "frames_per_position, image_size or model.tubelet_size"
            )
        return self
