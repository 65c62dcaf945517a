"""What `hbi evaluate` prints: tables of ranks, of answers, and of how faithful explanations are."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from hbi.cli.terminal import console, say, styled

if TYPE_CHECKING:
    from hbi.evaluation.answer_accuracy import AnswerReport
    from hbi.evaluation.confidence import Interval
    from hbi.evaluation.published import PublishedRow
    from hbi.evaluation.ranks import RetrievalScores
    from hbi.evaluation.retrieval_report import RetrievalReport
    from hbi.experiments.evaluating import AnswerEvaluation, Evaluation
    from hbi.experiments.explanation_quality import ExplanationQuality

Rows = Sequence["PublishedRow"]
MOST_PROBLEMS = 5
"""Of those that are listed; all are in the file of measures."""


def print_retrieval(evaluation: "Evaluation") -> None:
    """Print the measures as tables, with how they came about, and published rows beside them."""
    report, protocol, published = evaluation.report, evaluation.protocol, evaluation.published
    title = f"{evaluation.name} on {report.split}: {report.num_texts} texts, {report.num_videos} videos"
    table = Table("direction", "R@1", "R@5", "R@10", "MdR", "MnR", title=styled("{title}", title=title))
    _add_direction(table, "text to video", report.text_to_video, report.intervals_text_to_video)
    table.add_row("  chance", *map(_number, report.chance_text_to_video), "", "", style="dim")
    _add_published(table, "text to video", published)
    _add_direction(table, "video to text", report.video_to_text, report.intervals_video_to_text)
    table.add_row("  chance", *map(_number, report.chance_video_to_text), "", "", style="dim")
    if report.video_to_captions:
        _add_direction(table, "video to a video's captions", report.video_to_captions)
    _add_published(table, "video to text", published)
    console.print(table)
    say("{protocol}; ± 95 % bootstrap interval over videos", protocol=protocol)
    if protocol.is_reduced:
        say(
            "[yellow]reduced gallery:[/] {counts} published videos: with fewer to choose from every number looks "
            "better, so these compare with no published ones",
            counts=f"{protocol.num_videos:,} of {protocol.published_videos:,}",
        )
    _print_details(report)


def _add_direction(table: Table, name: str, scores: "RetrievalScores", intervals: "Sequence[Interval]" = ()) -> None:
    recalls = (scores.recall_at_1, scores.recall_at_5, scores.recall_at_10)
    table.add_row(name, *map(_number, (*recalls, scores.median_rank, scores.mean_rank)))
    if intervals:
        *recall_cells, mean_cell = (f"{interval.low:.1f} – {interval.high:.1f}" for interval in intervals)
        table.add_row("  95 %", *recall_cells, "", mean_cell, style="dim")


def _add_published(table: Table, direction: str, rows: Rows) -> None:
    for row in rows:
        if row.direction == direction:
            cells = (*row.recalls, row.median_rank, row.mean_rank)
            table.add_row(f"  {row.model}", *("" if cell is None else _number(cell) for cell in cells), style="cyan")


def _number(value: float) -> str:
    return f"{value:.1f}"


def _print_details(report: "RetrievalReport") -> None:
    if report.minimal_pairs:
        table = Table("minimal pairs", "accuracy", "pairs", title="true text above the false one, chance 50 %")
        for pair in report.minimal_pairs:
            table.add_row(pair.kind, f"{pair.accuracy:.1f} %", str(pair.num_pairs))
        console.print(table)
    if report.localization:
        columns = ("level", "interaction inside the event", "its share of frames", "strongest frame inside")
        table = Table(*columns, title="do words point at their seconds?")
        for level in report.localization:
            shares = (level.share_inside, level.share_of_frames, level.pointing)
            table.add_row(level.level, *(f"{share:.1f} %" for share in shares))
        console.print(table)
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
    table = Table("questions", "right", "question only", "most frequent", "number", "not in vocabulary")
    table.title = styled("{title}", title=title)
    for part in report.accuracies:
        blind = "not trained" if part.question_only is None else f"{part.question_only:.1f} %"
        table.add_row(
            styled("{kind}", kind=part.kind),
            f"{part.accuracy:.1f} %",
            blind,
            f"{part.majority:.1f} %",
            str(part.num_questions),
            str(part.num_out_of_vocabulary),
            style="bold" if part.kind == "all" else None,
        )
    console.print(table)
    console.print(
        f"{report.coverage:.1f} % of the right answers are among the {report.num_answers} that the network can give. "
        "Question only: the same network trained and asked with black frames. Most frequent: the most frequent "
        "training answer to each kind of question."
    )
    if report.evidence:
        _print_evidence(report)
    _print_problems(report.problems)


def _print_evidence(report: "AnswerReport") -> None:
    from hbi.evaluation.answer_evidence import ALL_LEVELS

    table = Table("asked about", "level", "interaction inside the event", "its share of frames", "questions")
    for found in report.evidence:
        if found.event is not None and found.level != ALL_LEVELS:
            continue
        event = "any event" if found.event is None else f"event {found.event}"
        shares = (f"{found.share_inside:.1f} %", f"{found.share_of_frames:.1f} %")
        table.add_row(event, found.level, *shares, str(found.num_questions))
    console.print(table)


def print_explanation_quality(quality: "ExplanationQuality") -> None:
    """Print how well each way to explain says what matters to the model."""
    found = quality.scores
    title = f"explanations of {quality.name}: {found[0].num_curves} pairs of {quality.split}"
    columns = {
        "frame_deletion": "frames: deletion",
        "frame_insertion": "insertion",
        "word_deletion": "words: deletion",
        "word_insertion": "insertion",
        "frame_correlation": "leave-one-out: frames",
        "word_correlation": "words",
        "cell_correlation": "cells",
    }
    table = Table("", "pointing", "mass inside", *columns.values(), title=styled("{title}", title=title))
    for score in found:
        everything = score.pointing[0]
        numbers = [_or_nothing(everything.pointing, 1), _or_nothing(everything.share_inside, 1)]
        table.add_row(score.title, *numbers, *(_or_nothing(getattr(score, column), 3) for column in columns))
    console.print(table)
    console.print(
        "pointing: percent of the timed words whose strongest frame lies in their event; deletion: mean score as the "
        "most important go first (low is good); insertion: as they come first (high is good)"
    )


def _or_nothing(value: float, decimals: int) -> str:
    return "" if math.isnan(value) else f"{value:.{decimals}f}"
