"""Models of sentence-transformers, small enough for a test, with random weights, written to disk by the library."""

import string
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import MultiVectorEncoder, SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize, Transformer
from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask
from sentence_transformers.sentence_transformer.modules import Pooling
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertModel,
    CLIPConfig,
    CLIPModel,
    CLIPProcessor,
    ColPaliConfig,
    ColPaliForRetrieval,
    ColPaliProcessor,
    PaliGemmaConfig,
    PreTrainedTokenizerFast,
    Qwen3VLConfig,
    Qwen3VLModel,
    Qwen3VLProcessor,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from hbi.encoders.sentence_transformers import leave_out_video_processors

WORDS = [
    "a",
    "red",
    "blue",
    "circle",
    "square",
    "turns",
    "moves",
    "left",
    "is",
    "shown",
    "find",
    "describe",
    "the",
    "image",
    "question",
    "query",
    "user",
]
QWEN_TOKENS = {
    "image_token_id": "<|image_pad|>",
    "video_token_id": "<|video_pad|>",
    "vision_start_token_id": "<|vision_start|>",
    "vision_end_token_id": "<|vision_end|>",
}
QWEN_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }} {% for c in m['content'] %}{% if c['type'] == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ c['text'] }}{% endif %}{% endfor %}<|im_end|>\n"
    "{% endfor %}<|endoftext|>"
)
"""Ends as that of Qwen3-VL-Embedding does, with the token whose place holds the vector."""
TOWER = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def word_tokenizer(special: Sequence[str], **named: Any) -> PreTrainedTokenizerFast:
    """A tokenizer with a token a word; the first special token stands for all others."""
    vocabulary = {token: number for number, token in enumerate([*special, *WORDS, *string.punctuation])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token=special[0]))
    inner.normalizer = normalizers.Lowercase()
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=inner, unk_token=special[0], **named)


def framed(tokenizer: PreTrainedTokenizerFast, begin: str, end: str) -> PreTrainedTokenizerFast:
    """The tokenizer, which now puts a token before and one behind each text."""
    numbers = [(token, tokenizer.convert_tokens_to_ids(token)) for token in (begin, end)]
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}", special_tokens=numbers
    )
    return tokenizer


def write_clip(folder: Path, *, prompts: Mapping[str, str] | None = None, compare: str = "cosine") -> Path:
    """A dense model: CLIP as it is, whose vectors are not of length 1."""
    tokenizer = framed(
        word_tokenizer(["<unk>", "<bos>", "<eos>", "<pad>"], bos_token="<bos>", eos_token="<eos>", pad_token="<pad>"),
        "<bos>",
        "<eos>",
    )
    own = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3, "vocab_size": len(tokenizer)}
    tower = TOWER | {"projection_dim": 12}
    config = CLIPConfig(
        projection_dim=12,
        text_config=tower | own | {"max_position_embeddings": 14},
        vision_config=tower | {"image_size": 16, "patch_size": 8},
    )
    torch.manual_seed(0)
    plain = folder / "plain"
    CLIPModel(config).save_pretrained(plain)
    pictures = CLIPImageProcessorPil(size={"shortest_edge": 20}, crop_size={"height": 16, "width": 16})
    CLIPProcessor(pictures, tokenizer).save_pretrained(plain)
    model = SentenceTransformer(
        modules=[Transformer(str(plain))], prompts=dict(prompts or {}), similarity_fn_name=compare
    )
    return _saved(model, folder / "clip")


def write_qwen(folder: Path) -> Path:
    """A dense vision-language model with a chat template and an instruction, as Qwen3-VL-Embedding is laid out."""
    special = ["<unk>", "<|endoftext|>", "<|im_start|>", "<|im_end|>", *QWEN_TOKENS.values()]
    tokenizer = word_tokenizer(
        special, pad_token="<|endoftext|>", eos_token="<|im_end|>", additional_special_tokens=special[2:]
    )
    numbers = {name: tokenizer.convert_tokens_to_ids(token) for name, token in QWEN_TOKENS.items()}
    config = Qwen3VLConfig(
        text_config=TOWER
        | {
            "vocab_size": len(tokenizer),
            "num_key_value_heads": 1,
            "head_dim": 16,
            "pad_token_id": 1,
            "rope_scaling": {"rope_type": "default", "mrope_section": [2, 3, 3], "mrope_interleaved": True},
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": 2,
            "patch_size": 8,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "out_hidden_size": 16,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0],
        },
        **numbers,
    )
    leave_out_video_processors()  # the processor cannot even be made with one
    torch.manual_seed(0)
    plain = folder / "plain"
    Qwen3VLModel(config).save_pretrained(plain)
    pictures = Qwen2VLImageProcessorPil(
        patch_size=8, merge_size=2, temporal_patch_size=2, size={"shortest_edge": 16 * 16, "longest_edge": 64 * 64}
    )
    Qwen3VLProcessor(pictures, tokenizer, None, chat_template=QWEN_TEMPLATE).save_pretrained(plain)
    modules = [Transformer(str(plain)), Pooling(16, pooling_mode="lasttoken"), Normalize()]
    prompts = {"query": "find the image", "document": "describe"}
    return _saved(SentenceTransformer(modules=modules, prompts=prompts), folder / "qwen")


def write_colpali(folder: Path, *, expansion: Mapping[str, Any] | None = None, compare: str = "maxsim") -> Path:
    """A multi-vector model of pictures: patches are compared, and the prompt that stands with them is not."""
    plain = write_plain_colpali(folder)
    image = ColPaliProcessor.from_pretrained(plain).image_token_id
    backbone = Transformer(str(plain), transformer_task="retrieval", query_expansion=expansion and dict(expansion))
    modules = [backbone, MultiVectorMask(keep_only_token_ids=[image])]
    return _saved(MultiVectorEncoder(modules=modules, similarity_fn_name=compare), folder / "colpali")


def write_plain_colpali(folder: Path) -> Path:
    """The same, as `transformers` saves it."""
    tokenizer = word_tokenizer(
        ["<unk>", "<pad>", "<eos>", "<bos>", "<image>"],
        pad_token="<pad>",
        eos_token="<eos>",
        bos_token="<bos>",
        additional_special_tokens=["<image>"],
    )
    pictures = SiglipImageProcessorPil(size={"height": 16, "width": 16})
    pictures.image_seq_length = 4
    processor = ColPaliProcessor(pictures, tokenizer)
    text = {"model_type": "gemma", "vocab_size": len(tokenizer), "num_key_value_heads": 1, "head_dim": 8}
    vision = {"model_type": "siglip_vision_model", "image_size": 16, "patch_size": 8, "projection_dim": 16}
    towers = PaliGemmaConfig(
        text_config=TOWER | text,
        vision_config=TOWER | vision,
        image_token_index=processor.image_token_id,
        projection_dim=16,
        hidden_size=16,
    )
    torch.manual_seed(0)
    plain = folder / "plain"
    ColPaliForRetrieval(ColPaliConfig(vlm_config=towers, embedding_dim=8)).save_pretrained(plain)
    processor.save_pretrained(plain)
    return plain


def write_colbert(folder: Path) -> Path:
    """A multi-vector model of texts alone."""
    special = ["[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]"]
    names = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    tokenizer = framed(word_tokenizer(special, **names), "[CLS]", "[SEP]")
    plain = folder / "plain"
    BertModel(BertConfig(vocab_size=len(tokenizer), max_position_embeddings=32, **TOWER)).save_pretrained(plain)
    tokenizer.save_pretrained(plain)
    token = "token_embeddings"
    narrow = Dense(16, 8, bias=False, activation_function=None, module_input_name=token, module_output_name=token)
    return _saved(MultiVectorEncoder(modules=[Transformer(str(plain)), narrow, MultiVectorMask()]), folder / "colbert")


WRITERS: Mapping[str, Callable[[Path], Path]] = {
    "clip": write_clip,
    "qwen": write_qwen,
    "colpali": write_colpali,
    "plain colpali": write_plain_colpali,
}
"""Models that read texts and pictures, by kind."""


def _saved(model: Any, folder: Path) -> Path:
    model.save(str(folder), create_model_card=False)
    return folder
