"""X-CLIP: frames that send one another messages, and texts that are prompted by the patches of the video."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize
from transformers import XCLIPModel

from hbi.encoders.clip import ProjectedTowers
from hbi.encoders.video_side import VideoSideEncoder
from hbi.ops import global_similarity

MOST_NUMBERS = 2**24
"""Of prompted texts at a time: each pair of a text and a video has a text vector of its own."""


class XCLIPEncoder(VideoSideEncoder, ProjectedTowers):
    """X-CLIP: what stands for a video is what its patches say to texts and, last, its own vector.

    The vector of a text depends on the video that it is compared with. What is kept of a text is its vector before
    that; `similarity` lets the video's patches change it, as the model does.
    """

    model_class = XCLIPModel
    only_of_summaries = ("prompts_generator", "prompts_visual_layernorm", "prompts_visual_projection")

    @property
    def picture_towers(self) -> tuple[nn.Module, ...]:
        """What makes the tokens of frames."""
        return self.towers.vision_model, self.towers.visual_projection, self.towers.mit

    @property
    def num_summary_vectors(self) -> int:
        """How many vectors stand for a video: one for each patch, and its own."""
        config = self.towers.config
        height, width = self.image_size_of(config)
        patch = config.vision_config.patch_size
        return 1 if self.temporal is not None else (height // patch) * (width // patch) + 1

    def encode_clips(
        self, clips: Float[Tensor, "video frame channel height width"]
    ) -> tuple[Float[Tensor, "video frame width"], Float[Tensor, "video vector width"]]:
        """Return the frame tokens of clips; the patches of each as they prompt texts, and its vector."""
        towers, shape = self.towers, clips.shape[:2]
        seen = towers.vision_model(pixel_values=clips.flatten(0, 1))
        frames = towers.mit(towers.visual_projection(seen.pooler_output).unflatten(0, shape))
        patches = towers.prompts_visual_layernorm(seen.last_hidden_state[:, 1:]) @ towers.prompts_visual_projection
        prompts = patches.unflatten(0, shape).mean(1)
        return frames.last_hidden_state, torch.cat([prompts, frames.pooler_output[:, None]], 1)

    def similarity(
        self, texts: Float[Tensor, "text *others width"], videos: Float[Tensor, "video *vectors width"]
    ) -> Float[Tensor, "text video"]:
        """Return the cosine of every video with every text as that video prompts it."""
        if texts.dim() == 3:  # a video that is searched with
            return global_similarity(texts[:, -1], videos[:, -1])
        if videos.dim() == 2:  # frames that a temporal transformer of ours has changed: their mean, and no prompts
            return global_similarity(texts, videos)
        at_a_time = max(1, MOST_NUMBERS // max(1, texts.numel()))
        return torch.cat([self._of_few(texts, few) for few in videos.split(at_a_time)], 1)

    def _of_few(
        self, texts: Float[Tensor, "text width"], videos: Float[Tensor, "video vector width"]
    ) -> Float[Tensor, "text video"]:
        repeated = texts.expand(len(videos), -1, -1)
        prompted = repeated + self.towers.prompts_generator(repeated, videos[:, :-1])
        return torch.einsum("vd,vtd->tv", normalize(videos[:, -1], dim=-1), normalize(prompted, dim=-1))
