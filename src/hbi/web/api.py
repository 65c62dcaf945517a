"""The API: searches and reasons as JSON, health, and measures."""

from typing import TYPE_CHECKING, Annotated

from hbi.errors import HBIError
from hbi.web.desk import Question, answer_record
from hbi.web.service import Service

if TYPE_CHECKING:
    from fastapi import FastAPI


def add_api(app: "FastAPI", service: Service) -> None:
    """Add the routes that a program calls."""
    from fastapi import File, Form, Query, UploadFile
    from fastapi.responses import JSONResponse, PlainTextResponse, Response

    desk, bench, limits = service.desk, service.bench, service.limits

    @app.get("/api/search", summary="Moments that fit a text, best first")
    async def search(
        q: Annotated[str, Query(description="What is to be seen.")],
        limit: Annotated[str, Query(description="Moments to return, at most 100.")] = "12",
        threshold: Annotated[str, Query(description="Share of unrelated texts that a good match must beat.")] = "0.95",
        path: Annotated[str, Query(description="Only videos in this folder, or whose path fits a pattern.")] = "",
        after: Annotated[str, Query(description="Only files changed on or after this day, YYYY-MM-DD.")] = "",
        before: Annotated[str, Query(description="Only files changed before this day.")] = "",
        min_seconds: Annotated[str, Query(description="Only videos at least so long.")] = "",
        max_seconds: Annotated[str, Query(description="Only videos at most so long.")] = "",
    ) -> Response:
        asked = {"q": q, "limit": limit, "threshold": threshold, "path": path, "after": after, "before": before}
        asked |= {"min_seconds": min_seconds, "max_seconds": max_seconds}
        return JSONResponse(answer_record(await bench.run(desk.search, Question.checked(asked, limits))))

    @app.get("/api/explain", summary="Why a moment of the index fits a text")
    async def explain(
        segment: Annotated[str, Query(description="`segment_id` of a hit.")],
        text: Annotated[str, Query(description="The text.")],
    ) -> Response:
        found = await service.explain_segment(segment, text)
        return Response(found.to_json(), media_type="application/json")

    @app.post("/api/explain", summary="Why an uploaded clip fits a text; it is not indexed, and not kept")
    async def explain_upload(clip: Annotated[UploadFile, File()], text: Annotated[str, Form()]) -> Response:
        found = await service.explain_upload(clip, text)
        return Response(found.to_json(), media_type="application/json")

    @app.get("/healthz", summary="Whether the index can be read")
    async def healthz() -> Response:
        try:
            await service.looking.run(service.index.snapshot)
        except HBIError as error:
            return JSONResponse({"status": "failing", "error": str(error)}, 503)
        return JSONResponse({"status": "ok"})

    @app.get("/metrics", summary="Counts and times, for Prometheus")
    async def measures() -> Response:
        now = await service.looking.run(service.index.snapshot)
        gauges = {"segments": now.num_segments, "videos": len(now.videos), "requests_in_house": service.num_in_house}
        return PlainTextResponse(service.metrics.text(gauges))
