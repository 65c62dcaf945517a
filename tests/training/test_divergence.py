"""A training whose numbers leave all bounds ends in one line that says when; the folder keeps its last good state."""

import pytest
import torch

from hbi.matching import load
from hbi.training.loop import DivergedError
from hbi.training.run_folder import RunFolder
from training.tiny import CPU, run_folder, trainer


def spoil_weights(training, value: float) -> None:
    with torch.no_grad():
        for parameter in training.model.parameters():
            parameter.fill_(value)


def nothing(progress) -> None:
    pass


@pytest.mark.parametrize("kind", ["hbi", "global", "answering"])
@pytest.mark.parametrize("value", [float("nan"), 1e30])
def test_weights_that_are_no_numbers_end_the_training_before_anything_is_written(tmp_path, kind, value):
    training = trainer(tmp_path, kind)
    spoil_weights(training, value)
    with pytest.raises(DivergedError, match=r"at step 1: the training diverged; lower .* another --out"):
        training.run(nothing)
    assert not RunFolder(tmp_path).checkpoint.exists()
    assert not (RunFolder(tmp_path).weights("best") / "model.safetensors").exists()


def test_a_step_that_leads_nowhere_is_not_kept(tmp_path):
    folder = run_folder(tmp_path / "run")
    before = {file: file.read_bytes() for file in folder.rglob("*.*") if file.suffix in {".pt", ".safetensors"}}
    training = trainer(folder, "hbi")
    training.resume()
    training.step = 0
    for optimizer in training.optimizers:
        step = optimizer.step

        def leap(step=step) -> None:
            step()
            spoil_weights(training, 1e38)

        optimizer.step = leap
    with pytest.raises(DivergedError, match="the weights grew beyond all bounds at step 1"):
        training.run(nothing)
    assert before == {file: file.read_bytes() for file in before}
    assert load(folder, device=CPU)
    again = trainer(folder, "hbi")
    assert again.resume() == 2


def test_validation_that_computes_no_numbers_is_told_by_its_step(tmp_path):
    training = trainer(tmp_path, "hbi")

    def validate(model):
        raise FloatingPointError("the similarities of the validation split became no numbers")

    training.validate = validate
    with pytest.raises(DivergedError, match="validation split became no numbers at step 2"):
        training.run(nothing)
    assert not (RunFolder(tmp_path).weights("best") / "model.safetensors").exists()
