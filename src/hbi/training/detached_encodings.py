"""A batch's encodings without the graph of the towers: gradient caching goes back through them part by part."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from hbi.models import Encoding
from hbi.ops import TokenSequence
from hbi.training.batches import Batch
from hbi.training.distributed import Processes
from hbi.training.marks import Marks

Encodings = tuple[Encoding, Encoding]
"""Of texts and of videos."""


def tensors_of(encodings: Encodings) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the tensors that carry gradient back: word tokens, text summaries, frame tokens, video summaries."""
    texts, videos = encodings
    return texts.sequence.tokens, texts.summary, videos.sequence.tokens, videos.summary


@dataclass(frozen=True)
class DetachedEncodings:
    """The encodings of a batch, detached from the towers that made them.

    Attributes:
        tensors: See `tensors_of`.
    """

    tensors: tuple[Tensor, ...]
    word_mask: Bool[Tensor, "text word"]
    frame_mask: Bool[Tensor, "video frame"]
    video_of_text: Int[Tensor, " text"]
    labels: Int[Tensor, " text"] | None = None
    marks: Marks | None = None

    @classmethod
    def join(
        cls,
        encoded: Sequence[Encodings],
        video_of_text: Int[Tensor, " text"],
        labels: Int[Tensor, " text"] | None,
        marks: Marks | None = None,
    ) -> "DetachedEncodings":
        """Return the encodings of consecutive parts as one, without their graph.

        Args:
            encoded: Of each part.
            video_of_text: The row of each text's video, of all parts together.
            labels: The number of each question's answer; None: no text asks.
            marks: Of all rows; None: the loss reads none.
        """
        tensors = tuple(torch.cat(parts).detach() for parts in zip(*map(tensors_of, encoded), strict=True))
        words, frames = (torch.cat([part.sequence.mask for part in side]) for side in zip(*encoded, strict=True))
        return cls(tensors, words, frames, video_of_text, labels, marks)

    def gather(self, processes: Processes) -> tuple["DetachedEncodings", tuple[slice, slice]]:
        """Return the encodings of all processes, ready to receive gradients, and which texts and videos are own."""
        tensors = tuple(processes.gather_rows(tensor)[0].requires_grad_() for tensor in self.tensors)
        words, texts = processes.gather_rows(self.word_mask)
        frames, videos = processes.gather_rows(self.frame_mask)
        video_of_text, _ = processes.gather_rows(self.video_of_text + videos.start)
        labels = None if self.labels is None else processes.gather_rows(self.labels)[0]
        marks = None if self.marks is None else self.marks.gather(processes, texts, videos)
        return DetachedEncodings(tensors, words, frames, video_of_text, labels, marks), (texts, videos)

    def encodings(self) -> Encodings:
        """Return what the towers returned."""
        words, text, frames, video = self.tensors
        return (
            Encoding(TokenSequence.unmerged(words, self.word_mask), text),
            Encoding(TokenSequence.unmerged(frames, self.frame_mask), video),
        )

    def gradients(self, own: tuple[slice, slice], parts: Sequence[Batch]) -> Iterator[list[Tensor | None]]:
        """Yield, for every part of the own rows, the gradient of each tensor; None where the loss does not depend.

        Args:
            own: Which texts and which videos of the gathered ones are those of this process.
            parts: What the rows of this process were cut into.
        """
        texts, videos = own
        text, video = texts.start, videos.start
        for part in parts:
            rows = slice(text, text + len(part.input_ids)), slice(video, video + len(part))
            text, video = rows[0].stop, rows[1].stop
            sides = (rows[0], rows[0], rows[1], rows[1])
            yield [
                None if tensor.grad is None else tensor.grad[side]
                for tensor, side in zip(self.tensors, sides, strict=True)
            ]
