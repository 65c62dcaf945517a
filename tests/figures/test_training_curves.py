"""Curves: every number at its place, every line named, any series."""

import math
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hbi.figures.training_curves import MOST_STRETCHES, loss_curves_svg, round_ticks, stretches_of

finite = st.floats(-1e9, 1e9, allow_subnormal=False)


def parse(markup):
    """The chart as elements; fails where it is no XML."""
    return ElementTree.fromstring(markup)


def texts(root):
    return [element.text for element in root.iter("text")]


def places(polyline):
    return [tuple(map(float, pair.split(","))) for pair in polyline.get("points").split()]


def test_lines_lie_where_their_numbers_say():
    root = parse(loss_curves_svg({"loss": [(0, 4.0), (50, 1.0), (100, 0.0)]}, "Loss"))
    (line,) = root.iter("polyline")
    (x0, y0), (x1, y1), (x2, y2) = places(line)
    assert (x1 - x0) == pytest.approx(x2 - x1)
    assert (y2 - y0) == pytest.approx(4 / 3 * (y1 - y0), abs=0.2), "down is less"
    assert y2 > y1 > y0
    assert [float(circle.get("cy")) for circle in root.iter("circle")] == [y0, y1, y2]
    assert [circle.find("title").text for circle in root.iter("circle")] == ["0: 4", "50: 1", "100: 0"]


def test_every_line_bears_its_name_and_last_value_at_its_end_and_none_covers_another():
    series = {f"model {name}": [(0, 1.0), (10, 0.5)] for name in ("one", "two", "three", "four")}
    root = parse(loss_curves_svg(series, "Same values"))
    assert {*series} <= set(texts(root))
    assert texts(root).count("0.5") >= 4
    rows = sorted(float(text.get("y")) for text in root.iter("text") if text.get("fill"))
    assert len(rows) == 8
    assert all(below - above >= 12 for above, below in pairwise(rows))
    assert len({line.get("stroke") for line in root.iter("polyline")}) == 4
    assert len({line.get("stroke-dasharray") for line in root.iter("polyline")}) == 4


def test_a_long_series_is_drawn_as_means_within_a_band():
    points = [(step, float(step % 2)) for step in range(5000)]
    markup = loss_curves_svg({"noisy": points}, "Noise")
    root = parse(markup)
    (line,) = root.iter("polyline")
    (band,) = root.iter("polygon")
    assert len(places(line)) == MOST_STRETCHES
    heights = [y for _, y in places(line)]
    edges = [y for _, y in places(band)]
    assert max(heights) - min(heights) < 5, "the mean is even"
    assert max(edges) - min(edges) > 100, "the band is not"
    assert len(markup) < 10_000


@given(st.lists(st.tuples(st.integers(0, 10**6), finite), min_size=1, max_size=300))
def test_stretches_keep_every_point_once(points):
    stretches = stretches_of(points, most=20)
    assert len(stretches) == min(20, len(points))
    assert min(part.least for part in stretches) == min(value for _, value in points)
    assert max(part.greatest for part in stretches) == max(value for _, value in points)
    slack = 1e-6 * max(1.0, *(abs(value) for _, value in points))
    assert all(part.least - slack <= part.mean <= part.greatest + slack for part in stretches)


@given(finite, finite)
def test_ticks_are_round_few_and_enclose_the_values(one, other):
    lowest, highest = sorted((one, other))
    ticks = round_ticks(lowest, highest)
    slack = 1e-6 * max(abs(lowest), abs(highest), 1e-300)
    assert ticks[0] <= lowest + slack
    assert ticks[-1] >= highest - slack
    assert 2 <= len(ticks) <= 8


def test_ticks_of_a_percent_scale():
    assert round_ticks(12.0, 78.0) == (0, 20, 40, 60, 80)
    assert round_ticks(3.0, 3.0)[0] < 3.0 < round_ticks(3.0, 3.0)[-1]


@settings(deadline=None, max_examples=40)
@given(
    st.dictionaries(
        st.text(max_size=40).filter(lambda name: all(ord(c) >= 32 and c not in "\ufffe\uffff" for c in name)),
        st.lists(st.tuples(st.integers(0, 10**6), st.floats(width=32)), max_size=8),
        max_size=8,
    )
)
def test_any_series_gives_a_chart_inside_its_frame(series):
    root = parse(loss_curves_svg(series, '<title> & "quotes"'))
    assert root.find("title").text == '<title> & "quotes"'
    _, _, width, height = map(float, root.get("viewBox").split())
    for line in root.iter("polyline"):
        for x, y in places(line):
            assert 0 <= x <= width
            assert 0 <= y <= height
    assert all(0 < float(text.get("y")) <= height for text in root.iter("text"))


def test_a_value_that_is_no_number_leaves_the_line_to_the_others():
    root = parse(loss_curves_svg({"loss": [(0, 1.0), (1, math.nan), (2, math.inf), (3, 2.0)], "other": []}, "Loss"))
    (line,) = root.iter("polyline")
    assert len(places(line)) == 2
    assert root.find("desc").text == "loss: from 1 at 0 to 2 at 3; other: no points yet"
    assert "no points yet" in texts(parse(loss_curves_svg({}, "Loss")))


def test_values_that_differ_by_rounding_only_make_a_level_line():
    root = parse(loss_curves_svg({"loss": [(0, 0.6931471805599453), (1, 0.6931471805599452)]}, "Loss"))
    (line,) = root.iter("polyline")
    assert places(line)[0][1] == places(line)[1][1]


def test_steps_are_whole_numbers_and_have_a_name():
    root = parse(loss_curves_svg({"loss": [(0, 1.0), (1, 2.0)]}, "Loss", step_name="epoch"))
    assert "epoch" in texts(root)
    assert [text for text in texts(root) if re.fullmatch(r"\d+", text)].count("0") == 1
