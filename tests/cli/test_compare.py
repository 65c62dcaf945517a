"""`hbi compare` on ranks that are written here: one run a side or several, and every form of the table."""

import json
import re
from statistics import fmean, stdev

import pytest

from hbi.errors import Note
from hbi.evaluation.rank_files import RankedQuery, ranks_csv
from hbi.evaluation.students_t import p_value_of_runs
from hbi.experiments.comparing import RANKING, compare
from hbi.experiments.evaluating import rank_file
from hbi.experiments.reading import read_recipe, recipe_yaml

NUM_VIDEOS = 40


def evaluated(folder, *, best: int, seed: int | None = None, changes: tuple[str, ...] = ()):
    """A folder with ranks: `best` of the videos come first; a run folder where it has a seed."""
    for direction in RANKING:
        ranks = [1.0 if video < best else 20.0 for video in range(NUM_VIDEOS)]
        queries = [RankedQuery(f"v{video}", rank, f"text {video}") for video, rank in enumerate(ranks)]
        file = rank_file(folder, "test", direction)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(ranks_csv(queries))
    if seed is not None:
        recipe = read_recipe("shape-stories", [f"training.seed={seed}", *changes])
        (folder / "recipe.yaml").write_text(recipe_yaml(recipe))
    return folder


@pytest.fixture
def sides(tmp_path):
    """Three seeds of two models, named by the seed, in another order on each side."""
    base = [evaluated(tmp_path / f"base-{seed}", best=10 + seed, seed=seed) for seed in (1, 2, 3)]
    ours = [evaluated(tmp_path / f"ours_{seed}", best=20 + 2 * seed, seed=seed) for seed in (3, 1, 2)]
    return base, ours


def test_seeds_are_paired_in_whatever_order_they_are_named(sides):
    (by_text, _) = compare(*sides)
    assert by_text.are_paired
    assert by_text.names == ("base", "ours")
    assert [side.seeds for side in by_text.sides] == [(1, 2, 3), (1, 2, 3)]
    recall = by_text.differences[0]
    assert recall.measure == "recall@1"
    assert recall.first_runs == pytest.approx([100 * count / NUM_VIDEOS for count in (11, 12, 13)])
    assert recall.second_runs == pytest.approx([100 * count / NUM_VIDEOS for count in (22, 24, 26)])
    assert recall.difference == pytest.approx(fmean(recall.second_runs) - fmean(recall.first_runs))
    assert recall.deviations == pytest.approx((stdev(recall.first_runs), stdev(recall.second_runs)))
    assert recall.p_value_of_runs == pytest.approx(
        p_value_of_runs(recall.first_runs, recall.second_runs, are_paired=True)
    )
    assert recall.p_value < 0.01


def test_other_seeds_and_folders_of_no_run_are_not_paired(sides, tmp_path):
    base, ours = sides
    assert not compare(base, ours[:2])[0].are_paired
    assert not compare(base[0], ours[0])[0].are_paired
    results = [evaluated(tmp_path / f"results-{number}", best=number) for number in (4, 5, 6)]
    compared = compare(base, results)[0]
    assert not compared.are_paired
    assert compared.sides[1].seeds == (None, None, None)
    assert compared.differences[0].p_value_of_runs is not None
    assert compare(base[0], results)[0].differences[0].p_value_of_runs is not None


def test_one_run_a_side_is_what_it_was(sides):
    base, ours = sides
    single, listed = compare(base[0], str(ours[0])), compare([base[0]], [ours[0]])
    assert single[0].differences == listed[0].differences
    assert single[0].differences[0].p_value_of_runs is None
    assert single[0].names == ("base-1", "ours_3")
    assert not single[0].has_several_runs


def test_runs_that_differ_in_more_than_the_seed_are_named(tmp_path):
    runs = [
        evaluated(tmp_path / "a-1", best=3, seed=1, changes=("data.root=here",)),
        evaluated(tmp_path / "a-2", best=4, seed=2, changes=("data.root=there", "training.lr=0.5")),
        evaluated(tmp_path / "a-3", best=4, seed=2),
    ]
    with pytest.warns(Note) as said:
        compare(runs, runs[0])
    messages = [str(each.message) for each in said]
    assert len(messages) == 2
    assert messages[0].endswith(f"{runs[1]} are compared as one model, and differ in training.lr")
    assert "have one seed" in messages[1]


def test_sides_in_folders_of_one_name_are_told_apart_by_what_their_runs_share(tmp_path):
    sides = [
        [evaluated(tmp_path / f"seed-{seed}" / model / "run", best=5, seed=seed) for seed in (1, 2)]
        for model in ("base", "ours")
    ]
    assert compare(*sides)[0].names == ("base", "ours")
    assert compare(*sides, names=("A", "B"))[0].names == ("A", "B")
    assert compare(sides[0], sides[0])[0].names == ("first", "second")


def test_the_table_has_mean_and_spread_and_both_tests(hbi, sides):
    base, ours = sides
    code, printed, error = hbi("compare", *base, "vs", *ours)
    assert (code, error) == (0, "")
    assert printed.count("test, 40 queries, 3 and 3 runs, seed by seed") == 2
    assert printed.count("30.0 ± 2.5") == 6  # three recalls, two directions
    assert "p, videos" in printed
    assert "p, runs" in printed
    _, printed, _ = hbi("compare", base[0], ours[0])
    assert "±" not in printed
    assert "p, runs" not in printed


def test_json_says_it_all(hbi, sides):
    base, ours = sides
    code, printed, _ = hbi("compare", *base, "vs", *ours, "--format", "json", "--name", "B", "--name", "HBI")
    assert code == 0
    values = json.loads(printed)
    assert values["split"] == "test"
    assert [each["direction"] for each in values["directions"]] == list(RANKING)
    first = values["directions"][0]
    assert [side["name"] for side in first["sides"]] == ["B", "HBI"]
    assert first["sides"][0]["seeds"] == [1, 2, 3]
    measure = first["measures"]["recall@1"]
    assert measure["first"] == {"mean": 30.0, "deviation": 2.5, "runs": [27.5, 30.0, 32.5]}
    assert measure["low"] <= measure["difference"] <= measure["high"]
    assert 0 < measure["p_value_of_runs"] < 0.01


def test_markdown_is_one_table(hbi, sides):
    base, ours = sides
    _, printed, _ = hbi("compare", *base, "vs", *ours, "--format", "markdown", "--name", "a|b", "--name", "HBI")
    table = [line for line in printed.splitlines() if line.startswith("|")]
    assert len(table) == 2 + 10
    assert len({line.replace(r"\|", "").count("|") for line in table}) == 1
    assert table[0].startswith(r"|  | a\|b | HBI | difference |")
    assert table[2].startswith("| text-to-video R@1 | 30.0 ± 2.5 | 60.0 ± 5.0 | +30.0 |".replace("-to-", " to "))
    assert "mean ± standard deviation over runs" in printed


def test_latex_is_a_tabular_whose_names_are_set_as_they_are(hbi, sides):
    base, ours = sides
    _, printed, _ = hbi("compare", *base, "vs", *ours, "--format", "latex", "--name", r"50 % of a_b\c", "--name", "HBI")
    lines = printed.splitlines()
    (columns,) = re.findall(r"\\begin{tabular}{(l.*)}", printed)
    rows = [line for line in lines if line.endswith(r"\\")]
    assert len(rows) == 1 + 10
    assert {row.count("&") for row in rows} == {len(columns) - 1}
    assert r"50 \% of a\_b\textbackslash{}c & HBI" in rows[0]
    assert r"text to video R@1 & 30.0 $\pm$ 2.5 & 60.0 $\pm$ 5.0 & +30.0" in printed
    assert all(ord(sign) < 128 for row in rows for sign in row)
    assert [lines.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 2, 1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a"], "say which runs are whose"),
        (["a", "b", "c"], "say which runs are whose"),
        (["a", "vs"], "say which runs are whose"),
        (["a", "vs", "b", "vs", "c"], "say which runs are whose"),
        (["a", "a", "vs", "b"], "a is named twice on one side"),
        (["a", "vs", "b", "--name", "one"], "give it twice"),
        (["a", "vs", "b"], "run hbi evaluate"),
    ],
)
def test_mistakes_are_one_line(hbi, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, _, error = hbi("compare", *arguments)
    assert code == 2
    assert message in error
    assert len(error.strip().splitlines()) == 1


def test_ranks_of_other_queries_are_refused(sides):
    base, ours = sides
    file = rank_file(ours[1], "test", "text-to-video")
    file.write_text(file.read_text().replace("text 3", "another text"))
    with pytest.raises(Exception, match="hold other queries"):
        compare(base, ours)
