"""Our networks by the `model_type` of their configuration; docs/how-to/change-the-method.md adds one."""

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from transformers import AutoConfig, AutoModel, AutoProcessor

from hbi.encoders.sizes import ModelError
from hbi.models.config import GlobalConfig, HBIConfig
from hbi.models.from_encoder import FromEncoder
from hbi.models.global_contrast import GlobalContrastModel
from hbi.models.hbi import HBIModel
from hbi.models.processor import HBIProcessor
from hbi.models.question_answering import AnsweringConfig, QuestionAnsweringModel
from hbi.plugins import WithPlugins

Network: TypeAlias = HBIModel | GlobalContrastModel | QuestionAnsweringModel
NetworkClass: TypeAlias = type[HBIModel] | type[GlobalContrastModel] | type[QuestionAnsweringModel]
Added = TypeVar("Added", HBIModel, GlobalContrastModel, QuestionAnsweringModel)

OWN: dict[str, NetworkClass] = {
    network.config_class.model_type: network for network in (HBIModel, GlobalContrastModel, QuestionAnsweringModel)
}
NETWORKS: WithPlugins[Any] = WithPlugins("hbi.networks", FromEncoder, OWN)
"""Those of this package and those of others, by the `model_type` of their configuration."""


def kind_of(config: HBIConfig) -> str:
    """Return what a network of a configuration does, as recipes call it: `hbi`, `global` or `answering`."""
    if isinstance(config, AnsweringConfig):
        return "answering"
    return "global" if isinstance(config, GlobalConfig) else "hbi"


def add_network(name: str) -> Callable[[type[Added]], type[Added]]:
    """Return a decorator that makes a network known in this process: recipes train it, and its folders are opened.

    The network is derived from `HBIModel`, `GlobalContrastModel` or `QuestionAnsweringModel`. Its configuration is that
    one's under another `model_type`, unless it brings its own.

    Args:
        name: The `model_type`, and `model.network` in recipes.

    Raises:
        ModelError: The name is that of a network of this package.
    """
    if name in OWN:
        raise ModelError(f"there is a network {name!r} in hbi: choose another name for yours")

    def add(network: type[Added]) -> type[Added]:
        if network.config_class.model_type != name:
            network.config_class = _named(network.config_class, name)
        NETWORKS[name] = network
        register(network)
        return network

    return add


def _named(config: Any, name: str) -> Any:
    """Return a class of configurations with another `model_type`."""
    # With an __init__ of its own, else `transformers` makes it a dataclass without our fields.
    own = {"model_type": name, "__init__": lambda self, **fields: config.__init__(self, **fields)}
    return type(f"{config.__name__}Of{name.title().replace('-', '')}", (config,), own)


def register(network: NetworkClass) -> None:
    """Let the Auto classes of `transformers` open folders of a network."""
    config = network.config_class
    AutoConfig.register(config.model_type, config, exist_ok=True)
    AutoModel.register(config, network, exist_ok=True)
    AutoProcessor.register(config, HBIProcessor, exist_ok=True)
