"""The course of a training as TensorBoard scalars, in its run folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hbi.files import StorageError
from hbi.training.loop import Trainer, TrainingCallback, TrainingProgress


@contextmanager
def tensorboard(trainer: Trainer) -> Iterator[TrainingCallback]:
    """Write the parts of the loss, and what validation gives, as TensorBoard scalars into the run folder.

    A run that goes on takes back what was written of steps that are done again.

    Raises:
        StorageError: They cannot be written.
    """
    from torch.utils.tensorboard import SummaryWriter

    place, log_every = trainer.folder.path / "tensorboard", trainer.settings.log_every
    with _writing(place):
        writer = SummaryWriter(str(place), purge_step=trainer.step + 1 if trainer.step else None)

    def write(progress: TrainingProgress) -> None:
        with _writing(place):
            if progress.step % log_every == 0:
                for name, value in progress.parts.items():
                    writer.add_scalar(f"train/{name}", value, progress.step)
                writer.add_scalar("speed/videos_per_second", progress.videos_per_second, progress.step)
            if progress.validation is not None:
                for name, value in progress.validation.scores.items():
                    writer.add_scalar(f"validation/{name}", value, progress.step)
                writer.flush()  # who follows a training sees it now

    yield write
    with _writing(place):
        writer.close()


@contextmanager
def _writing(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"cannot write {place}: {error.strerror or error}; free space or choose another --out, then --resume"
        ) from error
