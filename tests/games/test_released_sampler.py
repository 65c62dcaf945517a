"""The benchmark's account of the released sampler, against the exact expectation recorded from the authors' code."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from hbi.games import LateInteractionGame, banzhaf_interactions

ROOT = Path(__file__).parents[2]
RECORDED = (
    Path(os.environ.get("HBI_SHARED", ROOT.parent / "shared")) / "fixtures/official/banzhaf_target/io.safetensors"
)


@pytest.fixture(scope="module")
def released_sampler():
    spec = importlib.util.spec_from_file_location("released_sampler", ROOT / "benchmarks" / "released_sampler.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def all_coalitions(mask):
    """Return all coalitions of the unmasked players."""
    numbers = torch.arange(2 ** len(mask)).unsqueeze(-1)
    return torch.unique(((numbers >> torch.arange(len(mask))) & 1 == 1) & mask, dim=0)


def pairs(words, frames):
    return words.repeat_interleave(len(frames), 0), frames.repeat(len(words), 1)


def test_without_short_cuts_it_is_the_exact_interaction(released_sampler, make_game):
    game = make_game(4, 3)
    words, frames = pairs(
        all_coalitions(torch.ones(4, dtype=torch.bool)), all_coalitions(torch.ones(3, dtype=torch.bool))
    )
    inputs = (game.similarity.clamp(min=0), game.word_weights, game.frame_weights, words, frames)
    short_cuts = released_sampler.ShortCuts
    torch.testing.assert_close(released_sampler.expectation(*inputs, short_cuts()), banzhaf_interactions(game))
    softer = LateInteractionGame(game.similarity, game.word_weights.exp(), game.frame_weights.exp())
    torch.testing.assert_close(
        released_sampler.expectation(*inputs, short_cuts(double_softmax=True)), banzhaf_interactions(softer)
    )


@pytest.mark.skipif(not RECORDED.is_file(), reason="needs the recorded output of the released code")
@pytest.mark.parametrize("pair", range(3))
def test_with_all_short_cuts_it_is_the_released_target(released_sampler, pair):
    recorded = {name: tensor[pair] for name, tensor in load_file(RECORDED).items() if len(tensor) == 3}
    word_mask, frame_mask = recorded["text_mask"].bool(), recorded["video_mask"].bool()
    words, frames = pairs(all_coalitions(word_mask), all_coalitions(frame_mask))
    target = 1000 * released_sampler.expectation(
        recorded["retrieve_logits"].double(),
        recorded["text_weight"].double(),
        recorded["video_weight"].double(),
        words,
        frames,
        released_sampler.RELEASED,
    )
    cells = word_mask.unsqueeze(-1) & frame_mask
    torch.testing.assert_close(target[cells], recorded["exact"].double()[cells], atol=1e-4, rtol=0)
