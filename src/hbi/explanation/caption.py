"""A caption in HTML with every word a button."""

from collections.abc import Sequence

from hbi.explanation.explanation import Word
from hbi.explanation.markup import escape
from hbi.explanation.wording import direction

LONG_CAPTION = 32
"""A caption of more words than this is set smaller."""


def caption(text: str, words: Sequence[Word], rows: Sequence[int], *, label: str = "") -> str:
    """The paragraph; `rows` says for every word which row of the tables it stands for."""
    length = " hbi-long" if len(words) > LONG_CAPTION else ""
    written = f'<b class="hbi-which">{escape(label)}</b>' if label else ""
    return f'<p class="hbi-caption{length}" dir="{direction(text)}">{written}{_buttons(text, words, rows)}</p>'


def _buttons(text: str, words: Sequence[Word], rows: Sequence[int]) -> str:
    """Every word a button; a mark without characters stands as a small button of its own.

    The buttons are spans: a button element is a box of its own, which tears joined letters apart and puts the pieces of
    a right-to-left word in the wrong order.
    Where several tokens are bytes of one character, the character stands once and is the button of the first of them.
    """
    pieces, cursor = [], 0
    for word, row in zip(words, rows, strict=True):
        if word.start < word.end <= cursor:
            continue
        pieces.append(escape(text[cursor : word.start]))
        mark = " hbi-mark" if word.start == word.end else ""
        pieces.append(
            f'<span role="button" class="hbi-word{mark}" data-word="{row}" aria-pressed="false">'
            f"{escape(text[max(cursor, word.start) : word.end] or word.text)}</span>"
        )
        cursor = max(cursor, word.end)
    return "".join(pieces) + escape(text[cursor:])
