"""What a client asks for, checked before anything is computed: a search, a text, the name of an upload."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from hbi.search import Filters
from hbi.search.video_index import DEFAULT_THRESHOLD
from hbi.web.limits import Limits, RequestError

MAX_HITS = 100
LONGEST_NAME = 120


@dataclass(frozen=True)
class SearchRequest:
    """A search as it was asked for, checked."""

    text: str
    limit: int
    threshold: float
    filters: Filters

    @classmethod
    def parse(cls, parameters: Mapping[str, str], limits: Limits) -> "SearchRequest":
        """Return the search that some parameters of an address ask for.

        Raises:
            RequestError: One of them makes no sense; the message names it.
        """
        for name, value in parameters.items():
            if name != "q" and len(value) > limits.max_parameter_characters:
                raise RequestError(
                    422, f"{name[:20]} has {len(value)} characters, at most {limits.max_parameter_characters} are read"
                )
        return cls(
            validated_text(parameters.get("q", ""), limits),
            int(_number(parameters, "limit", 12, 1, MAX_HITS)),
            _number(parameters, "threshold", DEFAULT_THRESHOLD, 0, 1),
            Filters(
                path=parameters.get("path") or None,
                after=_day(parameters, "after"),
                before=_day(parameters, "before"),
                min_seconds=_optional_number(parameters, "min_seconds"),
                max_seconds=_optional_number(parameters, "max_seconds"),
            ),
        )


def validated_text(text: str, limits: Limits) -> str:
    """Return a text without space around it; RequestError when it is empty or too long."""
    text = " ".join(text.split())
    if not any(character.isalnum() for character in text):
        raise RequestError(422, "write what to search for: there are no words in it")
    if len(text) > limits.max_query_characters:
        raise RequestError(422, f"the text has {len(text)} characters, at most {limits.max_query_characters} are read")
    if any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in text):
        raise RequestError(422, "the text holds characters that are no text")
    return text


def display_name(file_name: str) -> str:
    """Return how the name that an upload came with is shown: without folders, and only what can be shown."""
    name = file_name.replace("\\", "/").rpartition("/")[2][:LONGEST_NAME]
    return "".join(character for character in name if character.isprintable()).strip() or "clip"


def _number(parameters: Mapping[str, str], name: str, default: float, low: float, high: float) -> float:
    value = _optional_number(parameters, name)
    if value is None:
        return default
    if not low <= value <= high:
        raise RequestError(422, f"{name} must be from {low:g} to {high:g}")
    return value


def _optional_number(parameters: Mapping[str, str], name: str) -> float | None:
    text = parameters.get(name, "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise RequestError(422, f"{name} must be a number, not {text[:20]!r}")
    return value


def _day(parameters: Mapping[str, str], name: str) -> datetime | None:
    text = parameters.get(name, "").strip()
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        raise RequestError(422, f"{name} must be a day like 2026-01-31, not {text[:20]!r}") from None
