"""`hbi evaluate` ranks with a CLIP as it is, and says so."""

import json

import pytest
import torch
from torch.testing import assert_close
from transformers import CLIPConfig, CLIPModel
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from hbi.encoders.tokenizer import tokenize, train_tokenizer
from hbi.shape_stories import generate_shape_stories, load_stories
from hbi.shape_stories.splits import retrieval_split
from hbi.video import read_frames

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stories(tmp_path_factory):
    folder = tmp_path_factory.mktemp("zero") / "data"
    generate_shape_stories(folder, num_train=1, num_val=1, num_test=5)
    return folder


@pytest.fixture(scope="module")
def clip(stories, tmp_path_factory):
    """A folder with a small CLIP and its tokenizer."""
    folder = tmp_path_factory.mktemp("clip")
    texts = retrieval_split("test", load_stories(stories, "test")).texts
    tokenizer = train_tokenizer(text.text for text in texts)
    tower = {"hidden_size": 16, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    special_tokens = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    text = {"vocab_size": len(tokenizer), "max_position_embeddings": 40}
    torch.manual_seed(0)
    model = CLIPModel(
        CLIPConfig(
            projection_dim=16,
            text_config=tower | special_tokens | text | {"projection_dim": 16},
            vision_config=tower | {"projection_dim": 16, "image_size": 24, "patch_size": 8},
        )
    ).eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder, model, tokenizer


def clip_pixels(video, num_frames):
    """What CLIP's own image processor makes of whole frames."""
    processor = CLIPImageProcessorPil(size={"shortest_edge": 24}, crop_size={"height": 24, "width": 24})
    return processor(list(read_frames(video, num_frames).pixels), return_tensors="pt")["pixel_values"]


@torch.no_grad()
def test_it_ranks_by_clips_own_similarity_and_says_so(hbi, stories, clip, tmp_path):
    folder, model, tokenizer = clip
    code, printed, _ = hbi(
        "evaluate", folder, "--data", stories, "--frames", 4, "--out", tmp_path / "out", "--device", "cpu"
    )
    assert code == 0
    assert "zero-shot" in printed
    assert "global similarity" in printed
    record = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert record["similarity"] == "global, zero-shot"

    split = retrieval_split("test", load_stories(stories, "test"))
    tokens = tokenize(tokenizer, [text.text for text in split.texts], 40)
    texts = model.get_text_features(tokens.input_ids, tokens.attention_mask).pooler_output
    means = []
    for video in split.videos:
        features = model.get_image_features(clip_pixels(video.path, 4)).pooler_output
        means.append((features / features.norm(dim=-1, keepdim=True)).mean(0))
    similarity = torch.nn.functional.cosine_similarity(texts[:, None], torch.stack(means)[None], dim=-1)
    right = similarity.masked_fill(~split.relevance, -2).amax(1, keepdim=True)
    rank = 1 + ((similarity > right) & ~split.relevance).sum(1)
    assert record["text_to_video"]["mean_rank"] == pytest.approx(rank.double().mean().item())
    assert_close(torch.tensor(record["text_to_video"]["recall@1"]), (rank == 1).float().mean() * 100)


def test_mistakes_end_in_one_line(hbi, stories, clip, tmp_path):
    folder, *_ = clip
    for arguments, message in (
        ((f"clip:{folder}",), "give its folder with --data"),
        ((tmp_path / "absent", "--data", stories), "there is no folder or file"),
        ((f"clip:{tmp_path / 'absent'}", "--data", stories), "there is no folder or file"),
        ((f"clip:{folder}", "--data", tmp_path / "absent"), "does not exist"),
        ((f"clip:{folder}", "--data", stories, "--dataset", "msrvt"), "no data set 'msrvt'"),
        ((tmp_path,), "holds no model (no recipe.yaml, config.json or index.json in it): give a run folder"),
        ((folder, "--data", stories, "--weights", "last"), "a run alone has last weights"),
    ):
        code, _, error = hbi("evaluate", *arguments)
        assert code == 2
        assert message in error
        assert len(error.strip().splitlines()) == 1, error


@torch.no_grad()
def test_an_index_searches_with_a_clip_as_it_is(hbi, stories, clip, tmp_path):
    pytest.importorskip("lancedb", reason="searching needs an extra")
    folder, model, tokenizer = clip
    videos, index, text = stories / "videos" / "test", tmp_path / "index", "a red circle slides left"
    code, _, _ = hbi("index", videos, "--index", index, "--model", folder, "--whole-videos", "--device", "cpu")
    assert code == 0
    code, printed, _ = hbi("search", index, text, "--json", "--device", "cpu")
    assert code == 0
    hits = json.loads(printed)["hits"]

    tokens = tokenize(tokenizer, [text], 40)
    wanted = model.get_text_features(tokens.input_ids, tokens.attention_mask).pooler_output[0]
    expected = {}
    for video in sorted(videos.glob("*.mp4")):
        features = model.get_image_features(clip_pixels(video, 12))
        mean = torch.nn.functional.normalize(features.pooler_output, dim=-1).mean(0)
        expected[video.name] = torch.nn.functional.cosine_similarity(wanted, mean, dim=0).item()
    assert len(hits) == len(expected)
    assert [hit["path"].rsplit("/", 1)[-1] for hit in hits] == sorted(expected, key=lambda name: -expected[name])
    # Vectors are stored in half precision.
    assert [hit["score"] for hit in hits] == pytest.approx(sorted(expected.values(), reverse=True), abs=1e-3)
