"""`VideoIndex`: an index of videos on disk, opened to add to it or to search it."""

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hbi.explanation import Explanation
from hbi.explanation.explain import explain
from hbi.explanation.sample import Sample
from hbi.models import HBIModel
from hbi.search.answers import Located, Place, search_result
from hbi.search.calibration import Calibration, calibrate
from hbi.search.catalog import VideoRecord
from hbi.search.encoding import SegmentCodec
from hbi.search.error import SearchError, reading
from hbi.search.filters import Filters
from hbi.search.hits import SearchResult, WordMatch
from hbi.search.identity import IndexIdentity, index_identity, make_room, require_same, require_same_model
from hbi.search.ingest import IngestReport, Watch, ingest
from hbi.search.lock import alone, alone_if_possible, working
from hbi.search.moments import merge_moments
from hbi.search.network import SearchModel, load_search_model
from hbi.search.ranking import rank
from hbi.search.settings import IndexSettings
from hbi.search.snapshot import EXHAUSTIVE_UP_TO, Snapshot
from hbi.search.store import Store, import_lancedb
from hbi.search.vector_index import build_vector_index
from hbi.search.words import match_words
from hbi.video import read_frames

DEFAULT_THRESHOLD = 0.95
"""A hit is good when so many of the unrelated texts find nothing as good."""
LOADS_PER_SHARE = 10.0
"""An index that is being written to is read anew at most for a tenth of the time."""


class VideoIndex:
    """An index of videos. Safe to use from several threads.

    >>> index = VideoIndex.open("videos.index")  # doctest: +SKIP
    >>> index.search("a man flips a pancake").hits[0].start_seconds  # doctest: +SKIP
    12.5
    """

    def __init__(self, path: Path, settings: IndexSettings, search_model: SearchModel) -> None:
        self.path, self.settings, self.search_model = path, settings, search_model
        self.codec = SegmentCodec(search_model)
        self._refreshing = threading.RLock()
        self._identity = index_identity(path)
        self._store = Store(path, self.codec)
        self._snapshot: Snapshot | None = None
        self._measured: tuple[Snapshot, Calibration] | None = None

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, device: str | torch.device = "cpu") -> "VideoIndex":
        """Return the index at `path`.

        Raises:
            SearchError: There is none, or it is damaged.
        """
        folder = Path(path)
        settings = IndexSettings.read(folder / "index.json")
        search_model = load_search_model(
            folder / "model",
            kind=settings.kind,
            name=settings.model,
            num_frames=settings.num_frames,
            image_size=settings.image_size,
            device=torch.device(device),
        )
        return cls(folder, settings, search_model)

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        search_model: SearchModel,
        *,
        window_seconds: float | None = 10.0,
        overlap: float = 0.5,
    ) -> "VideoIndex":
        """Return the index at `path`, made if there is none. `window_seconds` None: a video is one segment.

        Raises:
            SearchError: There is one, of another model or with other segments; something else is in the way; or LanceDB
                is not installed.
        """
        import_lancedb()  # said before anything is written
        folder = Path(path)
        wanted = IndexSettings(
            window_seconds,
            overlap,
            search_model.num_frames,
            search_model.image_size,
            search_model.name,
            search_model.kind,
            search_model.fingerprint,
        )
        file = folder / "index.json"
        make_room(folder, file)
        if not file.is_file():
            with alone(folder):
                if not file.is_file():  # nobody else has made it while we waited
                    search_model.save(folder / "model")
                    Store(folder, SegmentCodec(search_model), create=True)
                    wanted.write(file)
        require_same(IndexSettings.read(file), wanted, folder)
        return cls(folder, wanted, search_model)

    @property
    def store(self) -> Store:
        """The tables at `path`.

        Of an index that was removed and made anew, or put here by a move, they are opened again if of the same model.

        Raises:
            SearchError: There is no index any more, or one of another model.
        """
        now = index_identity(self.path)
        if now != self._identity:
            with self._refreshing:
                if now != self._identity:
                    self._take_up(now)
        return self._store

    def _take_up(self, identity: IndexIdentity) -> None:
        settings = IndexSettings.read(self.path / "index.json")
        require_same_model(settings, self.settings, self.path)
        self._store, self.settings, self._snapshot = Store(self.path, self.codec), settings, None
        self._identity = identity

    def add(
        self,
        places: Sequence[Path],
        *,
        exclude: Sequence[str] = (),
        prune: bool = False,
        is_sure: bool = False,
        watch: Watch | None = None,
    ) -> IngestReport:
        """Bring the index up to date with the videos in some folders; see `hbi.search.ingest.ingest`."""
        with working(self.path):
            report = ingest(
                self.store, self.settings, places, exclude=exclude, prune=prune, is_sure=is_sure, watch=watch
            )
        if report.has_changed_the_index or not self._calibration_file.is_file():
            with alone_if_possible(self.path) as is_alone:
                if is_alone:
                    self.store.tidy()
                    snapshot = self._refresh()
                    if snapshot.num_stored > EXHAUSTIVE_UP_TO:
                        build_vector_index(self.store)
                        snapshot = self._refresh()
                    calibrate(self.codec, snapshot).write(self._calibration_file)
        return report

    def videos(self) -> list[VideoRecord]:
        """Return all files that the index knows, broken ones too, by path."""
        return sorted(self.store.read_videos(), key=lambda record: record.path)

    def snapshot(self) -> Snapshot:
        """Return the index as it is, or was a moment ago while somebody writes to it."""
        store, now = self.store, self._snapshot
        if now is None:
            return self._refresh()
        if time.monotonic() - now.loaded_at < LOADS_PER_SHARE * now.load_seconds:
            return now
        with reading(self.path):
            is_current = now.version == store.segments.version and now.videos_version == store.videos.version
        return now if is_current else self._refresh()

    def search(
        self,
        text: str,
        *,
        limit: int = 10,
        filters: Filters | None = None,
        threshold: float = DEFAULT_THRESHOLD,
    ) -> SearchResult:
        """Return the moments that fit a text best.

        Candidates come from the last level, of every segment up to 100,000 segments; the order is that of
        `model.similarity`, the same function as in `hbi evaluate`.

        Raises:
            SearchError: The text holds no words, or the index cannot be read.
        """
        begun = time.monotonic()
        query = self.search_model.encode_texts([text])
        snapshot = self.snapshot()
        ranking = rank(self.codec, snapshot, query.encoding, filters=filters)
        moments = merge_moments(ranking, limit)
        best = ranking.segments[np.array([moment.row for moment in moments], int)]
        words = match_words(self.codec, query, best, snapshot.references)
        known = self.calibration
        rarities = [known.rarity_of_text(float(ranking.scores[moment.row]), text) for moment in moments]
        answer = search_result(text, snapshot, ranking, moments, words, rarities, threshold, begun, filters)
        return replace(answer, remark=query.remarks[0])

    def search_like(
        self,
        clip: Path,
        *,
        limit: int = 10,
        filters: Filters | None = None,
        threshold: float = DEFAULT_THRESHOLD,
        start_seconds: float | None = None,
        end_seconds: float | None = None,
    ) -> SearchResult:
        """Return the moments that resemble a clip (or a span of it): its frames in the place of words.

        Raises:
            VideoError: The clip cannot be decoded.
        """
        begun = time.monotonic()
        encoding = self._encode_clip(clip, start_seconds, end_seconds)
        snapshot = self.snapshot()
        ranking = rank(self.codec, snapshot, encoding, filters=filters)
        moments = merge_moments(ranking, limit)
        known = self.calibration
        rarities = [known.rarity_of_clip(float(ranking.scores[moment.row])) for moment in moments]
        no_words: list[tuple[WordMatch, ...]] = [()] * len(moments)
        return search_result(clip.name, snapshot, ranking, moments, no_words, rarities, threshold, begun, filters)

    def explain(
        self,
        video: Path,
        text: str,
        *,
        start_seconds: float | None = None,
        end_seconds: float | None = None,
        sample: Sample | None = None,
    ) -> Explanation:
        """Return which words of a text go with which seconds of a video (or a span of it), in the index or not.

        `sample` is what was read of the video already; None: it is read here.

        Raises:
            SearchError: The index's model plays no game.
            VideoError: The video cannot be decoded.
        """
        if not isinstance(self.search_model.model, HBIModel):
            raise SearchError(f"the model {self.settings.model} compares wholes and has no words to explain")
        return explain(
            self.search_model.model,
            self.search_model.tokenizer,
            video,
            text,
            name=self.settings.model,
            num_frames=self.settings.num_frames,
            image_size=self.settings.image_size,
            start_seconds=start_seconds,
            end_seconds=end_seconds,
            sample=sample,
        )

    def locate(self, segment_id: str) -> Located | None:
        """Return where a segment is, None where the index has no such segment."""
        span = self.store.span_of(segment_id)
        records = self.snapshot().videos.get(span[0]) if span else None
        if span is None or not records:
            return None
        place = Place.of(records, None)
        return Located(place.path, span[1], span[2], place.is_current)

    def thumbnail(self, segment_id: str) -> bytes | None:
        """Return the JPEG file of a segment, None where there is no such segment."""
        return self.store.thumbnail(segment_id)

    @property
    def calibration(self) -> Calibration:
        """What unrelated questions score here: as it was measured last, or measured now where it never was."""
        known = Calibration.read(self._calibration_file)
        if known is not None:
            return known
        snapshot, measured = self.snapshot(), self._measured
        if measured is None or measured[0] is not snapshot:
            self._measured = measured = snapshot, calibrate(self.codec, snapshot)
        return measured[1]

    @property
    def _calibration_file(self) -> Path:
        return self.path / "calibration.json"

    def _refresh(self) -> Snapshot:
        with self._refreshing:
            self._snapshot = snapshot = Snapshot(self.store)
            return snapshot

    def _encode_clip(self, clip: Path, start_seconds: float | None, end_seconds: float | None) -> Any:
        frames = read_frames(
            clip,
            self.settings.num_frames,
            image_size=self.settings.image_size,
            start_seconds=start_seconds,
            end_seconds=end_seconds,
        )
        size = self.settings.image_size
        pixels = torch.zeros(1, self.settings.num_frames, 3, size, size, dtype=torch.uint8)
        pixels[0, : len(frames.pixels)] = frames.pixels
        mask = torch.arange(self.settings.num_frames)[None] < len(frames.pixels)
        return self.search_model.encode_videos(pixels, mask)
