"""What changes an objective: found by its name, and refused in one line where it is of no use."""

import functools
import re

import pytest
import torch
from torch import nn

import hbi
from hbi.experiments.changed_objective import changed_objective, find_change, name_of_change
from hbi.experiments.content import RecipeError
from hbi.experiments.continuing import require_same_run
from hbi.experiments.reading import read_recipe, recipe_yaml
from hbi.training.objective import Objective, ObjectiveError
from hbi.training.run_folder import RunError, RunFolder
from training.tiny import network, run_folder, trainer

HERE = __name__


def twice(objective, network, factor=2.0):
    """An objective whose loss counts so many times."""
    return lambda *batch, **known: objective(*batch, **known).plus("again", factor - 1.0 * torch.ones(()))


class Holding(nn.Module):
    """What keeps the network in itself."""

    def __init__(self, objective, network) -> None:
        super().__init__()
        self.objective, self.network = objective, network

    def forward(self, *batch, **known):
        return self.objective(*batch, **known)


number = 3


def recipe(*changes: str):
    return read_recipe("shape-stories", changes)


def test_a_name_leads_to_what_has_it():
    assert name_of_change(twice) == f"{HERE}:twice"
    assert find_change(recipe(f"objective.changed_by={HERE}:twice")) is twice
    assert find_change(recipe(f"objective.changed_by={HERE}:Holding")) is Holding
    assert find_change(recipe()) is None
    assert changed_objective(recipe(), Objective(), network(), None) == Objective()


@pytest.mark.parametrize("nameless", [functools.partial(twice, factor=3.0), Holding(None, None), 3])
def test_what_has_no_name_is_refused(nameless):
    with pytest.raises(ObjectiveError, match=r"takes a function or a class, not .*: give the values"):
        hbi.train("shape-stories", "nowhere", objective=nameless)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (
            "no_such_module:f",
            "no_such_module:f cannot be imported: ModuleNotFoundError: .*; set PYTHONPATH",
        ),
        (f"{HERE}:missing", "cannot be imported: AttributeError: .*missing"),
        (f"{HERE}:number", "is int, no function or class"),
        (f"{HERE}:f.<locals>.g", "has no name outside of its function"),
        ("__main__:f", r"cannot be imported: .*; .*, or give it again: hbi\.train\(…, objective=…\)"),
        ("margin", "no installed package names an objective so"),
    ],
)
def test_what_cannot_be_found_is_said_before_anything_is_read(name, problem, tmp_path):
    with pytest.raises(ObjectiveError, match=problem) as raised:
        hbi.train("shape-stories", tmp_path / "run", overrides=[f"objective.changed_by={name}", "data.root=nowhere"])
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            "objective.changed_by='os.system(1)'",
            r"'os\.system\(1\)' is not of the form MODULE:NAME",
        ),
        ("objective.changed_by=a:b:c", "is not of the form MODULE:NAME"),
        ("objective.options.weight=1", r"objective\.options need an objective\.changed_by"),
        ("objective={changed_by: 'a:b', options: {weight: {deep: 1}}}", r"objective\.options\.weight"),
        ("objective={changed_by: 'a:b', options: {weight: .nan}}", r"objective\.options\.weight"),
        ("objective={changed_by: 'a:b', options: 3}", r"objective\.options"),
    ],
)
def test_what_a_recipe_cannot_say(change, problem):
    with pytest.raises(RecipeError, match=problem) as raised:
        recipe(change)
    assert "\n" not in str(raised.value)


def test_a_recipe_comes_back_as_it_was_written(tmp_path):
    options = "{weight: 0.5, steps: 3, is_hard: true, name: far, levels: [entity, event], none: null}"
    written = recipe(f"objective={{changed_by: {HERE}:twice, options: {options}}}")
    (tmp_path / "recipe.yaml").write_text(recipe_yaml(written))
    assert read_recipe(str(tmp_path / "recipe.yaml")) == written
    assert [type(value) for value in written.objective.options.values()] == [float, int, bool, str, list, type(None)]


@pytest.mark.parametrize(
    ("made", "options", "problem"),
    [
        (twice, "{fraction: 1}", "cannot be made of an objective, a network and options: TypeError: .*fraction"),
        (lambda objective: objective, "{}", "cannot be made of an objective, a network and options: TypeError"),
        (lambda objective, network: 3, "{}", "returned int: return what is called with a batch"),
        (Holding, "{}", "holds a part of the network, which learns already"),
    ],
)
def test_what_cannot_be_made_is_one_line(made, options, problem):
    said = recipe(f"objective={{changed_by: {HERE}:twice, options: {options}}}")
    with pytest.raises(ObjectiveError, match=problem) as raised:
        changed_objective(said, Objective(), network(), made)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ("{}", f"{{changed_by: {HERE}:twice}}", f"changed_by=None, not {HERE}:twice"),
        (f"{{changed_by: {HERE}:twice}}", "{}", f"changed_by={HERE}:twice, not None"),
        (f"{{changed_by: {HERE}:twice}}", "{changed_by: another:twice}", f"={HERE}:twice, not another:twice"),
        ("{changed_by: 'a:b', options: {x: 1}}", "{changed_by: 'a:b', options: {x: 2}}", "options.x=1, not 2"),
        ("{changed_by: 'a:b', options: {x: 1}}", "{changed_by: 'a:b'}", "options.x=1, not None"),
        ("{changed_by: 'a:b'}", "{changed_by: 'a:b', options: {x: 1}}", "options.x=None, not 1"),
    ],
)
def test_a_run_goes_on_with_its_own_objective_alone(before, after, named, tmp_path):
    (tmp_path / "recipe.yaml").write_text(recipe_yaml(recipe(f"objective={before}")))
    with pytest.raises(RunError, match=re.escape(named)):
        require_same_run(RunFolder(tmp_path), recipe(f"objective={after}"))
    assert not require_same_run(RunFolder(tmp_path), recipe(f"objective={before}"))


def test_a_checkpoint_of_another_objective_is_refused(tmp_path):
    """Which a recipe does not show that was edited by hand."""
    run = run_folder(tmp_path / "run")
    resumed = trainer(run, "hbi")
    resumed.objective = nn.Linear(1, 1)
    with pytest.raises(RunError, match="of a training with another objective: choose another --out"):
        resumed.resume()
