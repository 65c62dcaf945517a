"""A model of ours as a search model of mteb (an optional extra), the library behind the tables of embeddings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from hbi.errors import HBIError
from hbi.evaluation.mteb_tables import EncodedRows, TableEncoder
from hbi.matching import Matcher

if TYPE_CHECKING:
    from datasets import Dataset
    from mteb.abstasks import AbsTask
    from mteb.abstasks.task_metadata import TaskMetadata
    from mteb.models import ModelMeta
    from mteb.types import PromptType


class MtebSearch:
    """A `Matcher` that `mteb.evaluate` takes: mteb's `SearchProtocol`, ranking with the model's own similarity.

    Texts are the queries and videos the candidates, or the other way round. Videos are decoded by hbi, as in
    `hbi evaluate`, so torchcodec is not needed. A video that cannot be decoded is never found, and finds nothing; mteb
    counts it all the same.

    >>> model = MtebSearch(hbi.load("runs/mine"))  # doctest: +SKIP
    >>> mteb.evaluate(model, mteb.get_tasks(tasks=["MSRVTTT2V", "MSRVTTV2T"]))  # doctest: +SKIP

    Attributes:
        matcher: The model.
        problems: One line for each video of the last task that could not be decoded.
    """

    def __init__(self, matcher: Matcher, name: str | None = None, facts: Mapping[str, Any] | None = None) -> None:
        """Make the model known under a name.

        Args:
            matcher: What `hbi.load` returned.
            name: "author/name", under which mteb files the results; None: that of the matcher.
            facts: Fields of mteb's `ModelMeta` that only the maker of the model knows (`license`, `languages`,
                `training_datasets`, `release_date`, `reference`, …).
        """
        self.matcher = matcher
        self.problems: list[str] = []
        self._name = name or _two_part_name(matcher.name)
        self._facts = dict(facts or {})
        self._ids: list[str] = []
        self._corpus: list[EncodedRows] = []

    @cached_property
    def mteb_model_meta(self) -> ModelMeta:
        """What mteb writes beside the results; `revision` is the fingerprint of weights, sampling and tokenizer."""
        from mteb.models.model_meta import ModelMeta

        weights = list(self.matcher.model.parameters())
        known = {
            "name": self._name,
            "revision": self.matcher.fingerprint,
            "modalities": ["text", "video"],
            "model_type": ["late-interaction"],
            "framework": ["PyTorch"],
            "n_parameters": sum(weight.numel() for weight in weights),
            "memory_usage_mb": sum(weight.numel() * weight.element_size() for weight in weights) / 2**20,
            "max_tokens": self.matcher.max_words,
            "use_instructions": False,
        }
        unknown = dict.fromkeys(name for name, field in ModelMeta.model_fields.items() if field.is_required())
        return ModelMeta.model_validate({**unknown, **known, **self._facts})

    def runnable(self, tasks: Iterable[AbsTask]) -> list[AbsTask]:
        """Return those tasks that this can run: they search videos with texts, or texts with videos.

        Where videos come with their sound, mteb warns that the model does not hear it.

        Args:
            tasks: Of mteb, such as a benchmark's: `mteb.get_benchmark("MVEB(text, video, v1)").tasks`.
        """
        return [task for task in tasks if is_search(task)]

    def index(
        self, corpus: Dataset, *, task_metadata: TaskMetadata, encode_kwargs: Mapping[str, Any], **_: Any
    ) -> None:
        """Encode the candidates of a task; mteb calls this before `search`.

        Args:
            corpus: A table with `id`, and `text` or `video`.
            task_metadata: Says which side is texts and which videos.
            encode_kwargs: `batch_size`, how many are encoded at a time, and `show_progress_bar`.

        Raises:
            HBIError: The task does not compare texts with videos, or a table is not as expected.
        """
        self.problems = []
        is_of_videos = not _queries_are_videos(task_metadata)
        self._ids = list(corpus["id"])
        encoder = self._encoder(encode_kwargs)
        self._corpus = list(encoder.encode(corpus, is_of_videos=is_of_videos, what="encoding candidates"))

    def search(
        self,
        queries: Dataset,
        *,
        task_metadata: TaskMetadata,
        top_k: int,
        encode_kwargs: Mapping[str, Any],
        top_ranked: Mapping[str, list[str]] | None = None,
        **_: Any,
    ) -> dict[str, dict[str, float]]:
        """Return for every query its best candidates with their similarities.

        Args:
            queries: A table with `id`, and `text` or `video`.
            task_metadata: Says which side is texts and which videos.
            top_k: How many candidates a query gets at most.
            encode_kwargs: As for `index`.
            top_ranked: For every query the candidates that it may get; None: all.

        Raises:
            HBIError: As for `index`; or the model computes no numbers.
        """
        are_videos = _queries_are_videos(task_metadata)
        ids = list(queries["id"])
        found: dict[str, dict[str, float]] = {name: {} for name in ids}
        row_of = {name: row for row, name in enumerate(self._ids)}
        encoded = torch.tensor(sorted(row for block in self._corpus for row in block.rows), dtype=torch.long)
        for block in self._encoder(encode_kwargs).encode(queries, is_of_videos=are_videos, what="searching"):
            similarity = self._similarity(block, are_videos)
            for row, scores in zip(block.rows, similarity, strict=True):
                candidates = encoded
                if top_ranked is not None:
                    wanted = torch.tensor([row_of[name] for name in top_ranked.get(ids[row], ())], dtype=torch.long)
                    candidates = wanted[torch.isin(wanted, encoded)]
                best = scores[candidates].topk(min(top_k, len(candidates)))
                names = [self._ids[candidate] for candidate in candidates[best.indices].tolist()]
                found[ids[row]] = dict(zip(names, best.values.tolist(), strict=True))
        return found

    def _similarity(self, queries: EncodedRows, are_videos: bool) -> Tensor:
        """Return the similarity of some queries with all candidates; NaN stands at candidates without an encoding."""
        similarity = torch.full((len(queries.rows), len(self._ids)), torch.nan)
        for block in self._corpus:
            texts, videos = (block, queries) if are_videos else (queries, block)
            part = self.matcher.similarity(texts.encoding, videos.encoding)
            self._require_numbers(part)
            similarity[:, block.rows] = part.T if are_videos else part
        return similarity

    def _require_numbers(self, values: Tensor) -> None:
        if not values.isfinite().all():
            raise HBIError(f"{self.matcher.name} computes no numbers from these inputs: its weights are damaged")

    def _encoder(self, encode_kwargs: Mapping[str, Any]) -> TableEncoder:
        is_silent = not encode_kwargs.get("show_progress_bar", True)
        return TableEncoder(self.matcher, int(encode_kwargs.get("batch_size", 32)), is_silent, self.problems)


_SEARCHABLE = (({"text"}, {"video"}), ({"video"}, {"text"}))


def is_search(task: AbsTask) -> bool:
    """Return whether a task of mteb searches videos with texts, or texts with videos."""
    from mteb.abstasks import AbsTaskRetrieval

    return isinstance(task, AbsTaskRetrieval) and _sides(task.metadata) in _SEARCHABLE


def _sides(metadata: TaskMetadata) -> tuple[set[str], set[str]]:
    """Return what is read of the queries and of the candidates of a task."""
    from mteb.types import PromptType

    def read(side: PromptType) -> set[str]:
        return {"text", "video"} & set(metadata.get_modalities(side))

    return read(PromptType.query), read(PromptType.document)


def _queries_are_videos(metadata: TaskMetadata) -> bool:
    sides = _sides(metadata)
    if sides not in _SEARCHABLE:
        queries, candidates = (" and ".join(sorted(side)) or "neither text nor video" for side in sides)
        raise HBIError(
            f"{metadata.name} searches {candidates} with {queries}, and hbi compares texts with videos: choose tasks "
            "with runnable(tasks)"
        )
    return sides[0] == {"video"}


def _two_part_name(name: str) -> str:
    """Return a name as mteb wants it, author/name."""
    return name if name.count("/") == 1 and all(name.split("/")) else f"hbi/{name.rstrip('/').rpartition('/')[2]}"
