"""Networks of the real kind, small enough for a test, with random weights."""

from collections.abc import Sequence

import torch
from transformers import CLIPTokenizer

from hbi.encoders.tokenizer import train_tokenizer
from hbi.matching.answerer import Answerer
from hbi.matching.matcher import Matcher
from hbi.models import AnsweringConfig, GlobalConfig, HBIConfig, HBIModel, QuestionAnsweringModel
from hbi.models.processor import HBIProcessor


def small_config(
    *, special_tokens: dict[str, int], vocab_size: int, max_words: int = 16, max_frames: int = 6
) -> HBIConfig:
    tower = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "projection_dim": 16,
    }
    return HBIConfig(
        encoder_config={
            "projection_dim": 16,
            "text_config": tower | special_tokens | {"vocab_size": vocab_size, "max_position_embeddings": max_words},
            "vision_config": tower | {"image_size": 16, "patch_size": 8},
        },
        max_words=max_words,
        max_frames=max_frames,
        temporal_layers=1,
        merge_heads=2,
        head_channels=4,
        merge_ratio=(0.5, 0.5),
    )


def global_config(config: HBIConfig) -> GlobalConfig:
    """The same sizes, for the global baseline."""
    return GlobalConfig(**{name: value for name, value in config.to_dict().items() if name != "model_type"})


def small_model(corpus: Sequence[str]) -> tuple[HBIModel, CLIPTokenizer]:
    """A model in evaluation mode, and a tokenizer of the corpus."""
    tokenizer = train_tokenizer(corpus)
    special_tokens = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    torch.manual_seed(0)
    return HBIModel(small_config(special_tokens=special_tokens, vocab_size=len(tokenizer))).eval(), tokenizer


def small_matcher(corpus: Sequence[str], name: str = "a small run") -> Matcher:
    """The same, opened."""
    model, tokenizer = small_model(corpus)
    return Matcher(model, HBIProcessor.for_model(model.config, tokenizer), name)


def answering_config(config: HBIConfig, answers: Sequence[str]) -> AnsweringConfig:
    """The same sizes, for a network that answers."""
    names = (
        "encoder_config",
        "max_words",
        "max_frames",
        "temporal_layers",
        "merge_heads",
        "head_channels",
        "merge_ratio",
    )
    fields = {name: getattr(config, name) for name in names}
    return AnsweringConfig(answers=answers, answer_channels=16, **fields)


def small_answering_model(
    corpus: Sequence[str], answers: Sequence[str]
) -> tuple[QuestionAnsweringModel, CLIPTokenizer]:
    """A model that answers, in evaluation mode, and a tokenizer of the corpus."""
    retrieval, tokenizer = small_model(corpus)
    return QuestionAnsweringModel(answering_config(retrieval.config, answers)).eval(), tokenizer


def small_answerer(corpus: Sequence[str], answers: Sequence[str], name: str = "a small run") -> Answerer:
    """The same, opened."""
    model, tokenizer = small_answering_model(corpus, answers)
    return Answerer(model, HBIProcessor.for_model(model.config, tokenizer), name)
