"""The pages: search, a moment with its explanation, an upload, the API. They work without JavaScript."""

import json
from functools import partial
from importlib import resources
from typing import TYPE_CHECKING, Any, get_args

from hbi.errors import HBIError
from hbi.web.access_middleware import IS_CROSS_SITE
from hbi.web.app_context import AppContext
from hbi.web.library import VideoOrder, library_page, video_with_segments
from hbi.web.limits import RequestError
from hbi.web.model_facts import ModelFacts
from hbi.web.search_request import (
    SearchRequest,
    has_empty_fields,
    page_number,
    search_address,
    seconds_within,
    validated_text,
)

if TYPE_CHECKING:
    from fastapi import FastAPI

STATIC = {
    "page.css": "text/css",
    "results.css": "text/css",
    "page.js": "text/javascript",
    "results.js": "text/javascript",
    "playing.js": "text/javascript",
}
PAGE_HITS = 20
HOME_VIDEOS, LIBRARY_VIDEOS = 10, 48
VIDEO_SEGMENTS = 60


def add_pages(app: "FastAPI", context: AppContext) -> None:
    """Add the routes that a person looks at."""
    from fastapi import Request
    from fastapi.responses import RedirectResponse, Response

    service, limits, page = context.service, context.limits, context.page
    model = ModelFacts.of(context.index.matcher)

    @app.get("/", include_in_schema=False)
    async def home(request: Request) -> Response:
        asked = dict(request.query_params)
        is_blank = asked.get("q", "").isspace() and not asked.get("like", "").strip()  # typed, but no words
        if has_empty_fields(asked) and not is_blank:  # what a form without scripts sends: filters that say nothing
            return RedirectResponse(search_address(asked), 303)
        is_search = is_blank or any(asked.get(name, "").strip() for name in ("q", "like"))
        if request.scope.get(IS_CROSS_SITE, False):  # nothing is computed for another site's page
            return page("home.html", asked=asked, is_cross_site=is_search, library=None)
        if not is_search:
            context.samples.start()
            library = await context.read_queue.run(library_page, context.index, "newest", 0, HOME_VIDEOS)
            samples = await context.read_queue.run(context.samples.present)
            return page("home.html", asked={}, library=library, samples=samples, model=model)
        asked["q"] = asked.get("q", "").strip()
        options: dict[str, Any] = {"asked": asked, "address": partial(search_address, asked)}
        try:
            search = SearchRequest.parse(asked, limits, limit=PAGE_HITS)
            result = await context.search_queue.run(service.search, search)
        except (RequestError, HBIError) as error:
            status = error.status if isinstance(error, RequestError) else 422
            samples = await context.read_queue.run(context.samples.present)
            return page("search.html", status, result=None, error=str(error), samples=samples, **options)
        return page("search.html", result=result, error=None, search=search, **options)

    @app.get("/library", include_in_schema=False)
    async def library(request: Request) -> Response:
        asked = dict(request.query_params)
        order = asked.get("sort", "newest")
        if order not in get_args(VideoOrder):
            raise RequestError(422, f"sort must be one of {', '.join(get_args(VideoOrder))}")
        number = page_number(asked)
        begin = (number - 1) * LIBRARY_VIDEOS
        found = await context.read_queue.run(library_page, context.index, order, begin, LIBRARY_VIDEOS)
        return page("library.html", asked={}, library=found, order=order, number=number)

    @app.get("/watch", include_in_schema=False)
    async def watch(request: Request, segment: str) -> Response:
        asked = dict(request.query_params)
        location = await context.read_queue.run(service.locate, segment)
        found = await context.read_queue.run(video_with_segments, context.index, segment)
        if found is None:
            raise RequestError(404, "the index has no such moment")
        video, spans = found
        place = [span.id for span in spans].index(segment)
        number = page_number(asked) if "page" in asked else place // VIDEO_SEGMENTS + 1
        is_of_a_search = bool(asked.get("like") or asked.get("q"))
        return page(
            "watch.html",
            asked={},
            segment=segment,
            location=location,
            sources=await context.sources(segment),
            video=video,
            spans=spans[(number - 1) * VIDEO_SEGMENTS : number * VIDEO_SEGMENTS],
            number=number,
            num_pages=-(-len(spans) // VIDEO_SEGMENTS),
            at_seconds=seconds_within(asked.get("at", ""), location.start_seconds, location.end_seconds),
            back=search_address(asked, page="") if is_of_a_search else None,
        )

    @app.get("/moment", include_in_schema=False)
    async def moment(request: Request, segment: str, q: str) -> Response:
        location = await context.read_queue.run(service.locate, segment)
        asked = dict(request.query_params) | {"q": validated_text(q, limits)}
        span = await context.search_queue.run(service.moment, segment, asked["q"])
        return page(
            "moment.html",
            segment=segment,
            asked=asked,
            location=location,
            span=span,
            sources=await context.sources(segment),
            back=search_address(asked),
            at_seconds=seconds_within(asked.get("at", ""), span.start_seconds, span.end_seconds),
        )

    @app.get("/upload", include_in_schema=False)
    async def upload() -> Response:
        return page("upload.html", asked={})

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
