"""`hbi demo`: the main job end to end, on data that it makes itself."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hbi.cli.progress import progress_bar
from hbi.cli.tables import TextTable
from hbi.cli.terminal import say, say_command

if TYPE_CHECKING:
    from hbi.cli.demo_moment import Example
    from hbi.cli.demo_search import Trial
    from hbi.shape_stories import Caption, Story

NUM_STEPS = 5


def demo(
    out: Annotated[Path, typer.Option(help="The folder for data, runs and pages.")] = Path("demo"),
    train: Annotated[int, typer.Option(min=1, help="Number of training videos.")] = 2500,
    val: Annotated[int, typer.Option(min=1, help="Number of validation videos.")] = 200,
    test: Annotated[int, typer.Option(min=1, help="Number of test videos.")] = 500,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a value of both recipes: --set training.num_steps=50. Repeatable.",
        ),
    ] = None,
) -> None:
    """Run everything once: make videos, train HBI and a global baseline, compare them, explain, index and search.

    Takes 10 to 20 minutes on two cores, and writes a page, OUT/index.html.
    Run again, it continues where it stopped.
    """
    from hbi.cli.demo_page import TITLES, comparison_markdown, demo_page
    from hbi.cli.demo_search import make_searchable, print_searches, try_sentences
    from hbi.cli.demo_training import demo_runs, train_side_by_side
    from hbi.files import write_atomically
    from hbi.shape_stories import generate_shape_stories, load_stories

    data = out / "data"
    _step(1, f"ShapeStories: {train} + {val} + {test} videos with captions, in {data}")
    with progress_bar("drawing videos") as progress:
        generate_shape_stories(data, num_train=train, num_val=val, num_test=test, progress=progress)
    trainings = demo_runs(TITLES, out, overrides or [])
    length = trainings[0].recipe.training.length
    _step(2, f"Training both for {length}, into {out / 'runs'}")
    train_side_by_side(trainings)
    runs = [training.path for training in trainings]

    _step(3, "Comparing both on the test split")
    metrics = {name: _evaluated(run) for name, run in zip(TITLES, runs, strict=True)}
    _print_comparison(metrics)

    _step(4, "Explaining three pairs of the test split")
    examples = _examples(data, runs[0], out)
    curves = {name: _read_log(run) for name, run in zip(TITLES, runs, strict=True)}
    write_atomically(out / "results.md", comparison_markdown(metrics))

    _step(5, "Searching the videos of the test split")
    index = out / "search"
    opened = make_searchable(data / "videos" / "test", runs[0], index)
    trials = try_sentences(opened, load_stories(data, "test")) if opened is not None else []
    page = out / "index.html"
    write_atomically(page, demo_page(metrics, curves, examples, _found(runs[0], trials), page))
    if opened is not None:
        print_searches(opened, trials)

    say("\nOpen [bold]{page}[/] in a browser. Runs are in {runs}; try, for example:", page=page, runs=out / "runs")
    shortest = min(examples, key=lambda example: len(example.text))
    say_command("hbi", "explain", runs[0], shortest.video, shortest.text, "--out", out / "mine.html")
    if opened is not None:
        say("and search these videos on a page of your own:")
        say_command("hbi", "serve", index)


def _step(number: int, title: str) -> None:
    say("\n[bold]{number}/{of}  {title}[/]", number=number, of=NUM_STEPS, title=title)


def _evaluated(run: Path) -> dict[str, Any]:
    from hbi.cli.evaluation_tables import print_retrieval
    from hbi.experiments.evaluating import Evaluation, evaluate, metrics_file

    file = metrics_file(run, "test")
    if not file.is_file():
        evaluation = evaluate(run, bars=progress_bar)
        assert isinstance(evaluation, Evaluation)  # the demo's recipes rank
        print_retrieval(evaluation)
        evaluation.write(run)
    metrics: dict[str, Any] = json.loads(file.read_text())
    return metrics


def _read_log(run: Path) -> list[dict[str, Any]]:
    from hbi.training.run_folder import RunFolder

    return RunFolder(run).read_metrics()


def _print_comparison(metrics: dict[str, dict[str, Any]]) -> None:
    from hbi.cli.demo_page import comparison_rows

    header, *rows = comparison_rows(metrics)
    table = TextTable(*header, title="ShapeStories, test split, in percent")
    for row in rows:
        table.add_row(*row)
    table.print()


def _examples(data: Path, run: Path, out: Path) -> "list[Example]":
    """Explain three test pairs; see `_choose_pairs` for which."""
    from hbi.cli.demo_moment import Example, told_events
    from hbi.figures import write_explanation
    from hbi.matching import load_matcher

    matcher = load_matcher(run, device="cpu")
    examples = []
    for number, (story, caption) in enumerate(_choose_pairs(data, run), start=1):
        explanation = matcher.explain(story.video, caption.text)
        write_explanation(explanation, out / f"explanation-{number}.png")
        examples.append(Example(story.video, told_events(caption, story, story), explanation))
        say("“{text}” with {video}", text=caption.text, video=story.video)
    return examples


def _found(run: Path, trials: "Sequence[Trial]") -> "Example | None":
    """Explain the first sentence that found its video, if there is one: its moment is what the page begins with."""
    from hbi.cli.demo_moment import Example
    from hbi.matching import load_matcher

    trial = next((trial for trial in trials if trial.is_found), None)
    if trial is None:
        return None
    hit = trial.result.hits[0]
    explanation = load_matcher(run, device="cpu").explain(hit.path, trial.text)
    return Example(hit.path, trial.events, explanation, f"{hit.goodness.capitalize()} match. {hit.reason}")


def _choose_pairs(data: Path, run: Path) -> "list[tuple[Story, Caption]]":
    """Return three pairs of different videos, chosen without looking at what the network would explain.

    The first of the test split whose text tells two events. Videos that show no color twice come first (the network
    learns shapes less than colors in these minutes: what only a shape tells apart, it may point at in both places), and
    of those the texts that find their video first.
    """
    from hbi.evaluation.rank_files import read_ranks
    from hbi.shape_stories import load_stories

    stories = {story.video_id: story for story in load_stories(data, "test")}
    queries = read_ranks(run / "ranks-test.csv")
    queries.sort(key=lambda query: (stories[query.video_id].repeats_a_color, query.rank > 1))
    pairs: dict[str, tuple[Story, Caption]] = {}
    for query in queries:
        story = stories[query.video_id]
        caption = next(caption for caption in story.captions if caption.text == query.text)
        if len(caption.told_events) == 2:
            pairs.setdefault(story.video_id, (story, caption))
    return list(pairs.values())[:3]
