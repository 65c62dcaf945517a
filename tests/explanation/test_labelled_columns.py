"""A text explained with what is no video: the columns are labelled tokens or patches, in every view."""

import json
import re
import runpy
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from explanation.made_up import build_explanation
from hbi.errors import HBIError
from hbi.explanation import Comparison, Explanation, Frame, comparison_section, render_page
from hbi.explanation.frame_times import FrameTimes, length_of
from hbi.explanation.interaction_matrix import Run
from hbi.explanation.solve import columns_labelled, explain_tokens, frames_at, patches_of, words_in
from hbi.figures import draw_figure, write_explanation
from labelled_examples import PASSAGE, QUERY, picture_explanation, text_explanation

LABELS = PASSAGE.split()


def test_labels_change_no_number():
    words, columns = torch.randn(3, 8), torch.randn(4, 8)
    pictures = np.zeros((4, 3, 2, 2), dtype=np.uint8)
    of_a_video = frames_at([0.5, 1.5, 2.5, 3.5], pictures, start_seconds=0, end_seconds=4)
    one, other = (
        explain_tokens(words, columns, text="a b c", words=words_in("a b c"), frames=frames, score="MaxSim")
        for frames in (of_a_video, columns_labelled(["v", "w", "x", "y"]))
    )
    np.testing.assert_array_equal(one.interactions, other.interactions)
    np.testing.assert_array_equal(one.word_contributions, other.word_contributions)
    assert one.similarity == other.similarity
    assert (one.is_labelled, other.is_labelled) == (False, True)


def test_best_matches_are_those_of_the_embeddings():
    explanation = text_explanation()
    assert LABELS[int(explanation.interactions[1].argmax())] == "planet"
    assert LABELS[int(explanation.interactions[4].argmax())] == "rings"


def test_patches_are_the_pieces_of_the_picture_row_by_row():
    picture = np.arange(3 * 7 * 11, dtype=np.uint8).reshape(3, 7, 11)
    patches = patches_of(picture, rows=3, columns=5)
    assert [patch.label for patch in patches[4:6]] == ["row 1, column 5", "row 2, column 1"]
    for index, patch in enumerate(patches):
        row, column = divmod(index, 5)
        top, left = row * 7 // 3, column * 11 // 5
        np.testing.assert_array_equal(patch.thumbnail, picture[:, top : top + 2, left : left + 2])
    whole = np.concatenate([patch.thumbnail for patch in patches_of(picture, rows=1, columns=11)], axis=2)
    np.testing.assert_array_equal(whole, picture)
    for rows, columns in ((8, 1), (1, 12), (0, 3), (3, -1)):
        with pytest.raises(ValueError, match=r"of 11 x 7 pixels has no"):
            patches_of(picture, rows, columns)


def test_labels_and_pictures_come_in_pairs():
    for labels, pictures in (([], None), (["a", "b"], np.zeros((1, 3, 2, 2), np.uint8))):
        with pytest.raises(ValueError, match=r"need labels, one for each picture"):
            columns_labelled(labels, pictures)


def test_columns_are_at_their_places_and_all_have_labels():
    explanation = text_explanation()
    first, *rest = explanation.frames
    with pytest.raises(ValueError, match="must stand at their places"):
        replace(explanation, frames=(replace(first, end_seconds=0.9), *rest))
    pictured = picture_explanation()
    with pytest.raises(ValueError, match=r"11 of 12 frames have a label"):
        replace(pictured, frames=(replace(pictured.frames[0], label=None), *pictured.frames[1:]))


@pytest.mark.parametrize("label", [5, "x" * 1001, b"a"])
def test_a_label_is_a_text_that_can_be_drawn(label):
    with pytest.raises(ValueError, match="label of a column"):
        columns_labelled([label])


def test_a_frame_of_a_video_needs_a_picture():
    with pytest.raises(ValueError, match=r"a thumbnail must be \[3, height, width\], not \[3, 0, 0\]"):
        Frame(0.5, 0.0, 1.0, np.zeros((3, 0, 0), np.uint8))
    assert repr(columns_labelled(["star"])[0]) == "Frame('star', thumbnail=[3, 0, 0])"


@pytest.mark.parametrize("make", [text_explanation, picture_explanation])
def test_labels_are_in_the_record_and_come_back(tmp_path, make):
    explanation = make()
    again = Explanation.from_json(explanation.to_json())
    explanation.save(tmp_path / "folder")
    for read in (again, Explanation.load(tmp_path / "folder")):
        assert [frame.label for frame in read.frames] == [frame.label for frame in explanation.frames]
        for ours, theirs in zip(read.frames, explanation.frames, strict=True):
            np.testing.assert_array_equal(ours.thumbnail, theirs.thumbnail)
        assert read.to_json() == explanation.to_json()
    record = json.loads(explanation.to_json())
    assert (record["frames"][0]["thumbnail"] is None) == (make is text_explanation)
    assert (tmp_path / "folder" / "frames").exists() == (make is picture_explanation)


def test_records_without_labels_are_read_and_one_without_pictures_needs_labels():
    explanation = build_explanation(num_frames=2)
    record = json.loads(explanation.to_json())
    assert record["frames"][0]["label"] is None
    for frame in record["frames"]:
        del frame["label"]
    earlier = Explanation.from_json(json.dumps(record | {"version": 3}))
    assert not earlier.is_labelled
    record["frames"][0]["thumbnail"] = None
    with pytest.raises(HBIError, match=r"is damaged: a thumbnail must be \[3, height, width\], not \[3, 0, 0\]"):
        Explanation.from_json(json.dumps(record))


def test_labels_stand_where_times_would():
    times = FrameTimes(text_explanation())
    assert (times.unit, times.short(4), times.label(4)) == ("", "planet", "“planet”")
    assert times.spans([0, 4, 13, 14]) == "“Saturn”, “planet” and “shining” to “rings”"
    assert times.bracket(Run(0, 2, 5)) == "the – planet"
    assert times.bracket(Run(0, 4, 5)) == "planet"
    assert length_of(text_explanation()) == "16 columns"
    assert length_of(build_explanation(num_frames=2, duration_seconds=3)) == "3.0\xa0s"


def seen_text(markup):
    return re.sub(r"<(style|script)\b.*?</\1>", "", markup, flags=re.DOTALL)


def test_page_and_notebook_name_columns_and_no_seconds():
    explanation = text_explanation()
    for markup in (render_page(explanation), explanation._repr_html_()):
        text = re.sub(r"<[^>]+>", " ", seen_text(markup)).replace("\xa0", " ")
        assert QUERY in re.sub(r"\s+", " ", text)
        for label in LABELS:
            assert label in text
        assert re.findall(r".{,60}(?:\d s\b|\bseconds?\b|\bvideo\b|\bframes?\b).{,30}", text) == []
        assert "image/jpeg" not in markup, "there are no pictures"
    assert "image/jpeg" in render_page(picture_explanation())


def test_two_texts_for_one_passage_are_compared():
    explanation = text_explanation()
    query = torch.randn(4, 16, generator=torch.Generator().manual_seed(5))
    other = explain_tokens(
        query,
        torch.randn(16, 16, generator=torch.Generator().manual_seed(2)),
        text="which planet has moons",
        words=words_in("which planet has moons"),
        frames=columns_labelled(LABELS),
        score="MaxSim",
        video="passage 17",
        model="late interaction",
    )
    section = comparison_section(Comparison(explanation, other), "why")
    assert "shining" in seen_text(section)


def test_figures_have_labels_and_no_times():
    for view in ("words", "levels", "timeline"):
        figure = draw_figure(text_explanation(), levels=view, width="text")
        head = [text.get_text() for text in figure.axes[0].texts]
        assert head == LABELS
        assert len(figure.axes[0].images) == 0
        assert "16 columns" in figure.texts[1].get_text()
        notes = figure.texts[-1].get_text().replace("\n", " ")
        assert "frame" not in notes
    pictured = draw_figure(picture_explanation(), levels="levels", width="text")
    assert len(pictured.axes[0].images) == 12
    assert pictured.axes[0].texts[11].get_text() == "row 3, column 4"


@pytest.mark.parametrize("ending", ["html", "png", "svg", "pdf", "json"])
def test_every_form_is_written(tmp_path, ending):
    for make in (text_explanation, picture_explanation):
        write_explanation(make(), tmp_path / f"{make.__name__}.{ending}")
        assert (tmp_path / f"{make.__name__}.{ending}").stat().st_size > 1000


def test_the_example_of_two_texts_runs(tmp_path, capsys, monkeypatch):
    example = Path(__file__).parents[2] / "examples" / "explain_two_texts.py"
    monkeypatch.setattr(sys, "argv", [str(example), str(tmp_path)])
    runpy.run_path(str(example), run_name="__main__")
    printed = capsys.readouterr().out
    assert re.search(r"MaxSim (\d+\.\d{4}) = \1\n", printed)
    for word, match in (("planet", "world"), ("bright", "shining"), ("rings", "rings")):
        assert re.search(rf"{word} +adds 0\.\d+, goes best with '{match}'", printed)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["two_texts.html", "two_texts.json", "two_texts.svg"]
    assert Explanation.load(tmp_path / "two_texts.json").is_labelled
