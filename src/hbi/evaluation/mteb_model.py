"""What `mteb.evaluate` is given (mteb is an optional extra): a search model, and an encoder where there is a vector."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hbi.errors import HBIError
from hbi.evaluation.mteb_search import MtebSearch, is_search
from hbi.matching import Answerer, EncodedTexts, Matcher

if TYPE_CHECKING:
    from mteb.abstasks import AbsTask
    from mteb.abstasks.task_metadata import TaskMetadata
    from mteb.models import ModelMeta
    from mteb.types import BatchedInput
    from numpy.typing import NDArray
    from torch.utils.data import DataLoader


def mteb_model(
    opened: Matcher | Answerer, name: str | None = None, facts: Mapping[str, Any] | None = None
) -> MtebSearch:
    """Return a model as mteb evaluates it: an `MtebEncoder` where a text and a video are one vector each.

    >>> model = mteb_model(hbi.load("runs/mine"), "somebody/mine")  # doctest: +SKIP
    >>> mteb.evaluate(model, model.runnable(mteb.get_benchmark("MVEB(text, video, v1)").tasks))  # doctest: +SKIP

    Args:
        opened: What `hbi.load` returned.
        name: "author/name", under which mteb files the results; None: that of the model.
        facts: Fields of mteb's `ModelMeta` that only the maker of the model knows.

    Raises:
        HBIError: The model answers questions and ranks nothing.
    """
    if not isinstance(opened, Matcher):
        raise HBIError(f"{opened.name} answers questions and ranks nothing: give a model that matches texts and videos")
    is_vector = isinstance(opened.encode_texts("a").encoding, Tensor)
    return (MtebEncoder if is_vector else MtebSearch)(opened, name, facts)


class MtebEncoder(MtebSearch):
    """A `MtebSearch` whose texts and videos are one vector each: mteb's `EncoderProtocol` too.

    So it runs the tasks that classify, cluster and pair videos, and zero-shot classification. A video that cannot be
    decoded has no vector, and ends such a task.
    """

    @cached_property
    def mteb_model_meta(self) -> ModelMeta:
        """See `MtebSearch`."""
        meta = super().mteb_model_meta
        width = int(self.matcher.encode_texts("a").encoding.shape[-1])
        return meta.model_copy(update={"embed_dim": width, "model_type": ["dense"]} | self._facts)

    def runnable(self, tasks: Iterable[AbsTask]) -> list[AbsTask]:
        """Return those tasks that this can run: searches as `MtebSearch` does, others of texts or videos alone.

        Args:
            tasks: Of mteb, such as a benchmark's.
        """
        from mteb.abstasks import AbsTaskRetrieval

        def is_runnable(task: AbsTask) -> bool:
            if isinstance(task, AbsTaskRetrieval):
                return is_search(task)
            return set(task.metadata.modalities) <= {"text", "video"}

        return [task for task in tasks if is_runnable(task)]

    def encode(
        self, inputs: DataLoader[BatchedInput], *, task_metadata: TaskMetadata, **encode_kwargs: Any
    ) -> Float[Tensor, "input width"]:
        """Return the vector of every text or video, on the CPU.

        Args:
            inputs: Its table is read, not its batches, which torchcodec would have to decode.
            task_metadata: Of the task, for its name.
            encode_kwargs: `batch_size`, how many are encoded at a time, and `show_progress_bar`.

        Raises:
            HBIError: A video cannot be decoded, an input is text and video at once, or the model computes no numbers.
        """
        table: Any = inputs.dataset
        read = {"text", "video"} & set(table.column_names)
        if len(read) != 1:
            what = " and ".join(sorted(read)) or "neither text nor video"
            raise HBIError(f"{task_metadata.name} has inputs of {what}, and hbi encodes one text or one video")
        self.problems = []
        is_of_videos = read == {"video"}
        parts = list(self._encoder(encode_kwargs).encode(table, is_of_videos=is_of_videos, what="encoding"))
        if self.problems:
            raise HBIError(f"{task_metadata.name} needs every video, and one cannot be decoded: {self.problems[0]}")
        rows = [row for part in parts for row in part.rows]
        vectors = torch.cat([_vectors(part.encoding) for part in parts])
        self._require_numbers(vectors)
        return vectors[torch.tensor(rows).argsort()]

    @torch.inference_mode()
    def similarity(
        self, embeddings1: Tensor | NDArray[np.floating], embeddings2: Tensor | NDArray[np.floating]
    ) -> Float[Tensor, "first second"]:
        """Return the model's similarity of every vector with every other, on the CPU.

        Args:
            embeddings1: [first, width], or one vector.
            embeddings2: [second, width], or one vector.
        """
        first, second = (torch.atleast_2d(torch.as_tensor(each)) for each in (embeddings1, embeddings2))
        device = self.matcher.device
        similarity: Tensor = self.matcher.model.similarity(first.to(device), second.to(device))
        return similarity.float().cpu()

    def similarity_pairwise(
        self, embeddings1: Tensor | NDArray[np.floating], embeddings2: Tensor | NDArray[np.floating]
    ) -> Float[Tensor, " pair"]:
        """Return the model's similarity of the first vector with the first, the second with the second, …

        Args:
            embeddings1: [pair, width].
            embeddings2: [pair, width].
        """
        pairs = zip(embeddings1, embeddings2, strict=True)
        return torch.cat([self.similarity(first, second).flatten() for first, second in pairs])


def _vectors(encoding: Any) -> Tensor:
    vectors: Tensor = encoding.encoding if isinstance(encoding, EncodedTexts) else encoding
    return vectors.float().cpu()
