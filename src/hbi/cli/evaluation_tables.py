"""What `hbi evaluate` prints: tables of ranks, of answers, and of how faithful explanations are."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hbi.cli.tables import TextTable
from hbi.cli.terminal import say

if TYPE_CHECKING:
    from hbi.evaluation.answer_accuracy import AnswerReport
    from hbi.evaluation.confidence import Interval
    from hbi.evaluation.published import PublishedRow
    from hbi.evaluation.ranks import RetrievalScores
    from hbi.evaluation.retrieval_report import RetrievalReport
    from hbi.experiments.evaluating import AnswerEvaluation, Evaluation
    from hbi.experiments.explanation_quality import ExplanationQuality
    from hbi.experiments.minimal_pairs import MinimalPairEvaluation
    from hbi.experiments.moment_search import MomentEvaluation
    from hbi.experiments.second_stage import SecondStageEvaluation

Rows = Sequence["PublishedRow"]
MOST_PROBLEMS = 5
"""Of those that are listed; all are in the file of measures."""


def print_retrieval(evaluation: "Evaluation") -> None:
    """Print the measures as tables, with how they came about, and published rows beside them."""
    report, protocol, published = evaluation.report, evaluation.protocol, evaluation.published
    title = f"{evaluation.name} on {report.split}: {report.num_texts} texts, {report.num_videos} videos"
    table = TextTable("direction", "R@1", "R@5", "R@10", "R@50", "MdR", "MnR", title=title)
    _add_direction(table, "text to video", report.text_to_video, report.intervals_text_to_video)
    table.add_row("  chance", *map(_number, report.chance_text_to_video), "", "", style="dim")
    _add_published(table, "text to video", published)
    _add_direction(table, "video to text", report.video_to_text, report.intervals_video_to_text)
    table.add_row("  chance", *map(_number, report.chance_video_to_text), "", "", style="dim")
    if report.video_to_captions:
        _add_direction(table, "video to a video's captions", report.video_to_captions)
    _add_published(table, "video to text", published)
    table.print()
    say("{protocol}; ± 95 % bootstrap interval over videos", protocol=protocol)
    if protocol.is_reduced:
        say(
            "[yellow]reduced gallery:[/] {counts} published videos: with fewer to choose from every number looks "
            "better, so these compare with no published ones",
            counts=f"{protocol.num_videos:,} of {protocol.published_videos:,}",
        )
    _print_details(report)


def _add_direction(
    table: TextTable, name: str, scores: "RetrievalScores", intervals: "Sequence[Interval]" = ()
) -> None:
    recalls = (scores.recall_at_1, scores.recall_at_5, scores.recall_at_10, scores.recall_at_50)
    table.add_row(name, *map(_number, (*recalls, scores.median_rank, scores.mean_rank)))
    if intervals:
        *recall_cells, mean_cell = (f"{interval.low:.1f} – {interval.high:.1f}" for interval in intervals)
        table.add_row("  95 %", *recall_cells, "", mean_cell, style="dim")


def _add_published(table: TextTable, direction: str, rows: Rows) -> None:
    for row in rows:
        if row.direction == direction:
            cells = (*row.recalls, None, row.median_rank, row.mean_rank)  # no R@50 in what they report
            table.add_row(f"  {row.model}", *("" if cell is None else _number(cell) for cell in cells), style="cyan")


def _number(value: float) -> str:
    return f"{value:.1f}"


def _print_details(report: "RetrievalReport") -> None:
    if report.minimal_pairs:
        table = TextTable("minimal pairs", "accuracy", "pairs", title="true text above the false one, chance 50 %")
        for pair in report.minimal_pairs:
            table.add_row(pair.kind, f"{pair.accuracy:.1f} %", str(pair.num_pairs))
        table.print()
    if report.localization:
        columns = ("level", "interaction inside the event", "its share of frames", "strongest frame inside")
        table = TextTable(*columns, title="do words point at their seconds?")
        for level in report.localization:
            shares = (level.share_inside, level.share_of_frames, level.pointing)
            table.add_row(level.level, *(f"{share:.1f} %" for share in shares))
        table.print()
    _print_problems(report.problems)


def _print_problems(problems: Sequence[str]) -> None:
    for problem in problems[:MOST_PROBLEMS]:
        say("[yellow]left out or not decoded wholly:[/] {problem}", problem=problem)
    if len(problems) > MOST_PROBLEMS:
        say("[yellow]… and {count} more, in the metrics file[/]", count=len(problems) - MOST_PROBLEMS)


def print_answers(evaluation: "AnswerEvaluation") -> None:
    """Print how many questions were answered rightly, and where the answers came from."""
    report = evaluation.report
    counts = f"{report.accuracies[0].num_questions} questions, {report.num_videos} videos"
    title = f"{evaluation.name} on {report.split}: {counts}"
    table = TextTable(
        "questions", "right", "top 5", "question only", "most frequent", "number", "not in vocabulary", title=title
    )
    for part in report.accuracies:
        blind = "not trained" if part.question_only is None else f"{part.question_only:.1f} %"
        table.add_row(
            part.kind,
            f"{part.accuracy:.1f} %",
            f"{part.top_5:.1f} %",
            blind,
            f"{part.majority:.1f} %",
            str(part.num_questions),
            str(part.num_out_of_vocabulary),
            style="bold" if part.kind == "all" else None,
        )
    table.print()
    say(
        "{coverage} % of the right answers are among the {num_answers} that the network can give. Top 5: they are "
        "among the five that it holds for likeliest. Question only: the same network trained and asked with black "
        "frames. Most frequent: the most frequent training answer to each kind of question.",
        coverage=f"{report.coverage:.1f}",
        num_answers=report.num_answers,
    )
    if report.evidence:
        _print_evidence(report)
    _print_problems(report.problems)


def _print_evidence(report: "AnswerReport") -> None:
    from hbi.evaluation.answer_evidence import ALL_LEVELS

    table = TextTable("asked about", "level", "interaction inside the event", "its share of frames", "questions")
    for found in report.evidence:
        if found.event is not None and found.level != ALL_LEVELS:
            continue
        event = "any event" if found.event is None else f"event {found.event}"
        shares = (f"{found.share_inside:.1f} %", f"{found.share_of_frames:.1f} %")
        table.add_row(event, found.level, *shares, str(found.num_questions))
    table.print()


def print_moments(evaluation: "MomentEvaluation") -> None:
    """Print how well moments are found, with what is found without looking, and what the frames allow at best."""
    report = evaluation.report
    title = f"{evaluation.name}, moments of {report.split}: {report.num_videos} videos"
    table = TextTable("texts", "R@1 .3", ".5", ".7", "R@5 .3", ".5", ".7", "mIoU", title=title)
    for group in report.groups:
        rows = {
            f"{group.name}: {group.num_texts}": group.scores,
            "  whole video": group.whole_video,
            "  random span": group.random,
            "  best possible": group.best_possible,
        }
        for name, scores in rows.items():
            style = None if scores is group.scores else "dim"
            table.add_row(name, *map(_number, (*scores.recalls, scores.mean_overlap)), style=style)
    table.print()
    half = report.groups[0].interval
    rule = "; a span has to agree with two annotators" if report.has_several_annotators else ""
    say(
        "Percent of texts of which the best span, or one of the best five, overlaps the annotated one (IoU) by .3, .5 "
        "or .7{rule}. R@1 .5: {low} – {high}, 95 % bootstrap interval over videos. Random span: as long as such "
        "moments are on average. Best possible: of all spans between frames, which are {spacing} s apart.",
        rule=rule,
        low=f"{half.low:.1f}",
        high=f"{half.high:.1f}",
        spacing=f"{report.seconds_between_frames:.1f}",
    )
    _print_problems(report.problems)


def print_explanation_quality(quality: "ExplanationQuality") -> None:
    """Print how well each way to explain says what matters to the model."""
    found = quality.scores
    title = f"explanations of {quality.name}: {found[0].num_curves} pairs of {quality.split}"
    where = TextTable("", "strongest frame inside", "mass inside", title=title)
    when_removed = TextTable("", *REMOVED.values(), title="as the most important are removed, or added")
    alone = TextTable("", *ALONE.values(), title="correlation with leaving one out")
    for score in found:
        everything = score.pointing[0]
        where.add_row(score.title, _or_nothing(everything.pointing, 1), _or_nothing(everything.share_inside, 1))
        when_removed.add_row(score.title, *(_or_nothing(getattr(score, name), 3) for name in REMOVED))
        alone.add_row(score.title, *(_or_nothing(getattr(score, name), 3) for name in ALONE))
    where.print()
    say("Percent of the timed words whose strongest frame, and whose positive mass, lies in their event.")
    when_removed.print()
    say("Mean score of the model: low is good where they are removed, high where they are added.")
    alone.print()


def print_minimal_pairs(evaluation: "MinimalPairEvaluation") -> None:
    """Print how often captions score above the same captions made wrong, by what was exchanged."""
    report = evaluation.report
    title = f"{evaluation.name} on {report.split}: minimal pairs of {report.num_videos} videos"
    table = TextTable("exchanged", "accuracy", "95 %", "another video", "pairs", title=title)
    for name, kinds in (("", report.exchanged), ("the data set's own: ", report.own)):
        for pair in kinds:
            interval = f"{pair.low:.1f} – {pair.high:.1f}"
            cells = (f"{pair.accuracy:.1f} %", interval, f"{pair.elsewhere:.1f} %", str(pair.num_pairs))
            table.add_row(name + pair.kind, *cells)
    table.print()
    say(
        "Percent of the pairs whose true caption scores higher; chance is 50. The wrong caption has another word of "
        "the same class, or the clauses in the other order. Another video: what the captions tell by themselves."
    )


def print_second_stage(evaluation: "SecondStageEvaluation") -> None:
    """Print what ranking the best candidates again changes, and whether that is more than chance."""
    report = evaluation.report
    title = f"{evaluation.name} with {evaluation.second_stage} on {report.split}: {report.num_videos} videos"
    columns = ("texts", "R@1 before", "after", "p", "R@5 before", "after", "MnR before", "after")
    table = TextTable(*columns, title=title)
    for group in report.groups:
        before, after = group.before, group.after
        table.add_row(
            f"{group.name}: {before.num_queries}",
            _number(before.recall_at_1),
            _number(after.recall_at_1),
            f"{group.differences[0].p_value:.4f}",
            *map(_number, (before.recall_at_5, after.recall_at_5, before.mean_rank, after.mean_rank)),
        )
    table.print()
    say(
        "The best {count} videos of each text are ranked again; {reachable} % of the texts have a right one among "
        "them. p: paired test of R@1 over videos. {milliseconds} ms for the {count} videos of a text.",
        count=report.num_reranked,
        reachable=f"{report.reachable:.1f}",
        milliseconds=f"{report.milliseconds:.0f}",
    )


REMOVED = {
    "frame_deletion": "frames removed",
    "frame_insertion": "frames added",
    "word_deletion": "words removed",
    "word_insertion": "words added",
}
ALONE = {"frame_correlation": "frames", "word_correlation": "words", "cell_correlation": "cells"}
"""Measures of `MethodScore`, and what their columns are called."""


def _or_nothing(value: float, decimals: int) -> str:
    return "" if math.isnan(value) else f"{value:.{decimals}f}"
