"""Explanations of moments and of uploads: as a part of a page, and as a page by itself for who runs no scripts."""

from typing import TYPE_CHECKING, Annotated

from hbi.explanation import explanation_section, render_page
from hbi.explanation.html.page import section_assets
from hbi.matching.seen_words import unknown_words
from hbi.web.app_context import AppContext
from hbi.web.playback import Source

if TYPE_CHECKING:
    from fastapi import FastAPI

PLAYER = "player"
"""Id of the video element of the pages around an explanation."""
ANCHOR = "explanation"


def _only_address(sources: tuple[Source, ...]) -> str | None:
    """Return the address that a page plays which has one; None where there is only a moment with a time of its own."""
    of_video = [source.address for source in sources if not source.offset_seconds]
    converted = [address for address in of_video if address.startswith("/playable/")]  # which every browser plays
    return next(iter(converted or of_video), None)


def add_explanations(app: "FastAPI", context: AppContext) -> None:
    """Add the routes that explain; what `static/moment.js` inserts into a page is only the section."""
    from fastapi import File, Form, UploadFile
    from fastapi.responses import HTMLResponse, Response

    @app.get("/explanation", include_in_schema=False)
    async def explanation(segment: str, text: str) -> Response:
        explained = await context.explain_segment(segment, text)
        verdicts = await context.word_verdicts(segment, text)
        address = _only_address(await context.sources(segment))
        return HTMLResponse(render_page(explained, address=address, verdicts=verdicts))

    @app.get("/explanation/section", include_in_schema=False)
    async def section(segment: str, text: str) -> Response:
        explained = await context.explain_segment(segment, text)
        verdicts = await context.word_verdicts(segment, text)
        return HTMLResponse(explanation_section(explained, ANCHOR, verdicts=verdicts, player_id=PLAYER))

    @app.post("/explanation", include_in_schema=False)
    async def explanation_of_upload(clip: Annotated[UploadFile, File()], text: Annotated[str, Form()]) -> Response:
        explained = await context.explain_upload(clip, text)
        verdicts = await context.read_queue.run(unknown_words, context.index.matcher, explained)
        return HTMLResponse(render_page(explained, verdicts=verdicts))

    @app.post("/explanation/section", include_in_schema=False)
    async def section_of_upload(clip: Annotated[UploadFile, File()], text: Annotated[str, Form()]) -> Response:
        explained = await context.explain_upload(clip, text)
        verdicts = await context.read_queue.run(unknown_words, context.index.matcher, explained)
        return HTMLResponse(explanation_section(explained, ANCHOR, verdicts=verdicts, player_id=PLAYER))

    @app.get("/static/explanation.css", include_in_schema=False)
    async def style() -> Response:
        return Response(section_assets()[0], media_type="text/css")

    @app.get("/static/explanation.js", include_in_schema=False)
    async def script() -> Response:
        return Response(section_assets()[1], media_type="text/javascript")
