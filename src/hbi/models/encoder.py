"""The towers: word tokens of texts and frame tokens of videos."""

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import CLIPModel

from hbi.models.class_token import compute_class_token_only
from hbi.models.config import HBIConfig
from hbi.models.outputs import Encoding
from hbi.models.stem import ConvolutionalStem
from hbi.models.temporal import build_aggregator
from hbi.ops import TokenSequence


class Encoder(nn.Module):
    """CLIP's towers and the aggregator over frames."""

    def __init__(self, config: HBIConfig) -> None:
        super().__init__()
        self.clip = CLIPModel._from_config(config.clip_config, attn_implementation="sdpa")
        if config.stem == "convolutional":
            stem = ConvolutionalStem(config.clip_config.vision_config)
            self.clip.vision_model.embeddings.patch_embedding = stem
        compute_class_token_only(self.clip.vision_model)
        self.temporal = build_aggregator(config)
        text = config.clip_config.text_config
        self.special_ids = (text.bos_token_id, text.eos_token_id)

    def forward(
        self,
        input_ids: Int[Tensor, "text word"],
        attention_mask: Int[Tensor, "text word"],
        pixels: Float[Tensor, "video frame *content"],
        frame_mask: Bool[Tensor, "video frame"],
    ) -> tuple[Encoding, Encoding]:
        """Return the encodings of texts and of videos in one call: the one that a training step shards or repeats.

        Args:
            input_ids, attention_mask: The tokenized texts.
            pixels, frame_mask: Normalized pixels, or kept features, of the frames; which frames are real.
        """
        return self.encode_texts(input_ids, attention_mask), self.encode_videos(pixels, frame_mask)

    def encode_texts(self, input_ids: Int[Tensor, "text word"], attention_mask: Int[Tensor, "text word"]) -> Encoding:
        """Return the word tokens of tokenized texts.

        Differs: the released code counts CLIP's start and end tokens as words. They are no players here: nobody said
        them, and the start token is the same for every text.
        """
        hidden = self.clip.text_model(input_ids=input_ids, attention_mask=attention_mask)
        mask = attention_mask.bool()
        for special in self.special_ids:
            mask = mask & (input_ids != special)
        words = self.clip.text_projection(hidden.last_hidden_state)
        return Encoding(TokenSequence.unmerged(words, mask), self.clip.text_projection(hidden.pooler_output))

    def encode_videos(
        self, pixels: Float[Tensor, "video frame *content"], mask: Bool[Tensor, "video frame"]
    ) -> Encoding:
        """Return the frame tokens of videos: normalized pixels, padded to the same number of frames.

        Features [video, frame, width] that were kept of `frame_features` may stand for the pixels they came from.
        """
        features = pixels if pixels.dim() == 3 else self.frame_features(pixels, mask)
        return self.encode_features(features, mask)

    def frame_features(
        self, pixels: Float[Tensor, "video frame channel height width"], mask: Bool[Tensor, "video frame"]
    ) -> Float[Tensor, "video frame feature"]:
        """Return CLIP's embedding of every frame on its own; zeros at padding, which is never encoded."""
        features = self.clip.vision_model(pixel_values=pixels[mask]).pooler_output
        real = self.clip.visual_projection(features)
        frames_BVD = real.new_zeros(*mask.shape, real.shape[-1])
        frames_BVD[mask] = real
        return frames_BVD

    def encode_features(
        self, frames_BVD: Float[Tensor, "video frame width"], mask: Bool[Tensor, "video frame"]
    ) -> Encoding:
        """Return the frame tokens of videos from what `frame_features` gave."""
        if self.temporal is not None:
            frames_BVD = self.temporal(frames_BVD, mask)
        count = mask.sum(-1, keepdim=True).clamp(min=1)
        mean = (nn.functional.normalize(frames_BVD, dim=-1) * mask[..., None]).sum(1) / count
        return Encoding(TokenSequence.unmerged(frames_BVD, mask), mean)

    @property
    def logit_scale(self) -> Float[Tensor, ""]:
        """What multiplies a similarity to make a logit, at most 100 (CLIP)."""
        return self.clip.logit_scale.exp().clamp(max=100.0)
