"""Checkpoints in the authors' naming, with random weights of any size."""

import math

import torch
from torch import Tensor

NUM_MARKS = 2
CONTEXT = 32


def released_state(
    *, width: int = 64, vision_width: int = 128, layers: int = 1, lstm_layers: int = 0, vocab: int = 40, seed: int = 0
) -> dict[str, Tensor]:
    """A retrieval checkpoint: 64x64 pictures in patches of 32, texts of at most 32 tokens; with an LSTM or without."""
    generator = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = {}

    def draw(name: str, *shape: int, scale: float | None = None, around: float = 0.0) -> None:
        scale = scale or 1 / math.sqrt(shape[-1])
        state[name] = torch.randn(*shape, generator=generator) * scale + around

    def linear(name: str, inputs: int, outputs: int) -> None:
        draw(f"{name}.weight", outputs, inputs)
        draw(f"{name}.bias", outputs, scale=0.1)

    def norm(name: str, size: int) -> None:
        draw(f"{name}.weight", size, scale=0.1, around=1.0)
        draw(f"{name}.bias", size, scale=0.1)

    def transformer(name: str, size: int) -> None:
        for number in range(layers):
            block = f"{name}.resblocks.{number}"
            norm(f"{block}.ln_1", size)
            norm(f"{block}.ln_2", size)
            draw(f"{block}.attn.in_proj_weight", 3 * size, size)
            draw(f"{block}.attn.in_proj_bias", 3 * size, scale=0.1)
            linear(f"{block}.attn.out_proj", size, size)
            linear(f"{block}.mlp.c_fc", size, 4 * size)
            linear(f"{block}.mlp.c_proj", 4 * size, size)

    draw("clip.token_embedding.weight", vocab, width, scale=1.0)
    draw("clip.positional_embedding", CONTEXT, width, scale=0.3)
    draw("clip.text_projection", width, width)
    norm("clip.ln_final", width)
    transformer("clip.transformer", width)
    state["clip.logit_scale"] = torch.tensor(4.0)
    draw("clip.visual.class_embedding", vision_width, scale=0.3)
    draw("clip.visual.positional_embedding", 5, vision_width, scale=0.3)
    draw("clip.visual.conv1.weight", vision_width, 3, 32, 32, scale=0.02)
    draw("clip.visual.proj", vision_width, width, scale=1 / math.sqrt(vision_width))
    norm("clip.visual.ln_pre", vision_width)
    norm("clip.visual.ln_post", vision_width)
    transformer("clip.visual.transformer", vision_width)
    if not lstm_layers:
        transformer("transformerClip", width)
    for layer in range(lstm_layers):
        for side in ("ih", "hh"):
            draw(f"lstm_visual.weight_{side}_l{layer}", 4 * width, width)
            draw(f"lstm_visual.bias_{side}_l{layer}", 4 * width, scale=0.1)
    draw("frame_position_embeddings.weight", CONTEXT, width, scale=0.3)
    for side, word in (("t", "text"), ("v", "video")):
        for number in (0, 1):
            draw(f"{side}_ctm{number}.conv.conv.weight", width, width, 3, scale=1 / math.sqrt(3 * width))
            norm(f"{side}_ctm{number}.norm", width)
            linear(f"{side}_ctm{number}.score", width, 1)
            norm(f"{side}_block{number}.norm1", width)
            linear(f"{side}_block{number}.attn.q", width, width)
            linear(f"{side}_block{number}.attn.kv", width, 2 * width)
            linear(f"{side}_block{number}.attn.proj", width, width)
        for suffix in ("", "0", "1"):
            linear(f"{word}_weight_fc{suffix}.0", width, 2 * width)
            linear(f"{word}_weight_fc{suffix}.2", 2 * width, 1)
    for name in ("banzhafmodel", "banzhafmodel0", "banzhafmodel1", "banzhafteacher"):
        for matrix in "QKV":
            draw(f"{name}.{matrix}", 8, 8, scale=0.3)
        draw(f"{name}.cnn1.weight", 8, 1, 3, 3)
        draw(f"{name}.cnn1.bias", 8, scale=0.1)
        draw(f"{name}.cnn2.weight", 1, 8, 3, 3)
        draw(f"{name}.cnn2.bias", 1, scale=0.1)
        for tensor in ("weight", "bias", "running_mean", "running_var"):
            draw(f"{name}.bn.{tensor}", 8)
        state[f"{name}.bn.num_batches_tracked"] = torch.tensor(0)
    return state


def released_batch(
    text_lengths: list[int], video_lengths: list[int], num_words: int, num_frames: int, *, vocab: int = 40
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Texts and videos padded with zeros, as the released code does; a length counts the marks."""
    generator = torch.Generator().manual_seed(len(text_lengths) + num_words)
    text_mask = torch.arange(num_words) < torch.tensor(text_lengths)[:, None]
    ids = torch.randint(1, vocab - NUM_MARKS, text_mask.shape, generator=generator)
    ids[:, 0] = vocab - 2
    ids[torch.arange(len(ids)), torch.tensor(text_lengths) - 1] = vocab - 1
    video_mask = torch.arange(num_frames) < torch.tensor(video_lengths)[:, None]
    pixels = torch.randn(*video_mask.shape, 3, 64, 64, generator=generator) * video_mask[:, :, None, None, None]
    return ids * text_mask, text_mask.long(), pixels, video_mask


def released_answering_state(*, num_answers: int, width: int = 64, vocab: int = 40, seed: int = 1) -> dict[str, Tensor]:
    """A VideoQA checkpoint: what a retrieval checkpoint holds, and the heads that answer."""
    generator = torch.Generator().manual_seed(seed)
    state = released_state(width=width, vocab=vocab)

    def linear(name: str, inputs: int, outputs: int) -> None:
        state[f"{name}.weight"] = torch.randn(outputs, inputs, generator=generator) / math.sqrt(inputs)
        state[f"{name}.bias"] = torch.randn(outputs, generator=generator) * 0.1

    for suffix in ("", "0", "1"):
        for side in "tv":
            linear(f"{side}_weight{suffix}.0", width, width)
            linear(f"{side}_weight{suffix}.2", width, 1)
            linear(f"{side}_proj{suffix}", width, 4 * width)
        linear(f"classifier{suffix}.0", 8 * width, 16 * width)
        linear(f"classifier{suffix}.2", 16 * width, num_answers)
    return state
