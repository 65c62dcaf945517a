"""VideoPrism with a text side (`lvt`): space and time are attended over in turn, and a head pools all patches."""

from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import VideoPrismClipModel

from hbi.encoders.encoder import Encoding
from hbi.encoders.video_side import VideoSideEncoder
from hbi.ops import TokenSequence


class VideoPrismEncoder(VideoSideEncoder):
    """VideoPrism. The token of a frame is what the model's own head pools of that frame's patches alone."""

    model_class = VideoPrismClipModel
    attention = "eager"
    has_logit_scale = False
    only_of_summaries = ("text_model.embeddings.cls_emb",)

    @property
    def picture_towers(self) -> tuple[nn.Module, ...]:
        """What makes the tokens of frames."""
        return (self.towers.video_model,)

    @classmethod
    def width_of(cls, config: Any) -> int:
        """Return the width of word and frame tokens."""
        return int(config.text_config.hidden_size)

    def encode_texts(self, input_ids: Int[Tensor, "text word"], attention_mask: Int[Tensor, "text word"]) -> Encoding:
        """Return the word tokens of tokenized texts, and the vector of each text: a token behind all others."""
        output = self.towers.text_model(input_ids=input_ids, attention_mask=attention_mask)
        words = output.last_hidden_state[:, :-1]
        return Encoding(TokenSequence.unmerged(words, self.word_mask(input_ids, attention_mask)), output.pooler_output)

    def encode_clips(
        self, clips: Float[Tensor, "video frame channel height width"]
    ) -> tuple[Float[Tensor, "video frame width"], Float[Tensor, "video width"]]:
        """Return the frame tokens of clips, and the vector of each."""
        model, shape = self.towers.video_model, clips.shape[:2]
        output = model(pixel_values_videos=clips)
        # Patches come frame by frame.
        pooled, _ = model.head(output.last_hidden_state.unflatten(1, (shape[1], -1)).flatten(0, 1))
        return model.head_layernorm(pooled)[:, 0].unflatten(0, shape), output.pooler_output[:, 0]
