"""What a model of sentence-transformers is here: a network that encodes texts and videos, and compares them.

A video is its frames, each encoded by itself as a document; texts are queries.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import normalize

from hbi.encoders.sentence_processor import DOCUMENTS, SentenceProcessor, pictures, prompt_of
from hbi.encoders.sizes import ModelError
from hbi.encoders.state_files import listing, without_report
from hbi.files import write_atomically
from hbi.ops import TokenSequence

SCORES = {"cosine": "cosine similarity", "dot": "inner product", "maxsim": "MaxSim", "meanmaxsim": "mean MaxSim"}
"""By the library's names."""
PICTURES_AT_ONCE = 32
"""Pictures in one call of a model."""
_KNOWN_FEATURES = {"input_ids", "attention_mask", "modality", "prompt_length", "query_expansion_positions"}
_ZERO_FEATURES = {"token_type_ids", "mm_token_type_ids"}
"""What the library makes of a text beside its ids: 0 for every token."""


@dataclass(frozen=True)
class FrameTokens:
    """The vectors of the frames of videos, several for each frame.

    Attributes:
        tokens: Of patches, say. What stands at padding is zero.
        mask: True where a token is compared.
    """

    tokens: Float[Tensor, "video frame patch width"]
    mask: Bool[Tensor, "video frame patch"]

    def __getitem__(self, rows: slice | Tensor) -> "FrameTokens":
        """Return some videos (a slice, or indices [rows])."""
        return FrameTokens(self.tokens[rows], self.mask[rows])

    def __len__(self) -> int:
        return len(self.tokens)


class SentenceNetwork(nn.Module):
    """A model of sentence-transformers as the rest of the library calls a network.

    Args:
        model: The library's model.
        processor: What makes its token ids.
        video_settings: Of the model's own preparation of videos, kept for `save_pretrained`.

    Raises:
        ModelError: The model needs more of a text than its token ids.
    """

    def __init__(self, model: Any, processor: SentenceProcessor, video_settings: Mapping[str, Any]) -> None:
        super().__init__()
        self.model = model.eval()
        self._processor, self._video_settings = processor, dict(video_settings)
        self._document_prompt = prompt_of(model, DOCUMENTS)
        features = processor.features(["a text"])
        unknown = features.keys() - _KNOWN_FEATURES - _ZERO_FEATURES
        unknown |= {name for name in _ZERO_FEATURES & features.keys() if bool(features[name].any())}
        if unknown:
            raise ModelError(f"the model needs {listing(sorted(unknown))} of a text beside its token ids")
        self._zeros = sorted(_ZERO_FEATURES & features.keys())
        self._constants = {name: features[name] for name in ("modality", "prompt_length") if name in features}

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        device: torch.device = self.model.device
        return device

    @property
    def width(self) -> int:
        """Width of the vectors that it compares."""
        return int(self.model.get_embedding_dimension())

    @property
    def settings(self) -> dict[str, str]:
        """What beside weights, tokenizer and pictures decides how it encodes and compares."""
        modules = [type(module).__name__ for module in self.model]
        values = [
            [repr(getattr(module, key, None)) for key in getattr(module, "config_keys", ())] for module in self.model
        ]
        prompts = repr((self._processor.prompt, self._document_prompt))
        return {"modules": repr(modules), "values": repr(values), "prompts": prompts, "score": self.score}

    @property
    def score(self) -> str:
        """What its similarity is, in words."""
        return SCORES.get(str(self.model.similarity_fn_name), str(self.model.similarity_fn_name))

    def save_pretrained(self, folder: str | Path) -> None:
        """Write a folder that `open_sentence_transformer` and the library open; its processor is in it."""
        with without_report():
            self.model.save(str(folder), create_model_card=False)
        path = Path(folder) / "processor_config.json"
        if self._video_settings and path.is_file():  # without torchvision, they were not read
            settings = {"video_processor": self._video_settings} | json.loads(path.read_text(encoding="utf-8"))
            write_atomically(path, json.dumps(settings, indent=2))

    def _query(self, input_ids: Int[Tensor, "text word"], attention_mask: Int[Tensor, "text word"]) -> dict[str, Any]:
        features = {"input_ids": input_ids, "attention_mask": attention_mask} | self._constants
        features |= {name: torch.zeros_like(input_ids) for name in self._zeros}
        if (expansion := getattr(self.model[0], "query_expansion", None)) is not None:
            places = torch.arange(input_ids.shape[1], device=input_ids.device) < expansion["length"]
            features["query_expansion_positions"] = (attention_mask == 0) & places
        result: dict[str, Any] = self.model(features, task="query")
        return result

    def _documents(self, frames: Float[Tensor, "frame 3 height width"]) -> Iterator[dict[str, Any]]:
        for part in frames.split(PICTURES_AT_ONCE):
            features = self.model.preprocess(pictures(part), prompt=self._document_prompt, task="document")
            moved = {
                key: value.to(self.device) if isinstance(value, Tensor) else value for key, value in features.items()
            }
            yield self.model(moved, task="document")


class DenseNetwork(SentenceNetwork):
    """One vector for a text, one for a video: the mean of its frames', each of length 1 where the model says cosine."""

    def __init__(self, model: Any, processor: SentenceProcessor, video_settings: Mapping[str, Any]) -> None:
        super().__init__(model, processor, video_settings)
        if model.similarity_fn_name not in ("cosine", "dot"):
            raise ModelError(f"the model compares by {model.similarity_fn_name}: only cosine and dot are taken")

    frames_are_averaged = True
    """The vector of a video is the mean of its frames' vectors, each encoded by itself."""
    has_own_text_vectors = True
    """A text has one vector, whatever video it is compared with."""

    def encode_texts(
        self, input_ids: Int[Tensor, "text word"], attention_mask: Int[Tensor, "text word"]
    ) -> Float[Tensor, "text width"]:
        """Return one vector a text, as the library's `encode_query` does.

        Args:
            input_ids, attention_mask: As `SentenceProcessor.tokenize` gives them.
        """
        vectors: Tensor = self._query(input_ids, attention_mask)["sentence_embedding"]
        return vectors

    def text_tokens(
        self, input_ids: Int[Tensor, "text word"], attention_mask: Int[Tensor, "text word"]
    ) -> tuple[Float[Tensor, "text word width"], Bool[Tensor, "text word"], Float[Tensor, "text width"]]:
        """Return the tokens of texts, which of them are real, and the texts' vectors.

        A token is given all that the model does to the vector that it pools: a projection, say.

        Args:
            input_ids, attention_mask: As `SentenceProcessor.tokenize` gives them.

        Raises:
            ModelError: The model gives vectors of whole texts alone, or pools tokens to another width.
        """
        features = self._query(input_ids, attention_mask)
        summary, tokens = features["sentence_embedding"], features.get("token_embeddings")
        if tokens is None:
            raise ModelError(
                "the model gives vectors of whole texts, none of words: start from the encoder inside of it"
            )
        pooling = next(place for place, module in enumerate(self.model) if hasattr(module, "pooling_mode"))
        pooled = {"sentence_embedding": tokens.flatten(0, 1)}
        if tokens.shape[-1] != self.model[pooling].get_embedding_dimension():
            raise ModelError("the model pools its tokens in several ways at once: no word is beside frames then")
        for module in list(self.model)[pooling + 1 :]:
            pooled = module(pooled)
        words = pooled["sentence_embedding"].unflatten(0, tokens.shape[:2])
        return words, attention_mask.bool(), summary

    def frame_features(
        self, pixels: Float[Tensor, "video frame 3 height width"], mask: Bool[Tensor, "video frame"]
    ) -> Float[Tensor, "video frame width"]:
        """Return what the library's `encode_document` gives for every frame; zeros at padding, never encoded."""
        real = torch.cat([each["sentence_embedding"] for each in self._documents(pixels[mask])])
        frames_BVD = real.new_zeros(*mask.shape, real.shape[-1])
        frames_BVD[mask] = real
        return frames_BVD

    def encode_videos(self, pixels: Tensor, mask: Bool[Tensor, "video frame"]) -> Float[Tensor, "video width"]:
        """Return one vector a video.

        Args:
            pixels: From 0 to 255 [video, frame, 3, height, width], or `frame_features` [video, frame, width].
            mask: True where a frame is real.
        """
        frames_BVD = pixels if pixels.dim() == 3 else self.frame_features(pixels, mask)
        if self.model.similarity_fn_name == "cosine":
            frames_BVD = normalize(frames_BVD, dim=-1)
        return (frames_BVD * mask[..., None]).sum(1) / mask.sum(-1, keepdim=True).clamp(min=1)

    def similarity(
        self, texts: Float[Tensor, "text width"], videos: Float[Tensor, "video width"]
    ) -> Float[Tensor, "text video"]:
        """Return every text with every video, as the model compares them."""
        scores: Tensor = self.model.similarity(texts, videos)
        return scores


class MultiVectorNetwork(SentenceNetwork):
    """A vector for each token of a text and of a frame, compared by MaxSim over all tokens of all frames."""

    def encode_texts(
        self, input_ids: Int[Tensor, "text word"], attention_mask: Int[Tensor, "text word"]
    ) -> TokenSequence:
        """Return the tokens that the library's `encode_query` gives.

        Prompts, special tokens and expansions are among them: they count in the score, and stand for no characters.

        Args:
            input_ids, attention_mask: As `SentenceProcessor.tokenize` gives them.
        """
        features = self._query(input_ids, attention_mask)
        return TokenSequence.unmerged(features["token_embeddings"], features["attention_mask"].bool())

    def text_tokens(
        self, input_ids: Int[Tensor, "text word"], attention_mask: Int[Tensor, "text word"]
    ) -> tuple[Float[Tensor, "text word width"], Bool[Tensor, "text word"], Float[Tensor, "text width"]]:
        """Return the tokens of texts, which of them are compared, and the mean direction of these.

        Args:
            input_ids, attention_mask: As `SentenceProcessor.tokenize` gives them.
        """
        sequence = self.encode_texts(input_ids, attention_mask)
        count = sequence.mask.sum(-1, keepdim=True).clamp(min=1)
        mean = (normalize(sequence.tokens, dim=-1) * sequence.mask[..., None]).sum(1) / count
        return sequence.tokens, sequence.mask, mean

    def encode_videos(
        self, pixels: Float[Tensor, "video frame 3 height width"], mask: Bool[Tensor, "video frame"]
    ) -> FrameTokens:
        """Return the tokens that the library's `encode_document` gives for every frame.

        Args:
            pixels: RGB, as the processor's `picture` makes them.
            mask: True where a frame is real; others are never encoded.
        """
        real = [
            tokens[compared.bool()]
            for each in self._documents(pixels[mask])
            for tokens, compared in zip(each["token_embeddings"], each["attention_mask"], strict=True)
        ]
        count = max(map(len, real))
        frames_BVPD = real[0].new_zeros(*mask.shape, count, real[0].shape[-1])
        patches_BVP = torch.zeros(*mask.shape, count, dtype=torch.bool, device=frames_BVPD.device)
        frames_BVPD[mask] = nn.utils.rnn.pad_sequence(real, batch_first=True)
        patches_BVP[mask] = torch.arange(count, device=patches_BVP.device) < torch.tensor(
            [[len(each)] for each in real], device=patches_BVP.device
        )
        return FrameTokens(frames_BVPD, patches_BVP)

    def similarity(self, texts: TokenSequence | FrameTokens, videos: FrameTokens) -> Float[Tensor, "text video"]:
        """Return every text with every video: the library's own MaxSim, or its mean over the text's tokens."""
        if isinstance(texts, FrameTokens):  # a video that is searched with
            texts = TokenSequence.unmerged(texts.tokens.flatten(1, 2), texts.mask.flatten(1, 2))
        scores: Tensor = self.model.similarity(
            texts.tokens, videos.tokens.flatten(1, 2), a_mask=texts.mask, b_mask=videos.mask.flatten(1, 2)
        )
        return scores
