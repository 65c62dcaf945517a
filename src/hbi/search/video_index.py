"""`VideoIndex`: an index of videos on disk, opened to add to it or to search it."""

import os
import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from hbi.errors import HBIError
from hbi.explanation import Explanation
from hbi.matching.loading import load_matcher
from hbi.matching.matcher import Matcher
from hbi.matching.second_stage import SecondStage
from hbi.search.answering import Order, Part, Question, find
from hbi.search.calibration import Calibration, calibrate
from hbi.search.candidates import build_vector_index
from hbi.search.filters import Filters
from hbi.search.goodness import DEFAULT_CLIP_THRESHOLD, DEFAULT_THRESHOLD
from hbi.search.index_errors import SearchError, reading
from hbi.search.index_folder import (
    index_identity,
    index_lock,
    make_index_folder,
    require_same_model,
    require_same_settings,
)
from hbi.search.index_settings import IndexSettings
from hbi.search.ingest import IngestCallback, IngestReport, ingest
from hbi.search.moments import ContentFiles, SegmentLocation
from hbi.search.results import SearchResult, clock
from hbi.search.segment_encoding import SegmentCodec
from hbi.search.snapshot import EXHAUSTIVE_UP_TO, Snapshot
from hbi.search.store import Store, import_lancedb
from hbi.search.video_records import VideoRecord
from hbi.video.sample import VideoSample

LOADS_PER_SHARE = 10.0
"""An index that is being written to is read anew at most for a tenth of the time."""


class VideoIndex:
    """An index of videos. Safe to use from several threads.

    >>> index = VideoIndex.open("videos.index")  # doctest: +SKIP
    >>> index.search("a man flips a pancake").hits[0].start_seconds  # doctest: +SKIP
    12.5
    """

    def __init__(
        self, path: Path, settings: IndexSettings, matcher: Matcher, second_stage: SecondStage | None = None
    ) -> None:
        self.path, self.settings, self.matcher, self.second_stage = path, settings, matcher, second_stage
        self.codec = SegmentCodec(matcher)
        self._calibration_file = path / "calibration.json"
        self._refreshing = threading.RLock()
        self._identity = index_identity(path)
        self._store = Store(path, self.codec)
        self._snapshot: Snapshot | None = None
        self._measured: tuple[Snapshot, Calibration] | None = None

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], *, device: str | torch.device = "cpu", second_stage: Path | None = None
    ) -> "VideoIndex":
        """Return the index at `path`.

        Args:
            path: The folder of the index.
            device: Where its model computes.
            second_stage: What `hbi train-second-stage` wrote for its model, to rank the best segments for a text again.

        Raises:
            SearchError: There is none, or it is damaged.
            HBIError: The second stage cannot be read, or is of another model.
        """
        folder = Path(path)
        settings = IndexSettings.read(folder / "index.json")
        matcher = _load_model(folder / "model", settings, torch.device(device))
        again = None if second_stage is None else SecondStage.open(second_stage, matcher)
        return cls(folder, settings, matcher, again)

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        matcher: Matcher,
        *,
        window_seconds: float | None = 10.0,
        overlap: float = 0.5,
    ) -> "VideoIndex":
        """Return the index at `path`, made if there is none.

        Args:
            path: The folder of the index.
            matcher: The model that encodes segments and questions, see `hbi.load`; the index keeps a copy of it.
            window_seconds: Length of a segment; None: a video is one segment.
            overlap: Share of a segment that the next one sees again, from 0 to below 1.

        Raises:
            SearchError: There is one, of another model or with other segments; something else is in the way; or LanceDB
                is not installed.
        """
        import_lancedb()  # said before anything is written
        folder = Path(path)
        wanted = IndexSettings(
            window_seconds,
            overlap,
            num_frames=matcher.num_frames,
            picture=matcher.picture,
            model=matcher.name,
            kind=matcher.kind,
            fingerprint=matcher.fingerprint,
        )
        file = folder / "index.json"
        make_index_folder(folder, file)
        if not file.is_file():
            with index_lock(folder, "exclusive"):
                if not file.is_file():  # nobody else has made it while we waited
                    shutil.rmtree(folder / "model" / "tokenizer", ignore_errors=True)  # of an earlier, killed run
                    matcher.save_pretrained(folder / "model")
                    Store(folder, SegmentCodec(matcher), create=True)
                    wanted.write(file)
        require_same_settings(IndexSettings.read(file), wanted, folder)
        return cls(folder, wanted, matcher)

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
                    settings = IndexSettings.read(self.path / "index.json")
                    require_same_model(settings, self.settings, self.path)
                    self._store, self.settings, self._snapshot = Store(self.path, self.codec), settings, None
                    self._identity = now
        return self._store

    def add(
        self,
        places: Sequence[Path],
        *,
        exclude: Sequence[str] = (),
        prune: bool = False,
        is_sure: bool = False,
        progress: IngestCallback | None = None,
    ) -> IngestReport:
        """Bring the index up to date with the videos in some folders; arguments and errors are of `ingest`."""
        with index_lock(self.path, "shared"):
            report = ingest(
                self.store, self.settings, places, exclude=exclude, prune=prune, is_sure=is_sure, progress=progress
            )
        if report.has_changed_the_index or not self._calibration_file.is_file():
            with index_lock(self.path, "exclusive if free") as is_alone:
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
        offset: int = 0,
        order: Order = "match",
        filters: Filters | None = None,
        threshold: float | None = None,
    ) -> SearchResult:
        """Return the moments that fit a text best.

        Candidates come from the last level, of every segment up to 100,000 segments; the order is that of
        `model.similarity`, the same function as in `hbi evaluate`.

        Args:
            text: What to search for.
            limit: Moments to return.
            offset: So many moments are passed over before: 10 for the second page of 10.
            order: "match": best first; "newest", "name": of the best 100 the good ones by their file, then the others.
            filters: Which videos to look at; None: all.
            threshold: The rarity from which a hit counts as good; None: as `hbi.search.goodness` has it.

        Raises:
            SearchError: The text holds no words, or the index cannot be read.
        """
        begun = time.monotonic()
        if not any(character.isalnum() for character in text):
            raise SearchError(f"the text {text!r} holds no words: describe something that a video may show")
        encoded = self.matcher.encode_texts([text])
        part = Part(limit, offset, order, filters)
        return self._answer(begun, Question(text, encoded.encoding, encoded), part, threshold)

    def search_like(
        self,
        clip: Path,
        *,
        limit: int = 10,
        offset: int = 0,
        order: Order = "match",
        filters: Filters | None = None,
        threshold: float | None = None,
        start_seconds: float | None = None,
        end_seconds: float | None = None,
    ) -> SearchResult:
        """Return the moments that resemble a clip (or a span of it): its frames in the place of words.

        Args:
            clip: A video file.
            limit, offset, order, filters, threshold: As in `search`.
            start_seconds: Where the span begins; None: with the clip.
            end_seconds: Where it ends; None: with the clip.

        Raises:
            VideoError: The clip cannot be decoded.
        """
        begun = time.monotonic()
        encoding = self.matcher.encode_videos([clip], start_seconds=start_seconds, end_seconds=end_seconds)
        return self._answer(begun, Question(clip.name, encoding), Part(limit, offset, order, filters), threshold)

    def more_like(
        self,
        segment_id: str,
        *,
        limit: int = 10,
        offset: int = 0,
        order: Order = "match",
        filters: Filters | None = None,
        threshold: float | None = None,
    ) -> SearchResult:
        """Return the moments that resemble a segment of this index, without the moment that holds it.

        Args:
            segment_id: Of a hit.
            limit, offset, order, filters, threshold: As in `search`.

        Raises:
            SearchError: The index has no such segment.
        """
        begun, snapshot = time.monotonic(), self.snapshot()
        own = snapshot.segment(segment_id)
        if own is None:
            raise SearchError("the index has no such moment")
        path = ContentFiles.of(snapshot.videos[str(own.content[0])]).path
        name = f"{path.name}, {clock(float(own.start_seconds[0]))}–{clock(float(own.end_seconds[0]))}"
        question = Question(name, self.codec.decode(own.arrays), own=own)
        return self._answer(begun, question, Part(limit, offset, order, filters), threshold)

    def explain(
        self,
        video: Path,
        text: str,
        *,
        start_seconds: float | None = None,
        end_seconds: float | None = None,
        sample: VideoSample | None = None,
    ) -> Explanation:
        """Return which words of a text go with which seconds of a video, in the index or not; see `Matcher.explain`."""
        return self.matcher.explain(video, text, start_seconds=start_seconds, end_seconds=end_seconds, sample=sample)

    def locate(self, segment_id: str) -> SegmentLocation | None:
        """Return where a segment is, None where the index has no such segment."""
        span = self.store.span_of(segment_id)
        records = self.snapshot().videos.get(span[0]) if span else None
        if span is None or not records:
            return None
        files = ContentFiles.of(records)
        return SegmentLocation(files.path, span[1], span[2], files.is_current)

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

    def _answer(self, begun: float, question: Question, part: Part, threshold: float | None) -> SearchResult:
        """Return the wanted part of the best moments; `begun` is when the question came, in seconds of the clock."""
        if threshold is None:
            threshold = DEFAULT_THRESHOLD if question.text else DEFAULT_CLIP_THRESHOLD
        found = find(
            self.codec,
            self.snapshot(),
            self.calibration,
            question,
            part,
            threshold=threshold,
            second_stage=self.second_stage,
        )
        return SearchResult(
            query=question.name,
            hits=found.hits,
            threshold=threshold,
            num_segments=found.ranking.num_eligible,
            is_exhaustive=found.ranking.is_exhaustive,
            seconds=time.monotonic() - begun,
            remark=question.text.remarks[0] if question.text else None,
            offset=part.offset,
            has_more=found.has_more,
        )

    def _refresh(self) -> Snapshot:
        with self._refreshing:
            self._snapshot = snapshot = Snapshot(self.store)
            return snapshot


def _load_model(folder: Path, settings: IndexSettings, device: torch.device) -> Matcher:
    """Return the model that an index carries; SearchError where its files are missing or damaged."""
    try:
        matcher = load_matcher(folder, device=device, num_frames=settings.num_frames)
    except HBIError as error:
        raise SearchError(f"the model in {folder} cannot be read ({error}): index anew") from error
    return replace(matcher, name=settings.model)
