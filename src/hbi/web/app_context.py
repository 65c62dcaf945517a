"""What all routes share: the index, the queues in which requests wait, counts, and the making of pages."""

from functools import cached_property
from typing import Any

from hbi.explanation import Explanation
from hbi.search import VideoIndex
from hbi.search.results import clock
from hbi.web.access_middleware import PAGE_POLICY
from hbi.web.index_service import IndexService
from hbi.web.limits import Limits
from hbi.web.metrics import Metrics
from hbi.web.search_request import display_name, validated_text
from hbi.web.video_worker import VideoWorker
from hbi.web.work_queue import WorkQueue


class AppContext:
    """One served index, as `app.state.context`.

    Attributes:
        search_queue: Of searches. Whatever else is asked for waits in a queue of its own.
        read_queue: Of what is read from the index.
        explain_queue: Of explanations of moments, one at a time.
        clip_queue: Of uploads, and of moments that are cut out, one at a time.
    """

    def __init__(self, index: VideoIndex, limits: Limits) -> None:
        self.index, self.limits = index, limits
        self.search_queue, self.read_queue = WorkQueue(limits), WorkQueue(limits)
        self.explain_queue, self.clip_queue = WorkQueue(limits, 1), WorkQueue(limits, 1)
        self._explain_worker, self._clip_worker = VideoWorker(limits), VideoWorker(limits)
        self.service, self.metrics = IndexService(index, limits), Metrics()

    @property
    def num_in_progress(self) -> int:
        """Requests that compute or wait."""
        return sum(queue.num_in_progress for queue in self._queues)

    def close(self) -> None:
        """Refuse what waits or computes, and end the processes that decode: the server stops."""
        for queue in self._queues:
            queue.close()
        for worker in (self._explain_worker, self._clip_worker):
            worker.close()

    @property
    def _queues(self) -> tuple[WorkQueue, ...]:
        return self.search_queue, self.read_queue, self.explain_queue, self.clip_queue

    def page(self, name: str, status: int = 200, **values: Any) -> Any:
        """Return a page from a template, with a policy that lets it load from this server only."""
        from fastapi.responses import HTMLResponse

        markup = self._templates.get_template(name).render(index=self.index, limits=self.limits, **values)
        return HTMLResponse(markup, status, headers={"content-security-policy": PAGE_POLICY})

    def error_response(self, request: Any, status: int, message: str) -> Any:
        """Return an error as a page to a browser, as JSON to everybody else."""
        from fastapi.responses import JSONResponse

        headers = {"retry-after": "2"} if status == 503 else {}
        if "text/html" not in request.headers.get("accept", ""):
            return JSONResponse({"error": message}, status, headers=headers)
        response = self.page("error.html", status, message=message, framed=request.url.path == "/explanation")
        response.headers.update(headers)
        return response

    async def explain_segment(self, segment: str, text: str) -> Explanation:
        """Return why a moment of the index fits a text."""
        text = validated_text(text, self.limits)
        return await self.explain_queue.run(self.service.explain_segment, segment, text, self._explain_worker)

    async def cut(self, segment: str) -> bytes:
        """Return a moment of the index as an MP4 file that browsers play."""
        return await self.clip_queue.run(self.service.clip, segment, self._clip_worker)

    async def explain_upload(self, clip: Any, text: str) -> Explanation:
        """Explain an upload from a file of its own, which is gone afterwards.

        The name it came with is shown, never used as a path.
        """
        text, name = validated_text(text, self.limits), display_name(clip.filename or "")
        return await self.clip_queue.run(self.service.explain_upload, clip.file, name, text, self._clip_worker)

    @cached_property
    def _templates(self) -> Any:
        from jinja2 import Environment, PackageLoader

        templates = Environment(loader=PackageLoader("hbi.web"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
        templates.filters["clock"] = clock
        return templates
