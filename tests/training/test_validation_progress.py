"""What validation measures is told after its step, as the log has it, and stands in TensorBoard's file."""

from dataclasses import replace

import pytest

from hbi.experiments.tensorboard import tensorboard
from hbi.training.loop import Trainer
from training.tiny import trainer

SCORES = (3.0, 5.0, 5.0, 4.0)
NUM_STEPS, VALIDATE_EVERY, CHECKPOINT_EVERY = 8, 2, 6


def short(path) -> Trainer:
    """A trainer whose validations give `SCORES`, in this order."""
    made = trainer(path, "global")
    made.settings = replace(
        made.settings,
        num_steps=NUM_STEPS,
        validate_every=VALIDATE_EVERY,
        checkpoint_every=CHECKPOINT_EVERY,
        log_every=4,
    )
    made.validate = lambda model: {"score": SCORES[made.step // VALIDATE_EVERY - 1], "accuracy/color": float(made.step)}
    return made


def run(made: Trainer, stop_after: int = NUM_STEPS) -> list[tuple[int, float, int]]:
    """Train with TensorBoard up to a step; return step, score and best step of each validation that was told."""
    told = []
    with tensorboard(made) as write:

        def progress(done):
            log = [line for line in made.folder.read_metrics() if line["kind"] == "validation"]
            assert (done.validation is not None) == (done.step % VALIDATE_EVERY == 0)
            if done.validation is not None:
                assert log[-1]["step"] == done.step, "it is in the log when it is told"
                assert {name: log[-1][name] for name in done.validation.scores} == done.validation.scores
                told.append((done.step, done.validation.scores["score"], done.validation.best_step))
            write(done)
            if done.step == stop_after:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            made.run(progress)
    return told


def scalars(made: Trainer, name: str) -> list[tuple[int, float]]:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(made.folder.path / "tensorboard"))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars(name)]


def test_validations_are_told_with_the_best_so_far(tmp_path):
    made = short(tmp_path / "run")
    assert run(made) == [(2, 3.0, 2), (4, 5.0, 4), (6, 5.0, 4), (8, 4.0, 4)]
    assert scalars(made, "validation/score") == [(2, 3.0), (4, 5.0), (6, 5.0), (8, 4.0)]
    assert scalars(made, "validation/accuracy/color") == [(2, 2.0), (4, 4.0), (6, 6.0), (8, 8.0)]
    assert [step for step, _ in scalars(made, "train/loss")] == [4, 8]


def test_a_run_that_goes_on_knows_its_best_step_and_takes_back_what_it_does_again(tmp_path):
    assert run(short(tmp_path / "run"), stop_after=7) == [(2, 3.0, 2), (4, 5.0, 4), (6, 5.0, 4)]
    again = short(tmp_path / "run")
    assert again.resume() == 6
    assert again.best_step == 4
    assert run(again) == [(8, 4.0, 4)]
    assert [step for step, _ in scalars(again, "validation/score")] == [2, 4, 6, 8]
    assert [step for step, _ in scalars(again, "train/loss")] == [4, 8]
