"""The authors' released files: what is in them, and the models that they become here."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from hbi.encoders.openai_clip import block_source, clip_config, clip_source, count_blocks
from hbi.encoders.state_files import CheckpointError, Source, State, fill, read_state
from hbi.games import BanzhafEstimator
from hbi.games.estimator import RELEASED_UNIT
from hbi.models.config import HBIConfig
from hbi.models.conversion import Conversion, ConversionReport, Kind
from hbi.models.hbi import HBIModel
from hbi.models.question_answering import AnsweringConfig, QuestionAnsweringModel
from hbi.shapes import LEVELS

_LEVEL_SUFFIX = dict(zip(LEVELS, ("", "0", "1"), strict=True))
"""What the released code appends to a name at each level."""
_SIDE = {"words": ("t", "text"), "frames": ("v", "video")}
_MERGER = {
    "convolution": "ctm{}.conv.conv",
    "norm": "ctm{}.norm",
    "score": "ctm{}.score",
    "attention_norm": "block{}.norm1",
    "query": "block{}.attn.q",
    "key_value": "block{}.attn.kv",
    "output": "block{}.attn.proj",
}
_ANSWER_HEAD = {
    "word_weights": "t_weight{}",
    "frame_weights": "v_weight{}",
    "word_projection": "t_proj{}",
    "frame_projection": "v_proj{}",
    "hidden": "classifier{}.0",
    "scores": "classifier{}.2",
}
_ESTIMATOR = {"encode": "cnn1", "decode": "cnn2", "query": "Q", "key": "K", "value": "V"}
_UNUSED = (
    (r"(.*\.)?bn\.\w+", "a batch norm that the released code never applies"),
    (r"clip\.(input_resolution|context_length|vocab_size)", "a number that the shapes of other tensors tell"),
    (r"frame_position_embeddings\.weight", "positions that only a temporal transformer reads"),
    (r".*", "not a name that the released code gives"),
)
_MERGE_HEADS = 8
"""The released code always has eight; its files do not tell."""


def convert(path: Path, **settings: Any) -> Conversion:
    """Return what a released file becomes here; the model computes as the released code does.

    Args:
        path: A retrieval or question answering checkpoint, or the weights of an estimator.
        settings: Fields of `HBIConfig` that the file does not tell: max_words, level_weights, merge ratios; and of a
            question answering checkpoint `answers`, in the order of its scores.

    Raises:
        CheckpointError: The file is none of these, lacks a needed key, or holds one of another shape; or there are more
            or fewer answers than it has scores.
    """
    state = read_state(path)
    if not any(name.startswith("clip.") for name in state):
        return _convert_estimator(state, str(path))
    kind: Kind = "question answering" if "classifier.0.weight" in state else "retrieval"
    model = _network(state, str(path), kind, settings).eval()
    used = fill(model, state, _source, origin=str(path))
    estimator, missing = None, {}
    if "banzhafteacher.cnn1.weight" in state:
        estimator, read = _estimator(state, "banzhafteacher.", str(path))
        used |= {f"estimator.{name}": key for name, key in read.items()}
    else:
        missing["banzhafteacher.*"] = "no estimator is written; only training with the learned teacher needs one"
    return Conversion(model, estimator, ConversionReport(kind, used, dict(_unused(state, used)), missing))


def _network(state: State, origin: str, kind: Kind, settings: dict[str, Any]) -> HBIModel | QuestionAnsweringModel:
    if kind == "retrieval":
        if "answers" in settings:
            raise CheckpointError(f"{origin} is a retrieval checkpoint, which gives no answers: leave them out")
        return HBIModel(HBIConfig(**_fields(state, origin, kind) | settings))
    channels, num_answers = (_size(state, origin, f"classifier.{layer}.weight", 0) for layer in (0, 2))
    answers = settings.get("answers")
    if answers is not None and len(answers) != num_answers:
        raise CheckpointError(f"{origin} scores {num_answers} answers, {len(answers)} were given: another list?")
    fields = {"answer_channels": channels, "num_labels": num_answers, **_fields(state, origin, kind)}
    return QuestionAnsweringModel(AnsweringConfig(**fields | settings))


def _size(state: State, origin: str, key: str, axis: int) -> int:
    if key not in state:
        raise CheckpointError(f"{origin} lacks {key}, which every checkpoint of the released model holds")
    return state[key].shape[axis]


def _fields(state: State, origin: str, kind: Kind) -> dict[str, Any]:
    size = partial(_size, state, origin)
    clip = clip_config(state, origin=origin, prefix="clip.")
    return {
        "clip_config": clip,
        "released_behavior": True,
        "max_words": clip.text_config.max_position_embeddings,
        "weight_channels": size("text_weight_fc.0.weight", 0),
        "head_channels": size("banzhafmodel.Q", 0),
        "merge_heads": _MERGE_HEADS,
        **_aggregator(state, size),
        **_SETTINGS[kind],
    }


_SETTINGS: dict[Kind, dict[str, Any]] = {
    "retrieval": {"merge_ratio": (0.25, 0.5), "level_weights": (1.0, 0.0, 0.0)},
    "question answering": {
        "merge_ratio": (0.25, 0.125),
        "frame_merge_ratio": (0.25, 0.25),
        "level_weights": (0.4, 0.4, 0.2),
    },
}
"""The released scripts' defaults, of which their files tell nothing."""


# `size` is the caller's own function, from a parameter's name and an axis to a length.
def _aggregator(state: State, size) -> dict[str, Any]:  # type: ignore[no-untyped-def]
    if layers := count_blocks(state, "transformerClip."):
        frames = size("frame_position_embeddings.weight", 0)
        return {"aggregator": "temporal", "temporal_layers": layers, "max_frames": frames}
    if "lstm_visual.weight_ih_l0" in state:
        layers = sum(name.startswith("lstm_visual.weight_ih_l") for name in state)
        return {"aggregator": "lstm", "temporal_layers": layers}
    return {"aggregator": "none"}


def _source(name: str) -> Source:
    """Return where a parameter of `HBIModel` or `QuestionAnsweringModel` is in a released checkpoint."""
    part, _, rest = name.removeprefix("trunk.").partition(".")
    if part == "answer_heads":
        level, module, tensor = rest.split(".", 2)
        # Types are ignored here and below: names of our own parameters hold names of levels, which mypy cannot know.
        return Source(f"{_ANSWER_HEAD[module].format(_LEVEL_SUFFIX[level])}.{tensor}")  # type: ignore[index]
    if part == "encoder":
        return _encoder_source(rest)
    if part == "heads":
        level, _, rest = rest.partition(".")
        return Source(f"banzhafmodel{_LEVEL_SUFFIX[level]}.{_estimator_key(rest)}")  # type: ignore[index]
    letter, word = _SIDE[part]
    kind, which, rest = rest.split(".", 2)
    if kind == "weight_heads":
        return Source(f"{word}_weight_fc{_LEVEL_SUFFIX[which]}.{rest}")  # type: ignore[index]
    module, _, tensor = rest.partition(".")
    return Source(f"{letter}_{_MERGER[module].format(which)}.{tensor}")


def _encoder_source(name: str) -> Source:
    if name.startswith("clip."):
        source = clip_source(name.removeprefix("clip."))
        return Source(f"clip.{source.key}", source.make)
    if name == "temporal.position.weight":
        return Source("frame_position_embeddings.weight")
    if name.startswith("temporal.lstm."):
        return Source(name.replace("temporal.lstm.", "lstm_visual."))
    return block_source(name, name.replace("temporal.encoder.layers.", "transformerClip.resblocks."))


def _estimator_key(name: str) -> str:
    module, dot, tensor = name.partition(".")
    return f"{_ESTIMATOR[module]}{dot}{tensor}"


def _convert_estimator(state: State, origin: str) -> Conversion:
    suffix = "cnn1.weight"
    prefixes = [name.removesuffix(suffix) for name in state if name == suffix or name.endswith(f".{suffix}")]
    if len(prefixes) != 1:
        found = "several estimators" if prefixes else "neither a released checkpoint (clip.*) nor an estimator (cnn1.*)"
        raise CheckpointError(f"{origin} holds {found}: give a retrieval or VideoQA checkpoint, or one estimator")
    estimator, used = _estimator(state, prefixes[0], origin)
    return Conversion(None, estimator, ConversionReport("estimator", used, dict(_unused(state, used)), {}))


def _estimator(state: State, prefix: str, origin: str) -> tuple[BanzhafEstimator, dict[str, str]]:
    matrix: Tensor | None = state.get(f"{prefix}Q")
    if matrix is None or matrix.dim() != 2:
        raise CheckpointError(f"{origin} lacks the matrix {prefix}Q, which tells the width of the estimator")
    estimator = BanzhafEstimator(len(matrix), unit=RELEASED_UNIT).eval()
    used = fill(estimator, state, lambda name: Source(prefix + _estimator_key(name)), origin=origin)
    return estimator, used


def _unused(state: State, used: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield every key that was not read, with the reason."""
    for key in sorted(state.keys() - set(used.values())):
        yield key, next(reason for pattern, reason in _UNUSED if re.fullmatch(pattern, key))
