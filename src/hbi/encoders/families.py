"""The families of encoders that are known, by the `model_type` of their configuration.

docs/how-to/add-an-encoder.md adds one.
"""

from typing import Any

from hbi.encoders.clip import AltCLIPEncoder, CLIPEncoder, MetaCLIP2Encoder
from hbi.encoders.encoder import Encoder
from hbi.encoders.pe_video import PEVideoEncoder
from hbi.encoders.sentence import SentenceEncoder
from hbi.encoders.siglip import NaFlexEncoder, SigLIPEncoder
from hbi.encoders.sizes import ModelError
from hbi.encoders.videoprism import VideoPrismEncoder
from hbi.encoders.x_clip import XCLIPEncoder
from hbi.plugins import WithPlugins

FAMILIES: WithPlugins[Encoder] = WithPlugins(
    "hbi.encoders",
    Encoder,
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
    },
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
