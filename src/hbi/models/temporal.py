"""What lets the frames of a video see one another: a transformer or an LSTM, with a residual around the whole."""

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from transformers import CLIPTextConfig
from transformers.models.clip.modeling_clip import CLIPEncoder

from hbi.encoders.sizes import ModelError
from hbi.models.config import HBIConfig


def _stated(text: Any, *names: str) -> Any:
    """Return what the configuration of a text tower says under one of several names: families differ."""
    return next(getattr(text, name) for name in names if hasattr(text, name))


class TemporalTransformer(nn.Module):
    """A transformer over frames that know their place.

    Raises:
        ModelError: The width cannot be split among heads of the size that the text tower's have.
    """

    def __init__(self, config: HBIConfig) -> None:
        super().__init__()
        # A model of sentence-transformers has no text tower of its own: CLIP's sizes then.
        text = getattr(config.encoder_config, "text_config", None) or CLIPTextConfig()
        num_heads = max(1, config.width // (text.hidden_size // text.num_attention_heads))
        if config.width % num_heads:
            raise ModelError(f"frame tokens of width {config.width} cannot be split among {num_heads} heads")
        self.position = nn.Embedding(config.max_frames, config.width)
        self.encoder = CLIPEncoder(
            CLIPTextConfig(
                hidden_size=config.width,
                intermediate_size=4 * config.width,
                num_hidden_layers=config.temporal_layers,
                num_attention_heads=num_heads,
                hidden_act=_stated(text, "hidden_act", "hidden_activation"),
                layer_norm_eps=_stated(text, "layer_norm_eps", "norm_eps"),
                attention_dropout=_stated(text, "attention_dropout", "attention_probs_dropout_prob"),
                attn_implementation="sdpa",
            )
        )

    def forward(
        self, frames_BVD: Float[Tensor, "video frame width"], mask: Bool[Tensor, "video frame"]
    ) -> Float[Tensor, "video frame width"]:
        """Return frames that know of their neighbors (paper, section 3.2: the video encoder).

        Raises:
            ModelError: More frames than there are positions.
        """
        num_frames, num_positions = frames_BVD.shape[1], self.position.num_embeddings
        if num_frames > num_positions:
            raise ModelError(
                f"a video of {num_frames} frames, but the temporal transformer has positions for {num_positions}: "
                "give fewer, or build the model with max_frames"
            )
        positions = torch.arange(num_frames, device=frames_BVD.device)
        # A row without any real frame would attend to nothing: let it attend to everything, nobody reads it.
        visible = mask | ~mask.any(-1, keepdim=True)
        output = self.encoder(
            inputs_embeds=frames_BVD + self.position(positions), attention_mask=visible[:, None, None, :]
        )
        return frames_BVD + output.last_hidden_state


class TemporalLSTM(nn.Module):
    """An LSTM from the first frame to the last: a frame knows of those before it."""

    def __init__(self, config: HBIConfig) -> None:
        super().__init__()
        self.lstm = nn.LSTM(config.width, config.width, num_layers=config.temporal_layers, batch_first=True)

    def forward(
        self, frames_BVD: Float[Tensor, "video frame width"], mask: Bool[Tensor, "video frame"]
    ) -> Float[Tensor, "video frame width"]:
        """Return frames that know of those before them. Padding stands last and is left as it is."""
        return frames_BVD + self.lstm(frames_BVD)[0] * mask[..., None]


def build_aggregator(config: HBIConfig) -> TemporalTransformer | TemporalLSTM | None:
    """Return the aggregator of a configuration; None where frames stay as they are."""
    match config.aggregator:
        case "temporal":
            return TemporalTransformer(config)
        case "lstm":
            return TemporalLSTM(config)
        case _:
            return None
