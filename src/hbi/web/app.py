"""The application that serves one index: its parts put together, its failures turned into answers."""

from typing import TYPE_CHECKING

import hbi
from hbi.errors import HBIError
from hbi.search import SearchError, VideoIndex
from hbi.web.gate import Gate, checked_token
from hbi.web.limits import Limits, RefusalError
from hbi.web.metrics import Measured
from hbi.web.service import Service

if TYPE_CHECKING:
    from fastapi import FastAPI


def create_app(index: VideoIndex, *, token: str | None = None, limits: Limits | None = None) -> "FastAPI":
    """Return the application that serves one index.

    Without a token it answers to loopback names only; see `hbi.web.gate`. `app.state.service.close()` ends what is at
    work.

    Raises:
        SearchError: The extra `web` is not installed.
        TokenError: The token is empty, or does not fit into an address or a cookie.
    """
    checked_token(token)
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
        redirect_slashes=False,
    )
    app.state.service = service
    _add_failures(app, service)
    add_pages(app, service)
    add_api(app, service)
    add_media(app, service)
    app.add_middleware(Measured, metrics=service.metrics)
    app.add_middleware(Gate, token=token, limits=service.limits)
    return app


def _add_failures(app: "FastAPI", service: Service) -> None:
    from fastapi import HTTPException, Request
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import Response
    from starlette.exceptions import HTTPException as AnyHTTPException

    @app.exception_handler(RefusalError)
    def refused(request: Request, error: RefusalError) -> Response:
        return service.failure(request, error.status, error.message)

    @app.exception_handler(HBIError)
    def mistaken(request: Request, error: HBIError) -> Response:
        return service.failure(request, 422, " ".join(str(error).splitlines()))

    @app.exception_handler(RequestValidationError)
    def incomplete(request: Request, error: RequestValidationError) -> Response:
        names = sorted({str(fault["loc"][-1]) for fault in error.errors()})
        return service.failure(request, 422, f"missing, or not of its kind: {', '.join(names)[:200]}")

    @app.exception_handler(AnyHTTPException)
    def unfit(request: Request, error: HTTPException) -> Response:
        message = "there is no such page" if error.status_code == 404 else str(error.detail)
        answer: Response = service.failure(request, error.status_code, message)
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(Exception)
    def surprised(request: Request, error: Exception) -> Response:
        return service.failure(request, 500, "something went wrong here; the server's log says what")
