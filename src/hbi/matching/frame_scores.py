"""How a model scores texts with single frames of a video: for every kind of network, as it scores whole videos."""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from hbi.encoders.sentence_networks import DenseNetwork, FrameTokens, MultiVectorNetwork
from hbi.models import GlobalContrastModel, HBIModel, Hierarchy
from hbi.ops import TokenSequence, all_pairs_interaction

ScoreFrames: TypeAlias = Callable[[Any], Float[Tensor, "text frame"]]
"""From what a network's `encode_texts` returns to the score of every text with every frame of a video."""

CLIPS_AT_ONCE = 64


def scores_of_frame_tokens(network: HBIModel, frames: Float[Tensor, "frame width"]) -> ScoreFrames:
    """Return what scores texts as the network compares words with frames at the entity level.

    Args:
        network: What encodes the texts.
        frames: The frame tokens of a video, each of which also knows the other frames.
    """
    alone, weights = frames.float()[:, None], frames.new_ones(len(frames), 1, dtype=torch.float32)

    def score(texts: Hierarchy) -> Float[Tensor, "text frame"]:
        words = network.compared(texts, "entity")
        tokens, mask = words.sequence.tokens.float(), words.sequence.mask
        return all_pairs_interaction(tokens, alone, words.weights, weights, mask, weights.bool())

    return score


def scores_of_whole_frames(network: GlobalContrastModel | DenseNetwork, content: Tensor) -> ScoreFrames:
    """Return what scores the vectors of texts as the network compares them with the vector of a video.

    Where a temporal transformer changes the frames, each also knows the others. A model that encodes clips, and sees
    motion in them, is shown each frame with the two beside it.

    Args:
        network: What encodes the texts.
        content: Of one video: features of its frames [1, frame, width], or pixels for a model that encodes clips.
    """
    shown = content[0]
    if isinstance(network, GlobalContrastModel) and network.encoder.has_video_side:
        places = torch.arange(len(shown), device=shown.device)
        near = ((places[:, None] - places).abs() <= 1).split(CLIPS_AT_ONCE)
        clips = (content.expand(len(part), *shown.shape) for part in near)
        shown = torch.cat(list(map(network.encode_videos, clips, near)))
    elif isinstance(network, GlobalContrastModel):
        mask = torch.ones(1, len(shown), dtype=torch.bool, device=shown.device)
        shown = network.encoder.encode_features(content, mask).sequence.tokens[0]
    return lambda texts: network.similarity(texts.float(), shown.float())


def scores_of_patches(network: MultiVectorNetwork, video: FrameTokens) -> ScoreFrames:
    """Return what scores the tokens of texts by MaxSim with the tokens of each frame.

    A sum over a text's tokens is divided by how many there are: else words of several tokens would match more than
    others. A video may take the place of the texts.

    Args:
        network: What encodes the texts.
        video: The tokens of the frames of one video.
    """
    one_by_one = FrameTokens(video.tokens[0][:, None], video.mask[0][:, None])

    def score(texts: TokenSequence | FrameTokens) -> Float[Tensor, "text frame"]:
        scores = network.similarity(texts, one_by_one)
        return scores / texts.mask.flatten(1).sum(1, keepdim=True) if network.score == "MaxSim" else scores

    return score
