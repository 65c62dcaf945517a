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
        typer.Argument(help="Retrieval or VideoQA checkpoint, or estimator weights; safetensors or pickled."),
    ],
    to: Annotated[Path, typer.Option(help="The folder to write, new or empty.")],
    tokenizer: Annotated[
        str | None, typer.Option(help="Folder or hub name of its tokenizer, for example openai/clip-vit-base-patch32.")
    ] = None,
    max_words: Annotated[
        int | None,
        typer.Option(min=1, help="Tokens that texts were padded to in training (--max_words there)."),
    ] = None,
    level_weights: Annotated[
        tuple[float, float, float] | None,
        typer.Option(help="Weight of entity, action and event in the similarity (--rate there)."),
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option(help="The answers of a VideoQA checkpoint: train_ans2label.json, or a text with one a line."),
    ] = None,
    merge_ratio: Annotated[
        tuple[float, float] | None, typer.Option(help="Merged words per word (--t_rate0 and --t_rate1 there).")
    ] = None,
    frame_merge_ratio: Annotated[
        tuple[float, float] | None, typer.Option(help="Merged frames per frame (--v_rate0 and --v_rate1 there).")
    ] = None,
) -> None:
    """Write a folder that HBIModel.from_pretrained opens, and say what became of every key of the file.

    The model computes as the released code does (docs/method/released-code.md). A pickle is read as tensors only: it
    cannot run code. Needed keys that are missing, or shapes that do not fit, are errors and nothing is written.
    """
    from hbi.hub import is_only_here

    if tokenizer:
        is_only_here(tokenizer)
    # Only now, since they take seconds to load.
    from transformers.utils import logging as transformers_logging

    from hbi.data.answer_files import read_answers
    from hbi.models import convert as convert_file
    from hbi.models.processor import read_tokenizer

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
    say("Written: [bold]{to}[/]; every key is in {report}", to=to, report=to / "conversion.json")
