"""What an opened model is, whatever it is for: a network, its preprocessing, a name, and how it sees a video."""

import copy
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Bool, UInt8
from tokenizers import Tokenizer
from torch import Tensor

from hbi.encoders.sentence_networks import DenseNetwork, SentenceNetwork
from hbi.encoders.tokenizer import TokenizedTexts
from hbi.files import StorageError, is_regular, write_atomically
from hbi.files.checksums import add_checksums
from hbi.models.config import HBIConfig
from hbi.models.hbi import HBIModel
from hbi.models.model_folder import save_model_folder
from hbi.models.networks import OWN, Network, kind_of
from hbi.models.processor import Processor
from hbi.shapes import ComparedLevel
from hbi.video import PictureFormat, read_frames
from hbi.video.sample import VideoSample

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

CARD = "README.md"
"""The model card, where the hub looks for it."""
VideoPath = str | os.PathLike[str]
_NOT_OF_THE_ENCODING = (
    "transformers_version",
    "_name_or_path",
    "dtype",
    "torch_dtype",
    "architectures",
    "model_type",
    "num_frames",
)
"""Fields of a configuration that change no encoding, or are told otherwise; an index remembers the rest as a hash."""
_AS_BEFORE = (
    ("special_token_ids", None),
    ("tubelet_size", 1),
    ("tubelet_seconds", None),
    ("learns_level_weights", False),
)
"""Fields that earlier versions did not have, with what stands for what they did: so a network keeps its hash."""


@dataclass(frozen=True, eq=False)
class OpenedModel:
    """A network with all that it takes to use it. `Matcher` and `Answerer` are such.

    Attributes:
        model: The network, in evaluation mode.
        processor: Makes token ids of texts and normalizes pixels: padding and normalizing are decided there.
        name: What to call it.
        origin: Where it comes from, as it is written beside measures: the run and which of its weights, say.
        num_frames: Frames of a video that it is shown; 0: as many as its configuration says.
        card: The model card, README.md, that came with it; "" where there was none.
        run: The run folder that it was opened from, which has a recipe and data; None: it was opened from another.
    """

    model: Any
    processor: Processor
    name: str
    origin: Mapping[str, str] = field(default_factory=dict)
    num_frames: int = 0
    card: str = ""
    run: Path | None = None

    def __post_init__(self) -> None:
        if not self.num_frames:
            object.__setattr__(self, "num_frames", int(self.model.config.num_frames))

    @property
    def config(self) -> HBIConfig:
        """Sizes and choices of the network."""
        config: HBIConfig = self.model.config
        return config

    @property
    def weight_of_level(self) -> dict[ComparedLevel, float]:
        """How much each level counts in the score of a network with levels, as given or as learned; they need not sum
        to 1."""
        return self.model.weight_of_level if isinstance(self.model, HBIModel) else self.config.weight_of_level

    @property
    def description(self) -> str:
        """One line on what it computes, for whoever reads its numbers."""
        if isinstance(self.model, SentenceNetwork):
            return f"zero-shot: {self.name} was not trained by hbi; it ranks with {self.model.score}, frames one by one"
        config = self.config
        levels = weights_in_words(self.weight_of_level) + (", as it learned" if config.learns_level_weights else "")
        if "encoder" in self.origin:
            whole = "its own vector of a video" if config.encoder_family.has_video_side else "the mean of its frames"
            return (
                f"zero-shot: {self.name} was not trained by hbi; it ranks with global similarity, its vector of a text "
                f"against {whole}"
            )
        if self.kind == "global":
            return f"{self.name} ranks with global similarity: one embedding for a text, one for a video"
        if not config.released_behavior:
            return f"{self.name} is a network of hbi; its levels weigh {levels}"
        padded = f"texts padded to {self.max_words} tokens and videos to {self.num_frames} frames"
        padded += ", one a second and chosen as its loader does" if self.picture.released_loader else ""
        return f"{self.name} computes as the released code does, {padded}; its levels weigh {levels}"

    @property
    def picture(self) -> PictureFormat:
        """How a frame becomes the picture that the network takes."""
        return self.processor.picture

    @property
    def width(self) -> int:
        """Width of the vectors that it compares."""
        return self.model.width if isinstance(self.model, SentenceNetwork) else self.config.width

    @property
    def max_words(self) -> int:
        """Tokens of a text, special tokens included; longer texts are cut."""
        return self.processor.max_words

    @property
    def tokenizer(self) -> "CLIPTokenizer":
        """The tokenizer of the processor."""
        tokenizer: CLIPTokenizer = self.processor.tokenizer
        return tokenizer

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        device: torch.device = self.model.device
        return device

    def tokenize(self, texts: Sequence[str]) -> TokenizedTexts:
        """Return texts as token ids on the CPU, padded as the network needs it, with the characters of each token."""
        return self.processor.tokenize(texts)

    def network_input(self, frames: Tensor) -> Tensor:
        """Return frames as the network takes them, on its device.

        Args:
            frames: Pixels in uint8 [video, frame, 3, height, width], or features of frames [video, frame, width].
        """
        return self.processor.network_input(frames.to(self.device))

    def read_videos(
        self,
        videos: VideoPath | Sequence[VideoPath],
        *,
        start_seconds: float | None = None,
        end_seconds: float | None = None,
    ) -> tuple[UInt8[Tensor, "video frame *tubelet 3 height width"], Bool[Tensor, "video frame"]]:
        """Return the frames of some video files that the network is shown, and which of them are real.

        Args:
            videos: The path of a video file, or several.
            start_seconds: Where each is looked at from; None: from its beginning.
            end_seconds: Up to where; None: to its end.

        Raises:
            VideoError: One cannot be decoded.
            ValueError: There is none.
        """
        videos = [videos] if isinstance(videos, str | os.PathLike) else list(videos)
        if not videos:
            raise ValueError("give at least one video")
        pixels = torch.zeros(len(videos), self.num_frames, *self.picture.shape, dtype=torch.uint8)
        mask = torch.zeros(len(videos), self.num_frames, dtype=torch.bool)
        for row, video in enumerate(videos):
            frames = read_frames(
                video,
                self.num_frames,
                image_size=self.picture,
                start_seconds=start_seconds,
                end_seconds=end_seconds,
            ).pixels
            pixels[row, : len(frames)], mask[row, : len(frames)] = frames, True
        return pixels, mask

    def read_sample(
        self, video: VideoPath, *, start_seconds: float | None = None, end_seconds: float | None = None
    ) -> VideoSample:
        """Return the frames of a span of a video with thumbnails, decoded once; see `VideoSample.read`.

        Args:
            video: Path of a video file.
            start_seconds: Where the span begins; None: with the video.
            end_seconds: Where the span ends; None: with the video.

        Raises:
            VideoError: There is no video, no such span, or no frame of it can be decoded.
        """
        return VideoSample.read(
            Path(video),
            self.num_frames,
            picture=self.picture,
            start_seconds=start_seconds,
            end_seconds=end_seconds,
        )

    @property
    def kind(self) -> str:
        """What it does: `hbi` and `multi-vector` compare tokens, `global` and `dense` wholes, `answering` answers."""
        if isinstance(self.model, SentenceNetwork):
            return "dense" if isinstance(self.model, DenseNetwork) else "multi-vector"
        return kind_of(self.config)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of weights, configuration, tokenizer and sampling: equal for models that encode alike."""
        digest = hashlib.blake2b(digest_size=16)
        settings = self.model.settings if isinstance(self.model, SentenceNetwork) else self._settings()
        digest.update(repr((self.kind, self.num_frames, self.picture.to_json(), sorted(settings.items()))).encode())
        digest.update(_settings_of(self.tokenizer).encode())
        for name, tensor in sorted(self.model.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    def _settings(self) -> dict[str, Any]:
        """Return what of the configuration decides how texts and videos are encoded."""
        settings: dict[str, Any] = self.config.to_diff_dict()
        for name in _NOT_OF_THE_ENCODING:
            settings.pop(name, None)
        if self.config.model_type in OWN:
            settings["model_type"] = "hbi"  # of all networks, before the global one had a type of its own
        if self.config.encoder_config.model_type == "clip":  # as of all, before there were others
            settings["clip_config"] = settings.pop("encoder_config")
        return {name: value for name, value in settings.items() if (name, value) not in _AS_BEFORE}

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Write one folder that `hbi.load`, `AutoModel` and `AutoProcessor` open.

        Args:
            folder: It is made if need be; a model that is there already is replaced.

        Raises:
            StorageError: It cannot be written, or holds a run, whose recipe and log are of another model.
        """
        if is_regular(Path(folder) / "recipe.yaml"):
            raise StorageError(f"{folder} holds a run of hbi train: save the model into another folder")
        if isinstance(self.model, SentenceNetwork):
            self.model.save_pretrained(Path(folder))
            add_checksums(Path(folder))
            return
        network: Network = self.model
        processor: Any = self.processor
        config = network.config
        if config.num_frames != self.num_frames:
            network.config = copy.deepcopy(config)
            network.config.num_frames = self.num_frames
        try:
            save_model_folder(network, processor, Path(folder))
        finally:
            network.config = config
        if self.card or is_regular(Path(folder) / CARD):  # a card that is there is of the model that was
            write_atomically(Path(folder) / CARD, self.card or f"# {self.name}\n\nA model of hbi, saved by it.\n")

    def push_to_hub(self, name: str, *, private: bool = True, token: str | None = None) -> str:
        """Upload what `save_pretrained` writes to the hub of models, and return the address of the upload.

        Args:
            name: "author/name" on the hub; the repository is made if need be.
            private: Whether a repository that is made is seen by its author only.
            token: Of the hub; None: the one that `hf auth login` has stored.
        """
        from huggingface_hub import HfApi

        api = HfApi(token=token)
        api.create_repo(name, private=private, exist_ok=True)
        with TemporaryDirectory() as place:
            self.save_pretrained(place)
            return str(api.upload_folder(repo_id=name, folder_path=place, commit_message=f"hbi model {self.name}"))


def _settings_of(tokenizer: "CLIPTokenizer") -> str:
    """Return all that a tokenizer does, as a text."""
    if not tokenizer.is_fast:
        return repr((type(tokenizer).__name__, sorted(tokenizer.get_vocab().items(), key=str)))
    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    backend.no_truncation()  # what the last call asked for stays with the tokenizer
    backend.no_padding()
    return backend.to_str()


def weights_in_words(weights: Mapping[ComparedLevel, float]) -> str:
    """Return `entity 0.5, action 0.3, event 0.2`."""
    return ", ".join(f"{level} {weight:g}" for level, weight in weights.items())
