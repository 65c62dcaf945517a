"""What a converted file becomes: a model, an estimator, a report of every key, and the folder that holds them."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, TypeAlias

from safetensors.torch import save
from transformers import PreTrainedTokenizerBase

from hbi.encoders.state_files import CheckpointError
from hbi.files import StorageError, write_atomically
from hbi.files.checksums import add_checksums
from hbi.games import BanzhafEstimator
from hbi.models.hbi import HBIModel
from hbi.models.processor import HBIProcessor, picture_processor
from hbi.models.question_answering import QuestionAnsweringModel

Kind: TypeAlias = Literal["retrieval", "question answering", "estimator"]
"""What the authors released."""


@dataclass(frozen=True)
class ConversionReport:
    """What became of every key of a file.

    Attributes:
        kind: What the file is.
        used: For every parameter here, the key that it was read from.
        unused: For every other key, why it was not read.
        missing: For what a file of this kind may hold and this one does not, what follows.
    """

    kind: Kind
    used: dict[str, str]
    unused: dict[str, str]
    missing: dict[str, str]


@dataclass(frozen=True)
class Conversion:
    """A released file, converted: a model, the estimator that taught it, or both, and the report."""

    model: HBIModel | QuestionAnsweringModel | None
    estimator: BanzhafEstimator | None
    report: ConversionReport

    def save(self, folder: Path, tokenizer: PreTrainedTokenizerBase | None = None) -> None:
        """Write a folder that `from_pretrained` of the model's class opens, the whole of it or nothing.

        model.safetensors, config.json   the model
        estimator.safetensors            the estimator, as `hbi train-estimator` writes one
        conversion.json                  the report
        tokenizer and processor files    what `HBIProcessor.from_pretrained` opens; without a tokenizer, pictures only
        SHA256SUMS                       checksums of all of these

        Raises:
            CheckpointError: The folder is there already and not empty.
            ModelError: The tokenizer has another vocabulary than the model.
            StorageError: The folder cannot be written.
        """
        if os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
            raise CheckpointError(f"{folder} is not empty: choose another folder, nothing is overwritten")
        processor = None
        if self.model is not None:
            config = self.model.config
            processor = (
                HBIProcessor.for_model(config, tokenizer, released_loader=True)
                if tokenizer
                else picture_processor(config)
            )
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as place:
                unfinished = Path(place) / folder.name
                if self.model is not None and processor is not None:
                    self.model.save_pretrained(unfinished)
                    processor.save_pretrained(unfinished)
                self._write_rest(unfinished)
                add_checksums(unfinished)
                unfinished.replace(folder)
        except OSError as error:
            raise StorageError(f"cannot write {folder}: {error.strerror or error}; nothing was written") from error

    def _write_rest(self, folder: Path) -> None:
        if self.estimator is not None:
            tensors = {name: tensor.contiguous() for name, tensor in self.estimator.state_dict().items()}
            metadata = {"channels": str(len(self.estimator.query)), "unit": str(self.estimator.unit)}
            write_atomically(folder / "estimator.safetensors", save(tensors, metadata))
        write_atomically(folder / "conversion.json", json.dumps(asdict(self.report), indent=2) + "\n")
