"""What all routes share: the index, who computes when, counts, and the making of pages."""

from functools import cached_property
from typing import Any

from hbi.explanation import Explanation
from hbi.search import VideoIndex
from hbi.search.record import clock
from hbi.web.decoder import Decoder
from hbi.web.desk import Desk, checked_text, shown_name
from hbi.web.gate import PAGE_POLICY
from hbi.web.limits import Limits, Workbench
from hbi.web.metrics import Metrics


class Service:
    """One index at work.

    Attributes:
        bench: Where searches wait and compute. They have turns of their own, and so has all else: `looking`, what is
            read from the index; `explaining`, moments of the index; `filming`, uploads, and moments cut out.
    """

    def __init__(self, index: VideoIndex, limits: Limits) -> None:
        self.index, self.limits = index, limits
        self.bench, self.looking = Workbench(limits), Workbench(limits)
        self.explaining, self.filming = Workbench(limits, 1), Workbench(limits, 1)
        self._explainer, self._filmer = Decoder(limits), Decoder(limits)
        self.desk, self.metrics = Desk(index, limits), Metrics()

    @property
    def num_in_house(self) -> int:
        """Requests that compute or wait."""
        return sum(bench.num_in_house for bench in self._benches)

    def close(self) -> None:
        """Refuse what waits or computes, and end what decodes: the server stops."""
        for bench in self._benches:
            bench.close()
        for decoder in (self._explainer, self._filmer):
            decoder.close()

    @property
    def _benches(self) -> tuple[Workbench, ...]:
        return self.bench, self.looking, self.explaining, self.filming

    def page(self, name: str, status: int = 200, **values: Any) -> Any:
        """Return a page from a template, with a policy that lets it load from this server only."""
        from fastapi.responses import HTMLResponse

        markup = self._templates.get_template(name).render(index=self.index, limits=self.limits, **values)
        return HTMLResponse(markup, status, headers={"content-security-policy": PAGE_POLICY})

    def failure(self, request: Any, status: int, message: str) -> Any:
        """Return a failure as a page to a browser, as JSON to everybody else."""
        from fastapi.responses import JSONResponse

        headers = {"retry-after": "2"} if status == 503 else {}
        if "text/html" not in request.headers.get("accept", ""):
            return JSONResponse({"error": message}, status, headers=headers)
        answer = self.page("error.html", status, message=message, framed=request.url.path == "/explanation")
        answer.headers.update(headers)
        return answer

    async def explain_segment(self, segment: str, text: str) -> Explanation:
        """Return why a moment of the index fits a text."""
        return await self.explaining.run(
            self.desk.explain_segment, segment, checked_text(text, self.limits), self._explainer
        )

    async def cut(self, segment: str) -> bytes:
        """Return a moment of the index as an MP4 file that browsers play."""
        return await self.filming.run(self.desk.clip, segment, self._filmer)

    async def explain_upload(self, clip: Any, text: str) -> Explanation:
        """Explain an upload from a file of its own, which is gone afterwards.

        The name it came with is shown, never used as a path.
        """
        text, name = checked_text(text, self.limits), shown_name(clip.filename or "")
        return await self.filming.run(self.desk.explain_upload, clip.file, name, text, self._filmer)

    @cached_property
    def _templates(self) -> Any:
        from jinja2 import Environment, PackageLoader

        templates = Environment(loader=PackageLoader("hbi.web"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
        templates.filters["clock"] = clock
        return templates
