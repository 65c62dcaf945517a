"""Questions from the command line: training, measuring, asking; and everything a person may get wrong."""

import json

import pytest

from end_to_end.conftest import call, fail_here, overrides, succeed_here

SMALL_HEADS = ("--set", "model.answer_channels=16")


@pytest.fixture(scope="module")
def answering(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("answering") / "run"
    small = overrides(data_root=str(data), training_num_steps="6", training_captions_per_video="4")
    succeed_here("train", "shape-stories-qa", *small, *SMALL_HEADS, "--out", folder)
    return folder


def test_a_run_is_measured_beside_its_baselines(answering):
    printed = succeed_here("evaluate", answering)
    for words in ("question only", "most frequent", "not in vocabulary", "color", "first", "interaction inside"):
        assert words in printed
    assert "not trained" not in printed
    measured = json.loads((answering / "metrics.json").read_text())
    kinds = {part["kind"]: part for part in measured["accuracies"]}
    assert set(kinds) == {"all", "color", "shape", "action", "count", "first"}
    assert measured["coverage"] == 100.0
    answers = [json.loads(line) for line in (answering / "answers-test.jsonl").read_text().splitlines()]
    assert len(answers) == kinds["all"]["num_questions"]
    right = sum(each["given"] == each["answer"] for each in answers)
    assert 100 * right / len(answers) == pytest.approx(kinds["all"]["accuracy"])
    ranks = [each["rank"] for each in answers]
    assert [rank == 1 for rank in ranks] == [each["given"] == each["answer"] for each in answers]
    in_five = 100 * sum(rank <= 5 for rank in ranks) / len(ranks)
    assert in_five == pytest.approx(kinds["all"]["top_5"])
    assert in_five > kinds["all"]["accuracy"]
    assert f"{in_five:.1f} %" in printed
    assert f"| {in_five:.1f} % |" in (answering / "README.md").read_text()


def test_two_networks_that_answer_are_compared_question_by_question(answering, tmp_path):
    own = json.loads(succeed_here("evaluate", answering) and (answering / "metrics.json").read_text())["accuracies"][0]
    succeed_here("evaluate", answering / "question-only", "--out", tmp_path / "blind")
    printed = succeed_here("compare", tmp_path / "blind", answering)
    rows = {line.split("│")[1].strip(): line for line in printed.splitlines() if line.count("│") > 3}
    assert {"accuracy", "top-5 accuracy"} <= rows.keys()
    assert f" {own['accuracy']:.1f} " in rows["accuracy"]
    assert f" {own['top_5']:.1f} " in rows["top-5 accuracy"]
    assert "recall" not in printed


def test_the_baseline_sees_nothing(answering):
    recipe = (answering / "question-only" / "recipe.yaml").read_text()
    assert "blank: true" in recipe
    printed = succeed_here("evaluate", answering / "question-only")
    assert "not trained" in printed


def test_a_question_is_answered_and_explained(answering, data, tmp_path):
    video = data / "videos" / "test" / "00000.mp4"
    page = tmp_path / "page.html"
    printed = succeed_here("answer", answering, video, "What color is the first shape?", "--top", 3, "--explain", page)
    assert "probability" in printed
    assert printed.count(" %") == 3
    assert "the answer: " in page.read_text()
    for question in ("the circle", "🦙 qwxv?", "[red]"):
        assert "probability" in succeed_here("answer", answering, video, question)


def test_what_cannot_be_answered_is_said_in_one_line(answering, trained, data, tmp_path):
    video = data / "videos" / "test" / "00000.mp4"
    assert "the question is empty" in fail_here("answer", answering, video, " ")
    assert "answers no questions" in fail_here("answer", trained, video, "what?")
    assert "holds no model" in fail_here("answer", tmp_path, video, "what?")
    assert "none.mp4" in fail_here("answer", answering, tmp_path / "none.mp4", "what?")
    assert "ranks nothing" in fail_here("explain", answering, video, "a star")
    assert call("answer", answering, video, "what?", "--top", 0)[0] == 2


def test_recipes_that_do_not_fit_are_said_in_one_line(data, tmp_path):
    small = overrides(data_root=str(data))
    ask = ("train", "shape-stories-qa", *small, *SMALL_HEADS, "--out")
    assert "asks no questions" in fail_here(*ask, tmp_path / "a", "--set", "data.dataset=msrvtt")
    assert "multiple of 4" in fail_here(*ask, tmp_path / "b", "--set", "model.answer_channels=10")
    assert "labels.json" in fail_here(*ask, tmp_path / "c", "--set", f"data.answers={tmp_path / 'labels.json'}")


def test_multiple_choice_is_answered_by_ranking(trained, data, tmp_path):
    (tmp_path / "annotations").mkdir()
    (tmp_path / "videos").symlink_to(data / "videos" / "test")
    rows = [{"clip_name": f"0000{n}", "options": ["a red star", "a blue ring"], "answer": n % 2} for n in range(6)]
    (tmp_path / "annotations" / "msrvtt_mc_test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    printed = succeed_here("evaluate-choices", trained, tmp_path)
    assert "50.0 %" in printed
    assert json.loads((trained / "metrics-choices.json").read_text())["num_questions"] == 6
