"""Pictures of moments: the frame at a second of a segment, decoded when it is asked for."""

import logging
from typing import TYPE_CHECKING, Annotated

from hbi.errors import HBIError
from hbi.web.app_context import AppContext
from hbi.web.limits import RequestError

if TYPE_CHECKING:
    from fastapi import FastAPI

_log = logging.getLogger("hbi.web")


def add_pictures(app: "FastAPI", context: AppContext) -> None:
    """Add the route of the pictures that cards show."""
    from fastapi import Query
    from fastapi.responses import Response

    @app.get("/frame/{segment}", summary="The picture on screen at a second of a moment, JPEG")
    async def frame(
        segment: str, at: Annotated[float, Query(description="A second of the video.", allow_inf_nan=False)]
    ) -> Response:
        headers = {"cache-control": "private, max-age=3600"}
        try:
            picture = await context.picture(segment, at)
        except (RequestError, HBIError) as error:
            # The file is gone, cannot be decoded now, or others wait: what was seen of it when it was indexed is there.
            _log.info("no picture of %s at %g s: %s", segment, at, error)
            picture, headers = await context.read_queue.run(context.service.thumbnail, segment), {}
        return Response(picture, media_type="image/jpeg", headers=headers)
