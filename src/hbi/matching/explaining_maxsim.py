"""Why a multi-vector model matches a text with a video: the game of its own MaxSim, solved exactly."""

from pathlib import Path

import torch

from hbi.encoders.sentence_networks import MultiVectorNetwork
from hbi.encoders.tokenizer import remark_on_unread
from hbi.explanation.checks import MOST_SECONDS
from hbi.explanation.explanation import Explanation
from hbi.explanation.solve.from_games import Index, LevelGame, explain_games
from hbi.games import banzhaf_interactions, maxsim_game, mean_maxsim_game
from hbi.matching.explaining import ExplanationError, frames_of, words_of
from hbi.matching.frame_scores import scores_of_patches
from hbi.matching.opened_model import OpenedModel
from hbi.matching.word_fits import with_word_fits
from hbi.video.sample import VideoSample

PRESETS = {"MaxSim": maxsim_game, "mean MaxSim": mean_maxsim_game}
"""The game whose grand coalition is worth the score, by the name of the score."""


@torch.inference_mode()
def explain_maxsim(
    opened: OpenedModel,
    network: MultiVectorNetwork,
    text: str,
    sample: VideoSample,
    index: Index = banzhaf_interactions,
) -> Explanation:
    """Return the explanation of MaxSim: for every token of the text its best match among all tokens of all frames.

    Prompts and special tokens count in the score and stand for no characters: what they add is `unassigned`.

    Args:
        opened: Whose preprocessing is used.
        network: What encodes.
        text: What the video may show.
        sample: The frames of the video.
        index: Gives the interactions of a game.

    Raises:
        ExplanationError: The text holds no words, or the model compares tokens in another way.
    """
    if network.score not in PRESETS:
        raise ExplanationError(f"{opened.name} compares by {network.score}: only {' and '.join(PRESETS)} are explained")
    tokens = opened.tokenize([text])
    words = network.encode_texts(tokens.input_ids.to(opened.device), tokens.attention_mask.to(opened.device))
    is_word = words.mask[0].cpu() & (tokens.spans[0, :, 1] > tokens.spans[0, :, 0])
    if not is_word.any():
        raise ExplanationError(f"the text {text!r} holds no words: describe something that the video may show")
    pixels = sample.frames.pixels
    everybody = torch.ones(1, len(pixels), dtype=torch.bool, device=opened.device)
    videos = network.encode_videos(opened.network_input(pixels[None].to(opened.device)), everybody)
    game = PRESETS[network.score](words.tokens, videos.tokens, words.mask, videos.mask, has_patches=True)
    frames = frames_of(sample)
    unread = remark_on_unread(text, tokens.spans[0], opened.max_words)
    explanation = explain_games(
        {"entity": LevelGame(game, is_word.nonzero().flatten(), torch.arange(len(pixels)))},
        text=text,
        words=words_of(text, tokens, is_word),
        frames=frames,
        video=Path(sample.frames.path).name,
        duration_seconds=min(max(sample.frames.video_end_seconds, frames[-1].end_seconds), MOST_SECONDS),
        model=opened.name,
        remark="; ".join(filter(None, [sample.frames.damage, unread])) or None,
        score=network.score,
        index=index,
    )
    return with_word_fits(explanation, opened, scores_of_patches(network, videos))
