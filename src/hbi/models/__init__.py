"""The network: configuration, towers, merging, levels, and the global baseline that shares its towers."""

from hbi.encoders.encoder import Encoding
from hbi.encoders.sizes import ModelError
from hbi.encoders.state_files import CheckpointError
from hbi.models.config import GlobalConfig, HBIConfig
from hbi.models.conversion import Conversion, ConversionReport
from hbi.models.global_contrast import GlobalContrastModel
from hbi.models.hbi import HBIModel
from hbi.models.networks import OWN, add_network, register
from hbi.models.outputs import Hierarchy, LevelOutput, MatchOutput, Players
from hbi.models.processor import HBIProcessor, Processor
from hbi.models.question_answering import AnsweringConfig, AnswerOutput, QuestionAnsweringModel
from hbi.models.released_checkpoint import convert
from hbi.models.weights import open_network, save_network

__all__ = [
    "AnswerOutput",
    "AnsweringConfig",
    "CheckpointError",
    "Conversion",
    "ConversionReport",
    "Encoding",
    "GlobalConfig",
    "GlobalContrastModel",
    "HBIConfig",
    "HBIModel",
    "HBIProcessor",
    "Hierarchy",
    "LevelOutput",
    "MatchOutput",
    "ModelError",
    "Players",
    "Processor",
    "QuestionAnsweringModel",
    "add_network",
    "convert",
    "open_network",
    "save_network",
]

for network in OWN.values():
    register(network)
