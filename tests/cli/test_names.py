"""Names appear as they are on every line that the command line prints, whatever is in them."""

import json
import os
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from end_to_end.conftest import overrides
from explanation.made_up import build_explanation
from hbi.cli import answer, demo, evaluation_tables, search
from hbi.cli.progress import progress_bar
from hbi.cli.terminal import console, say, say_error, say_json, styled, visible, visible_json
from hbi.errors import Note
from released_weights import released_state

MARKUP = "a[/b] [bold]c :smile: [1] [link=x]d [@click]e\\[f\\"
"""What `rich` would read: closing tags, opening ones, emoji, links, escapes."""
CONTROL = "\x1b[31mred\x07\rover\nnext\x9b2J\udcff"
TURNED = "a\u202e\u2066b\u2028c\u200f"
SHOWN = r"\x1b[31mred\x07\rover\nnext\x9b2J\udcff"


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    """Tables as wide as they want to be."""
    monkeypatch.setattr(console, "width", 1000)


def unwrapped(text: str) -> str:
    """A text without spaces: the title of a table is as wide as the table."""
    return "".join(text.split())


def test_values_stand_in_a_template_as_they_are(capsys):
    say("[yellow]passed over:[/] {name} ({number})", name=MARKUP, number=3)
    say("{name}[bold]{name}[/]{name}", name=MARKUP + CONTROL)
    say_error("[bold red]hbi:[/] {name}", name=MARKUP)
    printed = capsys.readouterr()
    whole = MARKUP + SHOWN
    assert printed.out == f"passed over: {MARKUP} (3)\n{whole * 3}\n"
    assert printed.err == f"hbi: {MARKUP}\n"
    with pytest.raises(KeyError):
        say("{name} {other}", name="a name")


def test_style_is_that_around_the_place_and_that_of_the_value():
    text = styled("[bold]a {x} b[/] {y}", x="[red]", y=styled("[yellow]{z}[/]", z="[/]"))
    assert text.plain == "a [red] b [/]"
    styles = [[str(span.style) for span in text.spans if span.start <= place < span.end] for place in range(len(text))]
    assert styles == [["bold"]] * 9 + [[]] + [["yellow"]] * 3


def test_long_names_are_not_broken(capsys, monkeypatch):
    monkeypatch.setattr(console, "width", 40)
    name = Path("a long name " * 20 + "end")
    say("Written to {name}", name=name)
    assert capsys.readouterr().out == f"Written to {name}\n"
    monkeypatch.setenv("COLUMNS", "40")
    say("Written to the file {name}, whole", name=name)
    assert capsys.readouterr().out == f"Written to the file\n  {name},\n  whole\n"


def test_strings_in_tables_rules_and_bars_are_no_markup(capsys):
    from rich.rule import Rule
    from rich.table import Table

    table = Table(MARKUP, title=MARKUP)
    table.add_row(MARKUP + CONTROL.replace("\n", ""))
    console.print(table, Rule(MARKUP), MARKUP)
    with progress_bar(MARKUP) as show:
        show(1, 2)
    printed = capsys.readouterr().out
    assert printed.count(MARKUP) == 6
    assert MARKUP + SHOWN.replace(r"\n", "") in printed


def test_a_name_without_letters_for_it_is_spelt_out():
    assert visible("naïve 名 🙂") == "naïve 名 🙂"
    assert visible(CONTROL) == SHOWN
    assert visible(Path("a\nb")) == r"a\nb"
    assert visible(TURNED) == r"a\u202e\u2066b\u2028c\u200f"


def test_what_is_printed_as_json_is_json_and_as_harmless(capsys):
    value = {"名": ["é 🙂", CONTROL, TURNED, "\x85"]}
    for indent in (None, 2):
        assert json.loads(visible_json(value, indent=indent)) == value
        assert not set(visible_json(value)) & set(CONTROL + TURNED + "\x85") - set("[31mredovernxt2Jabc")
    assert "名" in visible_json(value)
    say_json(value)
    assert json.loads(capsys.readouterr().out) == value


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "utf-16"])
def test_any_name_can_be_printed_in_any_encoding(tmp_path, encoding):
    """As a person runs it: a file whose name no encoding has. A recipe is looked for before PyTorch is loaded."""
    file = os.fsencode(tmp_path) + b"/\xff\x1b[31m\xe2\x80\xae"
    done = subprocess.run(
        [Path(sys.executable).with_name("hbi"), "train", file],
        env=os.environ | {"PYTHONIOENCODING": encoding},
        capture_output=True,
    )
    error = done.stderr.decode(encoding)
    assert done.returncode == 2, error
    assert r"\udcff\x1b[31m\u202e" in error
    assert "Traceback" not in error


def test_a_warning_and_a_traceback_name_names_harmlessly(hbi, monkeypatch):
    for name in ("formatwarning", "showwarning"):
        monkeypatch.setattr(warnings, name, getattr(warnings, name))
    _, _, error = hbi("--debug", "data", "check", "own", "--annotations", CONTROL.replace("\udcff", ""))
    assert r"\x1b[31m" in error
    assert "Traceback" in error
    assert "\x1b" not in error
    assert warnings.formatwarning(CONTROL, UserWarning, "file.py", 1) == f"UserWarning: {SHOWN}\n"


@pytest.mark.parametrize(("rank", "is_said"), [(None, True), ("0", True), ("1", False)])
def test_a_note_is_one_line_of_one_process(hbi, monkeypatch, rank, is_said):
    """What the library warns a person of; another warning keeps its kind."""

    def warn() -> None:
        warnings.warn(f"{MARKUP}: the rest starts at random", Note, stacklevel=1)
        warnings.warn("of a library", UserWarning, stacklevel=1)

    monkeypatch.setattr("hbi.cli.app.app", warn)
    if rank:
        monkeypatch.setenv("RANK", rank)
    for name in ("formatwarning", "showwarning"):
        monkeypatch.setattr(warnings, name, getattr(warnings, name))
    code, _, error = hbi()
    assert code == 0
    note = f"note: {MARKUP}: the rest starts at random\n" if is_said else ""
    assert error == f"{note}UserWarning: of a library\n"


@pytest.mark.parametrize("name", ["[/b]", "a [bold]c", ":smile:", "[/b] [bold]c :smile:.yaml"])
def test_what_is_wrong_is_said_with_the_name_as_it_was_given(hbi, tmp_path, name):
    missing, absolute = f"x{name}", tmp_path / name
    for arguments in (
        (missing,),
        ("train", missing),
        ("index", missing, "--index", absolute),
        ("index", missing, "--index", absolute, "--model", missing),
        ("search", absolute, "text"),
        ("serve", absolute),
        ("explain", missing, "video.mp4", "text"),
        ("explain", tmp_path, "video.mp4", "text", "--out", f"{name}.xyz"),
        ("answer", missing, "video.mp4", "text"),
        ("evaluate", missing),
        ("evaluate", f"clip:{absolute}", "--data", "data"),
        ("evaluate", f"model:{missing}", "--data", "data"),
        ("evaluate", "run", "--split", missing),
        ("evaluate-choices", missing, "data"),
        ("compare", missing, missing),
        ("convert", missing, "--to", tmp_path / "out"),
        ("convert", tmp_path, "--to", tmp_path / "out", "--tokenizer", absolute),
        ("cache-features", missing, "--out", "kept"),
        ("data", missing),
        ("data", "check", missing, "--annotations", "x"),
        ("data", "pack", missing, "out"),
        ("train", "shape-stories", "--set", f"data.root={json.dumps(str(absolute))}", "--out", tmp_path / "run"),
        ("train", "shape-stories", "--set", f"model.kind={json.dumps(missing)}"),
        ("train-estimator", "--out", "weights", "--games", missing),
        ("search", absolute, "text", "--device", missing),
        ("data", "check", "own", "--annotations", absolute),
    ):
        code, _, error = hbi(*arguments)
        assert code == 2, arguments
        assert "Traceback" not in error
        assert name in error, (arguments, error)


def test_the_files_of_a_data_set(hbi, tmp_path):
    """A folder and videos with hostile names, from drawing to looking at them."""
    folder = tmp_path / MARKUP
    code, printed, _ = hbi("data", "shape-stories", folder, "--train", 1, "--val", 1, "--test", 1)
    assert code == 0
    assert f"ShapeStories in {folder}: 1 train" in printed
    videos = [f"{number} {MARKUP.replace('/', '')}" for number in range(3)]
    for name in videos[:2]:
        (folder / f"{name}.mp4").write_bytes(b"no video")
    captions = folder / "captions.csv"
    lines = [f'"{name}.mp4","a dog",test' for name in videos]
    captions.write_text("\n".join(["video,caption,split", *lines]) + "\n")
    report = folder / "report.json"
    _, printed, _ = hbi("data", "check", "own", "--annotations", captions, "--videos", folder, "--json", report)
    assert f"is in {report}" in printed
    assert all(name in printed for name in videos)
    recipe = folder / "recipe.yaml"
    recipe.write_text("data: {dataset: shape-stories}\nmodel: {kind: hbi}\ntraining: {num_steps: 1}\n")
    code, printed, error = hbi(
        *("data", "pack", recipe, folder / "packed", "--set", f"data.root={json.dumps(str(folder))}"),
        *("--set", "data.image_size=24", "--workers", 1),
    )
    assert code == 0, error
    assert f"{folder / 'packed'}" in printed
    assert f"Next: hbi train {recipe} with the same --set options: it finds these frames" in printed


@pytest.mark.slow
def test_a_run_in_a_folder_of_any_name(hbi, tmp_path):
    """Every verb that works on a run, in a folder with a hostile name."""
    folder = tmp_path / MARKUP
    data, run, index = folder / "data", folder / MARKUP, folder / "index"
    assert hbi("data", "shape-stories", data, "--train", 6, "--val", 2, "--test", 3)[0] == 0
    sizes = overrides(data_root=json.dumps(str(data)), training_num_steps="4", data_num_frames="4")

    def says(*arguments: object) -> str:
        code, printed, error = hbi(*arguments)
        assert code == 0, error
        return printed

    assert f"Next: hbi evaluate {run}" in says("train", "shape-stories", *sizes, "--out", run)
    text = says("evaluate", run)
    assert unwrapped(f"{run.name} on test") in unwrapped(text)
    assert f"Written to {run / 'metrics.json'}" in text
    assert unwrapped(run.name) in unwrapped(says("compare", run, run))
    kept = folder / "kept"
    assert f"--set data.features={kept}" in says("cache-features", "shape-stories", *sizes, "--out", kept)
    assert f"{kept}" in says("cache-features", "shape-stories", *sizes, "--out", kept)
    video, words = folder / f"{MARKUP.replace('/', '')}.mp4", f"a red circle {MARKUP}"
    video.write_bytes(next((data / "videos" / "test").glob("*.mp4")).read_bytes())
    assert f"written to {folder / 'why.html'}" in says("explain", run, video, words, "--out", folder / "why.html")
    assert f"best of 2: {video.name}" in says(
        "explain", run, video, video, "a red circle", "--out", folder / "why.html"
    )
    assert f"written to {folder / 'why.html'}" in says("explain", run, "--worst", 1, "--out", folder / "why.html")
    pytest.importorskip("lancedb", reason="searching needs an extra")
    broken = folder / "broken [b] :smile:.mp4"
    broken.write_bytes(b"no video")
    text = says("index", video, broken, "--index", index, "--model", run, "--whole-videos")
    assert f"to {index}" in text
    assert f"not readable: {broken}" in text
    found = says("search", index, words, "--save-clip", folder / "clips", "--explain", folder / "why.json")
    assert str(video) in found
    assert f"Why the first one fits: {folder / 'why.json'}" in found
    assert json.loads(says("search", index, words, "--json"))["query"] == words


def test_files_of_the_estimator_and_of_a_conversion(hbi, tmp_path):
    folder = tmp_path / MARKUP
    weights, checkpoint, out = folder / "weights.safetensors", tmp_path / "[b]est :smile:.safetensors", folder / "out"
    code, printed, error = hbi("train-estimator", "--out", weights, "--steps", 1, "--words", 3, "--frames", 2)
    assert code == 0, error
    assert f"Written: {weights}" in printed
    save_file(released_state() | {"[/b]odd": torch.zeros(1), "odd[bold]": torch.zeros(1)}, checkpoint)
    code, printed, error = hbi("convert", checkpoint, "--to", out)
    assert code == 0, error
    assert f"{checkpoint.name}, retrieval: " in printed
    assert "[/b]odd, odd[bold]" in printed
    assert f"Written: {out}; every key is in {out / 'conversion.json'}" in printed


def made_up_hit():
    from hbi.search.results import Hit, WordMatch

    return Hit(
        path=Path("/videos") / MARKUP,
        other_paths=(),
        start_seconds=0.0,
        end_seconds=2.0,
        segment_start_seconds=0.0,
        segment_end_seconds=2.0,
        duration_seconds=2.0,
        score=0.5,
        rarity=0.99,
        goodness="strong",
        reason="Better than 99 of 100 unrelated questions.",
        best_frame_seconds=1.0,
        words=(WordMatch("[/b]", 0, 4, 0.9, "found"), WordMatch("[bold]", 5, 11, 0.1, "not found")),
        segment_id="x",
        is_missing=True,
    )


def test_a_search(capsys):
    from hbi.search.results import SearchResult

    hit = made_up_hit()
    clips = (search.SavedClip(Path(MARKUP)), search.SavedClip(fault=MARKUP))
    search.print_result(SearchResult(MARKUP, (hit, replace(hit, goodness="none")), 0.95, 2, True, 0.1), clips)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"  1. 0:00.0–0:02.0  /videos/{MARKUP}  the file is not there now"
    assert lines[1] == "     Strong match. Better than 99 of 100 unrelated questions. Score 0.500."
    assert lines[2] == "     found: [/b] · not found: [bold]"
    assert lines[3] == f"     cut out: {MARKUP}"
    assert lines[5].startswith("     No match. ")
    assert lines[7] == f"     not cut out: {MARKUP}"


def test_an_answer(capsys):
    from hbi.matching import Answer

    text = "what color is the [bold]square[/b] :smile:"
    answered = Answer(("[/b]", "[bold]"), torch.tensor([0.7, 0.3]), build_explanation(text), MARKUP)
    answer._print(answered, 2)
    printed = capsys.readouterr().out
    assert unwrapped(text) in unwrapped(printed)
    assert f"note: {MARKUP}" in printed
    assert "│ [/b] " in printed
    assert "│ [bold] " in printed
    assert "│ [bold]square[/b] " in printed


def test_measures(capsys):
    from hbi.evaluation.answer_accuracy import Accuracy, AnswerReport
    from hbi.evaluation.evaluation_protocol import EvaluationProtocol
    from hbi.evaluation.ranks import Ranks, retrieval_scores
    from hbi.evaluation.retrieval_report import RetrievalReport
    from hbi.experiments.evaluating import AnswerEvaluation, Evaluation

    scores = retrieval_scores(Ranks.certain(torch.tensor([1.0, 2.0])))
    faults = (MARKUP,) * 6
    report = RetrievalReport("test", 2, 2, scores, scores, (1, 1, 1), (1, 1, 1), (), (), problems=faults)
    protocol = EvaluationProtocol(MARKUP, "test", "best", 2, 1000, 12, 32)
    evaluation_tables.print_retrieval(Evaluation(MARKUP, report, protocol, (), {}))
    printed = capsys.readouterr().out
    assert unwrapped(f"{MARKUP} on test: 2 texts") in unwrapped(printed)
    assert f"{MARKUP}, test, 2 videos" in printed
    assert printed.count(f"not decoded wholly: {MARKUP}") == 5
    accuracy = Accuracy(MARKUP, 50.0, 80.0, 10.0, None, 4, 0)
    answers = AnswerReport("test", 2, 3, 90.0, (accuracy,), problems=faults[:1])
    evaluation_tables.print_answers(AnswerEvaluation(MARKUP, answers, (), {}))
    printed = capsys.readouterr().out
    assert unwrapped(f"{MARKUP} on test: 4 questions") in unwrapped(printed)
    assert f"│ {MARKUP} │" in printed
    assert f"wholly: {MARKUP}" in printed


def test_the_demo(capsys):
    demo._step(1, f"videos in {MARKUP}")
    assert f"1/{demo.NUM_STEPS}  videos in {MARKUP}" in capsys.readouterr().out
