"""Pictures and videos: of segments of the index, named by their key. No path ever comes from outside."""

import mimetypes
import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, BinaryIO

from hbi.web.access_middleware import IS_HEAD
from hbi.web.app_context import AppContext
from hbi.web.limits import RequestError

if TYPE_CHECKING:
    from fastapi import FastAPI, Request
    from fastapi.responses import Response

MP4 = "video/mp4"
PIECE_BYTES = 2**18


def add_media(app: "FastAPI", context: AppContext) -> None:
    """Add the routes that pages show and play."""
    from fastapi import File, Request, UploadFile
    from fastapi.responses import Response

    @app.get("/thumbnail/{segment}", summary="A picture of a moment, JPEG")
    async def thumbnail(segment: str) -> Response:
        picture = await context.read_queue.run(context.service.thumbnail, segment)
        return Response(picture, media_type="image/jpeg", headers={"cache-control": "private, max-age=3600"})

    @app.get("/video/{segment}", summary="The whole video that a moment is of; understands range requests")
    async def video(segment: str, request: Request) -> Response:
        return await _original(context, segment, request)

    @app.get("/playable/{segment}", summary="The whole video that a moment is of, converted to MP4 where it has to be")
    async def playable(segment: str, request: Request) -> Response:
        if await context.is_original_playable(segment):
            return await _original(context, segment, request)
        return _sent(await context.convert(segment), request)

    @app.get("/clip/{segment}", summary="A moment cut out, as MP4 that any browser plays")
    async def clip(segment: str, request: Request) -> Response:
        return _sent(await context.cut(segment), request)

    @app.post("/converted", summary="An uploaded clip as MP4 that any browser plays; it is not kept")
    async def converted(clip: Annotated[UploadFile, File()]) -> Response:
        return Response(await context.convert_upload(clip), media_type=MP4)


async def _original(context: AppContext, segment: str, request: "Request") -> "Response":
    """Return the file of a moment, as what it is by its content or, where no browser plays it, by its name."""
    from fastapi.responses import FileResponse

    path = (await context.read_queue.run(context.service.locate, segment)).path
    guessed = mimetypes.guess_type(path.name)[0] or ""
    try:
        kind = await context.media_type(segment)
    except RequestError:  # it is sent all the same: who asks for it may know better
        kind = ""
    kind = kind or (guessed if guessed.startswith("video/") or guessed == "image/gif" else "application/octet-stream")
    if request.scope.get(IS_HEAD, False):  # a file response reads no file for it
        request.scope["method"] = "HEAD"
    return FileResponse(path, media_type=kind)


def _sent(file: BinaryIO, request: "Request") -> "Response":
    """Return an open MP4 file as a response, or the part of it that was asked for; it is closed in the end."""
    from fastapi.responses import Response, StreamingResponse

    size = os.fstat(file.fileno()).st_size
    part = _requested_range(request.headers.get("range", ""), size)
    headers = {"accept-ranges": "bytes"}  # without which a browser cannot go to a second of it
    if part is not None and not part:
        file.close()
        return Response(status_code=416, headers=headers | {"content-range": f"bytes */{size}"})
    sent = range(size) if part is None else part
    headers |= {"content-length": str(len(sent))}
    headers |= {} if part is None else {"content-range": f"bytes {sent.start}-{sent.stop - 1}/{size}"}
    if request.scope.get(IS_HEAD, False):
        file.close()
        return Response(headers=headers, media_type=MP4)
    status = 200 if part is None else 206
    return StreamingResponse(_pieces(file, sent), status, headers=headers, media_type=MP4)


def _pieces(file: BinaryIO, part: range) -> Iterator[bytes]:
    with file:
        file.seek(part.start)
        left = len(part)
        while left and (piece := file.read(min(left, PIECE_BYTES))):
            yield piece
            left -= len(piece)


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
