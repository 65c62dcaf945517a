"""What every encoder gives, whoever made it: word tokens, frame tokens, and one vector for each text and video."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel

from hbi.encoders.sizes import ModelError, require_plausible_sizes
from hbi.encoders.stem import inflated_state, read_tubelets
from hbi.ops import TokenSequence, global_similarity

FIRST_LOG_SCALE = math.log(1 / 0.07)
"""Of a similarity, where CLIP's training begins."""


@dataclass(frozen=True)
class Encoding:
    """What the towers make of a batch of texts or of videos.

    Attributes:
        sequence: Words or frames, padded.
        summary: One embedding for the whole, as the model itself compares it: CLIP's end token of a text, say, and the
            mean of a video's frames; or several vectors of a video, its own last, where its family compares more.
    """

    sequence: TokenSequence
    summary: Float[Tensor, "batch *vectors width"]

    def __getitem__(self, rows: slice | Tensor) -> "Encoding":
        """Return some rows of the batch (a slice, indices [rows], or True for the rows that are meant)."""
        return Encoding(self.sequence[rows], self.summary[rows])


class Encoder(nn.Module):
    """Somebody's towers, and what lets the frames of a video see one another.

    A family is a subclass: it says what its model is, how wide its tokens are, and how texts and pictures become
    tokens. Pictures are encoded one by one and averaged, unless it overrides `encode_videos`.

    Args:
        towers: The family's model, of `transformers`.
        temporal: Called with frame tokens and their mask, returns tokens of the same shape; None: frames stay as they
            are.
        special_ids: Token ids that are no words: nobody said them, so they are no players.
    """

    model_class: ClassVar[type[PreTrainedModel]]
    """The family's model in `transformers`."""
    is_padded: ClassVar[bool] = False
    """Whether its processor pads every text to the full length, and the model looks at the padding."""
    fills_gaps: ClassVar[bool] = False
    """Whether a frame that is not there is shown as the one before it: the model takes clips of one length."""
    has_video_side: ClassVar[bool] = False
    """Whether its frames see one another before they are pooled, whatever `temporal` is."""

    towers_name: ClassVar[str] = "model"
    """Under which the towers' weights are kept."""
    unused: ClassVar[tuple[str, ...]] = ()
    """Parameters of the towers that no token and no similarity depends on: they learn nothing here."""
    only_of_summaries: ClassVar[tuple[str, ...]] = ()
    """Parameters of the towers, or modules, that summaries and their similarity depend on, but no token."""
    has_logit_scale: ClassVar[bool] = True
    """Whether the towers bring a scale of cosines; else training starts with CLIP's first one."""
    brings_processor: ClassVar[bool] = False
    """Whether its own library prepares texts and pictures, by what its property `processor` gives."""
    patch_projection: ClassVar[str | None] = None
    """The module of the towers that makes patch tokens, which may read several frames (`hbi.encoders.stem`); None: the
    family takes single frames only."""
    attention: ClassVar[str] = "sdpa"
    """How new towers attend, by its name in `transformers`."""

    def __init__(self, towers: PreTrainedModel, temporal: nn.Module | None, special_ids: Sequence[int]) -> None:
        super().__init__()
        self.add_module(self.towers_name, towers)
        self.temporal = temporal
        self.special_ids = tuple(special_ids)
        self.tubelet_size = 1
        self.reads_summaries = True
        self.freeze_unused()
        if not self.has_logit_scale:
            self.log_scale = nn.Parameter(torch.tensor(FIRST_LOG_SCALE))

    def freeze_unused(self, *, reads_summaries: bool | None = None) -> None:
        """Let parameters that nothing depends on learn nothing: processes would wait for their gradients.

        Args:
            reads_summaries: Whether the network around it reads summaries, or tokens alone; None: as it was said before
                (`from_pretrained` of transformers forgets what learns).
        """
        self.reads_summaries = self.reads_summaries if reads_summaries is None else reads_summaries
        idle = self.unused if self.reads_summaries else (*self.unused, *self.only_of_summaries)
        for name, parameter in self.towers.named_parameters():
            if name.startswith(idle):
                parameter.requires_grad_(False)

    def load_towers(self, state: Mapping[str, Tensor], *, tubelet_size: int = 1) -> None:
        """Load weights of towers of the same sizes; of single frames they become those of the middle of a tubelet.

        Args:
            state: Weights by name.
            tubelet_size: Frames that the towers read which the weights are of.

        Raises:
            ModelError: They are of tubelets of another size.
        """
        if tubelet_size not in (1, self.tubelet_size):
            raise ModelError(
                f"tubelet_size={self.tubelet_size}, but the towers read {tubelet_size} frames at a time: give "
                f"{tubelet_size}, or towers that see single frames"
            )
        if self.patch_projection is not None and tubelet_size != self.tubelet_size:
            state = inflated_state(state, self.patch_projection, self.tubelet_size)
        self.towers.load_state_dict(state)

    @property
    def towers(self) -> Any:
        """The family's model."""
        return self._modules[self.towers_name]

    @property
    def picture_towers(self) -> tuple[nn.Module, ...]:
        """What makes the features of a frame."""
        return (self.towers.vision_model,)

    @classmethod
    def new_towers(cls, config: PreTrainedConfig, stem: str = "patch", tubelet_size: int = 1) -> PreTrainedModel:
        """Return the family's model with random weights.

        Args:
            config: Its sizes.
            stem: What cuts frames into patches, see `HBIConfig`; only CLIP has a choice.
            tubelet_size: Frames that the stem reads at a time; more than one only where there is a `patch_projection`.
        """
        towers: PreTrainedModel = cls.model_class._from_config(config, attn_implementation=cls.attention)
        if tubelet_size > 1 and cls.patch_projection is not None:
            read_tubelets(towers, cls.patch_projection, tubelet_size)
        return towers

    @classmethod
    def require_sizes(cls, config: Any) -> None:
        """Raise ModelError where the towers cannot have the sizes that their configuration asks for."""
        require_plausible_sizes(config)

    @classmethod
    def width_of(cls, config: Any) -> int:
        """Return the width of word and frame tokens."""
        return int(config.projection_dim)

    @classmethod
    def max_words_of(cls, config: Any) -> int:
        """Return how many tokens of a text the model reads, special tokens included."""
        return int(config.text_config.max_position_embeddings)

    @classmethod
    def vocab_size_of(cls, config: Any) -> int:
        """Return how many tokens the model knows."""
        return int(config.text_config.vocab_size)

    @classmethod
    def image_size_of(cls, config: Any) -> tuple[int, int]:
        """Return height and width in pixels of the pictures that the model takes."""
        size = config.vision_config.image_size
        return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))

    @classmethod
    def num_frames_of(cls, config: Any) -> int | None:
        """Return how many frames of a video the model is made for; None: any number."""
        return None

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
        """Return the word tokens of tokenized texts, and the vector of each text.

        Args:
            input_ids: Of tokens, padded.
            attention_mask: 0 at padding.
        """
        raise NotImplementedError  # what becomes of a text is each family's to say

    def picture_features(
        self, pixels: Float[Tensor, "picture channel height width"]
    ) -> Float[Tensor, "picture feature"]:
        """Return the embedding of each picture, by itself; the frames of a tubelet stand side by side as channels."""
        features: Tensor = self.towers.get_image_features(pixel_values=pixels).pooler_output
        return features

    def word_mask(
        self, input_ids: Int[Tensor, "text word"], attention_mask: Int[Tensor, "text word"]
    ) -> Bool[Tensor, "text word"]:
        """Return True where a token is a word: no padding, and nothing that the tokenizer added.

        Differs: the released code counts CLIP's start and end tokens as words. They are no players here: nobody said
        them, and the start token is the same for every text.
        """
        mask = attention_mask.bool()
        for special in self.special_ids:
            mask = mask & (input_ids != special)
        return mask

    def encode_videos(
        self, pixels: Float[Tensor, "video frame *content"], mask: Bool[Tensor, "video frame"]
    ) -> Encoding:
        """Return the frame tokens of videos: normalized pixels, padded to the same number of frames.

        Pixels are [video, frame, 3, height, width], and [video, frame, tubelet, 3, height, width] where the towers read
        tubelets. Features [video, frame, width] that were kept of `frame_features` may stand for the pixels they came
        from.
        """
        features = pixels if pixels.dim() == 3 else self.frame_features(pixels, mask)
        return self.encode_features(features, mask)

    def frame_features(
        self, pixels: Float[Tensor, "video frame *tubelet channel height width"], mask: Bool[Tensor, "video frame"]
    ) -> Float[Tensor, "video frame feature"]:
        """Return the embedding of every frame, or tubelet, on its own; zeros at padding, which is never encoded.

        Raises:
            ModelError: The towers read tubelets of another size.
        """
        given = pixels.shape[2] if pixels.dim() == 6 else 1
        if given != self.tubelet_size:
            raise ModelError(f"tubelets of {given} frames, but the encoder reads {self.tubelet_size} at a time")
        is_padded = not bool(mask.all())
        seen = pixels[mask] if is_padded else pixels.flatten(0, 1)
        real = self.picture_features(seen.flatten(1, 2) if seen.dim() == 5 else seen)
        if not is_padded:
            return real.unflatten(0, mask.shape)
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
    def num_summary_vectors(self) -> int:
        """How many vectors stand for a video: 1, unless `similarity` compares more; the last is the video's own."""
        return 1

    def similarity(
        self, texts: Float[Tensor, "text *others width"], videos: Float[Tensor, "video *vectors width"]
    ) -> Float[Tensor, "text video"]:
        """Return how the model itself compares summaries, without scale and bias: by their cosine, as most do."""
        return global_similarity(texts, videos)

    @property
    def scale(self) -> nn.Parameter:
        """The logarithm of `logit_scale`, before it is clamped: only matching uses it."""
        parameter: nn.Parameter = self.towers.logit_scale if self.has_logit_scale else self.log_scale
        return parameter

    @property
    def logit_scale(self) -> Float[Tensor, ""]:
        """What multiplies a similarity to make a logit, at most 100 (CLIP)."""
        return self.scale.exp().clamp(max=100.0).reshape(())
