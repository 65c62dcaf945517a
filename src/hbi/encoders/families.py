"""The families of encoders that are known, by the `model_type` of their configuration.

docs/how-to/add-an-encoder.md adds one.
"""

from collections import UserDict
from collections.abc import Iterator
from typing import Any

from hbi.encoders.clip import AltCLIPEncoder, CLIPEncoder, MetaCLIP2Encoder
from hbi.encoders.encoder import Encoder
from hbi.encoders.pe_video import PEVideoEncoder
from hbi.encoders.sentence import SentenceEncoder
from hbi.encoders.siglip import NaFlexEncoder, SigLIPEncoder
from hbi.encoders.sizes import ModelError
from hbi.encoders.videoprism import VideoPrismEncoder
from hbi.encoders.x_clip import XCLIPEncoder
from hbi.plugins import load_plugin, plugin_names


class Families(UserDict[str, type[Encoder]]):
    """Families by model type: our own, and those of installed packages, which are imported when they are asked for."""

    def __missing__(self, model_type: str) -> type[Encoder]:
        """Return the family that an installed package adds."""
        if model_type not in plugin_names("hbi.encoders"):
            raise KeyError(model_type)
        self[model_type] = load_plugin("hbi.encoders", model_type, Encoder)
        return self[model_type]

    def __contains__(self, model_type: object) -> bool:
        """Return whether a family is known, or can be had."""
        return model_type in self.data or model_type in plugin_names("hbi.encoders")

    def __iter__(self) -> Iterator[str]:
        """Yield the model types, those of installed packages last."""
        yield from self.data
        yield from (name for name in plugin_names("hbi.encoders") if name not in self.data)

    def __len__(self) -> int:
        """Return how many there are."""
        return sum(1 for _ in self)


FAMILIES = Families(
    {
        family.model_class.config_class.model_type: family
        for family in (
            CLIPEncoder,
            MetaCLIP2Encoder,
            AltCLIPEncoder,
            SigLIPEncoder,
            NaFlexEncoder,
            XCLIPEncoder,
            VideoPrismEncoder,
            PEVideoEncoder,
            SentenceEncoder,
        )
    }
)


def add_family(family: type[Encoder]) -> type[Encoder]:
    """Return a family after it was made known in this process: what opens encoders then opens it, too.

    Use it as a decorator, before a model is opened.
    """
    FAMILIES[family.model_class.config_class.model_type] = family
    return family


def family_of(config: Any) -> type[Encoder]:
    """Return the family of a model, by its configuration.

    Raises:
        ModelError: It is of no family that is known.
    """
    kind = str(getattr(config, "model_type", None))
    if kind not in FAMILIES:
        raise ModelError(f"an encoder of type {kind!r} is not known: {', '.join(FAMILIES)} are")
    return FAMILIES[kind]
