"""A text that is longer than the model reads is answered, and the answer says what was not read."""

import json
from dataclasses import replace

import pytest

from hbi.cli.search import print_result
from hbi.encoders.tokenizer import remark_on_unread, tokenize
from hbi.search.results import result_to_dict

READ = "a red square moves left and right the green circle falls down one star"
"""The model of the tests reads 16 tokens, two of them marks."""
UNREAD = "spins at 'night' under a bridge"


def test_the_answer_says_which_words_were_not_read(index):
    long, short = index.search(f"{READ} {UNREAD}"), index.search(READ)
    assert long.remark == f"the text is too long for the model: it did not read {UNREAD!r}"
    assert short.remark is None
    assert index.search(f"{READ} !?").remark is None
    assert [hit.segment_id for hit in long.hits] == [hit.segment_id for hit in short.hits]
    assert [hit.score for hit in long.hits] == pytest.approx([hit.score for hit in short.hits], abs=1e-6)


def test_it_is_the_sentence_of_an_explanation(index, clips):
    text = f"{READ} {UNREAD}"
    assert index.explain(clips / "clip-0.mp4", text).remark == index.search(text).remark


def test_a_clip_has_no_words_to_leave_out(index, clips):
    assert index.search_like(clips / "clip-0.mp4").remark is None


def test_it_is_printed_and_kept(index, capsys):
    result = index.search(f"{READ} {UNREAD}")
    assert json.loads(json.dumps(result_to_dict(result)))["remark"] == result.remark
    assert result_to_dict(index.search(READ))["remark"] is None
    print_result(result)
    assert capsys.readouterr().out.startswith(f"note: {result.remark}\n")
    print_result(replace(result, hits=()))
    assert capsys.readouterr().out.startswith(f"note: {result.remark}\n")
    print_result(index.search(READ))
    assert "note" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "text", ["night", "night " * 14, "night " * 15, "night " * 400, "a b c 'd' e - f. " * 3, "😀 " * 40]
)
def test_what_was_not_read_is_the_rest_of_the_text(matcher, text):
    (remark,) = matcher.encode_texts([f"red {text}"]).remarks
    spans = tokenize(matcher.tokenizer, [f"red {text}"], 1000).spans[0]
    words = [f"red {text}"[start:end] for start, end in spans.tolist() if end > start]
    left = f"red {text}"[spans[14, 1] :].strip() if len(words) > 14 else ""
    assert remark == (f"the text is too long for the model: it did not read {left!r}" if left.strip("😀 ") else None)


def test_each_text_of_several_has_a_remark_of_its_own(matcher):
    remarks = matcher.encode_texts(["red", f"{READ} {UNREAD}", "a star"]).remarks
    assert [remark is None for remark in remarks] == [True, False, True]
    tokens = tokenize(matcher.tokenizer, ["red", READ], 16)
    assert remark_on_unread("red", tokens.spans[0], 16) is None
