"""`hbi convert`: open the authors' released files here."""

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hbi.cli.terminal import say

if TYPE_CHECKING:
    from hbi.models import Conversion, ConversionReport


def convert(
    file: Annotated[
        Path,
        typer.Argument(help="A retrieval or VideoQA checkpoint, or estimator weights: safetensors or pickle."),
    ],
    to: Annotated[Path, typer.Option(help="The model folder to write, new or empty.")],
    tokenizer: Annotated[
        str | None, typer.Option(help="Folder or hub name of the tokenizer, for example openai/clip-vit-base-patch32.")
    ] = None,
    max_words: Annotated[
        int | None,
        typer.Option(min=1, help="Number of tokens that texts were padded to in training (--max_words there)."),
    ] = None,
    level_weights: Annotated[
        tuple[float, float, float] | None,
        typer.Option(help="Weights of the entity, action and event level in the similarity (--rate there)."),
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option(help="The answers of a VideoQA checkpoint: train_ans2label.json, or a text file, one a line."),
    ] = None,
    merge_ratio: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Share of the words kept by each merge (--t_rate0, --t_rate1 there)."),
    ] = None,
    frame_merge_ratio: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Share of the frames kept by each merge (--v_rate0, --v_rate1 there)."),
    ] = None,
) -> None:
    """Convert a checkpoint of the authors' released code to a model folder, and report how each key was used.

    Every command takes the folder as its MODEL, and AutoModel.from_pretrained
    opens it. The model computes what the released code computes, from the frames
    that its loader would have shown: one a second, fewer of a short video
    (docs/method/released-code.md). Pickle files are read as tensors only: they
    cannot run code. If a key is missing or has the wrong shape, nothing is
    written.
    """
    from hbi.hub import is_only_here

    if tokenizer:
        is_only_here(tokenizer)
    # Only now, since they take seconds to load.
    from transformers.utils import logging as transformers_logging

    from hbi.data.answer_vocabulary import read_answers
    from hbi.encoders.tokenizer import read_tokenizer
    from hbi.models import convert as convert_file

    transformers_logging.disable_progress_bar()
    settings: dict[str, Any] = {
        "max_words": max_words,
        "level_weights": level_weights,
        "merge_ratio": merge_ratio,
        "frame_merge_ratio": frame_merge_ratio,
        "answers": read_answers(answers).answers if answers else None,
    }
    given = {name: value for name, value in settings.items() if value is not None}
    conversion = convert_file(file, **given)
    conversion.save(to, read_tokenizer(tokenizer) if tokenizer else None)
    _print_report(file, conversion.report)
    _print_folder(to, conversion, given, has_tokenizer=tokenizer is not None)


def _print_report(file: Path, report: "ConversionReport") -> None:
    counts = f"{len(set(report.used.values()))} keys used, {len(report.unused)} unused, {len(report.missing)} missing"
    say("[bold]{file}[/], {kind}: {counts}", file=file.name, kind=report.kind, counts=counts)
    for title, keys in (("unused", report.unused), ("missing", report.missing)):
        by_reason: dict[str, list[str]] = defaultdict(list)
        for key, reason in keys.items():
            by_reason[reason].append(key)
        for reason, alike in by_reason.items():
            say("[yellow]{title}[/] ({reason}): {keys}", title=title, reason=reason, keys=", ".join(alike))


def _print_folder(to: Path, conversion: "Conversion", given: dict[str, Any], *, has_tokenizer: bool) -> None:
    if conversion.model is not None:
        config = conversion.model.config
        names = ("max_words", "level_weights", "merge_ratio", "frame_merge_ratio")
        assumed = [f"{name}={getattr(config, name)}" for name in names if name not in given]
        if assumed:
            say("The file does not tell, assumed: {all}; options of this command set them.", all=", ".join(assumed))
        if conversion.report.kind == "question answering" and "answers" not in given:
            say("The answers were not given (--answers): scores have numbers, no names.")
        if not has_tokenizer:
            say("No tokenizer was given (--tokenizer): the folder takes token ids, no texts.")
    if conversion.estimator is not None:
        say(
            "The estimator predicts interactions times {unit}. As a teacher it is converted: "
            "[bold]--set objective.teacher=estimator --set objective.estimator={file}[/]",
            unit=f"{conversion.estimator.unit:,.0f}",
            file=to / "estimator.safetensors",
        )
    say("Written: [bold]{to}[/]; every key is in {report}", to=to, report=to / "conversion.json")
