"""What all routes share: the index, who computes when, counts, and the making of pages."""

import shutil
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any

from hbi.explanation import Explanation
from hbi.search import VideoIndex
from hbi.search.record import clock
from hbi.web.desk import Desk, checked_text
from hbi.web.gate import PAGE_POLICY
from hbi.web.limits import Limits, Workbench
from hbi.web.metrics import Metrics

LONGEST_NAME = 120


class Service:
    """One index at work."""

    def __init__(self, index: VideoIndex, limits: Limits) -> None:
        self.index, self.limits = index, limits
        self.desk, self.bench, self.metrics = Desk(index, limits), Workbench(limits), Metrics()

    @property
    def too_large(self) -> str:
        """What is said to a body beyond the limit."""
        return f"too large: at most {self.limits.max_upload_bytes // 2**20} MiB"

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

    async def explain_upload(self, clip: Any, text: str) -> Explanation:
        """Explain an upload from a file of its own, which is gone afterwards.

        The name it came with is shown, never used as a path.
        """
        text = checked_text(text, self.limits)
        name = Path((clip.filename or "clip").replace("\\", "/")).name[:LONGEST_NAME] or "clip"
        with tempfile.NamedTemporaryFile(prefix="hbi-upload-") as file:
            shutil.copyfileobj(clip.file, file)
            file.flush()
            return await self.bench.run(self.desk.explain_upload, Path(file.name), name, text)

    @cached_property
    def _templates(self) -> Any:
        from jinja2 import Environment, PackageLoader

        templates = Environment(loader=PackageLoader("hbi.web"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
        templates.filters["clock"] = clock
        return templates
