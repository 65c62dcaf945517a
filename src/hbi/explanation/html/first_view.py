"""The first view of an explanation: the sentence in whole words, and a line over the seconds for each of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Bool, Float

from hbi.explanation.certainty import CERTAIN_FROM, is_uncertain
from hbi.explanation.explanation import Explanation
from hbi.explanation.frame_times import FrameTimes
from hbi.explanation.html.markup import escape, template
from hbi.explanation.html.section_parts import widths_of
from hbi.explanation.word_lines import Verdict, WordLine, fit_meaning, word_lines
from hbi.explanation.wording import direction, quoted

Verdicts: TypeAlias = Mapping[tuple[int, int], Verdict]
"""What a search says of whole words: by the characters `[start, end)` of each."""

MARKS: dict[Verdict, tuple[str, str]] = {
    "found": ("✓", "found here"),
    "not found": ("✗", "not found"),
    "cannot tell": ("?", "cannot tell"),
    "unknown": ("–", "unknown to the model"),
}
"""A mark and words for every verdict: none is told by its color alone."""

SHARE_OF_BEST = 0.5
"""The best moment reaches as far around the best frame as the words match at least this well, of their best."""

MOST_PICTURES = 12
"""Of the film strip: with more frames a picture stands for several, so that it can be seen and met by a finger."""

LEAST_BAR = 0.2
"""Height of the smallest bar that matches, so that it is not mistaken for the flat line of one that does not."""

LONG_SENTENCE = 32
"""A sentence of more words than this is set smaller."""


@dataclass(frozen=True)
class Moment:
    """A run of frames, `first` to `last`, around the `best` of them."""

    first: int
    best: int
    last: int


class FirstView:
    """What the first view shows of one explanation, and says of it.

    Args:
        explanation: What is shown.
        times: Of its frames.
        verdicts: Of its whole words; None: no verdict is shown.
    """

    def __init__(self, explanation: Explanation, times: FrameTimes, verdicts: Verdicts | None) -> None:
        self._explanation, self._times = explanation, times
        self.lines = word_lines(explanation)
        self._best = "Best match" if explanation.is_labelled else "Best moment"
        self._one = "column" if explanation.is_labelled else "second"
        self._verdicts = [(verdicts or {}).get((line.start, line.end)) for line in self.lines]
        folded = [row for row, line in enumerate(self.lines) if line.stands_back]
        self._folded = folded if len(folded) < len(self.lines) else []
        self._shown = [row for row in range(len(self.lines)) if row not in self._folded]
        self._counted = [row for row in self._shown if self._verdicts[row] not in ("not found", "unknown")]
        self.best_moment = best_moment([self.lines[row] for row in self._counted])

    def html(self, anchor: str, stage: str) -> str:
        """Return the markup: video, sentence, best moment, film strip and rows.

        Args:
            anchor: The id of the section.
            stage: Markup of the video, or of what stands for it.
        """
        explanation, moment = self._explanation, self.best_moment
        limit = max((float(line.fit.max()) for line in self.lines), default=0.0)
        is_labelled = explanation.is_labelled
        looks = " hbi-labels" * is_labelled + " hbi-upright" * (is_labelled and len(explanation.frames) > MOST_PICTURES)
        return template("first_view.html").substitute(
            hint=f"Choose a word, a {'column' if is_labelled else 'picture'} or a bar: that {self._one} is shown.",
            looks=looks,
            stage=stage,
            length=" hbi-long" if len(self.lines) > LONG_SENTENCE else "",
            direction=direction(explanation.text),
            sentence=self._sentence(),
            summary=self._summary(),
            unit=self._times.unit,
            strip="".join(self._pictures(anchor)),
            place=_place(explanation, moment),
            mark="" if moment is None else '<p class="hbi-mark" aria-hidden="true"><span></span></p>',
            rows="\n".join(self._row(row, limit) for row in self._shown),
            folded=self._fold(limit) if self._folded else "",
            key=self._key(),
            meaning=escape(fit_meaning(explanation)),
        )

    def script_data(self) -> list[dict[str, Any]]:
        """Return what the page's script says of every line."""
        return [
            {
                "phrase": quoted(line.text),
                "sentence": self.sentence_of(row),
                "best": int(line.fit.argmax()),
                "states": "".join(_states(line)),
                "isShown": row in self._shown,
                "isSure": self._verdicts[row] in (None, "found"),
            }
            for row, line in enumerate(self.lines)
        ]

    def sentence_of(self, row: int) -> str:
        """Return what a line says: `“red” matches 2.0 s to 4.0 s, best 2.0 s to 3.0 s.`"""
        line, verdict = self.lines[row], self._verdicts[row]
        phrase, best = quoted(line.text), self._times.spans([int(line.fit.argmax())])
        here = np.flatnonzero(matches_here(line)).tolist()
        if verdict == "unknown":
            return f"{phrase}: the model has not learned this word; its line says little."
        if verdict == "cannot tell":
            return f"{phrase}: the model cannot tell whether it is here; the closest is {best}."
        if verdict == "not found":
            return f"{phrase} is not found here; the closest is {best}."
        is_found = verdict == "found"
        if not here:
            certainly = " certainly" if is_uncertain(line.fit, line.errors).any() else ""
            return f"{phrase}{' is found here, but' if is_found else ''} matches no single {self._one}{certainly}."
        only = "" if len(here) == 1 else f", best {best}"
        return f"{phrase}{' is found here and' if is_found else ''} matches {self._times.spans(here)}{only}."

    def _sentence(self) -> str:
        """Return the text with every whole word a button; punctuation is none."""
        text, pieces, cursor = self._explanation.text, [], 0
        for row, line in enumerate(self.lines):
            if line.start == line.end or line.start < cursor or not _is_word(line):
                continue
            small = " hbi-back" if line.stands_back else ""
            pieces.append(escape(text[cursor : line.start]))
            word = escape(text[line.start : line.end])
            pieces.append(f'<span role="button" class="hbi-pick{small}" data-line="{row}">{word}</span>')
            cursor = line.end
        return "".join(pieces) + escape(text[cursor:])

    def _summary(self) -> str:
        if self.best_moment is None:
            is_any = any(matches_here(self.lines[row]).any() for row in self._counted)
            told = f"All {self._one}s match alike." if is_any else f"No {self._one} matches."
            return f'<p class="hbi-none">{told}</p>'
        frames = range(self.best_moment.first, self.best_moment.last + 1)
        span = self._times.spans(frames)
        sign = "" if self._explanation.is_labelled else '<span aria-hidden="true">▶</span> '
        return (
            f'<button type="button" class="hbi-best" data-frame="{frames[0]}" data-last="{frames[-1]}" '
            f'data-span="{escape(span)}">{sign}{self._best}: {escape(span)}</button>'
        )

    def _pictures(self, anchor: str) -> Iterator[str]:
        """Return the film strip, as wide as the lines below it: a picture stands for one frame, or for several."""
        widths = widths_of(self._explanation.frames)
        most = len(widths) if self._explanation.is_labelled else MOST_PICTURES
        for first, last in _stretches(len(widths), most):
            width = sum(widths[first : last + 1])
            middle = (first + last) // 2
            span = escape(self._times.spans(range(first, last + 1)))
            yield (
                f'<button type="button" class="hbi-shot" data-frame="{first}" data-last="{last}" data-span="{span}" '
                f'aria-label="{span}" style="flex-grow:{width:.4g}">'
                f'<span class="hbi-thumb {anchor}-t{middle}"></span>'
                f'<span class="hbi-time">{escape(self._times.short(first))}</span></button>'
            )

    def _row(self, row: int, limit: float) -> str:
        line, verdict = self.lines[row], self._verdicts[row]
        told, is_found = "", verdict in (None, "found")
        if verdict is not None:
            mark, words = MARKS[verdict]
            told = f' <span class="hbi-verdict"><i aria-hidden="true">{mark}</i>{words}</span>'
        numbers = zip(line.fit.tolist(), line.errors.tolist(), _states(line), strict=True)
        cells = "".join(_cell(*each, limit) for each in numbers)
        looks = "" if is_found else " hbi-missing"
        verdict_class = "" if verdict is None else f" hbi-{verdict.replace(' ', '-')}"
        return (
            f'<li class="hbi-row{looks}{verdict_class}"><span class="hbi-head">'
            f'<button type="button" class="hbi-pick" data-line="{row}"><bdi>{escape(line.text)}</bdi></button>'
            f"{told}</span>"
            f'<span class="hbi-fits" role="img" data-line="{row}" aria-label="{escape(self.sentence_of(row))}">'
            f"{cells}</span></li>"
        )

    def _fold(self, limit: float) -> str:
        """Return the rows of the words that stand back, behind one control."""
        words = [self.lines[row].text for row in self._folded if _is_word(self.lines[row])]
        marks = len(self._folded) - len(words)
        named = (
            f"{len(words)} small word{'s' * (len(words) > 1)}: {_in_short(words)}"
            if words
            else f"{marks} punctuation mark{'s' * (marks > 1)}"
        )
        rows = "".join(self._row(row, limit) for row in self._folded)
        return (
            f'<details class="hbi-small"><summary>and {escape(named)}</summary>'
            f'<ul class="hbi-rows">{rows}</ul></details>'
        )

    def _key(self) -> str:
        """Return the legend: each look that occurs, in words."""
        states = {state for line in self.lines for state in _states(line)}
        looks = [("y", "matches here"), ("n", "does not match")]
        if "u" in states:
            looks.append(("u", "not certain"))
        judged = zip(self.lines, self._verdicts, strict=True)
        if any(verdict not in (None, "found") and "y" in _states(line) for line, verdict in judged):
            looks.append(("y hbi-hollow", "the closest seconds of a word that was not found for certain"))
        if self.best_moment is not None:
            looks.append(("hbi-band", self._best.lower()))
        return "".join(f'<span><i class="{look}" style="--v:1"></i>{words}</span>' for look, words in looks)


def matches_here(line: WordLine) -> Bool[np.ndarray, " frame"]:
    """Return which frames match a word, and certainly so."""
    return (line.fit > 0) & ~is_uncertain(line.fit, line.errors)


def best_moment(lines: Sequence[WordLine]) -> Moment | None:
    """Return the run of frames that matches best over the words; None where no frame matches any, or all alike.

    How well a frame matches is the sum of what is certainly above 0 of all words. The run grows around the best frame
    as long as its neighbours reach half of that.

    Args:
        lines: Of the words that count.
    """
    if not lines:
        return None
    total: Float[np.ndarray, " frame"] = sum(
        (np.where(matches_here(line), line.fit, 0.0) for line in lines), np.zeros_like(lines[0].fit)
    )
    first = best = last = int(total.argmax())
    least = SHARE_OF_BEST * total[best]
    if not total[best] > 0:
        return None
    while first > 0 and total[first - 1] >= least:
        first -= 1
    while last < len(total) - 1 and total[last + 1] >= least:
        last += 1
    is_all = len(total) > 1 and last - first == len(total) - 1
    return None if is_all else Moment(first, best, last)


def _is_word(line: WordLine) -> bool:
    """Return whether a line is of more than punctuation."""
    return not line.stands_back or any(map(str.isalnum, line.text))


def _states(line: WordLine) -> list[str]:
    """Return for every frame `y` (matches), `n` (does not) or `u` (not certain)."""
    unsure = is_uncertain(line.fit, line.errors)
    return ["u" if unsure[frame] else "y" if fit > 0 else "n" for frame, fit in enumerate(line.fit.tolist())]


def _cell(fit: float, error: float, state: str, limit: float) -> str:
    """Return one frame of a line: a bar as high as it matches, with its error bar; flat where it does not match."""
    if state == "n":
        return '<i class="n"></i>'
    height = _height(fit, limit)
    ends = ""
    if error and state == "y":
        lower, upper = (_height(fit + side * CERTAIN_FROM * error, limit) for side in (-1, 1))
        ends = f";--from:{lower:.2f};--to:{upper:.2f}"
    return f'<i class="{state}{" e" * bool(ends)}" style="--v:{height:.2f}{ends}"></i>'


def _height(fit: float, limit: float) -> float:
    share = fit / limit if limit > 0 else 0.0
    return LEAST_BAR + (1 - LEAST_BAR) * min(1.0, max(0.0, share))


def _stretches(num_frames: int, most: int) -> list[tuple[int, int]]:
    """Return the first and last frame of every picture of the strip, of which there are so many at most."""
    count = min(num_frames, most)
    edges = [round(num_frames * index / count) for index in range(count + 1)]
    return [(first, after - 1) for first, after in pairwise(edges)]


def _place(explanation: Explanation, moment: Moment | None) -> str:
    """Return where the best moment lies and how wide it is, as shares of the lines."""
    if moment is None:
        return ""
    widths = widths_of(explanation.frames)
    before, inside = sum(widths[: moment.first]), sum(widths[moment.first : moment.last + 1])
    return f"--start:{before / sum(widths):.4f};--width:{inside / sum(widths):.4f}"


def _in_short(words: Sequence[str]) -> str:
    """Return the first few different words in quotes, so that "and" is read as one of them."""
    different = [quoted(word) for word in dict.fromkeys(word.casefold() for word in words)]
    return f"{', '.join(different[:6])}{' …' if len(different) > 6 else ''}"
