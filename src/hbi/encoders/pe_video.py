"""Perception Encoder, video and text (PE-AV without sound): a `timm` model sees pictures, a transformer the frames."""

import re
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import PeVideoModel
from transformers.models.pe_video.modeling_pe_video import PeVideoEncoderEmbedder

from hbi.encoders.encoder import Encoder, Encoding
from hbi.encoders.sizes import ModelError
from hbi.ops import TokenSequence


class FeatureEmbedder(PeVideoEncoderEmbedder):
    """The model's own first step, from features of frames in place of their pixels."""

    def forward(
        self, features: Float[Tensor, "video frame feature"], padding_mask: Bool[Tensor, "video frame"] | None = None
    ) -> tuple[Float[Tensor, "video frame hidden"], Bool[Tensor, "video frame"] | None]:
        """Return what the model makes of frames, once its picture tower has seen each."""
        return self.data_proj(self.proj(nn.functional.normalize(features, dim=-1))), padding_mask


class PEVideoEncoder(Encoder):
    """PE video: any number of frames; texts and videos are compared by their inner product, lengths included."""

    model_class = PeVideoModel
    has_video_side = True
    has_logit_scale = False  # it has one of inner products, which is none of cosines
    unused = ("text_video_logit_scale", "text_video_logit_bias")

    def __init__(self, towers: Any, *arguments: Any) -> None:
        super().__init__(towers, *arguments)
        # The same module with the same weights and names: `frame_features` does the rest of its work.
        towers.video_encoder.embedder.__class__ = FeatureEmbedder

    @property
    def picture_towers(self) -> tuple[nn.Module, ...]:
        """What makes the features of a frame."""
        return (self.towers.video_encoder.embedder.vision_model,)

    @classmethod
    def width_of(cls, config: Any) -> int:
        """Return the width of word and frame tokens."""
        return int(config.text_config.hidden_size)

    @classmethod
    def image_size_of(cls, config: Any) -> tuple[int, int]:
        """Return height and width in pixels of the pictures that the model takes: `timm` says it in the name."""
        vision = config.video_config.vision_config
        named = re.search(r"_(\d+)$", getattr(vision, "architecture", None) or "")
        side = named[1] if named else getattr(vision, "image_size", None)
        if side is None:
            raise ModelError("the configuration of the encoder does not say how large pictures are")
        return int(side), int(side)

    def encode_texts(self, input_ids: Int[Tensor, "text word"], attention_mask: Int[Tensor, "text word"]) -> Encoding:
        """Return the word tokens of tokenized texts, and the vector of each text, which is that of its first token."""
        output = self.towers.text_model(input_ids=input_ids, attention_mask=attention_mask)
        words = self.towers.text_video_head(output.last_hidden_state)
        return Encoding(TokenSequence.unmerged(words, self.word_mask(input_ids, attention_mask)), words[:, 0])

    def picture_features(
        self, pixels: Float[Tensor, "picture channel height width"]
    ) -> Float[Tensor, "picture feature"]:
        """Return the features of each picture, by itself."""
        features: Tensor = self.towers.video_encoder.embedder.vision_model(pixels).logits
        return features

    def encode_features(
        self, frames_BVD: Float[Tensor, "video frame feature"], mask: Bool[Tensor, "video frame"]
    ) -> Encoding:
        """Return the frame tokens of videos from what `frame_features` gave."""
        visible = mask | ~mask.any(-1, keepdim=True)  # nobody reads a video without frames, but it should be finite
        # Real frames first: the model takes the mask of the first frame for that of the whole video.
        order = torch.argsort(~visible, dim=1, stable=True)
        rows = torch.arange(len(mask), device=mask.device)[:, None]
        output = self.towers.video_encoder(
            pixel_values_videos=frames_BVD[rows, order],
            padding_mask_videos=None if bool(visible.all()) else visible[rows, order],
        )
        tokens = self.towers.video_head(output.last_hidden_state)[rows, torch.argsort(order, dim=1)]
        if self.temporal is not None:
            return super().encode_features(tokens, mask)
        return Encoding(TokenSequence.unmerged(tokens, mask), self.towers.video_head(output.pooler_output))

    def similarity(
        self, texts: Float[Tensor, "text width"], videos: Float[Tensor, "video width"]
    ) -> Float[Tensor, "text video"]:
        """Return the inner product of every text with every video."""
        return texts @ videos.T
