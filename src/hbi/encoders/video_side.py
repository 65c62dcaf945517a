"""Families whose frames see one another from the first layers on: clips of one length are encoded whole."""

from typing import Any, ClassVar, NoReturn

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hbi.encoders.encoder import Encoder, Encoding
from hbi.encoders.sizes import ModelError
from hbi.ops import TokenSequence


class VideoSideEncoder(Encoder):
    """A model that takes clips of one length. A subclass has `encode_clips`.

    Differs: none of these models knows padding. A frame that is not there shows the last one before it that is: a short
    video stands still at its end, and the frames that it has keep their places.
    """

    has_video_side = True
    fills_gaps = True
    patch_projection: ClassVar[str | None] = None

    @classmethod
    def num_frames_of(cls, config: Any) -> int | None:
        """Return how many frames of a video the model is made for."""
        return int(config.vision_config.num_frames)

    def encode_clips(
        self, clips: Float[Tensor, "video frame channel height width"]
    ) -> tuple[Float[Tensor, "video frame width"], Float[Tensor, "video *vectors width"]]:
        """Return the frame tokens of clips of full length, and what stands for each as a whole."""
        raise NotImplementedError  # each family's to say

    def encode_videos(
        self, pixels: Float[Tensor, "video frame *content"], mask: Bool[Tensor, "video frame"]
    ) -> Encoding:
        """Return the frame tokens of videos, and the model's own vector of each.

        Args:
            pixels: Normalized, of no more frames than the model takes.
            mask: Which frames are real.

        Raises:
            ModelError: There are more frames, or features in place of pixels.
        """
        if pixels.dim() == 3:
            self.frame_features(pixels, mask)
        tokens, summary = self.encode_clips(self._of_full_length(pixels, mask))
        tokens = tokens[:, : mask.shape[1]]
        if self.temporal is not None:
            return self.encode_features(tokens, mask)
        return Encoding(TokenSequence.unmerged(tokens, mask), summary)

    def frame_features(
        self, pixels: Float[Tensor, "video frame *content"], mask: Bool[Tensor, "video frame"]
    ) -> NoReturn:
        """Raise ModelError: no frame has features of its own."""
        raise ModelError(
            f"the frames of {self.model_class.__name__} see one another from its first layers on: features kept of "
            "single frames are of no use to it, give pixels"
        )

    def _of_full_length(
        self, pixels: Float[Tensor, "video frame channel height width"], mask: Bool[Tensor, "video frame"]
    ) -> Float[Tensor, "video clip channel height width"]:
        """Return clips of the model's length: see the class."""
        count = self.num_frames_of(self.towers.config)
        if count is None or mask.shape[1] > count:
            raise ModelError(f"a video of {mask.shape[1]} frames, but the encoder is made for {count}: give no more")
        places = torch.arange(mask.shape[1], device=mask.device)
        shown = torch.where(mask, places, -1).cummax(1).values
        shown = torch.where(shown < 0, mask.int().argmax(1, keepdim=True), shown)
        shown = torch.cat([shown, shown[:, -1:].expand(-1, count - mask.shape[1])], 1)
        return pixels[torch.arange(len(pixels), device=mask.device)[:, None], shown]
