"""The parts that sections are put together from: captions, players, tabs and their panels, ranked lists, styles."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hbi.explanation.certainty import CERTAIN_FROM, NOT_CERTAIN, is_uncertain, with_error
from hbi.explanation.files.thumbnail import encode_jpeg
from hbi.explanation.html.markup import escape, template
from hbi.explanation.players import Frame, Word
from hbi.explanation.wording import decimals_for, direction, signed

LONG_CAPTION = 32
"""A caption of more words than this is set smaller."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """What one tab of a section shows.

    Attributes:
        name: Of the tab; part of its id.
        tab_score: Stands beside the name.
        title, score, note: Stand over the table.
        table: Markup; it scrolls by itself.
        found: Markup: the largest numbers of the table.
        limit: The number with the full color.
        unit: Of the numbers.
        is_numbering_optional: Whether a box chooses that small cells bear their numbers.
        is_drawn: Whether numbers are estimates: the legend then shows what is not certain.
        label: Of the tab; "": the name.
    """

    name: str
    tab_score: str
    title: str
    score: str
    note: str
    table: str
    found: str
    limit: float
    unit: str
    is_numbering_optional: bool = False
    is_drawn: bool = False
    label: str = ""

    def tab(self, anchor: str) -> str:
        """Return the button that shows the panel."""
        return (
            f'<button type="button" role="tab" class="hbi-tab" id="{anchor}-{self.name}-tab" '
            f'aria-controls="{anchor}-{self.name}">{self.label or self.name.capitalize()}'
            f"<small>{self.tab_score}</small></button>"
        )

    def html(self, anchor: str) -> str:
        """Return the panel."""
        decimals = decimals_for(self.limit)
        box = f"{anchor}-{self.name}-numbers"
        option = (
            f'<input type="checkbox" class="hbi-numbers" id="{box}">'
            f'<label class="hbi-option" for="{box}">numbers in the cells</label>'
        )
        return template("panel.html").substitute(
            anchor=anchor,
            name=self.name,
            title=escape(self.title),
            score=escape(self.score),
            note=escape(self.note),
            option=option if self.is_numbering_optional else "",
            table=self.table,
            found=self.found,
            lowest=signed(-self.limit, decimals) if self.limit else "",
            highest=signed(self.limit, decimals) if self.limit else "",
            unit=escape(self.unit),
            uncertain=f'<div class="hbi-unsure"><i></i>{NOT_CERTAIN}</div>' if self.is_drawn else "",
        )


def check_anchor(anchor: str) -> None:
    """Raise ValueError unless `anchor` can be an id."""
    if not re.fullmatch(r"[A-Za-z][\w-]*", anchor, flags=re.ASCII):
        raise ValueError(f"anchor {anchor!r} is no id: write a letter, then letters, digits, - and _")


def caption(text: str, words: Sequence[Word], rows: Sequence[int], *, label: str = "") -> str:
    """Return the caption as a paragraph with every word a button.

    Args:
        text: The caption, as it was written.
        words: Its words, with the characters that they are.
        rows: For every word the row of the tables that it stands for.
        label: Plain text before the caption; "": none.
    """
    length = " hbi-long" if len(words) > LONG_CAPTION else ""
    written = f'<b class="hbi-which">{escape(label)}</b>' if label else ""
    return f'<p class="hbi-caption{length}" dir="{direction(text)}">{written}{_word_buttons(text, words, rows)}</p>'


def player(address: str | None, number: int, name: str) -> str:
    """Return the player of a video; nothing where it cannot be played.

    Args:
        address: Where the video is to be found; None: it cannot be played. Of a copy of a span it ends in
            `#offset=<seconds>`: where in the video its second 0 is.
        number: Which video of the section it is, from 0.
        name: What a screen reader says of it.
    """
    if address is None:
        return ""
    address, _, offset = address.partition("#offset=")
    begin = f'data-offset="{escape(offset)}" ' if offset else ""
    return (
        f'<video class="hbi-player" data-player="{number}" {begin}controls muted playsinline preload="metadata" '
        f'aria-label="{escape(name)}" src="{escape(address)}"></video>'
    )


def ranked_item(name: str, spans: str, value: float, largest: float, error: float = 0.0) -> str:
    """Return a line of a list of the largest numbers: whose it is, when, the number and a bar.

    Args:
        name: Whose number it is.
        spans: When, as plain text; "": not at a certain time.
        value: The number.
        largest: What a full bar stands for: the largest absolute value of the list, with its error bar.
        error: The number's standard error, 0 where it is exact.
    """
    number = with_error(value, error, decimals_for(largest))
    classes, style = bar_of(value, largest, error)
    return (
        f"<li><span>{escape(name)} <em>{escape(spans)}</em></span><b>{number}</b>"
        f'<span><i class="hbi-bar{classes}" style="{style}"></i></span></li>'
    )


def bar_of(value: float, largest: float, error: float = 0.0) -> tuple[str, str]:
    """Return the classes and the style of a number's bar: its sign and length, and its error bar where it was drawn.

    Args:
        value: The number.
        largest: What a full bar stands for.
        error: The number's standard error, 0 where it is exact; the error bar reaches two of them to either side.
    """
    share, reach = abs(value) / (largest or 1.0), CERTAIN_FROM * error / (largest or 1.0)
    is_unsure = bool(is_uncertain(np.asarray(value), np.asarray(error)))
    classes = "".join(f" {name}" for name, applies in (("n", value < 0), ("e", error > 0), ("u", is_unsure)) if applies)
    ends = f";--from:{max(0.0, share - reach):.3f};--to:{min(1.0, share + reach):.3f}" if error else ""
    return classes, f"--v:{share:.3f}{ends}"


def still(index: int, anchor: str, label: str, *, is_hidden: bool) -> str:
    """Return the enlarged picture of a frame, which stands where no video can be played.

    Args:
        index: Of the frame that is shown first.
        anchor: The id of the section.
        label: When that frame is.
        is_hidden: Whether it waits until the script finds that there is no video.
    """
    return (
        f'<figure class="hbi-still"{" hidden" * is_hidden}><span class="hbi-thumb {anchor}-t{index}"></span>'
        f"<figcaption>{escape(label)}</figcaption></figure>"
    )


def widths_of(frames: Sequence[Frame]) -> list[float]:
    """Return how wide each frame is in a line over the seconds: its share of them in percent.

    Shares rather than seconds, for the widths of a flexible row that sum to less than 1 do not fill it.
    """
    seconds = [frame.end_seconds - frame.start_seconds for frame in frames]
    whole = sum(seconds)
    return [100 * each / whole if whole > 1e-9 else 100 / len(seconds) for each in seconds]


def frame_rules(frames: Sequence[Frame], anchor: str) -> str:
    """Return the style of a section's frames: every picture once, as wide in a line as its share of the seconds.

    Tables and the tooltip show a picture by the class `<anchor>-t<index>`.
    """
    _, height, width = frames[0].thumbnail.shape
    rules = [f"#{anchor} .hbi-thumb{{{f'aspect-ratio:{width}/{height}' if frames[0].has_picture else 'display:none'}}}"]
    for index, (frame, width) in enumerate(zip(frames, widths_of(frames), strict=True)):
        if frame.has_picture:
            image = encode_jpeg(frame.thumbnail)
            rules.append(f"#{anchor} .{anchor}-t{index}{{background-image:url(data:image/jpeg;base64,{image})}}")
        rules.append(
            f'#{anchor} .hbi-line>[data-frame="{index}"],#{anchor} .hbi-fits>:nth-child({index + 1})'
            f"{{flex-grow:{width:.4g}}}"
        )
    return "\n".join(rules)


def _word_buttons(text: str, words: Sequence[Word], rows: Sequence[int]) -> str:
    """Return every word as a button; a special token without characters stands as a small button of its own.

    The buttons are spans: a button element is a box of its own, which tears joined letters apart and puts the pieces of
    a right-to-left word in the wrong order.
    Where several tokens are bytes of one character, the character stands once and is the button of the first of them.
    """
    pieces, cursor = [], 0
    for word, row in zip(words, rows, strict=True):
        if word.start < word.end <= cursor:
            continue
        pieces.append(escape(text[cursor : word.start]))
        special = " hbi-special" if word.start == word.end else ""
        pieces.append(
            f'<span role="button" class="hbi-word{special}" data-word="{row}" aria-pressed="false">'
            f"{escape(text[max(cursor, word.start) : word.end] or word.text)}</span>"
        )
        cursor = max(cursor, word.end)
    return "".join(pieces) + escape(text[cursor:])
