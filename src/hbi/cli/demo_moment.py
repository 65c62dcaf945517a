"""What the demo's page begins with: a video, its sentence, and the moment found, playing."""

from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from hbi.explanation import Explanation
from hbi.explanation.word_lines import word_lines
from hbi.shape_stories import Caption, Event, Story


@dataclass(frozen=True)
class ToldEvent:
    """An event of a video, and the characters `[start, end)` of a sentence that tell it."""

    event: Event
    start: int
    end: int


@dataclass(frozen=True)
class Example:
    """One explained pair.

    Attributes:
        video: The file.
        events: What truly happens in it, as far as the sentence tells it.
        explanation: Of the sentence and the video.
        judgement: What a search says of how well they match; "": none was made.
    """

    video: Path
    events: tuple[ToldEvent, ...]
    explanation: Explanation
    judgement: str = ""

    @property
    def text(self) -> str:
        """The sentence."""
        return self.explanation.text

    @property
    def truth(self) -> str:
        """What happens, and when: "red circle spinning: 1.0 to 3.5 s; …"."""
        return "; ".join(
            f"{each.event.color} {each.event.shape} {each.event.action}: "
            f"{each.event.start_seconds:.1f} to {each.event.end_seconds:.1f} s"
            for each in self.events
        )


def told_events(caption: Caption, own: Story, shown: Story) -> tuple[ToldEvent, ...]:
    """Return the events of a video that a sentence tells, each the earliest after the one before.

    Args:
        caption: True of the video.
        own: The story that it was written for, which its mentions are of.
        shown: The story of the video.
    """
    remaining, found = iter(shown.events), []
    for number in sorted(caption.told_events):
        mentions = [mention for mention in caption.mentions if mention.event == number]
        told = {each.attribute: getattr(own.events[number], each.attribute) for each in mentions}
        event = next(event for event in remaining if all(getattr(event, key) == told[key] for key in told))
        found.append(ToldEvent(event, min(each.start for each in mentions), max(each.end for each in mentions)))
    return tuple(found)


def moment_of(explanation: Explanation, start: int, end: int) -> tuple[float, float]:
    """Return from when to when a video matches some words best: around the best frame, while half as good or better.

    Args:
        explanation: Of a text and the video.
        start: First character of the words; they weigh alike, but for those that a first view folds away.
        end: Behind their last character.
    """
    words = [line for line in word_lines(explanation) if start <= line.start and line.end <= end]
    fit = np.mean([line.fit for line in words if not line.stands_back] or [line.fit for line in words], axis=0)
    first = last = int(fit.argmax())
    while first > 0 and fit[first - 1] > fit.max() / 2 > 0:
        first -= 1
    while last + 1 < len(fit) and fit[last + 1] > fit.max() / 2 > 0:
        last += 1
    return explanation.frames[first].start_seconds, explanation.frames[last].end_seconds


def moment_section(example: Example, address: str | None, *, is_found: bool) -> str:
    """Return the section: it plays by itself, silent and in a loop, unless its reader wants pages to stand still.

    Args:
        example: What is shown.
        address: Where its video is to be found; None: it cannot be played, and the words have to do.
        is_found: Whether a search found it; else it is an example all the same, and the section says so.
    """
    rows = [(each, moment_of(example.explanation, each.start, each.end)) for each in example.events]
    begin = min(start for _, (start, _) in rows)
    how = example.judgement if is_found else "No sentence that was searched for found its video as a good match."
    video = (
        f'<video data-plays muted loop playsinline controls preload="auto" src="{escape(address)}#t={begin:.2f}" '
        f'aria-label="{escape(example.text)}"></video>'
        if address
        else ""
    )
    lines = "".join(_row(example, each, moment) for each, moment in rows)
    return (
        f'<section class="demo-moment"><style>{_STYLE}</style>{video}<div><p class="demo-sentence">“'
        f"{escape(example.text)}”</p><p>{'Found in' if is_found else 'An example:'} {escape(example.video.name)}. "
        f"{escape(how)}</p><ul>{lines}</ul><p class='demo-key'>Bar: where the words match the video. Frame: where that "
        "truly happens.</p></div></section>"
    )


def _row(example: Example, told: ToldEvent, moment: tuple[float, float]) -> str:
    """Return what a sentence tells of an event, and a bar of the video with the moment found and the true one."""
    truth = (told.event.start_seconds, told.event.end_seconds)
    duration = example.explanation.duration_seconds
    marks = "".join(
        f'<span class="{kind}" style="left:{100 * start / duration:.1f}%;width:{100 * (end - start) / duration:.1f}%">'
        "</span>"
        for kind, (start, end) in (("found", moment), ("true", truth))
    )
    return (
        f"<li><b>{escape(example.text[told.start : told.end])}</b> {moment[0]:.1f} to {moment[1]:.1f} s "
        f'<small>truly {truth[0]:.1f} to {truth[1]:.1f} s</small><div class="demo-strip" aria-hidden="true">{marks}'
        "</div></li>"
    )


_STYLE = (
    ".demo-moment{display:flex;flex-wrap:wrap;gap:16px 28px;align-items:center}"
    ".demo-moment video{width:min(420px,100%);border-radius:6px;background:#000}"
    ".demo-moment>div{flex:1 1 320px;min-width:0}"
    ".demo-moment ul{list-style:none;margin:0;padding:0}"
    ".demo-moment li{margin:0 0 10px}"
    ".demo-moment :is(small,.demo-key){color:var(--quiet,#5b6575);font-size:.85rem}"
    ".demo-sentence{font-size:clamp(1.3rem,3vw,1.9rem);line-height:1.35;margin:0 0 8px;overflow-wrap:anywhere}"
    ".demo-strip{position:relative;height:12px;border-radius:4px;background:var(--wash,#f3f5f8)}"
    ".demo-strip span{position:absolute;top:0;bottom:0;border-radius:4px}"
    ".demo-strip .found{background:var(--match,#0f7b5f);top:3px;bottom:3px}"
    ".demo-strip .true{border:1.5px solid var(--ink,#1c2330)}"
)
