"""The page that the demo writes: a moment found, how two models compare, what to try next, explanations, curves."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from hbi.cli.demo_moment import Example, moment_section
from hbi.explanation import explanation_section, page, plain_table
from hbi.figures import VideoAddresses, loss_curves_svg

RECALLS = ("recall@1", "recall@5", "recall@10")
TITLES = {
    "shape-stories": "HBI",
    "shape-stories-global": "global contrast",
}
"""What the demo calls the method and the baseline that it is compared with, by recipe."""


def comparison_rows(metrics: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Return the comparison as rows of text: a measure a row, a model a column, chance last; the header first."""
    models = list(metrics.values())
    rows = [("", *(TITLES.get(name, name) for name in metrics), "chance")]
    for direction, title in (("text_to_video", "text to video"), ("video_to_text", "video to text")):
        # Among so few videos R@50 says little.
        for measure, chance in zip(RECALLS, models[0][f"chance_{direction}"], strict=False):
            values = [model[direction][measure] for model in models]
            rows.append((f"{title} {measure.replace('recall', 'R')}", *map(_number, values), _number(chance)))
        rows.append((f"{title} median rank", *(_number(model[direction]["median_rank"]) for model in models), ""))
    for index, pair in enumerate(models[0]["minimal_pairs"]):
        accuracies = [model["minimal_pairs"][index]["accuracy"] for model in models]
        rows.append((f"minimal pairs: {pair['kind']}", *map(_number, accuracies), "50.0"))
    return rows


def _number(value: float) -> str:
    return f"{value:.1f}"


def comparison_markdown(metrics: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the comparison as a Markdown table."""
    header, *rows = comparison_rows(metrics)
    lines = ["| " + " | ".join(row) + " |" for row in (header, ["---"] + ["---:"] * (len(header) - 1), *rows)]
    return "\n".join(lines) + "\n"


def demo_page(
    metrics: Mapping[str, Mapping[str, Any]],
    curves: Mapping[str, Sequence[Mapping[str, Any]]],
    examples: Sequence[Example],
    found: Example | None,
    out: Path,
) -> str:
    """Return the whole page, which needs no other file as long as its few videos are small.

    Args:
        metrics: What the evaluation of each model gave, by recipe.
        curves: The log of each training, by recipe.
        examples: Pairs that are explained.
        found: What the page begins with: a sentence that found its video; None: no search did, and the page says so.
        out: Where the page will lie, to find videos that are too large to stand in it.
    """
    addresses = VideoAddresses(page=out)
    sections = [
        moment_section(found or examples[0], addresses.address((found or examples[0]).video), is_found=bool(found)),
        _about(metrics),
        _comparison(metrics),
        _NEXT,
        _CHOICE,
    ]
    for number, example in enumerate(examples, start=1):
        section = explanation_section(
            example.explanation, f"example-{number}", address=addresses.address(example.video)
        )
        sections.append(_truth(example) + section)
    return page("HBI on ShapeStories", [*sections, _localization(metrics), _curves(curves)])


def _about(metrics: Mapping[str, Mapping[str, Any]]) -> str:
    num_videos = next(iter(metrics.values()))["num_videos"]
    return (
        "<section><h2>What this is</h2><p>hbi finds the moment of a video that a sentence tells, and shows which words "
        f"match which seconds. The demo drew these {num_videos} videos and their sentences itself, so that what truly "
        "happens is known, and trained on other such videos, from random weights, in the minutes before. The table "
        "compares the method with a baseline that knows a whole video and a whole sentence only as one vector "
        "each.</p></section>"
    )


_NEXT = (
    "<section><h2>Where to go next</h2><p>With videos of your own, nothing trained, and an encoder of others as it "
    "is:</p><pre style='white-space:pre-wrap;overflow-wrap:anywhere'>"
    "hbi index ~/Videos --index videos.index --model google/siglip2-base-patch16-224\n"
    "hbi search videos.index &quot;a man flips a pancake&quot; --explain why.html\n"
    "hbi serve videos.index</pre></section>"
)


_CHOICE = (
    "<section><h2>Three explanations</h2><p>Not picked by how they look: the first pairs of the test split whose "
    "text tells two events and finds its video first, of videos that show no color twice. Where a color comes twice "
    "and only the shape tells which is meant, color words may point at both: colors and order are learned best in "
    "these minutes, shapes less, actions hardly (see the pairs above).</p></section>"
)


def _comparison(metrics: Mapping[str, Mapping[str, Any]]) -> str:
    values = next(iter(metrics.values()))
    return (
        f"<section><h2>Finding videos by text, and texts by video</h2><p>{values['num_texts']} texts and "
        f"{values['num_videos']} videos of the test split; recalls and accuracies in percent. All videos that satisfy "
        "a text count as right. “Pairs”: how often the true one of two texts that differ in one thing wins.</p>"
        f"{plain_table(comparison_rows(metrics))}</section>"
    )


def _localization(metrics: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [("level", "interaction inside the event", "share of frames inside", "strongest frame inside")]
    for values in metrics.values():
        for level in values["localization"]:
            numbers = (level["share_inside"], level["share_of_frames"], level["pointing"])
            rows.append((level["level"], *(f"{number:.1f} %" for number in numbers)))
    return (
        "<section><h2>Do words point at their seconds?</h2><p>For the words that name a color, a shape or an action: "
        "how much of their positive interaction falls on frames of that very event. Spread evenly, it would be the "
        f"share of frames.</p>{plain_table(rows)}</section>"
    )


def _curves(curves: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    contrast = {
        TITLES.get(name, name): [
            (record["step"], record.get("contrast/entity", record.get("contrast")))
            for record in log
            if record["kind"] == "train"
        ]
        for name, log in curves.items()
    }
    recall = {
        TITLES.get(name, name): [
            (record["step"], record["text_to_video/recall@10"]) for record in log if record["kind"] == "validation"
        ]
        for name, log in curves.items()
    }
    return (
        "<section><h2>How they learned</h2>"
        + loss_curves_svg(contrast, "Contrast (entity level) on training batches")
        + loss_curves_svg(recall, "Text to video R@10 on the validation split, percent")
        + "</section>"
    )


def _truth(example: Example) -> str:
    return f"<section><h2>“{escape(example.text)}”</h2><p>What truly happens: {escape(example.truth)}.</p></section>"
