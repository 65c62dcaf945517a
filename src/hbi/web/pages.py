"""The pages: search, a moment with its explanation, an upload, the API. They work without JavaScript."""

import json
from importlib import resources
from typing import TYPE_CHECKING, Annotated

from hbi.errors import HBIError
from hbi.explanation import render_page
from hbi.web.access_middleware import IS_CROSS_SITE
from hbi.web.app_context import AppContext
from hbi.web.limits import RequestError
from hbi.web.search_request import SearchRequest, validated_text

if TYPE_CHECKING:
    from fastapi import FastAPI

STATIC = {"page.css": "text/css", "page.js": "text/javascript"}


def add_pages(app: "FastAPI", context: AppContext) -> None:
    """Add the routes that a person looks at."""
    from fastapi import File, Form, Request, UploadFile
    from fastapi.responses import HTMLResponse, Response

    service, limits, page = context.service, context.limits, context.page

    @app.get("/", include_in_schema=False)
    async def home(request: Request) -> Response:
        parameters = dict(request.query_params)
        is_cross_site = request.scope.get(IS_CROSS_SITE, False)
        if not parameters.get("q", "").strip() or is_cross_site:
            return page("search.html", asked=parameters, result=None, error=None, is_cross_site=is_cross_site)
        try:
            result = await context.search_queue.run(service.search, SearchRequest.parse(parameters, limits))
        except (RequestError, HBIError) as error:
            status = error.status if isinstance(error, RequestError) else 422
            return page("search.html", status, asked=parameters, result=None, error=str(error))
        return page("search.html", asked=parameters, result=result, error=None)

    @app.get("/moment", include_in_schema=False)
    async def moment(segment: str, q: str) -> Response:
        location = await context.read_queue.run(service.locate, segment)
        return page("moment.html", segment=segment, asked={"q": validated_text(q, limits)}, location=location)

    @app.get("/upload", include_in_schema=False)
    async def upload() -> Response:
        return page("upload.html", asked={})

    @app.get("/explanation", include_in_schema=False)
    async def explanation(segment: str, text: str) -> Response:
        return HTMLResponse(render_page(await context.explain_segment(segment, text)))

    @app.post("/explanation", include_in_schema=False)
    async def explanation_of_upload(clip: Annotated[UploadFile, File()], text: Annotated[str, Form()]) -> Response:
        return HTMLResponse(render_page(await context.explain_upload(clip, text)))

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        schema = app.openapi()
        return page("docs.html", asked={}, paths=schema["paths"], schema=json.dumps(schema, indent=2))

    @app.get("/static/{name}", include_in_schema=False)
    async def static(name: str) -> Response:
        if name not in STATIC:
            raise RequestError(404, "there is no such page")
        text = resources.files("hbi.web").joinpath("static", name).read_text("utf-8")
        return Response(text, media_type=STATIC[name])
