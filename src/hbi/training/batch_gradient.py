"""The gradient of a whole batch, in the memory of a part of it and on as many processes as there are.

A contrastive loss compares every item with every other, so its gradient is no sum over parts of the batch. But the
towers, which need nearly all of the memory, see each item alone. Hence three steps (gradient caching, Gao et al. 2021):

1.  Encode, part by part, and keep the encodings only. Collect those of the other processes.
2.  Merge, match and compare all encodings of the batch: loss, gradient of what comes after the towers, and gradient
    with respect to each encoding. Every process does the same; it is a small share of the work.
3.  Encode again, part by part, this time remembering, and take the gradient of the own encodings back into the towers.

With one part nothing is encoded again; with one part and one process nothing is detached.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from hbi.encoders.preprocessing import network_input
from hbi.models import QuestionAnsweringModel
from hbi.training.batches import Batch
from hbi.training.detached_encodings import DetachedEncodings, Encodings, tensors_of
from hbi.training.distributed import ALONE, Processes
from hbi.training.lone_words import ToldWords
from hbi.training.marks import Marks
from hbi.training.objective import BatchLoss, Loss, require_loss
from hbi.training.preferences import match_with_wrong_rows
from hbi.training.towers import Network, Precision, matching_parameters


@dataclass(frozen=True)
class BatchGradient:
    """Computes loss and gradient of a batch.

    Attributes:
        model: The network; its parameters receive the gradient.
        encoder: `model.encoder`, or what wraps it to average gradients over processes.
        objective: What is minimized; if it is a module, its parameters receive the gradient as well.
        device: Where to compute.
        micro_batch_size: Videos, with their texts, that the towers remember at a time; None: all of them.
        precision: `fp32`, or `bf16` for autocast.
        processes: Who shares the batch.
        network_input: Makes of frames, on the device, what the network takes.
    """

    model: Network
    encoder: nn.Module
    objective: BatchLoss
    device: torch.device
    micro_batch_size: int | None = None
    precision: Precision = "fp32"
    processes: Processes = ALONE
    network_input: Callable[[Tensor], Tensor] = network_input

    def __call__(self, batch: Batch, *, seed: int) -> Loss:
        """Add the gradient of the whole batch to the parameters' `grad` and return its loss.

        Args:
            batch: The rows of this process.
            seed: Of what is drawn on the way; the same for all processes.

        Raises:
            FloatingPointError: The loss is not finite; there is no gradient.
        """
        parts = list(batch.parts(self.micro_batch_size or len(batch)))
        torch.manual_seed(seed)
        if len(parts) == 1 and self.processes.is_alone:
            batch = batch.to(self.device)
            loss = self.loss(self.encode(batch, self.encoder), batch.video_of_text, batch.labels, batch.marks)
            loss.total.backward()
            return loss
        is_kept = len(parts) == 1
        states, encoded = list[list[Tensor]](), list[Encodings]()
        for part in parts:
            states.append(_random_states(self.device))
            with torch.set_grad_enabled(is_kept):
                encoded.append(self.encode(part, self.encoder if is_kept else self.model.encoder))
        labels = None if batch.labels is None else batch.labels.to(self.device)
        marks = None if batch.marks is None else batch.marks.to(self.device)
        detached = DetachedEncodings.join(encoded, batch.video_of_text.to(self.device), labels, marks)
        everyone, own = detached.gather(self.processes)
        torch.manual_seed(seed)  # dropout in the towers may have drawn differently on another process
        loss = self.loss(everyone.encodings(), everyone.video_of_text, everyone.labels, everyone.marks)
        loss.total.backward()
        for index, (part, gradients) in enumerate(zip(parts, everyone.gradients(own, parts), strict=True)):
            with self._averaging(is_last=index == len(parts) - 1):
                encodings = encoded[0] if is_kept else self.encode_again(part, states[index])
                # The wrapper averages over processes, but the gradient of the batch is the sum of theirs.
                back_propagate(encodings, gradients, factor=self.processes.world_size)
        self.processes.average_gradients([*matching_parameters(self.model), *self._own_parameters()])
        return loss

    def _own_parameters(self) -> list[nn.Parameter]:
        return list(self.objective.parameters()) if isinstance(self.objective, nn.Module) else []

    def encode(self, part: Batch, encoder: nn.Module) -> Encodings:
        """Return the encodings of some rows.

        Args:
            part: Some videos with their texts.
            encoder: The network's, or what wraps it.
        """
        part = part.to(self.device)
        # One autocast a pass: it would hand the weights that it cast without gradient to the pass that needs one.
        with self._autocast():
            encodings: Encodings = encoder(
                part.input_ids, part.attention_mask, self.network_input(part.frames), part.frame_mask
            )
        return encodings

    def encode_again(self, part: Batch, states: list[Tensor]) -> Encodings:
        """Return the encodings of some rows, drawing what was drawn when `states` were the generators'.

        Args:
            part: Some videos with their texts.
            states: Of the random generators: of the processor, and of the GPU if there is one.
        """
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.set_rng_state(states[0])
            if self.device.type == "cuda":
                torch.cuda.set_rng_state(states[1], self.device)
            return self.encode(part, self.encoder)

    def loss(
        self, encodings: Encodings, video_of_text: Tensor, labels: Tensor | None = None, marks: Marks | None = None
    ) -> Loss:
        """Return the loss of encoded texts and videos, and of answers where the texts are questions.

        Args:
            encodings: Of the texts and of the videos.
            video_of_text: The row of each text's video.
            labels: The number of each question's answer; None: no text asks.
            marks: What is known of the rows, where the objective reads it; with questions, words by themselves alone.

        Raises:
            FloatingPointError: It is not finite.
            ObjectiveError: What was put in the place of the objective gives no loss.
        """
        told: ToldWords | None = None
        if marks is not None and marks.lone_words is not None:
            (texts, videos), is_lone = encodings, marks.lone_words.is_lone
            told = ToldWords(texts.sequence[is_lone], marks.lone_words.number[~is_lone])
            encodings, video_of_text = (texts[~is_lone], videos), video_of_text[~is_lone]
            labels, marks = None if labels is None else labels[~is_lone], marks.without_lone_words()
        try:
            if marks is not None and marks.is_read:
                loss = require_loss(self._marked_loss(encodings, video_of_text, marks, told))
            else:
                loss = require_loss(self._loss(encodings, video_of_text, labels, told))
        except ValueError as error:  # games refuse what is no number
            if "finite" not in str(error):
                raise
            raise FloatingPointError("the similarities became no numbers") from error
        if not torch.isfinite(loss.total):
            raise FloatingPointError(f"the loss became {loss.total.item()}")
        return loss

    def _loss(self, encodings: Encodings, video_of_text: Tensor, labels: Tensor | None, told: ToldWords | None) -> Loss:
        # Every network has an objective of its own kind, which knows its output.
        targets = (video_of_text,) if labels is None else (video_of_text, labels)
        with self._autocast():
            output = self.model.match(*encodings, video_of_text)
        return self.objective(output, *targets, **({} if told is None else {"told": told}))

    def _marked_loss(self, encodings: Encodings, video_of_text: Tensor, marks: Marks, told: ToldWords | None) -> Loss:
        assert not isinstance(self.model, QuestionAnsweringModel)
        if not marks.has_wrong_rows:
            with self._autocast():
                output = self.model.match(*encodings, video_of_text)
            return self.objective(output, video_of_text, function_words=marks.function_words, told=told)
        with self._autocast():
            matched = match_with_wrong_rows(self.model, encodings, video_of_text, marks)
        is_caption, words = matched.is_caption, marks.function_words
        return self.objective(
            matched.output,
            matched.video_of_text,
            function_words=None if words is None else words[is_caption],
            exchanged=matched.exchanged,
            turned=matched.turned,
            told=None if told is None else told._replace(number=told.number[is_caption]),
        )

    def _averaging(self, *, is_last: bool) -> AbstractContextManager[object]:
        if isinstance(self.encoder, DistributedDataParallel) and not is_last:
            return self.encoder.no_sync()
        return nullcontext()

    def _autocast(self) -> AbstractContextManager[object]:
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)


def _random_states(device: torch.device) -> list[Tensor]:
    states = [torch.get_rng_state()]
    return [*states, torch.cuda.get_rng_state(device)] if device.type == "cuda" else states


def back_propagate(encodings: Encodings, gradients: Sequence[Tensor | None], *, factor: int = 1) -> None:
    """Take the gradients of encodings, times `factor`, back into what encoded them.

    Args:
        encodings: With their graph.
        gradients: Of each of `tensors_of` them; None: the loss does not depend on it.
        factor: What the gradients are multiplied by.
    """
    wanted = [
        (tensor, factor * gradient)
        for tensor, gradient in zip(tensors_of(encodings), gradients, strict=True)
        if gradient is not None and tensor.requires_grad
    ]
    if wanted:
        tensors, values = zip(*wanted, strict=True)
        torch.autograd.backward(tensors, values)
