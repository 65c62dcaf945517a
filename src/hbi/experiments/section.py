"""A section of a recipe: the kinds of numbers in it, and what holds for every key."""

from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from hbi.experiments.content import MOST_WEIGHT, path_problem

# The most of each kind is far above what anybody trains: a slip is named before it fills the memory.
Count = Annotated[int, Field(gt=0, le=1_000_000)]
Steps = Annotated[int, Field(gt=0, le=1_000_000_000)]
Size = Annotated[int, Field(gt=0, le=16_384)]
MOST_PLACES = 100_000
Places = Annotated[int, Field(gt=0, le=MOST_PLACES)]
Layers = Annotated[int, Field(gt=0, le=1000)]
Rate = Annotated[float, Field(gt=0, le=10_000)]
Weight = Annotated[float, Field(ge=0, le=MOST_WEIGHT)]
Ratio = Annotated[float, Field(gt=0, le=1)]


class Section(BaseModel):
    """A part of a recipe: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _is_plain(cls, value: Any, info: ValidationInfo) -> Any:
        annotation = cls.model_fields[str(info.field_name)].annotation
        is_switch = bool in (annotation, *get_args(annotation))
        for part in value if isinstance(value, list | tuple) else [value]:
            if isinstance(part, bool) and not is_switch:
                raise ValueError(f"{str(part).lower()} is no number and no text")
            if isinstance(part, str) and (problem := path_problem(part)):
                raise ValueError(problem)
        return value
