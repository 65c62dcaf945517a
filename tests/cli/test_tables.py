"""Tables, lines and bars in terminals of any width: no word is cut, no line is too wide."""

import re

import pytest
from rich.cells import cell_len
from rich.text import Text

from hbi.cli.progress import FittingProgress, progress_bar
from hbi.cli.tables import TextTable
from hbi.cli.terminal import console, folded, say_command
from hbi.cli.train import training_bar, validation_line
from hbi.training.loop import TrainingProgress, ValidationScores

PARTS = {"loss": 4.125, "contrast/entity": 2.0, "contrast/action": 1.5, "interaction/entity": 0.5, "merging": 0.125}
WIDTHS = (30, 40, 60, 80, 120, 300)


@pytest.fixture(params=WIDTHS)
def width(request, monkeypatch):
    monkeypatch.setattr(console, "width", request.param)
    monkeypatch.setenv("COLUMNS", str(request.param))
    return request.param


def comparison() -> TextTable:
    table = TextTable("text to video", "shape-stories", "shape-stories-global", "difference", "95 %", "p", title="test")
    table.add_row("recall@1", "44.3", "24.5", "-19.8", "-22.1 … -17.6", "0.0001")
    table.add_row("video to a video's captions", "5.7", "10.8", "+5.1", "", "0.0001", style="dim")
    return table


def words(text: str) -> set[str]:
    return set(re.findall(r"[A-Za-z]+|[-+]?\d+(?:\.\d+)?", text))


def test_a_table_says_the_same_in_every_width(width, capsys):
    comparison().print()
    printed = capsys.readouterr().out
    assert max(map(cell_len, printed.splitlines())) <= width
    assert words(printed) == words(
        "text to video shape stories global difference 95 p test recall@1 44.3 24.5 -19.8 -22.1 -17.6 0.0001 "
        "a video's captions 5.7 10.8 +5.1"
    )
    assert ("┃" in printed) == (width >= 80), "columns where they fit, lines where they do not"
    assert re.search(r"-22\.1 … -17\.6", printed), "an interval stays on one line"


def test_a_table_in_a_narrow_terminal_reads_as_lines(monkeypatch, capsys):
    monkeypatch.setattr(console, "width", 60)
    monkeypatch.setenv("COLUMNS", "60")
    comparison().print()
    assert capsys.readouterr().out.splitlines()[:4] == [
        "test",
        "text to video recall@1",
        "  shape-stories 44.3; shape-stories-global 24.5;",
        "    difference -19.8; 95 % -22.1 … -17.6; p 0.0001",
    ]


def test_cells_are_broken_between_words_and_only_where_need_be(monkeypatch, capsys):
    monkeypatch.setattr(console, "width", 24)
    table = TextTable("a", "b")
    table.add_row("one two three", "12.5 – 14.0")
    table.print()
    assert [line.split("│")[1].strip() for line in capsys.readouterr().out.splitlines() if "│" in line] == [
        "one",
        "two",
        "three",
    ]


def test_a_line_is_folded_between_words_with_its_margin():
    text = Text("  one two three four\nfive")
    assert folded(text, 12).plain == "  one two\n    three\n    four\nfive"
    assert folded(text, 100).plain == text.plain
    assert folded(Text("a " + "b" * 20 + " c"), 10).plain == "a\n  " + "b" * 20 + "\n  c"
    assert folded(Text("日本語 日本語", "bold"), 8).plain == "日本語\n  日本語", "two cells each"
    assert [span.style for span in folded(Text("one two", "bold"), 4).spans] == ["bold", "bold"] or folded(
        Text("one two", "bold"), 4
    ).style == "bold"


def test_a_command_is_broken_as_a_shell_reads_it(width, capsys):
    import shlex

    command = ["hbi", "explain", "demo/runs/shape-stories", "a b.mp4", "After a 'cross' a box.", "--out", "x.html"]
    say_command(*command)
    printed = capsys.readouterr().out
    assert shlex.split(printed.replace("\\\n", " ")) == command
    assert max(map(cell_len, printed.splitlines())) <= max(width, 6 + len("'After a '\"'\"'cross'\"'\"' a box.' \\"))
    assert len(printed.splitlines()) == 1 or width < 120


def lines_of(bar: FittingProgress) -> list[str]:
    with console.capture() as captured:
        console.print(*bar.get_renderables())
    return [line.rstrip() for line in captured.get().splitlines()]


def test_bars_fit(width):
    bar = FittingProgress(is_shown=False)
    bar.add_task("taking words and frames away", total=1200, completed=150)
    bar.add_task("indexing", total=100, completed=50, is_counted=False, state="3/9 videos  0.31 hours of video/min")
    bar.add_task("indexing", total=None, is_counted=False, state="looking for videos")
    lines = lines_of(bar)
    assert max(map(cell_len, lines)) <= width
    assert "taking words and frames away" in lines[0]
    assert "150/1200" in " ".join(lines)
    assert "…" not in " ".join(lines)
    if width >= 80:
        assert "left -:--:--" in lines[0]
        assert "0.31 hours of video/min" in lines[1]


def test_the_training_bar_is_legible(width, capsys):
    with training_bar(100) as show:
        show(TrainingProgress(1234, 2000, PARTS, 0.1, 41.25))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(cell_len, lines)) <= width
    assert lines[0].startswith("training ")
    assert "1234/2000" in lines[0]
    if width >= 60:
        assert "left " in lines[0]
        assert "━" in lines[0]
    if width >= 80:
        assert "41.2 videos/s" in lines[0]
        assert lines[1] == "  loss 4.12  contrast 3.50  interaction 0.50  merging 0.12"


def test_validations_are_printed_as_they_come(monkeypatch, capsys):
    recalls = {f"text_to_video/recall@{k}": value for k, value in ((1, 34.56), (5, 60.0), (10, 78.0))}
    with training_bar(0) as show:
        for step, best in ((400, 400), (800, 400)):
            show(TrainingProgress(step - 1, 2000, PARTS, 0.1, 41.25))
            validation = ValidationScores({"score": 172.56, **recalls}, best)
            show(TrainingProgress(step, 2000, PARTS, 0.1, 41.25, validation))
    said = [line for line in capsys.readouterr().out.splitlines() if "validation" in line]
    assert said == [
        "step 400, validation: R@1 34.6, R@5 60.0, R@10 78.0 %; best so far",
        "step 800, validation: R@1 34.6, R@5 60.0, R@10 78.0 %; best at step 400",
    ]
    assert max(map(len, said)) <= 80
    answers = ValidationScores({"score": 45.25, "accuracy/color": 50.0}, 3)
    assert validation_line(3, answers) == "step 3, validation: accuracy 45.2 %; best so far"


def test_a_bar_counts_anew_in_a_new_bar(monkeypatch, capsys):
    monkeypatch.setattr(console, "width", 80)
    with progress_bar("decoding videos") as show:
        for done, total in ((1, 2), (2, 2), (1, 7)):
            show(done, total)
    printed = capsys.readouterr().out
    assert "2/2 took 0:00:00" in printed
    assert "1/7 left" in printed
