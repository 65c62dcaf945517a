"""`hbi convert` writes a folder that opens, reports every key, and refuses what it cannot read whole."""

import json

import torch
from safetensors.torch import save_file
from transformers import AutoProcessor

from hbi.encoders.tokenizer import train_tokenizer
from hbi.models import HBIModel
from hbi.training.estimator_training import load_estimator
from released_weights import released_batch, released_state


def test_a_checkpoint_becomes_a_folder_that_opens(hbi, tmp_path):
    tokenizer = train_tokenizer(["a red circle moves left", "a blue square"])
    tokenizer.save_pretrained(tmp_path / "tokenizer")
    state = released_state(vocab=len(tokenizer))
    torch.save(state, tmp_path / "best.pth")
    out = tmp_path / "models" / "converted"
    options = ("--level-weights", 0.5, 0.3, 0.2, "--max-words", 20, "--tokenizer", tmp_path / "tokenizer")
    code, printed, _ = hbi("convert", tmp_path / "best.pth", "--to", out, *options)
    assert code == 0
    assert "retrieval" in printed
    assert "20 unused, 0 missing" in printed
    assert "banzhafmodel.bn.running_mean" in " ".join(printed.split())
    report = json.loads((out / "conversion.json").read_text())
    assert set(report["used"].values()) | set(report["unused"]) == set(state)

    model, processor = HBIModel.from_pretrained(out), AutoProcessor.from_pretrained(out)
    assert model.config.released_behavior
    assert model.config.level_weights == (0.5, 0.3, 0.2)
    frames = torch.zeros(9, 3, 70, 90, dtype=torch.uint8)
    batch = processor("a red square", [frames])
    assert batch["input_ids"].shape == (1, 20)
    assert model(**batch, video_of_text=torch.arange(1)).similarity.isfinite().all()
    assert torch.equal(load_estimator(out / "estimator.safetensors").query, state["banzhafteacher.Q"])
    assert [path.name for path in out.parent.iterdir()] == ["converted"]


def test_without_a_tokenizer_it_says_so(hbi, tmp_path):
    save_file(released_state(), tmp_path / "weights.safetensors")
    code, printed, _ = hbi("convert", tmp_path / "weights.safetensors", "--to", tmp_path / "out")
    assert code == 0
    assert "no texts" in printed
    assert "max_words=32" in printed
    model = HBIModel.from_pretrained(tmp_path / "out")
    assert model(*released_batch([9], [4], 9, 4), torch.arange(1)).similarity.shape == (1, 1)


def test_estimator_weights_become_an_estimator(hbi, tmp_path):
    state = {
        name.removeprefix("banzhafteacher."): tensor
        for name, tensor in released_state().items()
        if name.startswith("banzhafteacher.")
    }
    torch.save(state, tmp_path / "estimator.pth")
    code, printed, _ = hbi("convert", tmp_path / "estimator.pth", "--to", tmp_path / "out")
    assert code == 0
    assert "estimator: 7 keys used, 5 unused, 0 missing" in printed
    assert "predicts interactions times 1,000" in " ".join(printed.split())
    estimator = load_estimator(tmp_path / "out" / "estimator.safetensors")
    assert estimator.query.shape == (8, 8)
    assert estimator.unit == 1000.0


def test_mistakes_end_in_one_line_and_leave_nothing(hbi, tmp_path):
    state = released_state()
    del state["v_block0.attn.q.bias"]
    save_file(state, tmp_path / "gap.safetensors")
    save_file(released_state(), tmp_path / "whole.safetensors")
    train_tokenizer(["other words"]).save_pretrained(tmp_path / "tokenizer")
    full = tmp_path / "full"
    full.mkdir()
    (full / "precious").touch()
    to = ("--to", tmp_path / "out")
    for arguments, message in (
        ((tmp_path / "gap.safetensors", *to), "lacks v_block0.attn.q.bias"),
        ((tmp_path / "absent.pth", *to), "is not a file"),
        ((tmp_path / "whole.safetensors", *to, "--tokenizer", tmp_path / "tokenizer"), "the tokenizer has"),
        ((tmp_path / "whole.safetensors", *to, "--tokenizer", tmp_path / "full"), "holds no tokenizer"),
        ((tmp_path / "whole.safetensors", *to, "--max-words", 33), "max_words"),
        ((tmp_path / "whole.safetensors", "--to", full), "not empty"),
    ):
        code, _, error = hbi("convert", *arguments)
        assert code == 2
        assert message in error
        assert len(error.strip().splitlines()) == 1, error
        assert not (tmp_path / "out").exists()
    assert [path.name for path in full.iterdir()] == ["precious"]
