import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from hbi.encoders.sentence_processor import SentenceProcessor
from hbi.games import maxsim_game, mean_maxsim_game

library = pytest.importorskip("sentence_transformers", reason="the extra `sentence` is not installed")

from hbi.encoders.sentence_networks import (  # noqa: E402
    DenseNetwork,
    FrameTokens,
    MultiVectorNetwork,
)
from hbi.encoders.sentence_transformers import (  # noqa: E402
    kind_of_sentence_transformer,
    open_sentence_transformer,
)
from hbi.ops import TokenSequence  # noqa: E402
from small_sentence_models import WRITERS, write_clip, write_colpali, write_qwen  # noqa: E402

TEXTS = ["a red circle turns", "  Is a BLUE square shown", "moves"]
SIDE = 32
MASK = torch.tensor([[True, True, True], [True, False, False], [True, True, False]])


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: write(tmp_path_factory.mktemp("sentence")) for kind, write in WRITERS.items()}


@pytest.fixture(params=list(WRITERS))
def folder(request: pytest.FixtureRequest, folders: dict[str, Path]) -> Path:
    return folders[request.param]


Opened = tuple[Any, SentenceProcessor]


@pytest.fixture
def opened(folder: Path) -> Opened:
    return open_sentence_transformer(folder, picture_side=SIDE)


def frames_for(processor: SentenceProcessor, seed: int = 0) -> torch.Tensor:
    size = (*MASK.shape, 3, processor.picture.height, processor.picture.width)
    return torch.randint(0, 256, size, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def as_pictures(frames: torch.Tensor) -> list[Image.Image]:
    return [Image.fromarray(frame.permute(1, 2, 0).numpy()) for frame in frames]


def encoded(network: Any, processor: SentenceProcessor, texts: list[str] = TEXTS) -> Any:
    tokens = processor.tokenize(texts)
    with torch.inference_mode():
        return network.encode_texts(tokens.input_ids, tokens.attention_mask)


def words(processor: SentenceProcessor, texts: list[str]) -> list[list[str]]:
    spans = processor.tokenize(texts).spans.tolist()
    return [[text[a:b] for a, b in row if b > a] for text, row in zip(texts, spans, strict=True)]


def own_video(model: Any, frames: torch.Tensor) -> torch.Tensor:
    """What the library's vectors of a video's frames make of it, written out anew."""
    vectors = model.encode_document(as_pictures(frames))
    if isinstance(model, library.MultiVectorEncoder):
        return torch.cat(vectors)
    return sum(each / each.norm() for each in torch.as_tensor(vectors)) / len(frames)


def test_a_text_is_encoded_as_a_query_of_the_library(opened: Opened) -> None:
    network, processor = opened
    expected, found = network.model.encode_query(TEXTS), encoded(network, processor)
    if isinstance(network, MultiVectorNetwork):
        found = [tokens[mask] for tokens, mask in zip(found.tokens, found.mask, strict=True)]
    for own, its in zip(found, expected, strict=True):
        torch.testing.assert_close(own, torch.as_tensor(its), atol=1e-5, rtol=0)


def test_the_score_is_that_of_the_library(opened: Opened) -> None:
    network, processor = opened
    frames = frames_for(processor)
    with torch.inference_mode():
        videos = network.encode_videos(processor.network_input(frames), MASK)
        found = network.similarity(encoded(network, processor), videos)
    queries = network.model.encode_query(TEXTS)
    its_videos = [own_video(network.model, video[mask]) for video, mask in zip(frames, MASK, strict=True)]
    expected = torch.cat(
        [torch.as_tensor(network.model.similarity(queries, each[None])) for each in its_videos], dim=-1
    )
    torch.testing.assert_close(found, torch.as_tensor(expected), atol=1e-5, rtol=1e-6)
    assert found.std() > 1e-3  # else nothing was compared


def test_padded_frames_change_nothing(opened: Opened) -> None:
    network, processor = opened
    frames = frames_for(processor)
    others = torch.where(MASK[..., None, None, None], frames, frames_for(processor, seed=1))
    texts = encoded(network, processor)
    with torch.inference_mode():
        before, after = (network.similarity(texts, network.encode_videos(each, MASK)) for each in (frames, others))
        alone = network.similarity(texts, network.encode_videos(frames[1:2, :1], MASK[1:2, :1]))
    assert torch.equal(before, after)
    torch.testing.assert_close(before[:, 1:2], alone, atol=1e-5, rtol=0)


def test_words_are_found_in_the_text_and_nothing_else_is_one(opened: Opened) -> None:
    assert words(opened[1], TEXTS) == [text.split() for text in TEXTS]
    assert words(opened[1], ["find the image"]) == [["find", "the", "image"]]  # also what stands in the prompt
    assert words(opened[1], [""]) == [[]]


def test_a_saved_model_is_opened_again(opened: Opened, tmp_path: Path) -> None:
    network, processor = opened
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1.01)  # so that what is opened is what was saved
    network.save_pretrained(tmp_path / "saved")
    again, its_processor = open_sentence_transformer(tmp_path / "saved", picture_side=SIDE)
    assert (type(again), its_processor.picture) == (type(network), processor.picture)
    frames = frames_for(processor)
    with torch.inference_mode():
        first, second = (
            each.similarity(encoded(each, its_processor), each.encode_videos(frames, MASK)) for each in (network, again)
        )
    assert torch.equal(first, second)
    itself = type(network.model)(str(tmp_path / "saved"), local_files_only=True)
    assert len(itself.encode_query(TEXTS)) == len(TEXTS)


def test_gradients_reach_both_sides(opened: Opened) -> None:
    network, processor = opened
    tokens = processor.tokenize(TEXTS)
    texts = network.encode_texts(tokens.input_ids, tokens.attention_mask)
    network.similarity(texts, network.encode_videos(frames_for(processor), MASK)).sum().backward()
    moved = {name for name, each in network.named_parameters() if each.grad is not None and each.grad.abs().max() > 0}
    assert any(("vis" in name and "layer" in name) or "visual.blocks" in name for name in moved)
    assert any("text_model.encoder" in name or "language_model.layers" in name for name in moved)


@pytest.mark.parametrize("size", [(40, 63), (50, 20), (16, 16), (20, 20)])
@pytest.mark.parametrize("kind", ["clip", "colpali"])
def test_a_frame_is_prepared_as_the_models_own_processor_prepares_it(
    kind: str, size: tuple[int, int], folders: dict[str, Path]
) -> None:
    network, processor = open_sentence_transformer(folders[kind])
    frame = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    ours = processor.picture.cut(processor.picture.resampled(frame))
    prepared, expected = (
        network.model.preprocess([Image.fromarray(each)], task="document")["pixel_values"] for each in (ours, frame)
    )
    torch.testing.assert_close(prepared, expected, atol=1e-6, rtol=0)


def test_a_model_that_takes_any_size_leaves_the_picture_in_its_own(folders: dict[str, Path]) -> None:
    for asked, side in ((32, 32), (40, 32), (47, 48), (448, 64), (1, 16)):
        network, processor = open_sentence_transformer(folders["qwen"], picture_side=asked)
        assert (processor.picture.height, processor.picture.width) == (side, side)
        features = network.model.preprocess(as_pictures(frames_for(processor)[0, :1]), task="document")
        assert features["image_grid_thw"].tolist() == [[1, side // 8, side // 8]]


def test_frames_kept_as_features_stand_for_their_pixels(folders: dict[str, Path]) -> None:
    network, processor = open_sentence_transformer(folders["clip"])
    frames = frames_for(processor)
    features = network.frame_features(frames, MASK)
    assert not features[~MASK].any()
    features[~MASK] = 7.0  # whatever stands there
    torch.testing.assert_close(
        network.encode_videos(processor.network_input(features), MASK), network.encode_videos(frames, MASK)
    )


def worth_of_all(preset: Any, texts: TokenSequence, videos: FrameTokens) -> torch.Tensor:
    """What all words and frames are worth in the game that explains the score: [text, video]."""
    game = preset(texts.tokens[:, None], videos.tokens[None], texts.mask[:, None], videos.mask[None], has_patches=True)
    words, frames = (torch.ones(count, dtype=torch.bool) for count in (game.num_words, game.num_frames))
    return game.value(words, frames)


def test_best_patches_of_words_and_frames_add_up_to_maxsim(folders: dict[str, Path]) -> None:
    network, processor = open_sentence_transformer(folders["plain colpali"])
    texts = encoded(network, processor)
    with torch.inference_mode():
        videos = network.encode_videos(frames_for(processor), MASK)
        scores = network.similarity(texts, videos)
    torch.testing.assert_close(worth_of_all(maxsim_game, texts, videos), scores, atol=1e-5, rtol=0)
    assert len(videos[1:]) == 2
    assert torch.equal(network.similarity(texts, videos[1:]), scores[:, 1:])


def test_what_stands_at_padding_is_never_compared(folders: dict[str, Path]) -> None:
    """Every real pair is unlike, and what is not real would be the best of all."""
    network, _ = open_sentence_transformer(folders["colpali"])
    draw = torch.Generator().manual_seed(0)
    word_mask = torch.tensor([[True, True, False, False], [True, True, True, True]])
    patch_mask = torch.rand(2, 3, 5, generator=draw) < 0.5
    words = torch.rand(2, 4, 8, generator=draw)
    patches = torch.rand(2, 3, 5, 8, generator=draw)
    patches[patch_mask] *= -1
    videos = FrameTokens(patches, patch_mask)
    real = [video[mask] for video, mask in zip(patches, patch_mask, strict=True)]
    expected = [
        [sum(max(word @ patch for patch in video) for word in text) for video in real]
        for text in (words[0, :2], words[1])
    ]
    texts = TokenSequence.unmerged(words, word_mask)
    torch.testing.assert_close(network.similarity(texts, videos), torch.tensor(expected))
    torch.testing.assert_close(worth_of_all(maxsim_game, texts, videos), torch.tensor(expected))


def test_the_mean_over_words_is_taken_where_the_model_says_so(tmp_path: Path) -> None:
    network, processor = open_sentence_transformer(write_colpali(tmp_path, compare="meanmaxsim"))
    texts = encoded(network, processor)
    with torch.inference_mode():
        videos = network.encode_videos(frames_for(processor), MASK)
        scores = network.similarity(texts, videos)
    assert network.score == "mean MaxSim"
    torch.testing.assert_close(worth_of_all(mean_maxsim_game, texts, videos), scores, atol=1e-5, rtol=0)


@pytest.mark.parametrize("expansion", [{"strategy": "fixed", "length": 24}, {"strategy": "min", "length": 18}])
@pytest.mark.parametrize("attend", [True, False])
def test_an_expanded_query_counts_all_its_tokens(expansion: dict[str, Any], attend: bool, tmp_path: Path) -> None:
    network, processor = open_sentence_transformer(write_colpali(tmp_path, expansion={**expansion, "attend": attend}))
    expected, found = network.model.encode_query(TEXTS), encoded(network, processor)
    assert found.mask.sum(-1).tolist() == [len(each) for each in expected]
    assert found.mask.sum(-1).min() >= expansion["length"]
    for tokens, mask, its in zip(found.tokens, found.mask, expected, strict=True):
        torch.testing.assert_close(tokens[mask], its, atol=1e-5, rtol=0)
    assert words(processor, TEXTS) == [text.split() for text in TEXTS]


def test_a_prompt_is_read_but_its_words_are_no_words_of_the_text(tmp_path: Path) -> None:
    asked = write_clip(tmp_path / "asked", prompts={"query": "find the image: ", "document": ""})
    silent = write_clip(tmp_path / "silent")
    (network, processor), (plain, its) = (open_sentence_transformer(each) for each in (asked, silent))
    assert words(processor, TEXTS) == words(its, TEXTS) == [text.split() for text in TEXTS]
    torch.testing.assert_close(encoded(network, processor), torch.as_tensor(network.model.encode_query(TEXTS)))
    assert (encoded(network, processor) - encoded(plain, its)).abs().max() > 1e-3


@pytest.mark.parametrize("kind", ["clip", "qwen"])
def test_a_text_that_is_too_long_is_cut_as_the_library_cuts_it(kind: str, folders: dict[str, Path]) -> None:
    network, processor = open_sentence_transformer(folders[kind], picture_side=SIDE)
    if kind == "qwen":  # CLIP reads 14 tokens at most, which its tokenizer does not know
        network.model.tokenizer.model_max_length = 14
    text = " ".join(["red circle turns"] * 9)
    torch.testing.assert_close(encoded(network, processor, [text]), torch.as_tensor(network.model.encode_query([text])))
    found = words(processor, [text])[0]
    assert 0 < len(found) < 13
    assert found == text.split()[: len(found)]
    tokens = processor.tokenize([text])
    assert tokens.input_ids.shape == (1, 14)
    # The library may put the end of the template in the place of words: those were not read.
    is_word = tokens.spans[0, :, 1] > 0
    assert processor.tokenizer.convert_ids_to_tokens(tokens.input_ids[0, is_word]) == found


def test_dot_products_are_of_means_of_vectors_as_they_are(tmp_path: Path) -> None:
    network, processor = open_sentence_transformer(write_clip(tmp_path, compare="dot"))
    frames = frames_for(processor)
    with torch.inference_mode():
        scores = network.similarity(encoded(network, processor), network.encode_videos(frames, MASK))
    of_frames = torch.as_tensor(
        network.model.encode_query(TEXTS) @ network.model.encode_document(as_pictures(frames[0])).T
    )
    torch.testing.assert_close(scores[:, 0], of_frames.mean(-1), atol=1e-5, rtol=1e-5)


def test_kinds_are_told_by_the_files(folders: dict[str, Path], tmp_path: Path) -> None:
    kinds = {kind: kind_of_sentence_transformer(folder) for kind, folder in folders.items()}
    assert kinds == {"clip": "dense", "qwen": "dense", "colpali": "multi-vector", "plain colpali": "multi-vector"}
    assert kind_of_sentence_transformer(folders["clip"].parent / "plain") is None
    assert kind_of_sentence_transformer(tmp_path) is None


def test_a_folder_of_an_earlier_version_is_opened(folders: dict[str, Path], tmp_path: Path) -> None:
    """As clip-ViT-B-32 is on the hub: the module in a folder of its own, under the name that it had."""
    inner = tmp_path / "0_CLIPModel"
    inner.mkdir()
    for file in folders["clip"].iterdir():
        if "sentence" not in file.name and file.name != "modules.json":
            (inner / file.name).write_bytes(file.read_bytes())
    module = {"idx": 0, "name": "0", "path": "0_CLIPModel", "type": "sentence_transformers.models.CLIPModel"}
    (tmp_path / "modules.json").write_text(json.dumps([module]))
    (network, processor), (other, its) = (open_sentence_transformer(each) for each in (tmp_path, folders["clip"]))
    assert isinstance(network, DenseNetwork)
    assert torch.equal(encoded(network, processor), encoded(other, its))


def test_what_the_model_does_with_videos_is_kept(tmp_path: Path) -> None:
    folder = write_qwen(tmp_path)
    config = folder / "processor_config.json"
    settings = {"video_processor_type": "Qwen3VLVideoProcessor", "fps": 2}
    config.write_text(json.dumps(json.loads(config.read_text()) | {"video_processor": settings}))
    network, _ = open_sentence_transformer(folder)
    network.save_pretrained(tmp_path / "saved")
    assert json.loads((tmp_path / "saved" / "processor_config.json").read_text())["video_processor"] == settings
