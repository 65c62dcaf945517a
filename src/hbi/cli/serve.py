"""`hbi serve`: search and explain in a browser."""

import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from hbi.cli.terminal import say

TOKEN_VARIABLE = "HBI_TOKEN"


def serve(
    index: Annotated[Path, typer.Argument(help="The index folder of hbi index.")],
    host: Annotated[str, typer.Option(help="The address to listen on. Any but loopback needs a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0: any free port.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(
            envvar=TOKEN_VARIABLE,
            help="The access token: letters, digits and . _ ~ -. Default: none on loopback, otherwise a random one.",
        ),
    ] = None,
    max_upload: Annotated[int, typer.Option(min=1, help="The largest upload, in MiB.")] = 200,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, … or auto: a GPU if there is one.")] = "auto",
) -> None:
    """Search an index in the browser: a page that also explains each hit, and an API (described at /docs).

    The page loads nothing from the internet. Only videos in the index are
    served.
    """
    from hbi.matching.device import choose_device
    from hbi.search import VideoIndex
    from hbi.web.access_middleware import LOOPBACK, validated_token
    from hbi.web.app import create_app
    from hbi.web.limits import Limits
    from hbi.web.server import run_server

    if token is None:  # a variable that is set to nothing counts as none there, and keeps nobody out
        token = os.environ.get(TOKEN_VARIABLE)
    if validated_token(token) is None and host not in LOOPBACK:
        token = secrets.token_urlsafe(24)
    opened = VideoIndex.open(index, device=choose_device(device))
    opened.snapshot()
    app = create_app(opened, token=token, limits=Limits(max_upload_bytes=max_upload * 2**20))

    def announce(real_port: int) -> None:
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{real_port}/" + (f"?token={token}" if token else "")
        say("Serving {index} at [bold]{address}[/]  (Ctrl+C stops)", index=index, address=address)

    run_server(app, host, port, announce)
