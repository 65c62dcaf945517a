"""One embedding for a text, one for a video: the baseline, and other people's encoders as they are."""

from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers import PreTrainedModel

from hbi.encoders.encoder import Encoding
from hbi.models.config import GlobalConfig
from hbi.models.from_encoder import FromEncoder, build_encoder
from hbi.models.outputs import MatchOutput


class GlobalContrastModel(FromEncoder, PreTrainedModel):
    """Matching as it is usually done: the vector of a text against the vector of a video, the mean of its frames.

    Its towers and aggregator are `HBIModel`'s own; it lacks mergers, weights and heads. With `aggregator="none"` it is
    the encoder itself, CLIP say, which needs no training: `GlobalContrastModel.from_encoder(name, aggregator="none")`.
    """

    config_class = GlobalConfig
    base_model_prefix = "hbi"
    score = "cosine similarity"
    """What its similarity is, in words."""

    def __init__(self, config: GlobalConfig) -> None:
        super().__init__(config)
        self.encoder = build_encoder(config)
        self.post_init()

    def encode_texts(
        self, input_ids: Int[Tensor, "text word"], attention_mask: Int[Tensor, "text word"]
    ) -> Float[Tensor, "text width"]:
        """Return one embedding a text."""
        return self.encoder.encode_texts(input_ids, attention_mask).summary

    def encode_videos(
        self, pixels: Float[Tensor, "video frame *content"], mask: Bool[Tensor, "video frame"]
    ) -> Float[Tensor, "video *vectors width"]:
        """Return what stands for a video, one embedding for most families (see `Encoder.encode_videos`)."""
        return self.encoder.encode_videos(pixels, mask).summary

    def frame_features(
        self, pixels: Float[Tensor, "video frame *tubelet channel height width"], mask: Bool[Tensor, "video frame"]
    ) -> Float[Tensor, "video frame feature"]:
        """Return the embedding of every frame by itself, which `encode_videos` takes in place of pixels."""
        return self.encoder.frame_features(pixels, mask)

    @property
    def frames_are_averaged(self) -> bool:
        """Whether the vector of a video is the mean of its frames' vectors, each encoded by itself."""
        return not self.encoder.has_video_side and self.encoder.temporal is None

    @property
    def has_own_text_vectors(self) -> bool:
        """Whether a text has one vector, whatever video it is compared with."""
        return self.encoder.num_summary_vectors == 1

    def similarity(
        self, texts: Float[Tensor, "text *others width"], videos: Float[Tensor, "video *vectors width"]
    ) -> Float[Tensor, "text video"]:
        """Return the encoder's own similarity of every text with every video: the cosine, for most families."""
        return self.encoder.similarity(texts, videos)

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
        return self.compare(*self.merge(words, frames), video_of_text)

    def merge(self, words: Encoding, frames: Encoding) -> tuple[Tensor, Tensor]:
        """Return what `encode_texts` and `encode_videos` make of what their towers gave."""
        return words.summary, frames.summary

    def compare(
        self,
        texts: Float[Tensor, "text *others width"],
        videos: Float[Tensor, "video *vectors width"],
        video_of_text: Int[Tensor, " text"],
    ) -> MatchOutput:
        """Return what `match` does, from what `merge` made; which video is whose changes nothing here."""
        return MatchOutput({}, self.similarity(texts, videos), self.encoder.logit_scale)
