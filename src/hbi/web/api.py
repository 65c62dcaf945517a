"""The API: searches and explanations as JSON, health, and metrics."""

from typing import TYPE_CHECKING, Annotated

from hbi.errors import HBIError
from hbi.web.app_context import AppContext
from hbi.web.index_service import search_response
from hbi.web.search_request import SearchRequest

if TYPE_CHECKING:
    from fastapi import FastAPI


def add_api(app: "FastAPI", context: AppContext) -> None:
    """Add the routes that a program calls."""
    from fastapi import File, Form, Query, UploadFile
    from fastapi.responses import JSONResponse, PlainTextResponse, Response

    service, limits = context.service, context.limits

    @app.get("/api/search", summary="Moments that fit a text, best first")
    async def search(
        q: Annotated[str, Query(description="The text to search for.")] = "",
        like: Annotated[str, Query(description="Instead: `segment_id` of a hit; others like it are found.")] = "",
        limit: Annotated[str, Query(description="Moments to return, at most 100.")] = "12",
        page: Annotated[str, Query(description="Which so many, from 1 on.")] = "1",
        sort: Annotated[str, Query(description="match, newest or name.")] = "match",
        threshold: Annotated[str, Query(description="Share of unrelated texts that a good match must beat.")] = "",
        path: Annotated[str, Query(description="Only videos in this folder, or whose path fits a pattern.")] = "",
        after: Annotated[str, Query(description="Only files changed on or after this day, YYYY-MM-DD.")] = "",
        before: Annotated[str, Query(description="Only files changed before this day.")] = "",
        min_seconds: Annotated[str, Query(description="Only videos at least so long.")] = "",
        max_seconds: Annotated[str, Query(description="Only videos at most so long.")] = "",
    ) -> Response:
        parameters = {"q": q, "like": like, "limit": limit, "page": page, "sort": sort}
        parameters |= {"threshold": threshold, "path": path, "after": after, "before": before}
        parameters |= {"min_seconds": min_seconds, "max_seconds": max_seconds}
        request = SearchRequest.parse(parameters, limits)
        result = await context.search_queue.run(service.search, request)
        return JSONResponse(search_response(result, request.text))

    @app.get("/api/explain", summary="Why a moment of the index fits a text")
    async def explain(
        segment: Annotated[str, Query(description="`segment_id` of a hit.")],
        text: Annotated[str, Query(description="The text.")],
    ) -> Response:
        explanation = await context.explain_segment(segment, text)
        return Response(explanation.to_json(), media_type="application/json")

    @app.post("/api/explain", summary="Why an uploaded clip fits a text; it is not indexed, and not kept")
    async def explain_upload(clip: Annotated[UploadFile, File()], text: Annotated[str, Form()]) -> Response:
        explanation = await context.explain_upload(clip, text)
        return Response(explanation.to_json(), media_type="application/json")

    @app.get("/healthz", summary="Whether the index can be read")
    async def healthz() -> Response:
        try:
            await context.read_queue.run(context.index.snapshot)
        except HBIError as error:
            return JSONResponse({"status": "failing", "error": str(error)}, 503)
        return JSONResponse({"status": "ok"})

    @app.get("/metrics", summary="Counts and times, for Prometheus")
    async def metrics() -> Response:
        now = await context.read_queue.run(context.index.snapshot)
        gauges = {"segments": now.num_segments, "videos": len(now.videos)}
        gauges["requests_in_progress"] = context.num_in_progress
        return PlainTextResponse(context.metrics.text(gauges))
