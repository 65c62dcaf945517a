"""Which videos, frames and captions a step sees: a pure function of the seed and the step, so that a run resumes."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor
from transformers import CLIPTokenizer

from hbi.data.frames import FrameBank, normalize_pixels
from hbi.data.samples import DataError, RetrievalSplit
from hbi.data.tokenizer import tokenize


@dataclass(frozen=True)
class Batch:
    """What one training step feeds the network; texts are grouped by video."""

    input_ids: Int[Tensor, "text word"]
    attention_mask: Int[Tensor, "text word"]
    pixels: Float[Tensor, "video frame channel height width"]
    frame_mask: Bool[Tensor, "video frame"]
    video_of_text: Int[Tensor, " text"]


class TrainingBatches:
    """The batches of a training run, by step.

    Every epoch visits every usable video once, in an order of its own. A video brings `captions_per_video` of its
    captions and `num_frames` of its frames: where the bank holds more, one at random from each of `num_frames` equal
    stretches (the sampling of temporal segment networks, Wang et al. 2016).
    """

    def __init__(
        self,
        split: RetrievalSplit,
        bank: FrameBank,
        tokenizer: CLIPTokenizer,
        *,
        batch_size: int,
        captions_per_video: int,
        num_frames: int,
        max_words: int,
        seed: int,
    ) -> None:
        self.split, self.bank, self.tokenizer = split, bank, tokenizer
        self.batch_size, self.captions_per_video = batch_size, captions_per_video
        self.num_frames, self.max_words, self.seed = num_frames, max_words, seed
        has_text = torch.tensor([bool(texts) for texts in split.texts_of_video], dtype=torch.bool)
        self.usable = torch.nonzero(bank.is_usable & has_text).flatten().numpy()
        if len(self.usable) < batch_size:
            raise DataError(
                f"a batch needs {batch_size} videos with a caption but only {len(self.usable)} are usable: "
                "lower training.batch_size or add videos"
            )

    @property
    def steps_per_epoch(self) -> int:
        """How many whole batches the videos make."""
        return len(self.usable) // self.batch_size

    def __getitem__(self, step: int) -> Batch:
        """Return the batch of a step, counted from 0."""
        epoch, position = divmod(step, self.steps_per_epoch)
        order = np.random.default_rng((self.seed, epoch)).permutation(self.usable)
        rows = order[position * self.batch_size : (position + 1) * self.batch_size]
        random = np.random.default_rng((self.seed, epoch, position))
        texts, video_of_text = self._captions(rows, random)
        tokenized = tokenize(self.tokenizer, texts, self.max_words)
        pixels, mask = self._frames(torch.from_numpy(rows), random)
        return Batch(
            tokenized.input_ids, tokenized.attention_mask, normalize_pixels(pixels), mask, torch.tensor(video_of_text)
        )

    def _captions(self, rows: NDArray[np.int64], random: np.random.Generator) -> tuple[list[str], list[int]]:
        texts, video_of_text = [], []
        for index, row in enumerate(rows):
            owned = self.split.texts_of_video[row]
            chosen = random.choice(owned, size=min(self.captions_per_video, len(owned)), replace=False)
            texts += [self.split.texts[text].text for text in chosen]
            video_of_text += [index] * len(chosen)
        return texts, video_of_text

    def _frames(self, rows: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        # A short video keeps its few frames at the front of its row: spread the choice over what is there.
        counts = self.bank.mask[rows].sum(-1).numpy()
        wanted = np.minimum(counts, self.num_frames)
        columns = np.zeros((len(rows), self.num_frames), dtype=np.int64)
        mask = np.arange(self.num_frames) < wanted[:, None]
        for index, (count, number) in enumerate(zip(counts, wanted, strict=True)):
            edges = np.arange(number + 1) * count / number
            offsets = edges[:-1] + random.random(number) * np.diff(edges)
            columns[index, :number] = np.minimum(offsets.astype(np.int64), count - 1)
        pixels = self.bank.pixels[rows[:, None], torch.from_numpy(columns)]
        return pixels * torch.from_numpy(mask)[:, :, None, None, None], torch.from_numpy(mask)
