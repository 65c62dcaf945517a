"""Damaged explanations are refused in one line, or every drawing takes them."""

import json
import random
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from explanation.made_up import build_explanation, extremes
from fuzz.campaign import damaged, try_many, with_odd_values
from hbi.explanation import Explanation, render_page
from hbi.explanation.files.record import ExplanationFileError
from hbi.figures import Explained, Failure, comparison_page, failures_page, render_figure, videos_page

pytestmark = pytest.mark.no_cover  # it slows thousands of cases down

NUM_CASES, NUM_DRAWN = 100, 3


def small() -> dict[str, Explanation]:
    """Explanations of different kinds that are small enough to be drawn often."""
    extreme = extremes()
    return {name: extreme[name] for name in ("one", "zero", "negative", "split", "right-to-left", "drawn")} | {
        "remark": build_explanation("a dog runs", num_frames=3, remark="damaged", duration_seconds=4000.0),
    }


def draw_pages(explanation: Explanation) -> None:
    """Every page that holds an explanation, alone and with others."""
    same_text = replace(explanation, video=f"{explanation.video} again")
    explained, other = Explained(explanation), Explained(same_text, "video.mp4")
    for page in (
        render_page(explanation),
        explanation._repr_html_(),
        videos_page([explained, other]),
        comparison_page(explained, other),
        comparison_page(explained, explained),
        failures_page([Failure(explained, other, 2.5)], "failures"),
    ):
        HTMLParser().feed(page)
        page.encode()
        assert not set(page) & {chr(code) for code in (*range(9), 11, 12, *range(14, 32), *range(127, 160))}


def draw_figures(explanation: Explanation, folder: Path) -> None:
    for suffix in (".png", ".svg"):
        for view in ("words", "levels", "timeline"):
            render_figure(explanation, folder / f"{view}{suffix}", levels=view)


def require_short(error: ExplanationFileError) -> None:
    assert 0 < len(str(error)) < 2000


def refused_or(draw: Callable[[Explanation], None], text: str) -> bool:
    """Whether a text is refused as an explanation; if not, it is drawn."""
    try:
        explanation = Explanation.from_json(text)
    except ExplanationFileError as error:
        require_short(error)
        return True
    draw(explanation)
    repr(explanation)
    assert Explanation.from_json(explanation.to_json()).to_json() == explanation.to_json()
    return False


@pytest.fixture(scope="module")
def records() -> list[str]:
    return [explanation.to_json() for explanation in small().values()]


def test_values_of_other_kinds(records):
    def check(chance: random.Random) -> None:
        record = with_odd_values(chance, json.loads(chance.choice(records)))
        refused_or(draw_pages, json.dumps(record))

    try_many(check, NUM_CASES)


def test_bytes(records):
    def check(chance: random.Random) -> None:
        text = damaged(chance, chance.choice(records).encode()).decode("utf-8", "replace")
        refused_or(draw_pages, text)

    try_many(check, NUM_CASES // 2)


def test_numbers_of_any_size(records, tmp_path):
    """Numbers that fit each other, however large or small: figures are drawn too, which takes longer."""

    def check(chance: random.Random) -> None:
        scale = 10.0 ** chance.choice([-320, -300, -20, -3, 0, 6, 100, 299])
        seconds = chance.choice([0.0, 5e-324, 1e-9, 0.04, 59.999, 3600.0, 9.9e8])
        values = np.random.default_rng(chance.randrange(2**32)).normal(size=(3, 4)) * scale
        explanation = build_explanation(
            "a \x1b\u202e\ud800\x00 \x85$_{",
            num_frames=4,
            duration_seconds=max(seconds, 4e-323),
            values=values_of(values),
        )
        text = explanation.to_json()
        assert not refused_or(draw_pages, text)
        draw_figures(explanation, tmp_path)

    def values_of(values: np.ndarray) -> Callable[[int, int], np.ndarray]:
        return lambda words, frames: values[:words, :frames]

    try_many(check, NUM_DRAWN)


def test_figures_of_what_is_accepted(records, tmp_path):
    accepted = []

    def check(chance: random.Random) -> None:
        text = json.dumps(with_odd_values(chance, json.loads(chance.choice(records))))
        if len(accepted) < NUM_DRAWN and not refused_or(lambda explanation: None, text):
            accepted.append(text)

    try_many(check, NUM_CASES)
    for text in accepted:
        draw_figures(Explanation.from_json(text), tmp_path)


def test_folders(tmp_path):
    """Pictures beside the record that are damaged, or others."""
    explanation = build_explanation("a dog runs", num_frames=2)
    explanation.save(tmp_path)
    pictures = sorted((tmp_path / "frames").iterdir())
    whole = pictures[1].read_bytes()

    def check(chance: random.Random) -> None:
        pictures[1].write_bytes(damaged(chance, whole))
        try:
            draw_pages(Explanation.load(tmp_path))
        except ExplanationFileError as error:
            require_short(error)

    try_many(check, NUM_CASES)
