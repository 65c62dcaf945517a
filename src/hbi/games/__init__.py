"""Cooperative games of the words of a text and the frames of a video: exact, sampled, enumerated, estimated."""

from hbi.games.dual_encoder import DualEncoderGame, neighbors_together, normalized_mean, solve_dual_encoder
from hbi.games.encoder_indices import DualEncoderIndices, Estimate
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
from hbi.games.maxsim import maxsim_game, mean_maxsim_game
from hbi.games.pair_scores import solve_pair_scores
from hbi.games.protocol import CoalitionGame
from hbi.games.sampling import SampledInteractions, sample_interactions, sample_late_interactions
from hbi.games.shapiq_adapter import from_shapiq, interactions_from_shapiq, interactions_to_shapiq, to_shapiq
from hbi.games.teachers import EstimatorTeacher, ExactTeacher, SampledTeacher, Teacher
from hbi.games.tokens import game_from_tokens, interactions
from hbi.games.words_at_input import WordsAtInputGame, solve_words_at_input

__all__ = [
    "BanzhafEstimator",
    "CoalitionGame",
    "DualEncoderGame",
    "DualEncoderIndices",
    "EnumeratedGame",
    "Estimate",
    "EstimatorTeacher",
    "ExactTeacher",
    "LateInteractionGame",
    "SampledInteractions",
    "SampledTeacher",
    "Teacher",
    "WordsAtInputGame",
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
    "maxsim_game",
    "mean_maxsim_game",
    "multilinear_extension",
    "neighbors_together",
    "normalized_mean",
    "sample_interactions",
    "sample_late_interactions",
    "shapley_interactions",
    "shapley_values",
    "solve_dual_encoder",
    "solve_pair_scores",
    "solve_words_at_input",
    "to_shapiq",
]
