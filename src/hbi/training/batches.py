"""Which videos, frames and captions a step sees: a pure function of the seed and the step, so that a run resumes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np
import torch
from jaxtyping import Bool, Int, Shaped
from numpy.typing import NDArray
from torch import Tensor

from hbi.data.answer_vocabulary import OUT_OF_VOCABULARY
from hbi.data.exchanged_frames import captions_with_order
from hbi.data.frames import KeptFrames
from hbi.data.samples import DataError, Split
from hbi.data.word_classes import content_words
from hbi.encoders.tokenizer import TokenizedTexts
from hbi.training.augmentation import RandAugment
from hbi.training.distributed import ALONE, Processes
from hbi.training.dropped_words import DroppedWords
from hbi.training.lone_words import NONE, LoneWords
from hbi.training.marks import Marks, followed_by_copies, function_words_of, shifted
from hbi.training.wrong_rows import ExchangedCaptions, TurnedVideos


@dataclass(frozen=True)
class Batch:
    """What one training step feeds the network; texts are grouped by video.

    Attributes:
        frames: As the store keeps them, pixels or features; zeros at padding.
        video_of_text: For every text the row of its video, ascending.
        labels: Where the texts are questions, the number of each one's answer.
        marks: What only the loss reads, where it does. A row that was made wrong follows the one that it was made from.
    """

    input_ids: Int[Tensor, "text word"]
    attention_mask: Int[Tensor, "text word"]
    frames: Shaped[Tensor, "video frame *content"]
    frame_mask: Bool[Tensor, "video frame"]
    video_of_text: Int[Tensor, " text"]
    labels: Int[Tensor, " text"] | None = None
    marks: Marks | None = None

    def __len__(self) -> int:
        """Return the number of videos, those that were turned in time among them."""
        return len(self.frames)

    def parts(self, num_videos: int) -> Iterator["Batch"]:
        """Yield the batch, without marks, in pieces of at most `num_videos` videos with their texts.

        A video that was turned in time comes with its original and does not count: processes have the same number of
        pieces, however many of their videos are turned.
        """
        starts = self._originals()[::num_videos].tolist()
        for start, stop in zip(starts, [*starts[1:], len(self)], strict=True):
            videos = slice(start, stop)
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
        tensors = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        moved = {name: tensor.to(device, non_blocking=True) for name, tensor in tensors.items()}
        return Batch(**moved, marks=None if self.marks is None else self.marks.to(device))

    def _originals(self) -> Int[Tensor, " original"]:
        """Return the rows of the videos that are as they are."""
        if self.marks is None:
            return torch.arange(len(self))
        return (self.marks.true_video == NONE).nonzero().squeeze(1)


@dataclass(frozen=True)
class _Drawn:
    """What a step sees, of all processes: rows and columns of the store, and texts with their numbers in the split."""

    rows: Int[Tensor, " video"]
    columns: Int[Tensor, "video frame"]
    mask: Bool[Tensor, "video frame"]
    numbers: Int[Tensor, " text"]
    texts: Sequence[str]
    video_of_text: Int[Tensor, " text"]
    true_text: Int[Tensor, " text"]
    true_video: Int[Tensor, " video"]
    is_lone: Bool[Tensor, " text"]


class TrainingBatches:
    """The batches of a training run, by step.

    Every epoch visits every usable video once, in an order of its own. A video brings `captions_per_video` of its
    captions and `num_frames` of its frames: where the store holds more, one at random from each of `num_frames` equal
    stretches (the sampling of temporal segment networks, Wang et al. 2016).

    Several processes share a batch: it is the same whatever their number, and each is given its own rows, in order.

    Where the texts are questions, `labels` holds the number of the answer to each text of the split, and -1 for
    captions. A video then brings `captions_per_video` of its questions and `captions_beside_questions` of its captions.

    With `dropped_words` some captions of a step are shorter; questions stay whole. With `exchanged` some captions are
    made wrong, with `turned` some videos, each beside the true one. With `adds_words` each word that the step's
    captions look for is a text by itself, of the first video that has it. With `finds_function_words` a batch says
    which tokens are such. `augment` changes the frames of each video, in a way that is drawn anew each step.
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
        dropped_words: DroppedWords | None = None,
        exchanged: ExchangedCaptions | None = None,
        turned: TurnedVideos | None = None,
        adds_words: bool = False,
        finds_function_words: bool = False,
        augment: RandAugment | None = None,
    ) -> None:
        self.augment = augment
        self.dropped_words, self.exchanged, self.turned, self.adds_words = dropped_words, exchanged, turned, adds_words
        self.finds_function_words = finds_function_words
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
    def is_marked(self) -> bool:
        """Whether batches have marks."""
        return self.finds_function_words or self.adds_words or not self.exchanged is self.turned is None

    @property
    def steps_per_epoch(self) -> int:
        """How many whole batches the videos make."""
        return len(self.usable) // self.batch_size

    @property
    def steps_of_all_texts(self) -> float:
        """In how many steps as many texts are drawn as there are: captions, or questions where there are labels.

        An epoch in the sense of published work, which counts pairs of a text and its video.
        """
        texts = self.split.texts_of_video
        owned = [len(texts[row]) if self._is_asked is None else self._num_asked(texts[row]) for row in self.usable]
        drawn = sum(min(number, self.captions_per_video) for number in owned)
        return sum(owned) / max(1, drawn) * len(self.usable) / self.batch_size

    def _num_asked(self, texts: Sequence[int]) -> int:
        assert self._is_asked is not None
        return sum(self._is_asked[text] for text in texts)

    def __getitem__(self, step: int) -> Batch:
        """Return this process's rows of the batch of a step, counted from 0."""
        epoch, position = divmod(step, self.steps_per_epoch)
        order = np.random.default_rng((self.seed, epoch)).permutation(self.usable)
        rows = order[position * self.batch_size : (position + 1) * self.batch_size]
        random = np.random.default_rng((self.seed, epoch, position))
        # Drawn for the whole batch, so that a process's rows do not depend on how many share it; decided before any
        # pixel is touched.
        chosen, video_of_text = self._choose_texts(rows, random)
        columns, mask = self._columns(rows, random)
        texts = self._texts(chosen, step)
        no_text, no_video = torch.full((len(chosen),), NONE), torch.full((len(rows),), NONE)
        numbers, row = torch.tensor(chosen), torch.from_numpy(rows)
        drawn = _Drawn(row, columns, mask, numbers, texts, video_of_text, no_text, no_video, no_text != NONE)
        drawn = self._with_turned(self._with_exchanged(drawn, step), step)
        return self._own_rows(self._with_words(drawn), step)

    def _texts(self, chosen: Sequence[int], step: int) -> list[str]:
        """Return the texts of a step, captions without the words that are dropped."""
        texts = [self.split.texts[text].text for text in chosen]
        if self.dropped_words is None:
            return texts
        shorter = self.dropped_words.of_step(texts, seed=self.seed, step=step)
        is_asked = [self._is_asked is not None and self._is_asked[text] for text in chosen]
        return [text if asked else short for text, short, asked in zip(texts, shorter, is_asked, strict=True)]

    def _own_rows(self, drawn: _Drawn, step: int) -> Batch:
        """Return this process's rows of what was drawn for a step."""
        originals = [*(drawn.true_video == NONE).nonzero().flatten().tolist(), len(drawn.rows)]
        own = slice(originals[self.own.start], originals[self.own.stop])
        texts = texts_of_videos(drawn.video_of_text, own)
        tokenized = self.tokenize(drawn.texts)
        mask = drawn.mask[own]
        frames = self.frames.content[drawn.rows[own, None], drawn.columns[own]]
        if self.augment is not None:  # a video that was turned in time looks as itself does
            frames = self.augment(frames, mask, [(self.seed, step, 3, row) for row in drawn.rows[own].tolist()])
        return Batch(
            tokenized.input_ids[texts],
            tokenized.attention_mask[texts],
            frames * mask.view(*frames.shape[:2], *[1] * (frames.dim() - 2)),
            mask,
            drawn.video_of_text[texts] - own.start,
            self._labels_of(drawn.numbers[texts]),
            self._marks(drawn, tokenized, own, texts) if self.is_marked else None,
        )

    def _labels_of(self, numbers: Int[Tensor, " text"]) -> Int[Tensor, " text"] | None:
        if self.labels is None:
            return None
        return torch.where(numbers == NONE, OUT_OF_VOCABULARY, self.labels[numbers])

    def _are_captions(self, drawn: _Drawn) -> Bool[Tensor, " text"]:
        """Return which texts are captions as they are: not made wrong, no word by itself, and no question."""
        is_true = (drawn.true_text == NONE) & ~drawn.is_lone
        labels = self._labels_of(drawn.numbers)
        return is_true if labels is None else is_true & (labels == OUT_OF_VOCABULARY)

    def _marks(self, drawn: _Drawn, tokenized: TokenizedTexts, own: slice, texts: slice) -> Marks:
        captions = drawn.texts[texts]
        return Marks(
            shifted(drawn.true_text[texts], -texts.start),
            shifted(drawn.true_video[own], -own.start),
            captions_with_order(captions),
            function_words_of(captions, tokenized.spans[texts]) if self.finds_function_words else None,
            self._lone_words(drawn, tokenized, texts) if self.adds_words else None,
        )

    def _lone_words(self, drawn: _Drawn, tokenized: TokenizedTexts, texts: slice) -> LoneWords:
        is_caption = self._are_captions(drawn)
        marks = LoneWords.find(drawn.texts, tokenized.spans, drawn.is_lone.tolist(), is_caption.tolist())
        return LoneWords(marks.is_lone[texts], marks.number[texts])

    def _with_exchanged(self, drawn: _Drawn, step: int) -> _Drawn:
        """Return what was drawn with some captions made wrong, each behind its true one."""
        if self.exchanged is None:
            return drawn

        def others(place: int) -> list[str]:
            video = self.split.texts[int(drawn.numbers[place])].video
            return [self.split.texts[text].text for text in self.split.texts_of_video[video]]

        wrong = self.exchanged.of_step(drawn.texts, others, seed=self.seed, step=step)
        copied = followed_by_copies(torch.tensor([text is not None for text in wrong], dtype=torch.bool))
        pairs = zip(copied.source.tolist(), copied.is_copy.tolist(), strict=True)
        return replace(
            drawn,
            numbers=drawn.numbers[copied.source],
            texts=[str(wrong[place]) if is_copy else drawn.texts[place] for place, is_copy in pairs],
            video_of_text=drawn.video_of_text[copied.source],
            true_text=copied.original,
            is_lone=drawn.is_lone[copied.source],
        )

    def _with_turned(self, drawn: _Drawn, step: int) -> _Drawn:
        """Return what was drawn with some videos turned in time, each behind itself as it is."""
        if self.turned is None:
            return drawn
        tells_order = captions_with_order(drawn.texts) & (drawn.true_text == NONE)
        has_order = torch.zeros(len(drawn.rows), dtype=torch.bool)
        has_order[drawn.video_of_text[tells_order]] = True
        copied = followed_by_copies(self.turned.of_step(has_order, seed=self.seed, step=step))
        columns, mask = drawn.columns[copied.source], drawn.mask[copied.source]
        turned = copied.is_copy
        columns[turned] = columns[turned].gather(1, self.turned.order(mask[turned]))
        return replace(
            drawn,
            rows=drawn.rows[copied.source],
            columns=columns,
            mask=mask,
            video_of_text=copied.place[drawn.video_of_text],
            true_video=copied.original,
        )

    def _with_words(self, drawn: _Drawn) -> _Drawn:
        """Return what was drawn with the words of captions by themselves, each behind the texts of a video with it."""
        if not self.adds_words:
            return drawn
        first_video: dict[str, int] = {}
        for text, video in compress(
            zip(drawn.texts, drawn.video_of_text.tolist(), strict=True), self._are_captions(drawn).tolist()
        ):
            for word in content_words(text):
                first_video.setdefault(word.text, video)
        num_texts, added = len(drawn.texts), torch.full((len(first_video),), NONE)
        videos = torch.cat([drawn.video_of_text, torch.tensor(list(first_video.values()), dtype=torch.long)])
        order = videos.argsort(stable=True)
        true_text = torch.where(drawn.true_text == NONE, NONE, order.argsort()[drawn.true_text])
        texts = [*drawn.texts, *first_video]
        return replace(
            drawn,
            numbers=torch.cat([drawn.numbers, added])[order],
            texts=[texts[number] for number in order.tolist()],
            video_of_text=videos[order],
            true_text=torch.cat([true_text, added])[order],
            is_lone=order >= num_texts,
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
