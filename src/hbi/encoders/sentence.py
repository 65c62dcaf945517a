"""Models of sentence-transformers as a family: the tokens that they give, and vectors as they pool them."""

from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import normalize

from hbi.encoders.encoder import Encoder, Encoding
from hbi.encoders.sentence_networks import DenseNetwork, MultiVectorNetwork
from hbi.encoders.sentence_processor import SentenceProcessor
from hbi.encoders.sentence_towers import SentenceTowers
from hbi.ops import TokenSequence


class SentenceEncoder(Encoder):
    """A dense or multi-vector model: words are the tokens of a text, a frame is the vector of its picture.

    Of a dense model a word is its token after all that the model does to the pooled vector, so that words and frames
    live in one space. Of a multi-vector model a frame is the mean direction of its patches.
    """

    model_class = SentenceTowers
    has_logit_scale: ClassVar[bool] = False
    brings_processor: ClassVar[bool] = True

    def __init__(self, towers: Any, *arguments: Any) -> None:
        super().__init__(towers, *arguments)
        is_dense = towers.config.kind == "dense"
        with torch.device("cpu"):  # where texts are prepared, wherever the weights will be
            self._processor = SentenceProcessor(towers.model, towers.config.picture_side)
            network = (DenseNetwork if is_dense else MultiVectorNetwork)(towers.model, self._processor, {})
        self._network = (network,)  # not as a module: the weights are the towers'

    def freeze_unused(self, *, reads_summaries: bool | None = None) -> None:
        """Let parameters that nothing depends on learn nothing; here the configuration names them."""
        super().freeze_unused(reads_summaries=reads_summaries)
        unused = set(self.towers.config.unused)
        for name, parameter in self.towers.named_parameters():
            if name in unused:
                parameter.requires_grad_(False)

    @property
    def processor(self) -> SentenceProcessor:
        """What prepares its texts and pictures."""
        return self._processor

    @property
    def picture_towers(self) -> tuple[nn.Module, ...]:
        """What makes the features of a frame."""
        return (self.towers,)

    @classmethod
    def width_of(cls, config: Any) -> int:
        """Return the width of word and frame tokens."""
        return int(config.width)

    @classmethod
    def max_words_of(cls, config: Any) -> int:
        """Return how many tokens of a text the model reads, the prompt and the template included."""
        return int(config.max_words)

    @classmethod
    def vocab_size_of(cls, config: Any) -> int:
        """Return how many tokens the model knows."""
        return int(config.vocab_size)

    @classmethod
    def image_size_of(cls, config: Any) -> tuple[int, int]:
        """Return height and width in pixels of the pictures that the model is shown."""
        height, width = config.image_size
        return int(height), int(width)

    @classmethod
    def require_sizes(cls, config: Any) -> None:
        """Do nothing: what the files say is checked where the model is built."""

    def encode_texts(self, input_ids: Int[Tensor, "text word"], attention_mask: Int[Tensor, "text word"]) -> Encoding:
        """Return the word tokens of tokenized texts, and the vector of each text."""
        (network,) = self._network
        tokens, compared, summary = network.text_tokens(input_ids, attention_mask)
        words = self.word_mask(input_ids, attention_mask) & compared
        return Encoding(TokenSequence.unmerged(tokens * words[..., None], words), summary)

    def word_mask(
        self, input_ids: Int[Tensor, "text word"], attention_mask: Int[Tensor, "text word"]
    ) -> Bool[Tensor, "text word"]:
        """Return True where a token is a word: neither padding nor special, nor of the prompt or the template."""
        mask, config = super().word_mask(input_ids, attention_mask), self.towers.config
        place = attention_mask.cumsum(1)
        last = place[:, -1:] - config.num_after
        return mask & (place > config.num_before) & (place <= last)

    def frame_features(
        self, pixels: Float[Tensor, "video frame channel height width"], mask: Bool[Tensor, "video frame"]
    ) -> Float[Tensor, "video frame feature"]:
        """Return the vector of every frame by itself; zeros at padding, which is never encoded.

        Args:
            pixels: From 0 to 255, as the processor gives them: the library prepares them further.
            mask: Which frames are real.
        """
        (network,) = self._network
        if isinstance(network, DenseNetwork):
            return network.frame_features(pixels, mask)
        frames = network.encode_videos(pixels, mask)
        count = frames.mask.sum(-1, keepdim=True).clamp(min=1)
        mean: Tensor = (normalize(frames.tokens, dim=-1) * frames.mask[..., None]).sum(2) / count
        return mean
