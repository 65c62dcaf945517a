"""`HBIProcessor`: from texts and frames to what a network takes. Padding and normalizing are decided here alone."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeAlias, no_type_check

import torch
from jaxtyping import Bool, UInt8
from torch import Tensor
from transformers import BatchFeature, PreTrainedTokenizerBase, ProcessorMixin
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from hbi.encoders.preprocessing import CLIP_MEAN, CLIP_STD, color_statistics, network_input, picture_format
from hbi.encoders.sentence_processor import SentenceProcessor
from hbi.encoders.sizes import ModelError
from hbi.encoders.tokenizer import TokenizedTexts, require_vocabulary, tokenize
from hbi.models.config import HBIConfig
from hbi.video import PictureFormat


class HBIProcessor(ProcessorMixin):
    """A tokenizer and the preparation of pictures, saved and loaded as one.

    Args:
        image_processor: Resizes frames, cuts out their middle, and names the mean and deviation that normalize them.
        tokenizer: CLIP's, or one of its form.
        max_words: Tokens of a text, special tokens included; longer texts are cut.
        is_padded_to_max_words: Pad every text to `max_words`, as a model with `released_behavior` needs it to compute
            what it was trained to; else to the longest text of the batch.
        is_scaled_by_decoder: Pictures are squares that the decoder scales at once and cuts out, as networks of ours
            take them; else they are made by Pillow just as the image processor makes them.
        tubelet_size: Frames that each position of a video reads, see `HBIConfig`.
        tubelet_seconds: How far these are apart; None: they follow one another in the file.
        released_loader: Videos are seen as the loader of the authors' released code shows them, see `PictureFormat`.
    """

    max_words: int
    is_padded_to_max_words: bool
    is_scaled_by_decoder: bool
    tubelet_size: int
    tubelet_seconds: float | None
    released_loader: bool

    # `transformers` reads the argument names off the code object, which a decorator would hide.
    @no_type_check
    def __init__(
        self,
        image_processor: Any,
        tokenizer: Any,
        max_words: int = 32,
        is_padded_to_max_words: bool = False,
        is_scaled_by_decoder: bool = True,
        tubelet_size: int = 1,
        tubelet_seconds: float | None = None,
        released_loader: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(image_processor, tokenizer, **kwargs)
        self.max_words = max_words
        self.is_padded_to_max_words = is_padded_to_max_words
        self.is_scaled_by_decoder = is_scaled_by_decoder
        self.tubelet_size, self.tubelet_seconds = tubelet_size, tubelet_seconds
        self.released_loader = released_loader

    @classmethod
    def for_model(
        cls,
        config: HBIConfig,
        tokenizer: PreTrainedTokenizerBase,
        *,
        mean: Sequence[float] = CLIP_MEAN,
        std: Sequence[float] = CLIP_STD,
        pictures: Any = None,
        released_loader: bool = False,
    ) -> "HBIProcessor":
        """Return the processor of a model.

        Args:
            config: Of the model: the size of a picture, the length of a text, the padding rule, tubelets.
            tokenizer: The one that the model was trained with.
            mean: Of red, green and blue in [0, 1], which normalized pixels lack.
            std: Their standard deviation, by which they are divided.
            pictures: The image processor of `transformers` whose pictures the model takes; None: squares that the
                decoder scales, less `mean`, divided by `std`.
            released_loader: Whether videos are seen as the authors' released loader shows them; its pictures are made
                by Pillow.

        Raises:
            ModelError: The tokenizer has another vocabulary than the model, or pictures another size.
        """
        require_vocabulary(config.vocab_size, tokenizer, is_exact=config.encoder_config.model_type == "clip")
        own: dict[str, Any] = {
            "max_words": config.max_words,
            "is_padded_to_max_words": config.released_behavior or config.encoder_family.is_padded,
            "tubelet_size": config.tubelet_size,
            "tubelet_seconds": config.tubelet_seconds,
            "released_loader": released_loader,
        }
        if pictures is None and released_loader:
            pictures = picture_processor(config, mean=mean, std=std)
        if pictures is None:
            return cls(picture_processor(config, mean=mean, std=std), tokenizer, **own)
        made = picture_format(pictures)
        if (made.height, made.width) != config.image_size:
            raise ModelError(
                f"the model takes pictures of {config.image_size[0]} x {config.image_size[1]} pixels, its "
                f"preparation makes {made.height} x {made.width}: their files are of different models"
            )
        return cls(pictures, tokenizer, is_scaled_by_decoder=False, **own)

    def __call__(
        self,
        text: str | Sequence[str] | None = None,
        videos: Sequence[UInt8[Tensor, "_ *tubelet 3 _ _"]] | None = None,
    ) -> BatchFeature:
        """Return `input_ids` and `attention_mask` of texts, `pixels` and `frame_mask` of videos, whichever is given.

        Args:
            text: One text, or several.
            videos: The RGB frames of each video, of any size; their number may differ. Padding is zero. With tubelets
                the frames of each position, in the order of time: [position, frame, 3, height, width].

        Raises:
            ValueError: Neither texts nor videos, an empty list, or a video without frames or with other tubelets.
        """
        if text is None and videos is None:
            raise ValueError("give text, videos or both")
        features: dict[str, Tensor] = {}
        if text is not None:
            texts = [text] if isinstance(text, str) else list(text)
            if not texts:
                raise ValueError("give at least one text")
            tokens = self.tokenize(texts)
            features |= {"input_ids": tokens.input_ids, "attention_mask": tokens.attention_mask}
        if videos is not None:
            features |= self._videos(list(videos))
        return BatchFeature(features)

    def tokenize(self, texts: Sequence[str]) -> TokenizedTexts:
        """Return texts as token ids with the characters that each token stands for."""
        return tokenize(self.tokenizer, texts, self.max_words, is_padded_to_max_words=self.is_padded_to_max_words)

    def network_input(self, frames: Tensor) -> Tensor:
        """Return frames as the network takes them, on the device where they are; see `network_input`.

        Args:
            frames: Pixels in uint8 [..., 3, height, width], or features of frames [video, frame, width].
        """
        mean, std = color_statistics(self.image_processor)
        return network_input(frames, mean=mean, std=std)

    @property
    def picture(self) -> PictureFormat:
        """How a frame becomes a picture, and how many of them a position reads."""
        if self.is_scaled_by_decoder:
            single = PictureFormat.square(int(self.image_processor.crop_size["height"]))
        else:
            single = picture_format(self.image_processor)
        single = replace(single, released_loader=self.released_loader)
        return single.in_tubelets(self.tubelet_size, self.tubelet_seconds)

    def _videos(self, videos: list[Tensor]) -> dict[str, Tensor]:
        if not videos or any(len(video) == 0 for video in videos):
            raise ValueError("give at least one video, and at least one frame for each")
        if any(video.shape[1:-3] != self.picture.shape[:-3] for video in videos):
            raise ValueError(f"give every position {self.tubelet_size} frames, as this model reads them")
        prepared = [self.network_input(self._fitted(video)) for video in videos]
        num_frames = max(map(len, prepared))
        pixels = prepared[0].new_zeros(len(prepared), num_frames, *prepared[0].shape[1:])
        for row, video in zip(pixels, prepared, strict=True):
            row[: len(video)] = video
        counts = torch.tensor([len(video) for video in prepared])
        mask: Bool[Tensor, "video frame"] = torch.arange(num_frames) < counts[:, None]
        return {"pixels": pixels, "frame_mask": mask}

    def _fitted(self, video: UInt8[Tensor, "frame *tubelet 3 _ _"]) -> UInt8[Tensor, "frame *tubelet 3 height width"]:
        """Return frames in the network's size; squares that the decoder made are left as they are."""
        picture = self.picture
        if video.dim() > 4:
            return self._fitted_pictures(video.flatten(0, 1), picture).unflatten(0, video.shape[:2])
        return self._fitted_pictures(video, picture)

    def _fitted_pictures(
        self, video: UInt8[Tensor, "picture 3 _ _"], picture: PictureFormat
    ) -> UInt8[Tensor, "picture 3 height width"]:
        if self.is_scaled_by_decoder:
            if video.shape[-2:] == (picture.height, picture.width):
                return video
            fitted = self.image_processor(list(video), do_rescale=False, do_normalize=False, return_tensors="pt")
            return fitted["pixel_values"].to(torch.uint8)
        made = [picture.cut(picture.resampled(frame.permute(1, 2, 0).numpy())) for frame in video]
        return torch.stack([torch.from_numpy(each.copy()).permute(2, 0, 1) for each in made])


Processor: TypeAlias = HBIProcessor | SentenceProcessor
"""What prepares texts and frames: ours, or that of sentence-transformers."""


def picture_processor(
    config: HBIConfig, *, mean: Sequence[float] = CLIP_MEAN, std: Sequence[float] = CLIP_STD
) -> CLIPImageProcessorPil:
    """Return CLIP's preparation of pictures, for the size that a model takes.

    Args:
        config: Of the model that the pictures are for.
        mean: Of red, green and blue in [0, 1], which is subtracted.
        std: Their standard deviation, by which they are divided.
    """
    side = config.image_size[0]
    return CLIPImageProcessorPil(
        size={"shortest_edge": side},
        crop_size={"height": side, "width": side},
        image_mean=list(mean),
        image_std=list(std),
    )
