"""A model of sentence-transformers as towers that a network learns with: rebuilt from a configuration alone.

Such a model is a folder of modules, prompts, a tokenizer and a preparation of pictures, which no configuration of
`transformers` describes. So the configuration of its towers holds these files, all but the weights.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel
from transformers.utils import cached_file

from hbi.encoders.sentence_networks import DenseNetwork, MultiVectorNetwork
from hbi.encoders.sentence_processor import PICTURE_SIDE, SentenceProcessor
from hbi.encoders.sentence_transformers import library_of_sentences, open_sentence_transformer
from hbi.encoders.sizes import ModelError
from hbi.encoders.state_files import CheckpointError, reason, without_report

_TEXTS = (".json", ".jinja", ".txt")
_MOST_BYTES = 50_000_000
_NOT_READ = ("onnx", "openvino")
"""Folders with the weights of other programs."""
_MOST_WORDS = 100_000
"""Language models read more, and no text is as long."""
_PROBE = "a red circle"
_BUILDING = threading.Lock()


class SentenceConfig(PreTrainedConfig):
    """What a model of sentence-transformers is, but for its weights.

    Args:
        kind: "dense" (a vector for a text, one for a picture) or "multi-vector" (a vector a token).
        files: The text files of its folder, by their names in it.
        width: Of its word and frame tokens.
        vocab_size: How many tokens it knows.
        max_words: Tokens of a text, with all that stands around it.
        image_size: Height and width in pixels of the pictures that it is shown.
        num_before, num_after: Tokens of a prompt or template that stand before and behind every text: no words.
        picture_side: Height and width in pixels of a picture where the model takes any size.
        unused: Parameters that no text and no picture depends on.
    """

    model_type = "sentence-transformers"

    def __init__(
        self,
        kind: str = "dense",
        files: Mapping[str, str] | None = None,
        width: int = 1,
        vocab_size: int = 1,
        max_words: int = 1,
        image_size: Sequence[int] = (1, 1),
        num_before: int = 0,
        num_after: int = 0,
        picture_side: int = PICTURE_SIDE,
        unused: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        self.kind, self.files = kind, dict(files or {})
        self.width, self.vocab_size, self.max_words = width, vocab_size, max_words
        self.image_size = list(image_size)
        self.num_before, self.num_after, self.picture_side = num_before, num_after, picture_side
        self.unused = list(unused)
        super().__init__(**kwargs)


AutoConfig.register(SentenceConfig.model_type, SentenceConfig, exist_ok=True)


class SentenceTowers(PreTrainedModel):
    """The library's model, as `transformers` has models.

    Args:
        config: Its files and sizes.
        model: The library's model; None: one with random weights.

    Raises:
        ModelError: The library is not installed, or the files make no model.
    """

    config_class = SentenceConfig
    supports_gradient_checkpointing = True
    _supports_sdpa = True

    def __init__(self, config: SentenceConfig, model: Any = None) -> None:
        super().__init__(config)
        self.model = _new_model(config) if model is None else model


def read_sentence_towers(name_or_path: str | Path, *, picture_side: int = PICTURE_SIDE) -> SentenceTowers:
    """Return a model of sentence-transformers as towers in float32.

    Args:
        name_or_path: A folder or hub name, as `open_sentence_transformer` takes it.
        picture_side: Height and width in pixels of a picture where the model takes any size.

    Raises:
        CheckpointError, ModelError: As `open_sentence_transformer`; and where the model is an adapter, or its folder
            lacks the files that it could be rebuilt from.
    """
    network, processor = open_sentence_transformer(name_or_path, picture_side=picture_side)
    files = _text_files(name_or_path)
    if any(name.endswith("adapter_config.json") for name in files):
        raise ModelError(f"{name_or_path} is an adapter of another model: merge it into that one first")
    if not any(name.endswith("tokenizer.json") for name in files):
        raise ModelError(f"{name_or_path} has no tokenizer.json: save it anew with sentence-transformers")
    num_before, num_after = _around_a_text(processor)
    config = SentenceConfig(
        kind="dense" if isinstance(network, DenseNetwork) else "multi-vector",
        files=files,
        width=network.width,
        vocab_size=len(processor.tokenizer),
        max_words=min(processor.max_words, _MOST_WORDS),
        image_size=(processor.picture.height, processor.picture.width),
        num_before=num_before,
        num_after=num_after,
        picture_side=picture_side,
    )
    towers = SentenceTowers(config, network.model.float())
    config.unused = _unused(towers, network, processor)
    return towers


def _around_a_text(processor: SentenceProcessor) -> tuple[int, int]:
    """Return how many tokens of prompt and template stand before and behind a text."""
    tokens = processor.tokenize([_PROBE])
    real = tokens.spans[0][tokens.attention_mask[0].bool()]
    is_said = (real[:, 0] < real[:, 1]).nonzero()[:, 0]
    return int(is_said[0]), int(len(real) - 1 - is_said[-1])


def _unused(
    towers: SentenceTowers, network: DenseNetwork | MultiVectorNetwork, processor: SentenceProcessor
) -> list[str]:
    """Return the names of the parameters that neither the tokens of a text nor those of a picture depend on."""
    tokens = processor.tokenize([_PROBE])
    blank = torch.zeros(1, 1, 3, processor.picture.height, processor.picture.width)
    words, _, text = network.text_tokens(tokens.input_ids, tokens.attention_mask)
    video = network.encode_videos(blank, torch.ones(1, 1, dtype=torch.bool))
    # By the graph of the computation: gradients would take as much memory as the weights.
    nodes: list[Any] = [each.grad_fn for each in (words, text, video if isinstance(video, Tensor) else video.tokens)]
    seen, reached = set(nodes), set()
    while nodes:
        node = nodes.pop()
        reached.add(id(getattr(node, "variable", None)))
        fresh = {following for following, _ in node.next_functions if following is not None} - seen
        seen |= fresh
        nodes.extend(fresh)
    return [name for name, parameter in towers.named_parameters() if id(parameter) not in reached]


def _text_files(name: str | Path) -> dict[str, str]:
    """Return the text files of a model's folder, by their names in it, but what other programs need."""
    root = Path(name)
    if not root.is_dir():  # on the hub; it was opened just now, so its files are here
        names = "modules.json", "config.json"
        found = [cached_file(str(name), each, local_files_only=True, **_QUIET) for each in names]
        root = next(Path(file).parent for file in found if file)
    texts = {}
    for file in sorted(root.rglob("*")):
        place = file.relative_to(root)
        is_other = file.name.endswith(".index.json") or file.name == "README.md" or place.parts[0] in _NOT_READ
        if file.suffix not in _TEXTS or is_other or any(part.startswith(".") for part in place.parts):
            continue
        try:
            texts[place.as_posix()] = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CheckpointError(f"{file} cannot be read ({reason(error)})") from error
    if sum(map(len, texts.values())) > _MOST_BYTES:
        raise ModelError(f"the files of {name} beside its weights have more than {_MOST_BYTES} bytes: is it one model?")
    return texts


_QUIET: Any = {"_raise_exceptions_for_missing_entries": False, "_raise_exceptions_for_connection_errors": False}


def _new_model(config: SentenceConfig) -> Any:
    """Return the library's model with random weights, where tensors are made now (`torch.device` as a context)."""
    library = library_of_sentences("this model")
    model_class = library.SentenceTransformer if config.kind == "dense" else library.MultiVectorEncoder
    with TemporaryDirectory() as place, _BUILDING, without_report(), _without_weights():
        for name, text in config.files.items():
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise ModelError(f"a file of the model would stand outside of its folder: {name}")
            file = Path(place) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        try:
            return model_class(place, device=str(torch.empty(0).device), local_files_only=True)
        except Exception as error:  # the library's readers raise many kinds for wrong files
            raise ModelError(f"the model's files make no model of sentence-transformers ({reason(error)})") from error


@contextmanager
def _without_weights() -> Iterator[None]:
    """Let the library build models in this thread, whose weights are nowhere: they are drawn at random."""
    from sentence_transformers.base.modules import Module

    own = threading.get_ident()
    # As they stand in the classes: an attribute of a class is a method bound to it.
    plain, modules = vars(PreTrainedModel)["from_pretrained"], vars(Module)["load_torch_weights"]

    def build(cls: type[PreTrainedModel], *arguments: Any, **options: Any) -> Any:
        if threading.get_ident() != own:
            return plain.__func__(cls, *arguments, **options)
        return cls._from_config(options["config"], dtype=torch.float32)

    def leave(cls: type, *arguments: Any, model: Any = None, **options: Any) -> Any:
        if threading.get_ident() != own:
            return modules.__func__(cls, *arguments, model=model, **options)
        return model

    PreTrainedModel.from_pretrained, Module.load_torch_weights = classmethod(build), classmethod(leave)
    try:
        yield
    finally:
        PreTrainedModel.from_pretrained, Module.load_torch_weights = plain, modules
