"""`hbi serve`: search and explain in a browser."""

import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from hbi.cli.terminal import say

TOKEN_VARIABLE = "HBI_TOKEN"


def serve(
    index: Annotated[Path, typer.Argument(help="Index of hbi index.")],
    host: Annotated[str, typer.Option(help="Address to listen on; any but loopback needs a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any free one.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(
            envvar=TOKEN_VARIABLE,
            help="What visitors must know: letters a to z, digits, . _ ~ -. Default: none on loopback, else made up.",
        ),
    ] = None,
    max_upload: Annotated[int, typer.Option(min=1, help="Largest upload in MiB.")] = 200,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, … or auto.")] = "auto",
) -> None:
    """Serve a page to search the index and see why each moment was found, and an API (/docs).

    Nothing is fetched from the network, and no file that is not in the index is served.
    """
    from hbi.cli.device import choose_device
    from hbi.search import VideoIndex
    from hbi.web.app import create_app
    from hbi.web.gate import LOOPBACK, checked_token
    from hbi.web.limits import Limits
    from hbi.web.server import run_server

    if token is None:  # a variable that is set to nothing counts as none there, and keeps nobody out
        token = os.environ.get(TOKEN_VARIABLE)
    if checked_token(token) is None and host not in LOOPBACK:
        token = secrets.token_urlsafe(24)
    opened = VideoIndex.open(index, device=choose_device(device))
    opened.snapshot()
    app = create_app(opened, token=token, limits=Limits(max_upload_bytes=max_upload * 2**20))

    def announce(real_port: int) -> None:
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{real_port}/" + (f"?token={token}" if token else "")
        say("Serving {index} at [bold]{address}[/]  (Ctrl+C stops)", index=index, address=address)

    run_server(app, host, port, announce)
