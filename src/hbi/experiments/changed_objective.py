"""The objective of a recipe, changed by code from outside of this package (docs/how-to/change-the-method.md)."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import torch
from torch import nn

from hbi.errors import nearest_or_all
from hbi.experiments.schema import Recipe
from hbi.models.networks import Network
from hbi.plugins import PluginError, load_object, load_plugin, plugin_names
from hbi.training.objective import BatchLoss, ObjectiveError

ObjectiveChange: TypeAlias = Callable[..., BatchLoss]
"""A function or class: given the recipe's objective, the network that is to be trained, and the recipe's
`objective.options` by name, it returns the objective to use. A module among these learns along."""


def name_of_change(change: ObjectiveChange) -> str:
    """Return how a run folder calls what changes the objective: MODULE:NAME.

    Raises:
        ObjectiveError: It has no name.
    """
    module, name = getattr(change, "__module__", None), getattr(change, "__qualname__", None)
    if not (callable(change) and isinstance(module, str) and isinstance(name, str)):
        raise ObjectiveError(
            f"objective= takes a function or a class, not {type(change).__name__}: give the values that it is made "
            "with as objective.options, so that the run folder has them"
        )
    return f"{module}:{name}"


def naming_change(
    change: ObjectiveChange, recipe: str | Path | Recipe, overrides: Sequence[str]
) -> tuple[str | Path | Recipe, Sequence[str]]:
    """Return a recipe and what is set on top of it, one of which now names what changes the objective.

    Args:
        change: What changes it.
        recipe: Checked, or what names one.
        overrides: Values to change, "section.key=value"; only where the recipe is named.

    Raises:
        ObjectiveError: What changes it has no name.
    """
    name = name_of_change(change)
    if isinstance(recipe, Recipe):
        changed = recipe.objective.model_copy(update={"changed_by": name})
        return recipe.model_copy(update={"objective": changed}), overrides
    return recipe, [*overrides, f"objective.changed_by={name}"]


def find_change(recipe: Recipe) -> ObjectiveChange | None:
    """Return what changes the recipe's objective; None where nothing does.

    Raises:
        ObjectiveError: It cannot be imported, or can be called by nobody.
    """
    name = recipe.objective.changed_by
    if name is None:
        return None
    called = f"objective.changed_by={name}"
    if ":" not in name:
        names = plugin_names("hbi.objectives")
        if name not in names:
            raise ObjectiveError(f"{called}: no installed package names an objective so{nearest_or_all(name, names)}")
        found: ObjectiveChange = load_plugin("hbi.objectives", name, Callable)  # type: ignore[arg-type]  # it is a class
        return found
    try:
        if "<" in name:
            raise PluginError(f"{name} has no name outside of its function")
        change = load_object(name)
    except PluginError as error:
        raise ObjectiveError(
            f"objective.changed_by: {error}; set PYTHONPATH to its folder, or give it again: hbi.train(…, objective=…)"
        ) from error
    if not callable(change):
        raise ObjectiveError(f"{called} is {type(change).__name__}, no function or class")
    found = change
    return found


def changed_objective(
    recipe: Recipe, objective: BatchLoss, network: Network, change: ObjectiveChange | None
) -> BatchLoss:
    """Return the objective that the recipe's becomes; itself where nothing changes it.

    Args:
        recipe: Says what it is made with; what is drawn for it is drawn from the recipe's seed.
        objective: Of the recipe's task.
        network: Which is to be trained.
        change: Of `find_change`.

    Raises:
        ObjectiveError: It cannot be made, or is of no use.
    """
    if change is None:
        return objective
    called = f"objective {recipe.objective.changed_by}"
    torch.manual_seed(recipe.training.seed)
    try:
        changed = change(objective, network, **recipe.objective.options)
    except Exception as error:  # somebody's code: whatever it raises is a fault of it
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ObjectiveError(f"{called} cannot be made of an objective, a network and options: {said}") from error
    if not callable(changed):
        raise ObjectiveError(
            f"{called} returned {type(changed).__name__}: return what is called with a batch, as the objective that it "
            "is given, and gives a Loss"
        )
    if isinstance(changed, nn.Module):
        of_network = {id(parameter) for parameter in network.parameters()}
        if any(id(parameter) in of_network for parameter in changed.parameters()):
            raise ObjectiveError(f"{called} holds a part of the network, which learns already: keep only its output")
    return changed
