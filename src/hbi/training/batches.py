"""Which videos, frames and captions a step sees: a pure function of the seed and the step, so that a run resumes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int, Shaped
from numpy.typing import NDArray
from torch import Tensor

from hbi.data.answer_vocabulary import OUT_OF_VOCABULARY
from hbi.data.frames import KeptFrames
from hbi.data.samples import DataError, Split
from hbi.encoders.tokenizer import TokenizedTexts
from hbi.training.distributed import ALONE, Processes


@dataclass(frozen=True)
class Batch:
    """What one training step feeds the network; texts are grouped by video.

    Attributes:
        frames: As the store keeps them, pixels or features; zeros at padding.
        video_of_text: For every text the row of its video, ascending.
        labels: Where the texts are questions, the number of each one's answer.
    """

    input_ids: Int[Tensor, "text word"]
    attention_mask: Int[Tensor, "text word"]
    frames: Shaped[Tensor, "video frame *content"]
    frame_mask: Bool[Tensor, "video frame"]
    video_of_text: Int[Tensor, " text"]
    labels: Int[Tensor, " text"] | None = None

    def __len__(self) -> int:
        """Return the number of videos."""
        return len(self.frames)

    def parts(self, num_videos: int) -> Iterator["Batch"]:
        """Yield the batch in pieces of at most `num_videos` videos with their texts."""
        for start in range(0, len(self), num_videos):
            videos = slice(start, min(start + num_videos, len(self)))
            texts = texts_of_videos(self.video_of_text, videos)
            yield Batch(
                self.input_ids[texts],
                self.attention_mask[texts],
                self.frames[videos],
                self.frame_mask[videos],
                self.video_of_text[texts] - start,
                None if self.labels is None else self.labels[texts],
            )

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device."""
        tensors = {name: tensor for name, tensor in vars(self).items() if tensor is not None}
        return Batch(**{name: tensor.to(device, non_blocking=True) for name, tensor in tensors.items()})


class TrainingBatches:
    """The batches of a training run, by step.

    Every epoch visits every usable video once, in an order of its own. A video brings `captions_per_video` of its
    captions and `num_frames` of its frames: where the store holds more, one at random from each of `num_frames` equal
    stretches (the sampling of temporal segment networks, Wang et al. 2016).

    Several processes share a batch: it is the same whatever their number, and each is given its own rows, in order.

    Where the texts are questions, `labels` holds the number of the answer to each text of the split, and -1 for
    captions. A video then brings `captions_per_video` of its questions and `captions_beside_questions` of its captions.
    """

    def __init__(
        self,
        split: Split,
        store: KeptFrames,
        tokenize: Callable[[Sequence[str]], TokenizedTexts],
        *,
        batch_size: int,
        captions_per_video: int,
        num_frames: int,
        seed: int,
        processes: Processes = ALONE,
        labels: Int[Tensor, " text"] | None = None,
        captions_beside_questions: int = 0,
    ) -> None:
        self.labels, self.captions_beside_questions = labels, captions_beside_questions
        self.split, self.frames, self.tokenize = split, store, tokenize
        self._is_asked = None if labels is None else (labels != OUT_OF_VOCABULARY).tolist()
        self.batch_size, self.captions_per_video = batch_size, captions_per_video
        self.num_frames, self.seed = num_frames, seed
        has_text = torch.tensor([bool(texts) for texts in split.texts_of_video], dtype=torch.bool)
        self.usable = torch.nonzero(store.is_usable & has_text).flatten().numpy()
        if len(self.usable) < batch_size:
            raise DataError(
                f"a batch needs {batch_size} videos with a caption but only {len(self.usable)} are usable: "
                "lower training.batch_size or add videos"
            )
        if batch_size % processes.world_size:
            raise DataError(
                f"a batch of {batch_size} videos cannot be shared equally by {processes.world_size} processes: change "
                "training.batch_size or the number of processes"
            )
        share = batch_size // processes.world_size
        self.own = slice(processes.rank * share, (processes.rank + 1) * share)

    @property
    def steps_per_epoch(self) -> int:
        """How many whole batches the videos make."""
        return len(self.usable) // self.batch_size

    def __getitem__(self, step: int) -> Batch:
        """Return this process's rows of the batch of a step, counted from 0."""
        epoch, position = divmod(step, self.steps_per_epoch)
        order = np.random.default_rng((self.seed, epoch)).permutation(self.usable)
        rows = order[position * self.batch_size : (position + 1) * self.batch_size]
        random = np.random.default_rng((self.seed, epoch, position))
        # Drawn for the whole batch, so that a process's rows do not depend on how many share it; decided before any
        # pixel is touched.
        chosen, video_of_text = self._choose_texts(rows, random)
        tokenized = self.tokenize([self.split.texts[text].text for text in chosen])
        columns, mask = self._columns(rows, random)
        own, texts = self.own, texts_of_videos(video_of_text, self.own)
        frames = self.frames.content[torch.from_numpy(rows)[own, None], columns[own]]
        return Batch(
            tokenized.input_ids[texts],
            tokenized.attention_mask[texts],
            frames * mask[own].view(*frames.shape[:2], *[1] * (frames.dim() - 2)),
            mask[own],
            video_of_text[texts] - own.start,
            None if self.labels is None else self.labels[torch.tensor(chosen)[texts]],
        )

    def _choose_texts(self, rows: NDArray[np.int64], random: np.random.Generator) -> tuple[list[int], Tensor]:
        texts, video_of_text = list[int](), list[int]()
        for index, row in enumerate(rows):
            for owned, wanted in self._texts_by_use(self.split.texts_of_video[row]):
                chosen = random.choice(owned, size=min(wanted, len(owned)), replace=False)
                texts += chosen.tolist()
                video_of_text += [index] * len(chosen)
        return texts, torch.tensor(video_of_text)

    def _texts_by_use(self, owned: Sequence[int]) -> Iterator[tuple[Sequence[int], int]]:
        """Yield the texts of a video to choose from, and how many: all alike, or questions and then captions."""
        if self._is_asked is None or not self.captions_beside_questions:
            yield owned, self.captions_per_video
            return
        for is_asked, wanted in ((True, self.captions_per_video), (False, self.captions_beside_questions)):
            if some := [text for text in owned if self._is_asked[text] == is_asked]:
                yield some, wanted

    def _columns(self, rows: NDArray[np.int64], random: np.random.Generator) -> tuple[Tensor, Tensor]:
        # A short video keeps its few frames at the front of its row: spread the choice over what is there.
        counts = self.frames.mask[torch.from_numpy(rows)].sum(-1).numpy()
        wanted = np.minimum(counts, self.num_frames)
        columns = np.zeros((len(rows), self.num_frames), dtype=np.int64)
        mask = np.arange(self.num_frames) < wanted[:, None]
        for index, (count, number) in enumerate(zip(counts, wanted, strict=True)):
            edges = np.arange(number + 1) * count / number
            offsets = edges[:-1] + random.random(number) * np.diff(edges)
            columns[index, :number] = np.minimum(offsets.astype(np.int64), count - 1)
        return torch.from_numpy(columns), torch.from_numpy(mask)


def texts_of_videos(video_of_text: Int[Tensor, " text"], videos: slice) -> slice:
    """Return where the texts of some videos stand, texts being grouped by video.

    Args:
        video_of_text: The row of each text's video, ascending.
        videos: Rows.
    """
    start, stop = torch.searchsorted(video_of_text, torch.tensor([videos.start, videos.stop])).tolist()
    return slice(start, stop)
