"""The network: configuration, towers, merging, levels, and the global baseline that shares its towers."""

from hbi.models.config import HBIConfig
from hbi.models.global_contrast import GlobalContrastModel
from hbi.models.hbi import HBIModel
from hbi.models.outputs import Encoding, Hierarchy, LevelOutput, MatchOutput, Players

__all__ = [
    "Encoding",
    "GlobalContrastModel",
    "HBIConfig",
    "HBIModel",
    "Hierarchy",
    "LevelOutput",
    "MatchOutput",
    "Players",
]
