"""Files by their ending: whole or not at all, and one line when it cannot be."""

import pytest

from hbi.errors import HBIError
from hbi.explanation import Explanation
from hbi.figures import Explained, videos_page
from hbi.figures import write as writing
from hbi.figures.write import write_explanation


@pytest.mark.parametrize(
    ("name", "beginning"),
    [
        ("page.html", b"<!DOCTYPE html>"),
        ("PAGE.HTML", b"<!DOCTYPE html>"),
        ("figure.png", b"\x89PNG"),
        ("figure.svg", b"<?xml"),
        ("figure.pdf", b"%PDF"),
        ("record.json", b'{"format": "hbi-explanation"'),
    ],
)
def test_the_ending_chooses_the_view_and_missing_folders_are_made(tmp_path, make_explanation, name, beginning):
    out = tmp_path / "new" / "folder" / name
    write_explanation(make_explanation(num_frames=2), out)
    assert out.read_bytes().startswith(beginning)
    assert [path.name for path in out.parent.iterdir()] == [name], "nothing else is left behind"


def test_a_page_says_what_is_known_of_words(tmp_path, make_explanation):
    explanation = make_explanation("a red pancake")
    write_explanation(explanation, tmp_path / "page.html", verdicts={(6, 13): "unknown"})
    write_explanation(explanation, tmp_path / "plain.html")
    pages = [(tmp_path / name).read_text(encoding="utf-8") for name in ("page.html", "plain.html")]
    assert [page.count("unknown to the model") for page in pages] == [1, 0]
    several = videos_page([Explained(explanation, verdicts={(6, 13): "unknown"}), Explained(explanation)])
    assert several.count("unknown to the model") == 1


def test_a_record_reads_back(tmp_path, make_explanation):
    explanation = make_explanation("\ud800 שלום", num_frames=2)
    write_explanation(explanation, tmp_path / "record.json")
    written = (tmp_path / "record.json").read_text(encoding="utf-8")
    assert Explanation.from_json(written).to_json() == explanation.to_json()


def test_a_text_that_utf8_cannot_hold_gives_a_page_all_the_same(tmp_path, make_explanation):
    write_explanation(make_explanation("bad \ud800 byte", num_frames=2, video="\udcff.mp4"), tmp_path / "page.html")
    assert "bad" in (tmp_path / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["page.htm", "page", "figure.jpg", ".html"])
def test_another_ending_is_refused_in_one_line_that_names_the_good_ones(tmp_path, make_explanation, name):
    with pytest.raises(HBIError) as caught:
        write_explanation(make_explanation(num_frames=2), tmp_path / "new" / name)
    assert "use one of .html, .png, .svg, .pdf, .json" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_said_in_one_line(tmp_path, make_explanation):
    (tmp_path / "file").write_text("here")
    (tmp_path / "page.html").mkdir()
    for out in (tmp_path / "file" / "page.html", tmp_path / "page.html"):
        with pytest.raises(HBIError, match=r"Cannot write the explanation to .*; choose another place") as caught:
            write_explanation(make_explanation(num_frames=2), out)
        assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "page.html"]


def test_what_stood_there_stays_when_drawing_fails(tmp_path, monkeypatch, make_explanation):
    out = tmp_path / "page.html"
    out.write_text("old")

    def interrupted(explanation, path, choices):
        path.write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setitem(writing.WRITERS, ".html", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_explanation(make_explanation(num_frames=2), out)
    assert out.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
