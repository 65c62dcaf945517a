"""`Matcher`: an opened model that compares texts with videos."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hbi.encoders.sentence_networks import DenseNetwork, MultiVectorNetwork
from hbi.encoders.tokenizer import TokenizedTexts, remark_on_unread
from hbi.explanation.solve.from_games import Index
from hbi.games import LateInteractionGame, banzhaf_interactions
from hbi.matching.explaining import ExplanationError, encode_pair, explain_pair
from hbi.matching.explaining_maxsim import explain_maxsim
from hbi.matching.explaining_wholes import explain_wholes
from hbi.matching.frame_scores import scores_of_frame_tokens
from hbi.matching.opened_model import OpenedModel, VideoPath
from hbi.matching.word_fits import with_word_fits
from hbi.matching.words_at_input import explain_words_at_input
from hbi.models import GlobalContrastModel, HBIModel
from hbi.shapes import ComparedLevel
from hbi.video.sample import VideoSample

if TYPE_CHECKING:
    from hbi.explanation import Explanation

WordsOut: TypeAlias = Literal["tokens", "input"]
"""What it means that a word is out of a coalition."""


@dataclass(frozen=True, eq=False)
class EncodedTexts:
    """Texts as a `Matcher` compares them.

    Attributes:
        texts: The texts.
        encoding: A `Hierarchy` of words, phrases and sentences; or [text, width], one embedding a text.
        tokens: Ids, and the characters of each token; special tokens and padding have none.
        remarks: For each text what of it was not read, None where all was.
    """

    texts: tuple[str, ...]
    encoding: Any
    tokens: TokenizedTexts
    remarks: tuple[str | None, ...]


@dataclass(frozen=True, eq=False)
class Matcher(OpenedModel):
    """An opened model that matches texts with videos; `hbi.load` returns one.

    >>> matcher = hbi.load("runs/shape-stories")  # doctest: +SKIP
    >>> matcher.similarity(["a red circle turns"], ["one.mp4", "two.mp4"])  # doctest: +SKIP
    tensor([[0.61, 0.12]])
    """

    model: HBIModel | GlobalContrastModel | DenseNetwork | MultiVectorNetwork

    @property
    def has_games(self) -> bool:
        """Whether tokens of words and frames are compared; else one vector of a text with one of a video."""
        return isinstance(self.model, HBIModel) and self.model.config.interaction != "global"

    @property
    def logit_scale(self) -> float:
        """What multiplies a similarity to make a logit; 100, where CLIP's ends, for a model that does not say."""
        encoder = getattr(self.model, "encoder", None)
        return 100.0 if encoder is None else float(encoder.logit_scale.detach())

    @torch.inference_mode()
    def encode_texts(self, texts: str | Sequence[str]) -> EncodedTexts:
        """Return texts as they are compared, all in one batch.

        Args:
            texts: One text, or several.

        Raises:
            ValueError: There is none.
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        if not texts:
            raise ValueError("give at least one text")
        tokens = self.tokenize(texts)
        encoding = self.model.encode_texts(tokens.input_ids.to(self.device), tokens.attention_mask.to(self.device))
        remarks = (remark_on_unread(*each, self.max_words) for each in zip(texts, tokens.spans, strict=True))
        return EncodedTexts(tuple(texts), encoding, tokens, tuple(remarks))

    @torch.inference_mode()
    def encode_frames(self, frames: Tensor, mask: Bool[Tensor, "video frame"]) -> Any:
        """Return videos as they are compared: a `Hierarchy`, or [video, width].

        Args:
            frames: Pixels in uint8 [video, frame, 3, height, width], or features of frames [video, frame, width].
            mask: True where a frame is real.
        """
        return self.model.encode_videos(self.network_input(frames), mask.to(self.device))

    def encode_videos(
        self,
        videos: VideoPath | Sequence[VideoPath],
        *,
        start_seconds: float | None = None,
        end_seconds: float | None = None,
    ) -> Any:
        """Return video files as they are compared, see `encode_frames`.

        All frames are in memory at a time: for more than some hundred videos use `hbi.VideoIndex`.

        Args:
            videos: Paths of video files.
            start_seconds: Where each is looked at from; None: from its beginning.
            end_seconds: Up to where; None: to its end.

        Raises:
            VideoError: One cannot be decoded.
        """
        return self.encode_frames(*self.read_videos(videos, start_seconds=start_seconds, end_seconds=end_seconds))

    @torch.inference_mode()
    def similarity(
        self, texts: str | Sequence[str] | EncodedTexts, videos: VideoPath | Sequence[VideoPath] | Any
    ) -> Float[Tensor, "text video"]:
        """Return the similarity of every text with every video, on the CPU; rows are texts.

        Args:
            texts: One text, several, or what `encode_texts` returned.
            videos: One video file, several, or what `encode_videos` returned.
        """
        if not isinstance(texts, EncodedTexts):
            texts = self.encode_texts(texts)
        if isinstance(videos, str | os.PathLike | Sequence):
            videos = self.encode_videos(videos)
        return self.model.similarity(texts.encoding, videos).float().cpu()

    def games(self, texts: EncodedTexts, videos: Any) -> dict[ComparedLevel, LateInteractionGame]:
        """Return the games of text 0 with video 0, text 1 with video 1, … at each level, and of the wholes if compared.

        Args:
            texts: What `encode_texts` returned.
            videos: What `encode_videos` returned, as many videos as texts.

        Raises:
            ExplanationError: The model compares wholes and has no games.
            ValueError: There are more texts than videos, or fewer.
        """
        if len(texts.texts) != len(videos):
            raise ValueError(f"games are of pairs: {len(texts.texts)} texts need as many videos, not {len(videos)}")
        return self._require_games().games(texts.encoding, videos)

    def explain(
        self,
        video: VideoPath,
        text: str,
        *,
        start_seconds: float | None = None,
        end_seconds: float | None = None,
        sample: VideoSample | None = None,
        words: WordsOut | None = None,
        index: Index = banzhaf_interactions,
    ) -> "Explanation":
        """Return which words match which seconds of a video, at every level.

        The numbers are Banzhaf interactions and Shapley values of the game whose grand coalition is worth the model's
        similarity (docs/method/exact-games.md). Where the model compares words with frames they are exact, level by
        level. Where it compares one vector of a text with one of a video, a word that is out is taken out of the text,
        and they are exact for short texts, else drawn, with standard errors.

        A model with `released_behavior` counts the special tokens of a text as words, which are named (start) and
        (end), and lets padding play, whose share is `unassigned`.

        Beside them stands how well each frame matches each word by itself (`Explanation.word_fits`).

        Args:
            video: A video file.
            text: What it may show.
            start_seconds: Look from this second on; None: from the beginning.
            end_seconds: Look up to this second; None: to the end.
            sample: What was read of the video already (`read_sample`); None: it is read here.
            words: What it means that a word is out: "input": it is taken out of the text, and the rest is encoded anew;
                "tokens": its token is left out of the comparison. None: as the model allows, tokens where it allows
                both.
            index: Gives the interactions of a game, instead of Banzhaf's; where the model compares words with frames.

        Raises:
            VideoError: The file cannot be decoded.
            ExplanationError: The text holds no words, or the model cannot be explained in this way.
        """
        network = self.model
        own = "input" if isinstance(network, GlobalContrastModel | DenseNetwork) else "tokens"
        words = words or cast(WordsOut, own)
        if words != own and not isinstance(network, HBIModel):
            raise ExplanationError(f"{self.name} can be explained with words={own!r} only: leave that out")
        if words == "input" and index is not banzhaf_interactions:
            raise ExplanationError(f"{self.name} with words='input' has Banzhaf interactions only: leave index out")
        if words == "input" or isinstance(network, MultiVectorNetwork):
            sample = sample or self.read_sample(video, start_seconds=start_seconds, end_seconds=end_seconds)
            if isinstance(network, MultiVectorNetwork):
                return explain_maxsim(self, network, text, sample, index)
            if isinstance(network, HBIModel):
                return explain_words_at_input(self, self._require_games(), text, sample)
            return explain_wholes(self, network, text, sample)
        network = self._require_games()
        pair = encode_pair(
            self, network, video, text, start_seconds=start_seconds, end_seconds=end_seconds, sample=sample
        )
        games = network.games(pair.words, pair.frames)
        explanation = explain_pair(pair, games, network.weight_of_level, name=self.name, index=index)
        frames = pair.frames.levels["entity"].sequence.tokens[0][pair.is_frame.to(self.device)]
        return with_word_fits(explanation, self, scores_of_frame_tokens(network, frames))

    def _require_games(self) -> HBIModel:
        if not isinstance(self.model, HBIModel) or not self.has_games:
            raise ExplanationError(
                f"{self.name} compares whole texts and videos and plays no game: give a model that compares words and "
                "frames"
            )
        return self.model
