"""The whole in an explanation: in the record, on the page, in a figure, in a comparison."""

import json
from dataclasses import replace

import pytest

from hbi.cli.explain import _score_of
from hbi.errors import HBIError
from hbi.explanation import Comparison, Explanation
from hbi.explanation.html.comparison_section import comparison_section
from hbi.explanation.html.explanation_section import explanation_section
from hbi.explanation.level import WholeSimilarity
from hbi.figures.figure import draw_figure

SENTENCE = "the text as a whole against the video as a whole: 0.310, weight 0.2"


def with_whole(explanation: Explanation, similarity: float = 0.31) -> Explanation:
    levels = tuple(replace(part, weight=0.8 * part.weight) for part in explanation.levels)
    score = 0.8 * explanation.similarity + 0.2 * similarity
    return replace(explanation, levels=levels, similarity=score, whole=WholeSimilarity(0.2, similarity))


def test_it_is_kept_in_the_record_and_earlier_records_have_none(make_explanation):
    explanation = with_whole(make_explanation())
    record = json.loads(explanation.to_json())
    assert record["whole"] == {"weight": 0.2, "similarity": 0.31}
    assert Explanation.from_json(explanation.to_json()).whole == explanation.whole
    earlier = json.loads(make_explanation().to_json()) | {"version": 4}
    assert earlier.pop("whole") is None
    assert Explanation.from_json(json.dumps(earlier)).whole is None


@pytest.mark.parametrize(
    "odd",
    [3, [], {}, {"weight": 0.2}, {"weight": "0.2", "similarity": 0.3}, {"weight": 0.2, "similarity": 0.3, "more": 1}],
)
def test_a_whole_that_is_none_is_refused_in_one_line(make_explanation, odd):
    record = json.loads(with_whole(make_explanation()).to_json()) | {"whole": odd}
    with pytest.raises(HBIError, match=r"is damaged: .*whole"):
        Explanation.from_json(json.dumps(record))


def test_it_counts_in_the_score(make_explanation):
    explanation = with_whole(make_explanation())
    for changed in ({"whole": None}, {"whole": WholeSimilarity(0.2, 0.5)}, {"whole": WholeSimilarity(0.1, 0.31)}):
        with pytest.raises(ValueError, match=r"levels"):
            replace(explanation, **changed)


def test_page_figure_and_terminal_show_it(make_explanation):
    plain = make_explanation()
    explanation = with_whole(plain)
    page = explanation_section(explanation, "one")
    assert SENTENCE[1:] in page
    assert "the whole +0.062" in page
    assert "similarity 0.100, weight 0.08" in page
    assert SENTENCE[1:] not in explanation_section(plain, "one")
    for view in ("levels", "timeline", "words"):
        texts = " ".join(text.get_text() for text in draw_figure(explanation, levels=view).texts)
        assert SENTENCE in " ".join(texts.split())
    assert _score_of(explanation) == f"similarity 0.262 (exact); {SENTENCE}"
    assert _score_of(plain) == "similarity 0.250 (exact)"


def test_comparisons_say_what_it_adds_to_the_difference(make_explanation):
    first = with_whole(make_explanation())
    second = with_whole(make_explanation("a blue square slides left"), similarity=0.11)
    comparison = Comparison(first, second)
    assert comparison.whole == pytest.approx(0.04)
    parts = comparison.word_contributions.sum() + comparison.frame_contributions.sum() + comparison.unassigned
    assert parts + comparison.whole == pytest.approx(comparison.difference)
    page = comparison_section(comparison, "one")
    assert "text and video as wholes: first 0.310, second 0.110, weight 0.2" in page
    assert "the whole +0.040" in page
    with pytest.raises(ValueError, match="different levels"):
        Comparison(first, make_explanation("a blue square slides left"))
