"""The pages: search, a moment with its reason, an upload, the API to read. They work without JavaScript."""

import json
from importlib import resources
from typing import TYPE_CHECKING, Annotated

from hbi.errors import HBIError
from hbi.explanation import render_page
from hbi.web.desk import Question, checked_text
from hbi.web.gate import FROM_ELSEWHERE
from hbi.web.limits import RefusalError
from hbi.web.service import Service

if TYPE_CHECKING:
    from fastapi import FastAPI

STATIC = {"page.css": "text/css", "page.js": "text/javascript"}


def add_pages(app: "FastAPI", service: Service) -> None:
    """Add the routes that a person looks at."""
    from fastapi import File, Form, Request, UploadFile
    from fastapi.responses import HTMLResponse, Response

    desk, bench, limits, page = service.desk, service.bench, service.limits, service.page

    @app.get("/", include_in_schema=False)
    async def home(request: Request) -> Response:
        asked = dict(request.query_params)
        is_from_elsewhere = request.scope.get(FROM_ELSEWHERE, False)
        if not asked.get("q", "").strip() or is_from_elsewhere:
            return page("search.html", asked=asked, result=None, error=None, is_from_elsewhere=is_from_elsewhere)
        try:
            result = await bench.run(desk.search, Question.checked(asked, limits))
        except (RefusalError, HBIError) as error:
            status = error.status if isinstance(error, RefusalError) else 422
            return page("search.html", status, asked=asked, result=None, error=str(error))
        return page("search.html", asked=asked, result=result, error=None)

    @app.get("/moment", include_in_schema=False)
    async def moment(segment: str, q: str) -> Response:
        located = await service.looking.run(desk.located, segment)
        return page("moment.html", segment=segment, asked={"q": checked_text(q, limits)}, located=located)

    @app.get("/upload", include_in_schema=False)
    async def upload() -> Response:
        return page("upload.html", asked={})

    @app.get("/explanation", include_in_schema=False)
    async def explanation(segment: str, text: str) -> Response:
        return HTMLResponse(render_page(await service.explain_segment(segment, text)))

    @app.post("/explanation", include_in_schema=False)
    async def explanation_of_upload(clip: Annotated[UploadFile, File()], text: Annotated[str, Form()]) -> Response:
        return HTMLResponse(render_page(await service.explain_upload(clip, text)))

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        schema = app.openapi()
        return page("docs.html", asked={}, paths=schema["paths"], schema=json.dumps(schema, indent=2))

    @app.get("/static/{name}", include_in_schema=False)
    async def static(name: str) -> Response:
        if name not in STATIC:
            raise RefusalError(404, "there is no such page")
        text = resources.files("hbi.web").joinpath("static", name).read_text("utf-8")
        return Response(text, media_type=STATIC[name])
