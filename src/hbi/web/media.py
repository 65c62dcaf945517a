"""Pictures and videos: of segments of the index, named by their key. No path ever comes from outside."""

import mimetypes
from typing import TYPE_CHECKING

from hbi.web.limits import RefusalError
from hbi.web.service import Service

if TYPE_CHECKING:
    from fastapi import FastAPI


def add_media(app: "FastAPI", service: Service) -> None:
    """Add the routes that pages show and play."""
    from fastapi.responses import FileResponse, Response

    @app.get("/thumbnail/{segment}", summary="A picture of a moment, JPEG")
    def thumbnail(segment: str) -> Response:
        picture = service.index.thumbnail(segment)
        if picture is None:
            raise RefusalError(404, "the index has no such moment")
        return Response(picture, media_type="image/jpeg", headers={"cache-control": "private, max-age=3600"})

    @app.get("/video/{segment}", summary="The whole video that a moment is of; understands range requests")
    def video(segment: str) -> Response:
        path = service.desk.located(segment).path
        kind = mimetypes.guess_type(path.name)[0] or ""
        is_moving = kind.startswith("video/") or kind == "image/gif"
        return FileResponse(path, media_type=kind if is_moving else "application/octet-stream")

    @app.get("/clip/{segment}", summary="A moment cut out, as MP4 that any browser plays")
    async def clip(segment: str) -> Response:
        return Response(await service.bench.run(service.desk.clip, segment), media_type="video/mp4")
