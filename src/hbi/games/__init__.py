"""Cooperative games on a similarity matrix: exact, sampled, enumerated, estimated."""

from hbi.games.estimator import BanzhafEstimator
from hbi.games.extension import multilinear_extension
from hbi.games.indices import (
    banzhaf_interactions,
    banzhaf_values,
    coalition_interaction,
    shapley_interactions,
    shapley_values,
)
from hbi.games.late_interaction import LateInteractionGame

__all__ = [
    "BanzhafEstimator",
    "LateInteractionGame",
    "banzhaf_interactions",
    "banzhaf_values",
    "coalition_interaction",
    "multilinear_extension",
    "shapley_interactions",
    "shapley_values",
]
