"""The baseline: one embedding for a text, one for a video, and no game."""

from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers import PreTrainedModel

from hbi.models.config import GlobalConfig
from hbi.models.encoder import Encoder
from hbi.models.from_clip import FromCLIP
from hbi.models.outputs import Encoding, MatchOutput
from hbi.ops import global_similarity


class GlobalContrastModel(FromCLIP, PreTrainedModel):
    """CLIP matching as it is usually done: the end token of a text against the mean of a video's frames.

    Its towers and aggregator are `HBIModel`'s own; it lacks mergers, weights and heads. With `aggregator="none"`
    it is CLIP itself, which needs no training with videos: `GlobalContrastModel.from_clip(name, aggregator="none")`.
    """

    config_class = GlobalConfig
    base_model_prefix = "hbi"

    def __init__(self, config: GlobalConfig) -> None:
        super().__init__(config)
        self.encoder = Encoder(config)
        self.post_init()

    def encode_texts(
        self, input_ids: Int[Tensor, "text word"], attention_mask: Int[Tensor, "text word"]
    ) -> Float[Tensor, "text width"]:
        """Return one embedding a text."""
        return self.encoder.encode_texts(input_ids, attention_mask).summary

    def encode_videos(
        self, pixels: Float[Tensor, "video frame *content"], mask: Bool[Tensor, "video frame"]
    ) -> Float[Tensor, "video feature"]:
        """Return one embedding a video, from pixels or from features (see `Encoder.encode_videos`)."""
        return self.encoder.encode_videos(pixels, mask).summary

    def similarity(
        self, texts: Float[Tensor, "text width"], videos: Float[Tensor, "video width"]
    ) -> Float[Tensor, "text video"]:
        """Return the cosine of every text with every video."""
        return global_similarity(texts, videos)

    def forward(
        self,
        input_ids: Int[Tensor, "text word"],
        attention_mask: Int[Tensor, "text word"],
        pixels: Float[Tensor, "video frame *content"],
        frame_mask: Bool[Tensor, "video frame"],
        video_of_text: Int[Tensor, " text"],
    ) -> MatchOutput:
        """Return the similarities of all texts with all videos."""
        words, frames = self.encoder(input_ids, attention_mask, pixels, frame_mask)
        return self.match(words, frames, video_of_text)

    def match(self, words: Encoding, frames: Encoding, video_of_text: Int[Tensor, " text"]) -> MatchOutput:
        """Return what `forward` does, from encodings."""
        return MatchOutput({}, self.similarity(words.summary, frames.summary), self.encoder.logit_scale)
