"""From ranked segments to moments: what overlaps or touches in one video is one place, found once."""

from dataclasses import dataclass

from hbi.search.ranking import Ranking

TOUCH_SECONDS = 0.05


@dataclass
class Moment:
    """A stretch of one video, and the row of the ranking that fits best in it."""

    content: str
    start_seconds: float
    end_seconds: float
    row: int


def merge_moments(ranking: Ranking, count: int) -> list[Moment]:
    """Return the first `count` moments, best first.

    A segment beside a better moment widens it if it is worth at least half as much above the typical segment;
    otherwise it is dropped: it is the same place, seen less well.
    """
    moments: list[Moment] = []
    segments = ranking.segments
    for row in range(len(segments)):
        content = str(segments.content[row])
        start, end = float(segments.start_seconds[row]), float(segments.end_seconds[row])
        moment = next((each for each in moments if each.content == content and _touches(each, start, end)), None)
        if moment is None:
            if len(moments) == count:
                break
            moments.append(Moment(content, start, end, row))
        elif ranking.scores[row] - ranking.typical >= (ranking.scores[moment.row] - ranking.typical) / 2:
            moment.start_seconds = min(moment.start_seconds, start)
            moment.end_seconds = max(moment.end_seconds, end)
    return moments


def _touches(moment: Moment, start: float, end: float) -> bool:
    return start <= moment.end_seconds + TOUCH_SECONDS and end >= moment.start_seconds - TOUCH_SECONDS
