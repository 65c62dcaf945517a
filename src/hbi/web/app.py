"""The application that serves one index: its routes and middleware, and errors as responses."""

from importlib.metadata import version
from typing import TYPE_CHECKING

from hbi.errors import HBIError
from hbi.search import SearchError, VideoIndex
from hbi.web.access_middleware import AccessMiddleware, validated_token
from hbi.web.app_context import AppContext
from hbi.web.limits import Limits, RequestError
from hbi.web.metrics import MetricsMiddleware

if TYPE_CHECKING:
    from fastapi import FastAPI


def create_app(index: VideoIndex, *, token: str | None = None, limits: Limits | None = None) -> "FastAPI":
    """Return the application that serves one index.

    Without a token it answers to loopback names only; see `hbi.web.access_middleware`. `app.state.context.close()` ends
    what computes.

    Args:
        index: The index.
        token: What clients must know; None: nothing.
        limits: What they may ask for; None: `Limits()`.

    Raises:
        SearchError: The extra `web` is not installed.
        TokenError: The token is empty, or does not fit into an address or a cookie.
    """
    validated_token(token)
    try:
        import jinja2  # noqa: F401
        import python_multipart  # noqa: F401
        from fastapi import FastAPI
    except ImportError as error:
        raise SearchError(
            f"serving needs {error.name}, which is not installed: pip install 'hbi-video[web]'"
        ) from error
    from hbi.web.api import add_api
    from hbi.web.explanation_pages import add_explanations
    from hbi.web.media import add_media
    from hbi.web.pages import add_pages
    from hbi.web.pictures import add_pictures

    context = AppContext(index, limits or Limits())
    app = FastAPI(
        title="hbi",
        version=version("hbi-video"),
        description="Moments of your own videos, by a text, with the reason for each.",
        docs_url=None,  # FastAPI's own page fetches scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.context = context
    _add_error_handlers(app, context)
    add_explanations(app, context)  # before the pages: its style and script are no files of theirs
    add_pages(app, context)
    add_api(app, context)
    add_media(app, context)
    add_pictures(app, context)
    app.add_middleware(MetricsMiddleware, metrics=context.metrics)
    app.add_middleware(AccessMiddleware, token=token, limits=context.limits)
    return app


def _add_error_handlers(app: "FastAPI", context: AppContext) -> None:
    from fastapi import HTTPException, Request
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import Response
    from starlette.exceptions import HTTPException as AnyHTTPException

    @app.exception_handler(RequestError)
    def refused(request: Request, error: RequestError) -> Response:
        return context.error_response(request, error.status, error.message)

    @app.exception_handler(HBIError)
    def unusable(request: Request, error: HBIError) -> Response:
        return context.error_response(request, 422, " ".join(str(error).splitlines()))

    @app.exception_handler(RequestValidationError)
    def incomplete(request: Request, error: RequestValidationError) -> Response:
        names = sorted({str(problem["loc"][-1]) for problem in error.errors()})
        return context.error_response(request, 422, f"missing, or not of its kind: {', '.join(names)[:200]}")

    @app.exception_handler(AnyHTTPException)
    def http_error(request: Request, error: HTTPException) -> Response:
        message = "there is no such page" if error.status_code == 404 else str(error.detail)
        response: Response = context.error_response(request, error.status_code, message)
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(Exception)
    def unexpected(request: Request, error: Exception) -> Response:
        return context.error_response(request, 500, "something went wrong here; the server's log says what")
