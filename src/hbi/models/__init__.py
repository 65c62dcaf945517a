"""The network: configuration, towers, merging, levels, and the global baseline that shares its towers."""

from transformers import AutoConfig, AutoModel, AutoProcessor

from hbi.encoders.encoder import Encoding
from hbi.encoders.sizes import ModelError
from hbi.encoders.state_files import CheckpointError
from hbi.models.config import GlobalConfig, HBIConfig
from hbi.models.conversion import Conversion, ConversionReport
from hbi.models.global_contrast import GlobalContrastModel
from hbi.models.hbi import HBIModel
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
    "convert",
    "open_network",
    "save_network",
]

for config, network in (
    (HBIConfig, HBIModel),
    (GlobalConfig, GlobalContrastModel),
    (AnsweringConfig, QuestionAnsweringModel),
):
    AutoConfig.register(config.model_type, config, exist_ok=True)
    AutoModel.register(config, network, exist_ok=True)
    AutoProcessor.register(config, HBIProcessor, exist_ok=True)
