"""Pictures and videos: of segments of the index, named by their key. No path ever comes from outside."""

import mimetypes
import re
from typing import TYPE_CHECKING

from hbi.web.access_middleware import IS_HEAD
from hbi.web.app_context import AppContext

if TYPE_CHECKING:
    from fastapi import FastAPI


def add_media(app: "FastAPI", context: AppContext) -> None:
    """Add the routes that pages show and play."""
    from fastapi import Request
    from fastapi.responses import FileResponse, Response

    @app.get("/thumbnail/{segment}", summary="A picture of a moment, JPEG")
    async def thumbnail(segment: str) -> Response:
        picture = await context.read_queue.run(context.service.thumbnail, segment)
        return Response(picture, media_type="image/jpeg", headers={"cache-control": "private, max-age=3600"})

    @app.get("/video/{segment}", summary="The whole video that a moment is of; understands range requests")
    async def video(segment: str, request: Request) -> Response:
        path = (await context.read_queue.run(context.service.locate, segment)).path
        kind = mimetypes.guess_type(path.name)[0] or ""
        is_playable = kind.startswith("video/") or kind == "image/gif"
        if request.scope.get(IS_HEAD, False):  # a file response reads no file for it
            request.scope["method"] = "HEAD"
        return FileResponse(path, media_type=kind if is_playable else "application/octet-stream")

    @app.get("/clip/{segment}", summary="A moment cut out, as MP4 that any browser plays")
    async def clip(segment: str, request: Request) -> Response:
        content = await context.cut(segment)
        part = _requested_range(request.headers.get("range", ""), len(content))
        headers = {"accept-ranges": "bytes"}  # without which a browser cannot go to a second of it
        if part is None:
            return Response(content, media_type="video/mp4", headers=headers)
        if not part:
            return Response(status_code=416, headers=headers | {"content-range": f"bytes */{len(content)}"})
        headers |= {"content-range": f"bytes {part.start}-{part.stop - 1}/{len(content)}"}
        return Response(content[part.start : part.stop], 206, media_type="video/mp4", headers=headers)


def _requested_range(header: str, size: int) -> range | None:
    """Return the bytes that a Range header asks for, none where there are none; None where it asks for no one range.

    >>> _requested_range("bytes=10-19", 100), _requested_range("bytes=-10", 100), _requested_range("bytes=90-", 100)
    (range(10, 20), range(90, 100), range(90, 100))
    """
    match = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", header.strip())
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        return range(max(0, size - int(match[2])), size)
    return range(int(match[1]), min(size, int(match[2]) + 1 if match[2] else size))
