"""The second stage's network: it begins as the first stage's ranking, padding counts nothing, its file is checked."""

import json
import math

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch.nn.functional import gelu, normalize

from hbi.errors import HBIError
from hbi.models.cross_encoder import UNIT, CrossEncoder, CrossEncoderSizes
from hbi.models.cross_encoder_file import load_cross_encoder, save_cross_encoder
from hbi.ops import TokenSequence

SIZES = CrossEncoderSizes(width=6, channels=8, num_layers=2)


def trained_network() -> CrossEncoder:
    """A network whose parameters are all at work."""
    torch.manual_seed(3)
    network = CrossEncoder(SIZES).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return network


def pairs(count: int = 3, words: int = 4, frames: int = 3) -> tuple[TokenSequence, TokenSequence, torch.Tensor]:
    torch.manual_seed(5)
    word_mask = torch.arange(words) < torch.tensor([[words], [2], [1]])[:count]
    frame_mask = torch.arange(frames) < torch.tensor([[frames], [1], [2]])[:count]
    return (
        TokenSequence.unmerged(torch.randn(count, words, 6), word_mask),
        TokenSequence.unmerged(torch.randn(count, frames, 6), frame_mask),
        torch.rand(count),
    )


def slow_correction(network: CrossEncoder, words: torch.Tensor, frames: torch.Tensor) -> float:
    """One pair without padding, cell by cell."""
    num_words, num_frames = len(words), len(frames)
    words, frames = normalize(words, dim=-1), normalize(frames, dim=-1)
    scale, places = math.sqrt(6), [(w, f) for w in range(num_words) for f in range(num_frames)]
    cells = {
        (w, f): network.words(words[w] * scale)
        + frames[f] * scale @ network.frames.weight.T
        + 4.0 * (words[w] @ frames[f]) * network.cosine
        for w, f in places
    }
    for layer, norm in zip(network.layers, network.norms, strict=False):
        inside = {place: gelu(norm(cells[place])) for place in places}
        mixed = {}
        for w, f in places:
            mixed[w, f] = cells[w, f] + layer.bias
            for up in range(-2, 3):
                for right in range(-1, 2):
                    if (w + up, f + right) in inside:
                        mixed[w, f] = mixed[w, f] + layer.weight[:, :, up + 2, right + 1] @ inside[w + up, f + right]
        cells = mixed
    found = {place: gelu(network.norms[-1](cells[place])) for place in places}
    weights = torch.stack([network.word_weights(word * scale).sigmoid() for word in words])
    weights = weights / weights.sum(0)
    best = torch.stack([torch.stack([found[w, f] for f in range(num_frames)]).amax(0) for w in range(num_words)])
    mean = torch.stack([torch.stack([found[w, f] for f in range(num_frames)]).mean(0) for w in range(num_words)])
    return float(network.correction(torch.cat([(weights * best).sum(0), (weights * mean).sum(0)])))


def test_an_untrained_network_ranks_as_the_first_stage():
    words, frames, similarity = pairs()
    torch.testing.assert_close(CrossEncoder(SIZES)(words, frames, similarity), similarity, rtol=0, atol=0)


@torch.no_grad()
def test_scores_are_those_of_the_slow_oracle_whatever_stands_at_padding():
    network = trained_network()
    words, frames, similarity = pairs()
    scores = network(words, frames, similarity)
    for row in range(3):
        own = words.tokens[row][words.mask[row]], frames.tokens[row][frames.mask[row]]
        assert scores[row] - similarity[row] == pytest.approx(UNIT * slow_correction(network, *own), abs=1e-5)
    assert (scores - similarity).std() > 0.1 * UNIT
    noise = TokenSequence(words.tokens.masked_fill(~words.mask[..., None], 7.0), words.mask, words.members)
    torch.testing.assert_close(network(noise, frames, similarity), scores)


@torch.no_grad()
def test_the_order_of_words_and_of_frames_counts():
    network = trained_network()
    words, frames, similarity = pairs(1)
    turned = TokenSequence.unmerged(frames.tokens.flip(1), frames.mask)
    assert not torch.allclose(network(words, turned, similarity), network(words, frames, similarity), atol=0.01 * UNIT)


def test_sizes_that_are_none_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        CrossEncoderSizes(width=6, channels=0)


@torch.no_grad()
def test_a_text_without_a_token_scores_a_number():
    words, frames, similarity = pairs()
    nothing = TokenSequence.unmerged(words.tokens, torch.zeros_like(words.mask))
    assert trained_network()(nothing, frames, similarity).isfinite().all()


def test_it_survives_saving(tmp_path):
    network, path = trained_network(), tmp_path / "deep" / "second.safetensors"
    save_cross_encoder(network, path, fingerprint="abc", quality={"recall@1": 50.0})
    again, fingerprint = load_cross_encoder(path)
    assert (fingerprint, again.sizes, again.training) == ("abc", SIZES, False)
    torch.testing.assert_close(again(*pairs()), network(*pairs()), rtol=0, atol=0)
    with safe_open(path, "pt") as file:
        assert json.loads(file.metadata()["quality"]) == {"recall@1": 50.0}


def rewritten(path, tensors=None, **metadata):
    with safe_open(path, "pt") as file:
        about = file.metadata()
    save_file(tensors or load_file(path), path, {**about, **metadata})


@pytest.mark.parametrize("change", ["a weight", "the model", "the sizes", "too large", "no sizes", "no tensors"])
def test_a_file_that_is_not_what_was_written_is_refused_in_one_line(tmp_path, change):
    path = tmp_path / "second.safetensors"
    save_cross_encoder(trained_network(), path, fingerprint="abc")
    tensors = load_file(path)
    if change == "a weight":
        rewritten(path, tensors | {"cosine": tensors["cosine"] + 1})
    elif change == "the model":
        rewritten(path, fingerprint="another")
    elif change == "the sizes":
        rewritten(path, sizes=json.dumps(vars(SIZES) | {"num_layers": 3}))
    elif change == "too large":
        rewritten(path, sizes=json.dumps(vars(SIZES) | {"channels": 2**40}))
    elif change == "no sizes":
        rewritten(path, sizes="[1]")
    else:
        path.write_bytes(b"nothing")
    with pytest.raises(HBIError, match=r"second\.safetensors is (no second stage|not what was written)") as caught:
        load_cross_encoder(path)
    assert "\n" not in str(caught.value)
