"""A second stage for a trained model: trained on the model's data set, and measured there."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from hbi.data.benchmark import SplitName
from hbi.errors import HBIError
from hbi.evaluation.second_stage import SecondStageReport, second_stage_report
from hbi.experiments.bars import Bars, no_bars
from hbi.experiments.schema import Recipe
from hbi.experiments.splits import DecodedSplit, decode_split
from hbi.files import write_atomically
from hbi.matching import Matcher
from hbi.matching.encoded_split import EncodedSplit, encode_split
from hbi.matching.second_stage import SecondStage, require_tokens
from hbi.models.cross_encoder import CrossEncoderSizes
from hbi.models.cross_encoder_file import save_cross_encoder
from hbi.training.second_stage_training import SecondStageChoice, SecondStageTraining
from hbi.training.second_stage_training import train_second_stage as fit

GALLERY = 500
"""Training videos that are ranked together: about as hard to tell apart as those of the splits that measure, and a
similarity of every text with every video of a large data set would not fit into memory."""


@dataclass(frozen=True)
class SecondStageEvaluation:
    """What a second stage changes on a split.

    Attributes:
        name: Of the model.
        second_stage: What ranks again.
        report: All measures.
    """

    name: str
    second_stage: str
    report: SecondStageReport

    def write(self, folder: Path) -> Path:
        """Write the measures as JSON into a folder; return the file."""
        split = self.report.split
        file = folder / ("second-stage.json" if split == "test" else f"second-stage-{split}.json")
        values: dict[str, Any] = {"model": self.name, "second_stage": self.second_stage, **self.report.to_dict()}
        write_atomically(file, json.dumps(values, indent=2) + "\n")
        return file


def train_second_stage(
    matcher: Matcher,
    recipe: Recipe,
    out: Path,
    *,
    settings: SecondStageTraining | None = None,
    channels: int = 24,
    num_layers: int = 2,
    bars: Bars = no_bars,
) -> SecondStageChoice:
    """Train a second stage on what a model encodes of its training split, write it, and return what was chosen.

    Args:
        matcher: The model, which stays as it is.
        recipe: Names the data.
        out: The file to write.
        settings: How it is trained; None: as by default.
        channels, num_layers: Of the network, see `CrossEncoderSizes`.
        bars: Shows how far the work has come.

    Raises:
        HBIError: The model compares wholes, or the training diverges.
        DataError: The data set is not there, or not as it should be.
    """
    require_tokens(matcher)
    chosen = settings or SecondStageTraining()
    # As many frames as a search sees, not those that a training draws from.
    recipe = recipe.model_copy(update={"data": recipe.data.model_copy(update={"frames_per_position": 1})})
    train = _galleries(matcher, recipe, bars, seed=chosen.seed)
    validation = _encoded(matcher, _decoded(matcher, recipe, "val", bars), bars)
    sizes = CrossEncoderSizes(width=matcher.width, channels=channels, num_layers=num_layers)
    with bars("training the second stage") as progress:
        network, choice = fit(
            train,
            validation,
            sizes,
            chosen,
            logit_scale=matcher.logit_scale,
            device=matcher.device,
            progress=lambda step, num_steps, loss: progress(step, num_steps) if progress else None,
        )
    quality = {f"validation recall@1, strength {strength:g}": value for strength, value in choice.recall_at_1.items()}
    save_cross_encoder(network, out, fingerprint=matcher.fingerprint, quality=quality)
    return choice


def measure_second_stage(
    matcher: Matcher, recipe: Recipe, file: Path, *, split: SplitName = "test", bars: Bars = no_bars
) -> SecondStageEvaluation:
    """Return what a second stage changes in the ranking of a split's videos.

    Args:
        matcher: The opened model.
        recipe: Names the data.
        file: The second stage, trained for this model.
        split: Which videos and texts.
        bars: Shows how far the work has come.

    Raises:
        HBIError: The file cannot be read, or was trained for another model.
        DataError: The data set is not there, or not as it should be.
    """
    second_stage = SecondStage.open(file, matcher)
    decoded = _decoded(matcher, recipe, split, bars)
    encoded = _encoded(matcher, decoded, bars)
    report = second_stage_report(second_stage, decoded.split, encoded)
    return SecondStageEvaluation(matcher.name, second_stage.name, report)


def _galleries(matcher: Matcher, recipe: Recipe, bars: Bars, *, seed: int) -> list[EncodedSplit]:
    """Return the usable videos of the training split in galleries, drawn from a seed, each with its texts."""
    decoded = _decoded(matcher, recipe, "train", bars)
    has_text = torch.tensor([bool(texts) for texts in decoded.split.texts_of_video])
    usable = (decoded.frames.is_usable & has_text).nonzero().flatten()
    drawn = usable[torch.randperm(len(usable), generator=torch.Generator().manual_seed(seed))]
    if not len(drawn):
        raise HBIError("no video of the training split has frames and a caption: there is nothing to train on")
    galleries = []
    for rows in drawn.chunk(math.ceil(len(drawn) / GALLERY)):
        is_in = torch.zeros(len(has_text), dtype=torch.bool).index_fill(0, rows, True)
        gallery = DecodedSplit(decoded.split.only(is_in), decoded.frames.only(is_in))
        galleries.append(_encoded(matcher, gallery, bars))
    return galleries


def _decoded(matcher: Matcher, recipe: Recipe, name: SplitName, bars: Bars) -> DecodedSplit:
    with bars("decoding videos") as progress:
        return decode_split(recipe, name, progress, matcher.picture)


def _encoded(matcher: Matcher, decoded: DecodedSplit, bars: Bars) -> EncodedSplit:
    texts = [text.text for text in decoded.split.texts]
    with bars("comparing texts") as progress:
        return encode_split(matcher, texts, decoded.frames, decoded.split.relevance, progress=progress)
