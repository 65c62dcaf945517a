"""The recipes that answer questions are what the paper sets, and build the network they name."""

import pytest

from hbi.data.samples import Question, Split
from hbi.experiments.answering import answer_vocabulary, question_only
from hbi.experiments.reading import read_recipe


@pytest.mark.parametrize(("name", "num_questions"), [("msrvtt-qa", 158_581), ("msvd-qa", 30_933)])
def test_the_papers_settings(name, num_questions):
    recipe = read_recipe(name)
    assert (recipe.data.num_frames, recipe.data.max_words, recipe.training.batch_size) == (12, 32, 32)
    assert recipe.model.encoder == "openai/clip-vit-base-patch16"
    assert recipe.model.level_weights == (0.4, 0.4, 0.2)
    assert (recipe.objective.matching, recipe.objective.alpha, recipe.objective.beta) == (0.5, 1.0, 2.0)
    epochs = recipe.training.num_steps * recipe.training.batch_size / num_questions
    assert epochs == pytest.approx(5, abs=0.001)


def test_the_baseline_sees_black_frames_and_has_nothing_to_match():
    recipe = read_recipe("shape-stories-qa")
    blind = question_only(recipe)
    assert (blind.data.blank, blind.data.captions, blind.objective.matching) == (True, 0, 0.0)
    assert blind.training.num_steps == recipe.training.num_steps // 3
    assert blind.model == recipe.model
    assert blind.data.question_draws == recipe.data.question_draws


def test_answers_are_the_most_frequent_ones_or_those_of_a_file(tmp_path):
    asked = tuple(Question("?", 0, (0,), answer, "what") for answer in ("cat", "dog", "cat", "ant"))
    split = Split("train", (), asked)
    recipe = read_recipe("msrvtt-qa", ["data.num_answers=2"])
    assert answer_vocabulary(recipe, split).answers == ("cat", "ant")
    (tmp_path / "answers.txt").write_text("dog\nbee\ncat\n")
    recipe = read_recipe("msrvtt-qa", ["data.num_answers=2", f"data.answers={tmp_path / 'answers.txt'}"])
    assert answer_vocabulary(recipe, split).answers == ("dog", "bee")
    assert len(answer_vocabulary(read_recipe("shape-stories-qa"), split)) == 32
