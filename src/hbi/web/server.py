"""The process that listens: uvicorn, told to say where it listens once it does."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from hbi.search import SearchError

MAX_CONNECTIONS = 512


def run_server(app: Any, host: str, port: int, announce: Callable[[int], None]) -> None:
    """Serve until interrupted; `announce` gets the port once connections are taken.

    Raises:
        SearchError: The address cannot be listened on.
    """
    import uvicorn

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise SearchError(f"cannot listen on {host}:{port} ({error.strerror}): choose another --port") from error
        config = uvicorn.Config(
            app,
            log_level="warning",
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=10,
            server_header=False,
            ws="none",
            lifespan="off",
        )
        server = uvicorn.Server(config)
        listener.listen(MAX_CONNECTIONS)  # from here on connections are taken, if not yet answered
        announce(listener.getsockname()[1])
        asyncio.run(server.serve(sockets=[listener]))
    finally:
        listener.close()
