"""Cooperative games on a similarity matrix: exact, sampled, enumerated, estimated."""

from hbi.games.enumeration import EnumeratedGame, enumerate_game
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
from hbi.games.levels import interactions_of_members
from hbi.games.protocol import CoalitionGame
from hbi.games.sampling import SampledInteractions, sample_interactions, sample_late_interactions
from hbi.games.shapiq_adapter import from_shapiq, interactions_from_shapiq, interactions_to_shapiq, to_shapiq
from hbi.games.teachers import EstimatorTeacher, ExactTeacher, SampledTeacher, Teacher
from hbi.games.tokens import game_from_tokens, interactions

__all__ = [
    "BanzhafEstimator",
    "CoalitionGame",
    "EnumeratedGame",
    "EstimatorTeacher",
    "ExactTeacher",
    "LateInteractionGame",
    "SampledInteractions",
    "SampledTeacher",
    "Teacher",
    "banzhaf_interactions",
    "banzhaf_values",
    "coalition_interaction",
    "enumerate_game",
    "from_shapiq",
    "game_from_tokens",
    "interactions",
    "interactions_from_shapiq",
    "interactions_of_members",
    "interactions_to_shapiq",
    "multilinear_extension",
    "sample_interactions",
    "sample_late_interactions",
    "shapley_interactions",
    "shapley_values",
    "to_shapiq",
]
