"""`ObjectiveSection`: what a recipe minimizes; the weight of every term, the teacher, and code that changes it."""

import re
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, field_validator, model_validator

from hbi.experiments.content import shortened
from hbi.experiments.section import MOST_PLACES, Count, Ratio, Section, Weight
from hbi.shapes import LEVELS, Level

OF_WORDS = ("interaction_contrast", "concentration", "function_words")
"""Terms of the objective on the interactions of words and frames."""
OF_WRONG_ROWS = ("exchanged", "turned")
"""Terms of the objective on captions and videos made wrong."""
_Option: TypeAlias = bool | int | float | str
_OF_CODE = re.compile(r"[\w.-]{1,200}(:[\w.<>]{1,200})?")


class ObjectiveSection(Section):
    """Weights of the objective's terms."""

    alpha: Weight = Field(
        default=1.0,
        description="weight of the interaction term, at each level: the divergence over words plus that over frames. "
        "The paper's is 1",
    )
    beta: Weight = Field(
        default=2.0,
        description="weight of the self-distillation, from texts to videos plus from videos to texts. The paper's is 2",
    )
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
    reconstruction: Weight = Field(
        default=0.0,
        description="weight of how badly words of captions are told from the frames that they point at, at the entity "
        "level; a network without words (global) has no such term",
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
        default=None, description="weights of the estimator teacher, written by `hbi train-estimator` or `hbi convert`"
    )
    changed_by: str | None = Field(
        default=None,
        description="code that changes the objective (docs/how-to/change-the-method.md): a function or class as "
        "MODULE:NAME, or a name that an installed package gives it",
    )
    options: dict[str, _Option | list[_Option] | None] = Field(
        default={}, max_length=100, description="what changed_by is called with, by name"
    )

    @model_validator(mode="after")
    def _estimator_has_weights(self) -> Self:
        if len(set(self.levels)) < len(self.levels):
            raise ValueError(f"objective.levels names a level twice: {', '.join(self.levels)}")
        if (self.teacher == "estimator") != (self.estimator is not None):
            raise ValueError("objective.teacher=estimator and objective.estimator=FILE go together")
        return self

    @field_validator("changed_by")
    @classmethod
    def _is_a_name(cls, name: str | None) -> str | None:
        if name is not None and not _OF_CODE.fullmatch(name):
            raise ValueError(f"objective.changed_by: {shortened(name)!r} is not of the form MODULE:NAME")
        return name

    @model_validator(mode="after")
    def _options_are_of_something(self) -> Self:
        if self.options and self.changed_by is None:
            raise ValueError("objective.options need an objective.changed_by, which is called with them")
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
