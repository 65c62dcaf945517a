"""The network: configuration, towers, merging, levels, and the global baseline that shares its towers."""

from hbi.models.config import HBIConfig, ModelError
from hbi.models.global_contrast import GlobalContrastModel
from hbi.models.hbi import HBIModel
from hbi.models.outputs import Encoding, Hierarchy, LevelOutput, MatchOutput, Players
from hbi.models.released_checkpoint import Conversion, ConversionReport, convert
from hbi.models.state_files import CheckpointError

__all__ = [
    "CheckpointError",
    "Conversion",
    "ConversionReport",
    "Encoding",
    "GlobalContrastModel",
    "HBIConfig",
    "HBIModel",
    "Hierarchy",
    "LevelOutput",
    "MatchOutput",
    "ModelError",
    "Players",
    "convert",
]
