"""The application that serves one index: its parts put together, its failures turned into answers."""

import time
from typing import TYPE_CHECKING, Any

import hbi
from hbi.errors import HBIError
from hbi.search import SearchError, VideoIndex
from hbi.web.gate import BodyTooLargeError, Gate
from hbi.web.limits import Limits, RefusalError
from hbi.web.service import Service

if TYPE_CHECKING:
    from fastapi import FastAPI


def create_app(index: VideoIndex, *, token: str | None = None, limits: Limits | None = None) -> "FastAPI":
    """Return the application that serves one index.

    Without a token it answers to loopback names only; see `hbi.web.gate`.

    Raises:
        SearchError: The extra `web` is not installed.
    """
    try:
        import jinja2  # noqa: F401
        import python_multipart  # noqa: F401
        from fastapi import FastAPI
    except ImportError as error:
        raise SearchError(
            f"serving needs {error.name}, which is not installed: pip install 'hbi-video[web]'"
        ) from error
    from hbi.web.api import add_api
    from hbi.web.media import add_media
    from hbi.web.pages import add_pages

    service = Service(index, limits or Limits())
    app = FastAPI(
        title="hbi",
        version=hbi.__version__,
        description="Moments of your own videos, by what is to be seen in them, with the reason for each.",
        docs_url=None,  # FastAPI's own page fetches scripts from elsewhere
        redoc_url=None,
    )
    _add_failures(app, service)
    _add_measuring(app, service)
    add_pages(app, service)
    add_api(app, service)
    add_media(app, service)
    app.add_middleware(Gate, token=token, limits=service.limits)
    return app


def _add_failures(app: "FastAPI", service: Service) -> None:
    from fastapi import Request
    from fastapi.responses import Response

    @app.exception_handler(RefusalError)
    def refused(request: Request, error: RefusalError) -> Response:
        return service.failure(request, error.status, error.message)

    @app.exception_handler(HBIError)
    def mistaken(request: Request, error: HBIError) -> Response:
        return service.failure(request, 422, " ".join(str(error).splitlines()))

    @app.exception_handler(404)
    def unknown(request: Request, error: Exception) -> Response:
        return service.failure(request, 404, "there is no such page")

    @app.exception_handler(Exception)
    def surprised(request: Request, error: Exception) -> Response:
        return service.failure(request, 500, "something went wrong here; the server's log says what")


def _add_measuring(app: "FastAPI", service: Service) -> None:
    from fastapi import Request
    from fastapi.responses import Response

    @app.middleware("http")
    async def measure(request: Request, proceed: Any) -> Response:
        begun, status = time.perf_counter(), 500
        try:
            response: Response = await proceed(request)
            status = response.status_code
        except BodyTooLargeError:
            status = 413
            response = service.failure(request, 413, service.too_large)
        finally:
            route = getattr(request.scope.get("route"), "path", "unknown")
            service.metrics.note(route, status, time.perf_counter() - begun)
        return response
