"""A small random encoder of each family on disk, in the form in which the family's own processor saves folders."""

import json
import string
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    AltCLIPConfig,
    AltCLIPModel,
    AltCLIPProcessor,
    CLIPConfig,
    CLIPModel,
    CLIPProcessor,
    MetaClip2Config,
    MetaClip2Model,
    ModernBertConfig,
    PeVideoConfig,
    PeVideoEncoderConfig,
    PeVideoModel,
    PreTrainedTokenizerFast,
    Siglip2Config,
    Siglip2Model,
    Siglip2Processor,
    Siglip2Tokenizer,
    SiglipConfig,
    SiglipModel,
    SiglipProcessor,
    VideoPrismClipModel,
    VideoPrismConfig,
    VideoPrismTokenizer,
    ViTConfig,
    XCLIPConfig,
    XCLIPModel,
    XCLIPProcessor,
    XLMRobertaTokenizer,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.siglip2.image_processing_pil_siglip2 import Siglip2ImageProcessorPil
from transformers.models.videomae.image_processing_pil_videomae import VideoMAEImageProcessorPil

from hbi.encoders.tokenizer import train_tokenizer

WORDS = ["a", "red", "blue", "circle", "square", "turns", "moves", "left"]
WORDS += ["person", "rides", "horse", "the", "dog", "runs"]
SIDE, PATCH, WIDTH = 32, 8, 16
TOWER = {"hidden_size": WIDTH, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
VISION = TOWER | {"image_size": SIDE, "patch_size": PATCH}
NUM_FRAMES = 4
"""Of a clip, in families that take clips of one length."""


def small_encoder(kind: str, folder: Path) -> Path:
    """Write a model of a family with its tokenizer and preprocessing; return the folder.

    Args:
        kind: A key of `KINDS`.
        folder: Where to write.
    """
    torch.manual_seed(0)
    KINDS[kind](folder)
    return folder


def _clip_pictures():
    return CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})


def _pieces(head, tail=()):
    """The pieces of a unigram vocabulary: words, letters, and special tokens before and behind."""
    scored = [(f"▁{word}", -2.0 - 0.01 * rank) for rank, word in enumerate(WORDS)]
    scored += [("▁", -3.0), *((letter, -5.0) for letter in string.ascii_lowercase)]
    return [(token, 0.0) for token in head] + scored + [(token, 0.0) for token in tail]


def _unigram_with_end():
    """As SigLIP's: an end token that pads as well, no start, and no mask given to the model."""
    tokenizer = Tokenizer(models.Unigram(_pieces(["</s>", "<unk>"]), unk_id=1))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 0)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="</s>",
        pad_token="</s>",
        unk_token="<unk>",
        model_input_names=["input_ids"],
        model_max_length=16,
    )


def _gemma():
    """As SigLIP 2's: byte pairs, with an end token and no start, padded at the right."""
    tokens = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *string.ascii_lowercase, "▁"]
    tokens += [f"<0x{byte:02X}>" for byte in range(256)] + ["re", "red"]
    tokenizer = Siglip2Tokenizer(
        vocab={token: index for index, token in enumerate(tokens)},
        merges=[("r", "e"), ("re", "d")],
        padding_side="right",
        model_input_names=["input_ids"],
        model_max_length=64,
    )
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <eos>", special_tokens=[("<eos>", 1)]
    )
    return tokenizer


def _xlm_roberta():
    return XLMRobertaTokenizer(vocab=_pieces(["<s>", "<pad>", "</s>", "<unk>"], ["<mask>"]))


def _byte_pairs():
    """CLIP's, and the ids of its special tokens as a configuration names them."""
    tokenizer = train_tokenizer([" ".join(WORDS)], num_merges=50)
    tokenizer.model_max_length = 16
    names = ("bos_token_id", "eos_token_id", "pad_token_id")
    return tokenizer, {name: getattr(tokenizer, name) for name in names}


def _save(folder, model, processor):
    model.eval().save_pretrained(folder)
    processor.save_pretrained(folder)


def _clip(folder):
    tokenizer, ids = _byte_pairs()
    text = TOWER | ids | {"vocab_size": len(tokenizer), "max_position_embeddings": 16}
    config = CLIPConfig(text_config=text, vision_config=VISION, projection_dim=WIDTH)
    _save(folder, CLIPModel(config), CLIPProcessor(_clip_pictures(), tokenizer))


def _metaclip2(folder):
    tokenizer = _xlm_roberta()
    ids = {"bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1}
    text = TOWER | ids | {"vocab_size": len(tokenizer), "max_position_embeddings": 16}
    config = MetaClip2Config(text_config=text, vision_config=VISION, projection_dim=WIDTH)
    _save(folder, MetaClip2Model(config), CLIPProcessor(_clip_pictures(), tokenizer))


def _altclip(folder):
    tokenizer = _xlm_roberta()
    text = TOWER | {"vocab_size": len(tokenizer), "max_position_embeddings": 18, "project_dim": WIDTH}
    config = AltCLIPConfig(
        text_config=text | {"pad_token_id": 1}, vision_config=VISION | {"projection_dim": WIDTH}, projection_dim=WIDTH
    )
    _save(folder, AltCLIPModel(config), AltCLIPProcessor(_clip_pictures(), tokenizer))


def _siglip(folder):
    tokenizer = _unigram_with_end()
    text = TOWER | {"vocab_size": len(tokenizer), "max_position_embeddings": 16, "projection_size": WIDTH}
    model = SiglipModel(SiglipConfig(text_config=text, vision_config=VISION))
    model.logit_bias.data.fill_(-3.0)
    _save(folder, model, SiglipProcessor(SiglipImageProcessorPil(size={"height": SIDE, "width": SIDE}), tokenizer))


def _siglip2(folder):
    tokenizer = _gemma()
    text = TOWER | {"vocab_size": len(tokenizer), "max_position_embeddings": 64, "projection_size": WIDTH}
    config = Siglip2Config(text_config=text, vision_config=TOWER | {"patch_size": PATCH, "num_patches": 16})
    pictures = Siglip2ImageProcessorPil(patch_size=PATCH, max_num_patches=16)
    _save(folder, Siglip2Model(config), Siglip2Processor(pictures, tokenizer))


def _xclip(folder):
    tokenizer, ids = _byte_pairs()
    text = TOWER | ids | {"vocab_size": len(tokenizer), "max_position_embeddings": 16}
    mit = {f"mit_{name}": value for name, value in (TOWER | {"num_hidden_layers": 1}).items()}
    vision = VISION | mit | {"num_frames": NUM_FRAMES}
    config = XCLIPConfig(
        text_config=text, vision_config=vision, projection_dim=WIDTH, prompt_num_attention_heads=2, prompt_alpha=1.0
    )
    pictures = VideoMAEImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    model = XCLIPModel(config)
    for each in model.prompts_generator.parameters():
        each.data.mul_(10)  # so that prompts are seen in the scores
    _save(folder, model, XCLIPProcessor(pictures, tokenizer))


def _videoprism(folder):
    tokenizer = VideoPrismTokenizer(
        vocab=_pieces(["<pad>", "</s>", "<unk>"]), extra_ids=0, additional_special_tokens=[], model_max_length=16
    )
    text = TOWER | {"vocab_size": len(tokenizer), "max_position_embeddings": 16}
    layers = {"num_spatial_layers": 2, "num_temporal_layers": 1, "num_auxiliary_layers": 1}
    vision = {name: value for name, value in TOWER.items() if name != "num_hidden_layers"} | layers
    vision |= {"image_size": SIDE, "tubelet_size": [1, PATCH, PATCH], "num_frames": NUM_FRAMES}
    _save(folder, VideoPrismClipModel(VideoPrismConfig(text_config=text, vision_config=vision)), tokenizer)
    # Its processor cannot be made without torchvision; the library's video processors write these fields.
    stated = {
        "video_processor_type": "LlavaOnevisionVideoProcessor",
        "do_resize": True,
        "size": {"height": SIDE, "width": SIDE},
        "resample": 3,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": False,
        "do_center_crop": None,
        "crop_size": None,
    }
    (folder / "video_preprocessor_config.json").write_text(json.dumps(stated))


def small_pe_video() -> PeVideoModel:
    """Return a PE video, in memory alone: from a file it would ask for `timm`, so that a ViT stands for its tower."""
    torch.manual_seed(0)
    text = ModernBertConfig(
        **TOWER,
        vocab_size=64,
        max_position_embeddings=32,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        cls_token_id=1,
        sep_token_id=2,
    )
    vision = ViTConfig(**VISION, num_labels=WIDTH)
    video = PeVideoEncoderConfig(**TOWER, vision_config=vision, head_dim=8)
    model = PeVideoModel(PeVideoConfig(text_config=text, video_config=video)).eval()
    model.text_video_logit_scale.data.fill_(2.0)
    model.text_video_logit_bias.data.fill_(-1.0)
    return model


KINDS = {
    "clip": _clip,
    "metaclip_2": _metaclip2,
    "altclip": _altclip,
    "siglip": _siglip,
    "siglip2": _siglip2,
    "xclip": _xclip,
    "videoprism": _videoprism,
}
