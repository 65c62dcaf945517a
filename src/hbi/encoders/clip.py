"""CLIP and its kin: two towers, two projections, and the end (or first) token of a text for the whole."""

from typing import Any, ClassVar

from jaxtyping import Int
from torch import Tensor, nn
from transformers import AltCLIPModel, CLIPModel, MetaClip2Model, PreTrainedConfig, PreTrainedModel

from hbi.encoders.class_token import compute_class_token_only
from hbi.encoders.encoder import Encoder, Encoding
from hbi.encoders.sizes import require_clip_sizes
from hbi.encoders.stem import ConvolutionalStem
from hbi.ops import TokenSequence


class ProjectedTowers(Encoder):
    """A model with `text_model`, `vision_model` and a projection for each."""

    patch_projection: ClassVar[str | None] = "vision_model.embeddings.patch_embedding"

    @property
    def picture_towers(self) -> tuple[nn.Module, ...]:
        """What makes the features of a frame."""
        return self.towers.vision_model, self.towers.visual_projection

    def encode_texts(self, input_ids: Int[Tensor, "text word"], attention_mask: Int[Tensor, "text word"]) -> Encoding:
        """Return the word tokens of tokenized texts, and the vector of each text."""
        output = self.towers.get_text_features(input_ids=input_ids, attention_mask=attention_mask)
        words = self.towers.text_projection(output.last_hidden_state)
        return Encoding(TokenSequence.unmerged(words, self.word_mask(input_ids, attention_mask)), output.pooler_output)


class CLIPEncoder(ProjectedTowers):
    """CLIP."""

    model_class = CLIPModel
    towers_name: ClassVar[str] = "clip"

    def __init__(self, towers: Any, *arguments: Any) -> None:
        super().__init__(towers, *arguments)
        compute_class_token_only(towers.vision_model)

    @classmethod
    def new_towers(cls, config: PreTrainedConfig, stem: str = "patch", tubelet_size: int = 1) -> PreTrainedModel:
        """Return a CLIP with random weights.

        Args:
            config: Its sizes.
            stem: What cuts frames into patches, see `HBIConfig`.
            tubelet_size: Frames that it reads at a time.
        """
        clip: Any = super().new_towers(config, tubelet_size=tubelet_size if stem == "patch" else 1)
        if stem == "convolutional":
            clip.vision_model.embeddings.patch_embedding = ConvolutionalStem(config.vision_config, tubelet_size)
        towers: PreTrainedModel = clip
        return towers

    @classmethod
    def require_sizes(cls, config: Any) -> None:
        """Raise ModelError where a CLIP cannot have the sizes that its configuration asks for."""
        require_clip_sizes(config)


class MetaCLIP2Encoder(ProjectedTowers):
    """MetaCLIP 2: CLIP for the languages of the world."""

    model_class = MetaClip2Model


class AltCLIPEncoder(ProjectedTowers):
    """AltCLIP: CLIP's pictures, texts by XLM-R, whose positions begin behind the number of the padding token."""

    model_class = AltCLIPModel

    @classmethod
    def max_words_of(cls, config: Any) -> int:
        """Return how many tokens of a text the model reads, special tokens included."""
        text = config.text_config
        return int(text.max_position_embeddings - text.pad_token_id - 1)
