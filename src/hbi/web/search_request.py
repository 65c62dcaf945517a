"""What a client asks for, checked before anything is computed: a search, a text, the name of an upload."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast, get_args
from urllib.parse import urlencode

from hbi.search import Filters
from hbi.search.answering import Order
from hbi.web.limits import Limits, RequestError

MAX_HITS = 100
"""Moments on one page."""
MAX_PAGES = 1000
LONGEST_NAME = 120
LONGEST_SEGMENT_ID = 200
FILTERS = ("path", "after", "before", "min_seconds", "max_seconds")
_FIELDS = ("q", "like", *FILTERS, "threshold", "limit", "sort", "page")
_DEFAULTS = {"sort": "match", "page": "1"}


@dataclass(frozen=True)
class SearchRequest:
    """A search as it was asked for, checked.

    Attributes:
        text: What to search for; empty where `like` is given.
        like: Key of a segment to which others are to be like; empty: the text is searched for.
        limit: Moments on one page.
        page: Which page, from 1 on.
        order: See `hbi.search.answering`.
        threshold: The rarity from which a hit is good; None: as `hbi.search.goodness` has it.
        filters: Which videos to look at.
    """

    text: str
    like: str
    limit: int
    page: int
    order: Order
    threshold: float | None
    filters: Filters

    @classmethod
    def parse(cls, parameters: Mapping[str, str], limits: Limits, *, limit: int = 12) -> "SearchRequest":
        """Return the search that some parameters of an address ask for.

        Args:
            parameters: By name; those that are no field of a search are left alone.
            limits: Of the server.
            limit: Moments on a page where the address does not say.

        Raises:
            RequestError: One of them makes no sense; the message names it.
        """
        for name, value in parameters.items():
            if name != "q" and len(value) > limits.max_parameter_characters:
                raise RequestError(
                    422, f"{name[:20]} has {len(value)} characters, at most {limits.max_parameter_characters} are read"
                )
        like = parameters.get("like", "").strip()
        order = parameters.get("sort", "").strip() or "match"
        if order not in get_args(Order):
            raise RequestError(422, f"sort must be one of {', '.join(get_args(Order))}")
        return cls(
            text="" if like else validated_text(parameters.get("q", ""), limits),
            like=like,
            limit=int(_number(parameters, "limit", limit, 1, MAX_HITS)),
            page=page_number(parameters),
            order=cast(Order, order),
            threshold=_share(parameters, "threshold"),
            filters=Filters(
                path=parameters.get("path") or None,
                after=_day(parameters, "after"),
                before=_day(parameters, "before"),
                min_seconds=_optional_number(parameters, "min_seconds"),
                max_seconds=_optional_number(parameters, "max_seconds"),
            ),
        )

    @property
    def offset(self) -> int:
        """How many moments the pages before this one hold."""
        return (self.page - 1) * self.limit


def search_address(parameters: Mapping[str, str], base: str = "/", **changes: str) -> str:
    """Return the address of a search: its fields that say something, always in the same order.

    >>> search_address({"q": "a red car", "path": "", "page": "2", "token": "x"}, sort="newest", page="")
    '/?q=a+red+car&sort=newest'

    Args:
        parameters: Of an address; what is no field of a search is left out.
        base: The page.
        changes: Fields that are to be different.
    """
    fields = {name: changes.get(name, parameters.get(name, "")) for name in _FIELDS}
    said = {name: value for name, value in fields.items() if value.strip() and value != _DEFAULTS.get(name)}
    said |= {name: value for name, value in changes.items() if name not in fields and value}
    return f"{base}?{urlencode(said)}" if said else base


def page_number(parameters: Mapping[str, str]) -> int:
    """Return which page an address asks for, 1 where it does not say; RequestError where there is none such."""
    return int(_number(parameters, "page", 1, 1, MAX_PAGES))


def has_empty_fields(parameters: Mapping[str, str]) -> bool:
    """Return whether an address holds fields of a search that say nothing, as a form without scripts sends them."""
    return any(name in _FIELDS and not value.strip() for name, value in parameters.items())


def may_be_segment_id(text: str) -> bool:
    """Return whether a text could be the key of a segment: the index is not asked for any other."""
    return 0 < len(text) <= LONGEST_SEGMENT_ID and text.isascii() and text.isprintable()


def seconds_within(text: str, low: float, high: float) -> float | None:
    """Return the second that an address names, moved into a span; None where it names none.

    >>> seconds_within("7.25", 5, 10), seconds_within("70", 5, 10), seconds_within("soon", 5, 10)
    (7.25, 10, None)
    """
    try:
        value = float(text)
    except ValueError:
        return None
    return min(max(value, low), high) if math.isfinite(value) else None


def validated_text(text: str, limits: Limits) -> str:
    """Return a text without space around it; RequestError when it is empty or too long."""
    text = " ".join(text.split())
    if not any(character.isalnum() for character in text):
        raise RequestError(422, "write in words what happens in the video: this text has none")
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


def _share(parameters: Mapping[str, str], name: str) -> float | None:
    return _number(parameters, name, 0, 0, 1) if parameters.get(name, "").strip() else None


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
