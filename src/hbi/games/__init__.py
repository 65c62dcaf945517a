"""Cooperative games on a similarity matrix: exact, sampled, enumerated, estimated."""

from hbi.games.estimator import BanzhafEstimator
from hbi.games.indices import banzhaf_interactions
from hbi.games.late_interaction import LateInteractionGame

__all__ = ["BanzhafEstimator", "LateInteractionGame", "banzhaf_interactions"]
