"""What all routes share: the index, the queues in which requests wait, counts, and the making of pages."""

import threading
from functools import cached_property
from typing import Any, BinaryIO

from hbi.explanation import Explanation
from hbi.search import VideoIndex
from hbi.search.results import Verdict, clock
from hbi.web.access_middleware import PAGE_POLICY
from hbi.web.index_service import IndexService
from hbi.web.library import length_in_words
from hbi.web.limits import Limits
from hbi.web.metrics import Metrics
from hbi.web.playback import Playback, Source
from hbi.web.sample_queries import SampleQueries
from hbi.web.search_request import display_name, validated_text
from hbi.web.video_worker import VideoWorker
from hbi.web.work_queue import WorkQueue

EXPLAINING_PAGES = frozenset({"moment.html", "upload.html"})
EXPLAINING_POLICY = PAGE_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'").replace(
    "media-src 'self'", "media-src 'self' blob:"
)
"""Of pages that hold an explanation, which brings the style of its frames along, or play a file of the user's own."""


class AppContext:
    """One served index, as `app.state.context`.

    Attributes:
        search_queue: Of searches. Whatever else is asked for waits in a queue of its own.
        read_queue: Of what is read from the index.
        explain_queue: Of explanations of moments, one at a time.
        clip_queue: Of uploads, and of moments that are cut out, one at a time.
        picture_queue: Of single pictures of moments, one at a time.
    """

    def __init__(self, index: VideoIndex, limits: Limits) -> None:
        self.index, self.limits = index, limits
        self.search_queue, self.read_queue = WorkQueue(limits), WorkQueue(limits)
        self.explain_queue, self.clip_queue = WorkQueue(limits, 1), WorkQueue(limits, 1)
        self.picture_queue = WorkQueue(limits, 1)
        self._explain_worker, self._clip_worker = VideoWorker(limits), VideoWorker(limits)
        self._picture_worker = VideoWorker(limits)
        self.service, self.metrics = IndexService(index, limits), Metrics()
        self.samples = SampleQueries(index)
        self.playback = Playback(self.service, limits)

    @property
    def num_in_progress(self) -> int:
        """Requests that compute or wait."""
        return sum(queue.num_in_progress for queue in self._queues)

    def start(self) -> None:
        """Begin, while nobody asks yet, what would keep the first visitors waiting: sample searches, and decoding."""
        self.samples.start()
        threading.Thread(target=self._picture_worker.start, name="hbi-start", daemon=True).start()

    def close(self) -> None:
        """Refuse what waits or computes, and end the processes that decode: the server stops."""
        self.samples.close()
        for queue in self._queues:
            queue.close()
        for worker in (self._explain_worker, self._clip_worker, self._picture_worker):
            worker.close()
        self.playback.close()

    @property
    def _queues(self) -> tuple[WorkQueue, ...]:
        return self.search_queue, self.read_queue, self.explain_queue, self.clip_queue, self.picture_queue

    def page(self, name: str, status: int = 200, **values: Any) -> Any:
        """Return a page from a template, with a policy that lets it load from this server only."""
        from fastapi.responses import HTMLResponse

        markup = self._templates.get_template(name).render(self._shared | values)
        policy = EXPLAINING_POLICY if name in EXPLAINING_PAGES else PAGE_POLICY
        return HTMLResponse(markup, status, headers={"content-security-policy": policy})

    def error_response(self, request: Any, status: int, message: str) -> Any:
        """Return an error as a page to a browser, as JSON to everybody else."""
        from fastapi.responses import JSONResponse

        headers = {"retry-after": "2"} if status == 503 else {}
        if "text/html" not in request.headers.get("accept", ""):
            return JSONResponse({"error": message}, status, headers=headers)
        response = self.page("error.html", status, message=message)
        response.headers.update(headers)
        return response

    async def explain_segment(self, segment: str, text: str) -> Explanation:
        """Return why a moment of the index fits a text."""
        text = validated_text(text, self.limits)
        return await self.explain_queue.run(self.service.explain_segment, segment, text, self._explain_worker)

    async def word_verdicts(self, segment: str, text: str) -> dict[tuple[int, int], Verdict]:
        """Return what the index says of every whole word `[start, end)` of a text at one of its moments."""
        return await self.search_queue.run(self.service.word_verdicts, segment, validated_text(text, self.limits))

    async def sources(self, segment: str) -> tuple[Source, ...]:
        """Return what a player can take for a moment of the index, the best first; not behind pictures that wait."""
        return await self.read_queue.run(self.playback.sources, segment, self._picture_worker)

    async def media_type(self, segment: str) -> str:
        """Return what the file of a moment is served as; "" where no browser plays it."""
        return await self.read_queue.run(self.playback.media_type, segment, self._picture_worker)

    async def is_original_playable(self, segment: str) -> bool:
        """Return whether every browser plays the file of a moment as it is."""
        return await self.read_queue.run(self.playback.is_original_playable, segment, self._picture_worker)

    async def cut(self, segment: str) -> BinaryIO:
        """Return a moment of the index as an MP4 file that browsers play, open."""
        kept = await self.read_queue.run(self.playback.kept_clip, segment)
        if kept is not None:
            return kept
        return await self.clip_queue.run(self.playback.clip, segment, self._clip_worker)

    async def convert(self, segment: str) -> BinaryIO:
        """Return the whole video of a moment as an MP4 file that browsers play, open."""
        kept = await self.read_queue.run(self.playback.kept_whole, segment)
        if kept is not None:
            return kept
        return await self.clip_queue.run(self.playback.whole, segment, self._clip_worker)

    async def convert_upload(self, clip: Any) -> bytes:
        """Return an uploaded clip as an MP4 file that browsers play; nothing of it stays."""
        name = display_name(clip.filename or "")
        return await self.clip_queue.run(self.playback.convert_upload, clip.file, name, self._clip_worker)

    async def picture(self, segment: str, at_seconds: float) -> bytes:
        """Return the picture on screen at a second of a moment of the index, JPEG."""
        return await self.picture_queue.run(self.service.picture, segment, at_seconds, self._picture_worker)

    async def explain_upload(self, clip: Any, text: str) -> Explanation:
        """Explain an upload from a file of its own, which is gone afterwards.

        The name it came with is shown, never used as a path.
        """
        text, name = validated_text(text, self.limits), display_name(clip.filename or "")
        return await self.clip_queue.run(self.service.explain_upload, clip.file, name, text, self._clip_worker)

    @property
    def _shared(self) -> dict[str, Any]:
        """What every page may say."""
        example = next((sample.text for sample in self.samples.found), "what happens in the moment")
        return {"index": self.index, "limits": self.limits, "example": example}

    @cached_property
    def _templates(self) -> Any:
        from jinja2 import Environment, PackageLoader

        templates = Environment(loader=PackageLoader("hbi.web"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
        templates.filters["clock"] = clock
        templates.filters["in_words"] = length_in_words
        templates.filters["as_sentence"] = as_sentence
        return templates


def as_sentence(message: str) -> str:
    """Return what a page says of an error or of a result: a message, from a capital letter to a full stop.

    >>> as_sentence("path has 900 characters"), as_sentence("Nothing here.")
    ('Path has 900 characters.', 'Nothing here.')
    """
    return f"{message[:1].upper()}{message[1:]}{'' if message.endswith(('.', '!', '?')) else '.'}"
