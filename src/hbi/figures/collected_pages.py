"""Pages of several explanations: one text with several videos, and the failures of an evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass

from hbi.explanation.comparison import Comparison
from hbi.explanation.explanation import Explanation
from hbi.explanation.html.comparison_section import comparison_section
from hbi.explanation.html.explanation_section import explanation_section
from hbi.explanation.html.first_view import Verdicts
from hbi.explanation.html.markup import escape
from hbi.explanation.html.page import page
from hbi.explanation.wording import quoted, signed


@dataclass(frozen=True, eq=False)
class Explained:
    """An explanation, and what its page needs besides.

    Attributes:
        address: Where its video is to be found, see `hbi.figures.VideoAddresses`.
        verdicts: What is said of its whole words, see `explanation_section`.
    """

    explanation: Explanation
    address: str | None = None
    verdicts: Verdicts | None = None


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
    """Return the page of one text with several videos: ranked, why the first and not the second, and each by itself."""
    ranked = sorted(videos, key=lambda video: -video.explanation.similarity)
    rows = [
        (f'<a href="#video-{rank}">{escape(video.explanation.video)}</a>', f"{video.explanation.similarity:.3f}")
        for rank, video in enumerate(ranked, start=1)
    ]
    sections = [f"<section>{_table(('video', escape(ranked[0].explanation.score_name)), rows)}</section>"]
    if len(ranked) > 1:
        first, second = ranked[:2]
        sections.append(
            "<section><h2>Why the first and not the second</h2></section>" + _compared(first, second, "comparison")
        )
    for rank, video in enumerate(ranked, start=1):
        anchor = f"video-{rank}"
        sections.append(explanation_section(video.explanation, anchor, address=video.address, verdicts=video.verdicts))
    return page(ranked[0].explanation.text, sections, heading=quoted(ranked[0].explanation.text))


def comparison_page(first: Explained, second: Explained) -> str:
    """Return the page of two texts for one video, or of one text for two videos."""
    return page("Why this and not that", [_compared(first, second, "comparison")])


def failures_page(failures: Sequence[Failure], title: str) -> str:
    """Return the page of an evaluation's failures, in the given order: why the video found and not the right one."""
    rows, sections = [], []
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
        sections.append(
            f"<section><h2>{number}. Rank {failure.rank:g}: why {escape(found.video)} (first) and "
            f"not {escape(right.video)} (second, the right one)</h2></section>"
            + _compared(failure.found, failure.right, f"failure-{number}", is_brief=True)
        )
    table = _table(("text", "rank", "right video", "found instead", "difference"), rows)
    return page(title, [f"<section>{table}</section>", *sections])


def _compared(first: Explained, second: Explained, anchor: str, *, is_brief: bool = False) -> str:
    comparison = Comparison(first.explanation, second.explanation)
    return comparison_section(comparison, anchor, addresses=(first.address, second.address), is_brief=is_brief)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of markup; the first cell of a row is its head."""
    head = "".join(f'<th scope="col">{cell}</th>' for cell in header)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>' for first, *rest in rows
    )
    return f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
