"""`hbi evaluate` for a run that answers questions."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.table import Table

from hbi.cli.progress import progress_bar
from hbi.cli.terminal import console, say, styled, visible_json

if TYPE_CHECKING:
    import torch

    from hbi.evaluation.answers import AnswerReport
    from hbi.recipes.answering import AnsweringRun, DecodedQuestions


def answers_questions(run: Path) -> bool:
    """Return whether a run folder holds a network that answers questions."""
    from hbi.recipes.reading import read_recipe
    from hbi.training.run_folder import RunFolder

    return read_recipe(str(RunFolder(run).require().recipe)).model.kind == "answering"


def evaluate_answers(
    run: Path,
    *,
    split: Literal["train", "val", "test"],
    weights: Literal["best", "last"],
    device: str,
    out: Path,
) -> "AnswerReport":
    """Measure a run that answers questions, with bars on the terminal, and write the measures to `out`."""
    from hbi.cli.device import choose_device
    from hbi.errors import HBIError
    from hbi.evaluation.answer_evidence import answer_evidence
    from hbi.evaluation.answers import answer_logits, report_answers, right_answers
    from hbi.files import write_atomically
    from hbi.recipes.answering import decode_questions, open_answering, read_question_split

    trained = open_answering(run, weights=weights, device=choose_device(device))
    with progress_bar("decoding videos") as progress:
        decoded = decode_questions(trained.recipe, split, progress)
    questions = decoded.split.questions
    with progress_bar("answering") as progress:
        logits = answer_logits(trained.model, trained.tokenizer, questions, decoded.bank, progress=progress)
    if not logits.isfinite().all():
        raise HBIError(f"{trained.name} computes no numbers from these videos: its weights are damaged, train it anew")
    report = report_answers(
        decoded.split,
        read_question_split(trained.recipe, "train").split.questions,
        trained.vocabulary,
        right_answers(logits, trained.vocabulary.labels(questions)),
        _question_only(run, decoded, device=trained.model.device),
        evidence=answer_evidence(trained.model, trained.tokenizer, questions, decoded.bank),
        faults=decoded.bank.faults,
    )
    record = {"run": trained.name, "weights": weights, **report.to_dict()}
    write_atomically(out, json.dumps(record, indent=2) + "\n")
    write_atomically(out.with_name(f"answers-{split}.jsonl"), _answer_lines(trained, decoded, logits))
    return report


def _question_only(run: Path, decoded: "DecodedQuestions", *, device: "torch.device") -> "torch.Tensor | None":
    """Return which questions the run's question-only baseline answers rightly; None where there is none."""
    from hbi.evaluation.answers import answer_logits, right_answers
    from hbi.recipes.answering import QUESTION_ONLY, blank_frames, open_answering
    from hbi.training.run_folder import RunFolder

    if not RunFolder(run / QUESTION_ONLY).is_finished:
        return None
    blind = open_answering(run / QUESTION_ONLY, device=device)
    bank = blank_frames(len(decoded.split.videos), blind.recipe.data.image_size)
    questions = decoded.split.questions
    logits = answer_logits(blind.model, blind.tokenizer, questions, bank)
    return right_answers(logits, blind.vocabulary.labels(questions))


def _answer_lines(trained: "AnsweringRun", decoded: "DecodedQuestions", logits: "torch.Tensor") -> str:
    """Return one line of JSON for each question: its video, the right answer, the given one and its probability."""
    best = logits.softmax(-1).max(-1)
    lines = []
    for question, label, probability in zip(
        decoded.split.questions, best.indices.tolist(), best.values.tolist(), strict=True
    ):
        video_id = decoded.split.videos[question.video].video_id
        given = {"given": trained.vocabulary.answers[label], "probability": round(probability, 4)}
        asked = {"video_id": video_id, "question": question.text, "kind": question.kind, "answer": question.answer}
        lines.append(visible_json(asked | given) + "\n")
    return "".join(lines)


def print_answer_report(name: str, report: "AnswerReport") -> None:
    """Print the measures as tables."""
    title = f"{name} on {report.split}: {report.accuracies[0].num_questions} questions, {report.num_videos} videos"
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
        from hbi.evaluation.answer_evidence import ALL_LEVELS

        table = Table("asked about", "level", "interaction inside the event", "its share of frames", "questions")
        for found in report.evidence:
            if found.event is not None and found.level != ALL_LEVELS:
                continue
            event = "any event" if found.event is None else f"event {found.event}"
            shares = (f"{found.share_inside:.1f} %", f"{found.share_of_frames:.1f} %")
            table.add_row(event, found.level, *shares, str(found.num_questions))
        console.print(table)
    for fault in report.faults[:5]:
        say("[yellow]left out or not decoded wholly:[/] {fault}", fault=fault)
