"""`hbi`: one command, a verb for each job."""

import errno
import io
import os
import sys
import time
import traceback
import warnings
from importlib import metadata
from typing import Annotated, TextIO

import typer

from hbi.cli.answer import answer
from hbi.cli.cache_features import cache_features
from hbi.cli.compare import compare
from hbi.cli.convert import convert
from hbi.cli.data import data_app
from hbi.cli.demo import demo
from hbi.cli.evaluate import evaluate
from hbi.cli.evaluate_choices import evaluate_choices
from hbi.cli.explain import explain
from hbi.cli.index import index
from hbi.cli.recipe import recipe_app
from hbi.cli.record_games import record_games
from hbi.cli.reproduce import reproduce
from hbi.cli.search import search
from hbi.cli.serve import serve
from hbi.cli.terminal import say_error, visible
from hbi.cli.train import train
from hbi.cli.train_estimator import train_estimator
from hbi.cli.train_second_stage import train_second_stage
from hbi.errors import HBIError, Note

SILENCE_SECONDS = 5.0
"""How long a process keeps an error to itself that the main process may say too."""

app = typer.Typer(
    name="hbi",
    help=(
        "Match videos with texts, word by word and frame by frame, and show why they match.\n\n"
        "MODEL is the same for every command: a run folder of hbi train, a model folder\n"
        "(of hbi convert, for example), an index folder of hbi index, the folder of an\n"
        "encoder (CLIP, SigLIP, …), or the name of either on the Hugging Face hub."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data_app, name="data")
app.add_typer(recipe_app, name="recipe")
app.command("demo")(demo)
app.command("train")(train)
app.command("reproduce")(reproduce)
app.command("cache-features")(cache_features)
app.command("evaluate")(evaluate)
app.command("evaluate-choices")(evaluate_choices)
app.command("compare")(compare)
app.command("explain")(explain)
app.command("answer")(answer)
app.command("index")(index)
app.command("search")(search)
app.command("serve")(serve)
app.command("record-games")(record_games)
app.command("train-estimator")(train_estimator)
app.command("train-second-stage")(train_second_stage)
app.command("convert")(convert)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(metadata.version("hbi-video"))
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the full traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Match videos with texts, word by word and frame by frame, and show why they match."""


def main() -> None:
    """Run the command line; a person's mistake ends in one line on stderr and exit code 2."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of files may hold what cannot be written: it is spelt out
        sys.stdout.reconfigure(errors="backslashreplace")
    warnings.formatwarning, warnings.showwarning = _visible_warning, _show_warning
    try:
        app()
    except HBIError as error:
        _let_main_process_speak_first()
        if "--debug" in sys.argv:
            for line in traceback.format_exc().splitlines():
                say_error("{line}", line=line)
        say_error("[bold red]hbi:[/] {message}", message=" ".join(str(error).splitlines()))
        sys.exit(2)
    except (MemoryError, ImportError, OSError, RuntimeError, SystemError) as error:
        shortage = _shortage(error)
        if shortage is None or "--debug" in sys.argv:
            raise
        try:
            say_error("[bold red]hbi:[/] {message}", message=shortage)
        except (MemoryError, ImportError, OSError):  # there is not even enough for colors
            os.write(sys.stderr.fileno(), f"hbi: {shortage}\n".encode())
        sys.exit(2)
    except KeyboardInterrupt:
        say_error("[bold red]hbi:[/] stopped; what was finished is kept: run it again (hbi train RUN goes on)")
        sys.exit(130)


def _shortage(error: Exception) -> str | None:
    """Return one line on what the machine has too little of; None where that is not what went wrong."""
    text = " ".join(str(error).split())
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return "too many files are open: allow more (ulimit -n 4096), then run it again"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"the disk is full ({text}): free space, then run it again"
    signs: list[str] = [
        "out of memory",
        "enough memory",
        "allocate",
        "bad_alloc",
        "failed to map",
        "cannot open shared object",
    ]
    if isinstance(error, SystemError):  # Python had no memory left for an exception
        signs += ["without exception set", "without setting an exception"]
    if isinstance(error, MemoryError) or any(sign in text.lower() for sign in signs):
        return (
            f"the memory does not suffice ({text or 'MemoryError'}): free some, or give smaller sizes; then run again"
        )
    return None


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning on stderr; one that is for a person as a note, by one process of a job."""
    if not issubclass(category, Note):
        (file or sys.stderr).write(_visible_warning(message, category, filename, lineno, line))
    elif _is_main_process():
        say_error("[yellow]note:[/] {message}", message=message)


def _visible_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    return f"{category.__name__}: {visible(message)}\n"


def _let_main_process_speak_first() -> None:
    # Most faults meet every process: once the main one has said it, torchrun ends the others before they repeat it.
    if not _is_main_process():
        time.sleep(SILENCE_SECONDS)


def _is_main_process() -> bool:
    return os.environ.get("RANK", "0") == "0"
