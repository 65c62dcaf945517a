"""Pages of several explanations: one text with several videos, and the failures of an evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass

from hbi.explanation.comparison import Comparison
from hbi.explanation.comparison_section import comparison_section
from hbi.explanation.explanation import Explanation
from hbi.explanation.markup import escape
from hbi.explanation.page import page
from hbi.explanation.section import explanation_section
from hbi.explanation.wording import quoted, signed


@dataclass(frozen=True, eq=False)
class Explained:
    """An explanation, and where its video is to be found (see `hbi.explanation.player`)."""

    explanation: Explanation
    address: str | None = None


@dataclass(frozen=True, eq=False)
class Failure:
    """A text that did not find its video first.

    Attributes:
        found: The video that was ranked first.
        right: The video that should have been.
        rank: Where the right one stands, from 1; half where scores tie.
    """

    found: Explained
    right: Explained
    rank: float


def videos_page(videos: Sequence[Explained]) -> str:
    """The page of one text with several videos: ranked, why the first and not the second, and each by itself."""
    ranked = sorted(videos, key=lambda video: -video.explanation.similarity)
    rows = [
        (f'<a href="#video-{rank}">{escape(video.explanation.video)}</a>', f"{video.explanation.similarity:.3f}")
        for rank, video in enumerate(ranked, start=1)
    ]
    sections = [f"<section>{_table(('video', 'similarity'), rows)}</section>"]
    if len(ranked) > 1:
        first, second = ranked[:2]
        sections.append(
            "<section><h2>Why the first and not the second</h2></section>" + _compared(first, second, "comparison")
        )
    for rank, video in enumerate(ranked, start=1):
        sections.append(explanation_section(video.explanation, f"video-{rank}", address=video.address))
    return page(ranked[0].explanation.text, sections, heading=quoted(ranked[0].explanation.text))


def comparison_page(first: Explained, second: Explained) -> str:
    """The page of two texts for one video, or of one text for two videos."""
    return page("Why this and not that", [_compared(first, second, "comparison")])


def failures_page(failures: Sequence[Failure], title: str) -> str:
    """The page of an evaluation's failures, the worst first: why the video that was found and not the right one."""
    rows = []
    for number, failure in enumerate(failures, start=1):
        found, right = failure.found.explanation, failure.right.explanation
        rows.append(
            (
                f'<a href="#failure-{number}">{escape(quoted(right.text))}</a>',
                f"{failure.rank:g}",
                f"{escape(right.video)} {right.similarity:.3f}",
                f"{escape(found.video)} {found.similarity:.3f}",
                signed(found.similarity - right.similarity, 3),
            )
        )
    table = _table(("text", "rank", "right video", "found instead", "difference"), rows)
    sections = [f"<section>{table}</section>"]
    for number, failure in enumerate(failures, start=1):
        heading = (
            f"<section><h2>{number}. Rank {failure.rank:g}: why {escape(failure.found.explanation.video)} (first) and "
            f"not {escape(failure.right.explanation.video)} (second, the right one)</h2></section>"
        )
        sections.append(heading + _compared(failure.found, failure.right, f"failure-{number}", is_brief=True))
    return page(title, sections)


def _compared(first: Explained, second: Explained, anchor: str, *, is_brief: bool = False) -> str:
    comparison = Comparison(first.explanation, second.explanation)
    return comparison_section(comparison, anchor, addresses=(first.address, second.address), is_brief=is_brief)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of markup; the first cell of a row is its head."""
    head = "".join(f'<th scope="col">{cell}</th>' for cell in header)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>' for first, *rest in rows
    )
    return f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
