import pytest
import torch
from torch.testing import assert_close
from transformers import AutoConfig, AutoModel, AutoProcessor

from hbi.encoders.preprocessing import normalize_pixels
from hbi.models import HBIModel, HBIProcessor, ModelError
from small_networks import small_model

TEXTS = ["a red circle moves left", "square", "the circle hits a blue square and stops"]


@pytest.fixture(scope="module")
def parts():
    model, tokenizer = small_model(TEXTS)
    return model, HBIProcessor.for_model(model.config, tokenizer)


def videos(*counts, height=16, width=16):
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randint(0, 256, (count, 3, height, width), dtype=torch.uint8, generator=generator) for count in counts
    ]


def test_texts_and_videos_become_what_the_network_takes(parts):
    model, processor = parts
    frames = videos(3, 1, 6)
    batch = processor(TEXTS, frames)
    assert batch["input_ids"].shape == batch["attention_mask"].shape
    assert batch["frame_mask"].sum(1).tolist() == [3, 1, 6]
    assert_close(batch["pixels"][0, :3], normalize_pixels(frames[0]))
    assert not batch["pixels"][1, 1:].any()
    assert model(**batch, video_of_text=torch.arange(3)).similarity.shape == (3, 3)


def test_frames_of_any_size_are_resized_and_cropped(parts):
    _, processor = parts
    gray = torch.full((2, 3, 50, 80), 128, dtype=torch.uint8)
    pixels = processor(videos=[gray])["pixels"]
    assert pixels.shape == (1, 2, 3, 16, 16)
    assert_close(pixels[0, 0, :, 3, 3], normalize_pixels(gray)[0, :, 3, 3])


def test_a_single_text_and_padding_to_full_length(parts):
    model, processor = parts
    assert processor("square")["input_ids"].shape[0] == 1
    full = HBIProcessor(processor.image_processor, processor.tokenizer, 14, is_padded_to_max_words=True)
    assert full(["square"])["input_ids"].shape == (1, 14)
    assert model.config.max_words == 16
    assert processor("circle " * 50)["input_ids"].shape == (1, 16)


def test_auto_classes_open_what_was_saved(parts, tmp_path):
    model, processor = parts
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    assert AutoConfig.from_pretrained(tmp_path).merge_ratio == (0.5, 0.5)
    loaded, again = AutoModel.from_pretrained(tmp_path), AutoProcessor.from_pretrained(tmp_path)
    assert isinstance(loaded, HBIModel)
    assert isinstance(again, HBIProcessor)
    assert again.max_words == 16
    frames = videos(2, 4, height=20, width=31)
    before, after = processor(TEXTS[:2], frames), again(TEXTS[:2], frames)
    for name in before:
        assert torch.equal(before[name], after[name])


def test_mistakes_are_named(parts):
    model, processor = parts
    with pytest.raises(ValueError, match="text, videos or both"):
        processor()
    with pytest.raises(ValueError, match="at least one frame"):
        processor(videos=videos(2, 0))
    _, other = small_model(["another corpus altogether"])
    with pytest.raises(ModelError, match="the tokenizer has"):
        HBIProcessor.for_model(model.config, other)
