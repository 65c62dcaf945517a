"""SigLIP and SigLIP 2: texts padded to a fixed length, a bias beside the scale; NaFlex takes pictures of any aspect."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import Siglip2Model, SiglipModel

from hbi.encoders.encoder import Encoder, Encoding
from hbi.ops import TokenSequence


class SigLIPEncoder(Encoder):
    """SigLIP, and SigLIP 2 of a fixed size: the last position of a padded text is its vector, whatever stands there."""

    model_class = SiglipModel
    is_padded = True
    unused = ("logit_bias",)
    patch_projection = "vision_model.embeddings.patch_embedding"

    @classmethod
    def width_of(cls, config: Any) -> int:
        """Return the width of word and frame tokens."""
        return int(config.text_config.projection_size)

    def encode_texts(self, input_ids: Int[Tensor, "text word"], attention_mask: Int[Tensor, "text word"]) -> Encoding:
        """Return the word tokens of tokenized texts, and the vector of each text; the model reads padding as well."""
        output = self.towers.get_text_features(input_ids=input_ids)
        words = self.towers.text_model.head(output.last_hidden_state)
        return Encoding(TokenSequence.unmerged(words, self.word_mask(input_ids, attention_mask)), output.pooler_output)


class NaFlexEncoder(SigLIPEncoder):
    """SigLIP 2 NaFlex: a picture keeps its aspect and becomes a strip of patches (`PictureFormat`, fit "patches")."""

    model_class = Siglip2Model

    @classmethod
    def image_size_of(cls, config: Any) -> tuple[int, int]:
        """Return height and width in pixels of the strip."""
        vision = config.vision_config
        return vision.patch_size, vision.patch_size * (vision.num_patches + 1)

    def picture_features(
        self, pixels: Float[Tensor, "picture channel patch strip"]
    ) -> Float[Tensor, "picture feature"]:
        """Return the embedding of each picture, by itself."""
        side = pixels.shape[-2]
        # picture, patch, row, column, channel: the colors of one frame of a tubelet after those of another
        patches = pixels.unflatten(-1, (-1, side)).permute(0, 3, 2, 4, 1)
        shapes = _shapes_in(patches[:, -1])
        count = patches.shape[1] - 1
        is_patch = torch.arange(count, device=pixels.device) < shapes.prod(-1, keepdim=True)
        features: Tensor = self.towers.get_image_features(
            pixel_values=patches[:, :-1].flatten(2), pixel_attention_mask=is_patch.int(), spatial_shapes=shapes
        ).pooler_output
        return features


def _shapes_in(patch: Float[Tensor, "picture row column channel"]) -> Int[Tensor, "picture 2"]:
    """Return rows and columns of patches, which the last patch of a strip tells in white pixels, however normalized.

    The frames of a tubelet are of one shape: the first one tells it.
    """
    counts = patch.flatten(1, 2)[..., :2]
    middle = (counts.amax(1, keepdim=True) + counts.amin(1, keepdim=True)) / 2
    return (counts > middle).sum(1)
